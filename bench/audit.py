"""What the audit log costs an issuance, and how long a million entries take to verify. Times are the processor's."""

import hashlib
import json
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from audit import bundle as bundles
from audit.chain import verify_chain
from audit.checkpoints import Notary
from audit.export import export
from audit.findings import is_broken
from audit.meaning.evidence import Evidence
from audit.meaning.judge import Judge
from audit.sequencer import begin
from audit.succession import Succession
from bench import Row, report, row
from bench.issue import SINGLES, WARM_UP, Issuing, Workshop
from core.algorithms import SM3, KeyKind
from core.audit import AuditLog, entries
from core.context import Context
from core.keys.private_key import generate
from core.storage import Storage

MILLION = 1_000_000
CERTIFICATES = WARM_UP + SINGLES.issued
ROUNDS = 20
BEGAN = datetime(2026, 1, 1, tzinfo=UTC)


def append_overhead() -> Row:
    """Issuing one by one, the processor's time of the whole and of recording what was done, in the best round."""
    spent = 0.0
    original = AuditLog.extend

    def timed(self: AuditLog, connection: sa.Connection, events: Any) -> None:
        nonlocal spent
        start = time.process_time()
        original(self, connection, events)
        spent += time.process_time() - start

    AuditLog.extend = timed  # type: ignore[method-assign]
    rounds = []
    try:
        with tempfile.TemporaryDirectory() as folder:
            issuing = Issuing(Workshop(KeyKind.SM2, Path(folder)), SINGLES)
            for _round in range(ROUNDS):
                spent, start = 0.0, time.process_time()
                issuing.rate()
                rounds.append((time.process_time() - start, spent))
    finally:
        AuditLog.extend = original  # type: ignore[method-assign]
    whole, audit = min(rounds)
    ours, others = audit / CERTIFICATES * 1e3, (whole - audit) / CERTIFICATES * 1e3
    return row("append_overhead", ours, "ms", "the issuance without it", others)


def _entry(number: int, act: str, actor: str, subject: str, **details: Any) -> dict[str, Any]:
    at = (BEGAN + timedelta(seconds=number)).isoformat(timespec="microseconds")
    return {"act": act, "actor": actor, "at": at, "details": details, "subject": subject}


def _canonical(entry: dict[str, Any]) -> bytes:
    """As RFC 8785 has it, for ASCII and whole numbers; the library would take longer over a million than all else."""
    return json.dumps(entry, sort_keys=True, separators=(",", ":")).encode()


def town(count: int) -> Iterator[dict[str, Any]]:
    """What a bureau does, entry by entry: requests, approvals, certificates, groups of time stamps."""
    label = {"branch": "", "statement": "a" * 64}
    yield _entry(0, "ca.profile.activate", "ceremony", "staff", version=1, digest="a" * 64, approvals=1)
    for name, role in (("li.enter", "enter"), ("wang.review", "review"), ("zhao.make", "make")):
        yield _entry(0, "ra.operator.found", "ceremony", name, roles=[role], certificate=f"sm2-issuing/{name}", **label)
    number = 4
    while number < count:
        request, serial = f"20260101-{number:08}", f"01{number:036x}"
        digest = hashlib.sha256(request.encode()).hexdigest()
        stated = {"digest": digest, "statement": digest, "state": "entered"}
        place = {"authority": "sm2-issuing"}
        approval = {"approval": request, "approved": digest, "approvers": ["wang.review"]}
        for act, actor, subject, details in (
            ("ra.request.enter", "li.enter", request, stated),
            ("ra.request.approve", "wang.review", request, stated),
            (
                "ca.certificate.intend",
                "zhao.make",
                serial,
                place | approval | {"profile": "staff", "version": 1, "tbs": digest, "lint": "passed"},
            ),
            ("ca.certificate.issue", "zhao.make", serial, place | {"certificate": digest}),
            ("ra.request.issue", "zhao.make", request, stated | place | {"serial": serial}),
            ("ra.request.deliver", "zhao.make", request, stated),
            ("tsa.tokens.give", "tsa", "x", {"first": number * 8, "last": number * 8 + 55, "tokens": digest}),
        ):
            yield _entry(number, act, actor, subject, **details)
            number += 1


def verify_million() -> list[Row]:
    """Order, export and verify a million entries; the peer hashes the same octets once."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        storage = Storage(f"sqlite:///{folder / 'log.db'}")
        storage.migrate()
        context = Context(storage)
        signer = generate(KeyKind.SM2)
        begin(context, "bench.example", "sm3", signer.public_key_info)
        lines = iter(town(MILLION))
        while batch := list(map(_canonical, islice(lines, 50_000))):
            rows = [{"at": BEGAN, "act": "a", "actor": "a", "subject": "s", "entry": one} for one in batch]
            with storage.transaction() as connection:
                connection.execute(sa.insert(entries), rows)
        notary = Notary(context, signer)
        start = time.process_time()
        made = notary.checkpoint()
        ordering = time.process_time() - start
        start = time.process_time()
        export(context, folder / "audit.zip", notary.signer.public_key_info, {})
        exporting = time.process_time() - start
        storage.close()
        start = time.process_time()
        with bundles.opened(folder / "audit.zip") as bundle:
            judge = Judge(Evidence.of(bundle))
            seen = verify_chain(bundle, Succession([notary.signer.public_key_info]), [made.checkpoint], each=judge.take)
            assert seen.entries >= MILLION and not is_broken([*seen.findings, *judge.finish()])
        verifying = time.process_time() - start
        with bundles.opened(folder / "audit.zip") as bundle:
            start = time.process_time()
            for one in bundle.entries():
                SM3.of(one)
            reading = time.process_time() - start
    peer = "reading the same file, SM3 of each entry"
    return [
        row("verify_million_seconds", verifying, "s", peer, reading),
        row("order_million_seconds", ordering, "s", peer, reading),
        row("export_million_seconds", exporting, "s", peer, reading),
    ]


def main() -> None:
    """Measure and report."""
    rows = [append_overhead(), *verify_million()]
    report("audit", "The audit log: beside an issuance; a million entries without what they refer to", rows)


if __name__ == "__main__":
    main()
