"""How fast certificates are issued with everything on, beside the raw signatures and verifications in it.

Ours: `ca.issuance` on SQLite with full synchronisation: proof of possession, lint, intents, own signature verified,
history, audit. Raw: for each certificate one verification of the CSR, one signature of the CA, one verification of it,
through the same engine, with nothing around them.

They take turns, for less than half a second and about equally long, so that both meet a quick moment of a machine whose
processor and disk change their speed; the best of each counts (`bench`). Both meet each holder's key for the first
time, as they do in life: what was remembered of it is forgotten. Ours runs as in a service that has run for a minute:
the authority's key is open, and SQLite has come round in its write-ahead log, which it then writes over instead of
letting it grow.
"""

import hashlib
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path

from bench import Row, report, row
from bench.search import worst_p95
from ca import hierarchy
from ca.activation import activate
from ca.certificate import key_identifier
from ca.issuance import Approval, ApprovedRequest, CertificateAuthority
from ca.lint.reading import read_extension
from ca.profiles import Profile, load_profiles
from core.algorithms import KeyKind
from core.config import UrlSettings
from core.context import Context
from core.csr import build_csr, parse_csr
from core.keys import verification
from core.keys.private_key import generate
from core.keys.store import KeyStore
from core.keys.verification import verify
from core.sm2 import libcrypto
from core.storage import Storage
from core.subject import Identity, Subject, check_resident_id
from ra.office import MAXIMUM_ORDERS
from yinxin.installation import default_configuration

CA_KIND = {KeyKind.SM2: KeyKind.SM2, KeyKind.RSA_2048: KeyKind.RSA_3072}
"""Of the authorities above holders' keys: the profiles of the house want 3072 bits of an RSA authority."""
WARM_UP = 10
"""Certificates issued before the clock runs."""


@dataclass(frozen=True)
class Course:
    """How issuing in one manner is measured."""

    turns: int
    batch: int
    """Certificates at a time."""
    issued: int
    """Certificates in a turn."""
    raw: int
    """Certificates in a turn of the raw rate, so many that it takes as long."""


BATCHES = Course(turns=40, batch=MAXIMUM_ORDERS, issued=MAXIMUM_ORDERS, raw=MAXIMUM_ORDERS)
SINGLES = Course(turns=100, batch=1, issued=30, raw=60)
_ABOUT_KEYS = (libcrypto._public_key, verification._load, key_identifier, read_extension)


class Workshop:
    """A hierarchy, and requests for it."""

    def __init__(self, kind: KeyKind, folder: Path) -> None:
        self.folder, self.name = folder, f"{kind.family}-issuing"
        self.keys = KeyStore(folder / "keys", lambda: b"bench")
        self.founded = folder / "founded.db"
        self.requests = [_request(kind, number) for number in range(WARM_UP + BATCHES.issued)]
        storage = Storage(f"sqlite:///{self.founded}")
        storage.migrate()
        context = Context(storage)
        authority = CertificateAuthority(context, self.keys, UrlSettings())
        activate(context, _signing_only(load_profiles(default_configuration() / "profiles")), actor="bench")
        approval = Approval("ceremony", bytes(32), ("bench",))
        root = self.name.replace("issuing", "root")
        for name in (root, self.name):
            subject = Subject.of_service("示范市数字证书认证中心", name)
            if name == root:
                hierarchy.create_root(authority, name, CA_KIND[kind], subject, approval=approval, actor="bench")
            else:
                hierarchy.create_issuing(
                    authority, name, CA_KIND[kind], subject, issuer=root, approval=approval, actor="bench"
                )
        storage.close()

    def raw(self, count: int) -> float:
        """Per second: the signatures and verifications of one certificate, alone."""
        signer = self.keys.signer(self.name)
        parsed = [parse_csr(request.csr) for request in self.requests[WARM_UP : WARM_UP + count]]
        _meet_keys_anew()
        begin = time.perf_counter()
        for csr in parsed:
            verify(csr.public_key_info, csr.algorithm, csr.signature, csr.signed)
            verify(signer.public_key_info, signer.algorithm, signer.sign(csr.signed), csr.signed)
        return len(parsed) / (time.perf_counter() - begin)


class Issuing:
    """An authority at work in a database of its own, which is put back before each round: a key is certified once."""

    def __init__(self, workshop: Workshop, course: Course) -> None:
        self._founded, self._database = workshop.founded, workshop.folder / f"batches-of-{course.batch}.db"
        shutil.copy(self._founded, self._database)
        self._authority = CertificateAuthority(
            Context(Storage(f"sqlite:///{self._database}")), workshop.keys, UrlSettings()
        )
        self._warm_up, requests = workshop.requests[:WARM_UP], workshop.requests[WARM_UP : WARM_UP + course.issued]
        self._batches = [requests[at : at + course.batch] for at in range(0, course.issued, course.batch)]

    def rate(self) -> float:
        """Certificates per second."""
        self._put_back()
        _meet_keys_anew()
        for request in self._warm_up:
            self._authority.issue([request], actor="bench")
        begin = time.perf_counter()
        for batch in self._batches:
            self._authority.issue(batch, actor="bench")
        return sum(map(len, self._batches)) / (time.perf_counter() - begin)

    def _put_back(self) -> None:
        """Through SQLite, whose write-ahead log stays as long as it has become."""
        with closing(sqlite3.connect(self._founded)) as source, closing(sqlite3.connect(self._database)) as target:
            source.backup(target)


def _meet_keys_anew() -> None:
    for remembered in _ABOUT_KEYS:
        remembered.cache_clear()


def _signing_only(profiles: Sequence[Profile]) -> list[Profile]:
    """Without double certificates, so that what is measured is one certificate: the second has a centre of its own."""
    return [profile.model_copy(update={"encryption": ""}) for profile in profiles]


def _request(kind: KeyKind, number: int) -> ApprovedRequest:
    subject = Subject(
        organization="宝鸡市人民政府办公室",
        common_name=f"张{number}",
        identity=Identity(resident_id=_resident_id(number)),
    )
    approval = Approval(f"20260101-{number:08}", hashlib.sha256(b"approved").digest(), ("wang.review",))
    csr = build_csr(generate(kind), subject.name())
    return ApprovedRequest(f"{kind.family}-issuing", "staff", subject, csr, approval)


def _resident_id(number: int) -> str:
    """With the check character that fits (GB 11643)."""
    for character in "0123456789X":
        with suppress(ValueError):
            return check_resident_id(f"61030219800101{number:03}{character}")
    raise AssertionError("one of them fits")


def measured(workshop: Workshop, course: Course) -> tuple[float, float]:
    """Ours and the raw rate, per second."""
    issuing = Issuing(workshop, course)
    turns = [(issuing.rate(), workshop.raw(course.raw)) for _turn in range(course.turns)]
    ours, raw = zip(*turns, strict=True)
    return max(ours), max(raw)


def main() -> None:
    """Measure and report."""
    rows: list[Row] = []
    courses = (
        ("sm2", KeyKind.SM2, (("batch", BATCHES), ("single", SINGLES))),
        ("rsa2048", KeyKind.RSA_2048, (("batch", BATCHES),)),
    )
    for label, kind, manners in courses:
        with tempfile.TemporaryDirectory() as folder:
            workshop = Workshop(kind, Path(folder))
            for manner, course in manners:
                ours, raw = measured(workshop, course)
                peer = "CSR verification, signature, own verification"
                rows.append(row(f"{label}_{manner}_vs_raw", ours, "per s", peer, raw))
    # The worst of every kind; bench.search tells of each.
    rows.append(worst_p95())
    report(
        "issue",
        f"Issuing certificates, in batches of {MAXIMUM_ORDERS} and one by one; finding them among a million",
        rows,
    )


if __name__ == "__main__":
    main()
