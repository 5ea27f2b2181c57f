"""How fast certificates are issued with everything on, beside the raw signatures and verifications in it.

Ours: `ca.issuance` on SQLite with full synchronisation: proof of possession, lint, intents, own signature verified,
history, audit. Raw: for each certificate one verification of the CSR, one signature of the CA, one verification of it,
through the same engine, with nothing around them. They take turns, and the best round of each counts (`bench`).
"""

import hashlib
import shutil
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import ROUNDS, Row, report, row
from bench.search import worst_p95
from ca import hierarchy
from ca.activation import activate
from ca.issuance import Approval, ApprovedRequest, CertificateAuthority
from ca.profiles import Profile, load_profiles
from core.algorithms import KeyKind
from core.config import UrlSettings
from core.context import Context
from core.csr import build_csr, parse_csr
from core.keys.private_key import generate
from core.keys.store import KeyStore
from core.keys.verification import verify
from core.storage import Storage
from core.subject import Identity, Subject
from ra.office import MAXIMUM_ORDERS
from yinxin.installation import default_configuration

CA_KIND = {KeyKind.SM2: KeyKind.SM2, KeyKind.RSA_2048: KeyKind.RSA_3072}
"""Of the authorities above holders' keys: the profiles of the house want 3072 bits of an RSA authority."""
WARM_UP, SINGLES = 60, 40
"""One by one: before the clock runs, SQLite has come round in its write-ahead log, as in any service that has run for a
minute. From then on it writes over the log, which takes half as long as letting it grow."""
DATABASE = "yinxin.db"


@dataclass(frozen=True)
class Workshop:
    """A hierarchy in a database that is put back before each round: a key is certified once."""

    kind: KeyKind
    folder: Path
    requests: Sequence[ApprovedRequest]

    @property
    def name(self) -> str:
        """Of the issuing authority."""
        return f"{self.kind.family}-issuing"

    @property
    def keys(self) -> KeyStore:
        return KeyStore(self.folder / "keys", lambda: b"bench")

    @classmethod
    def build(cls, kind: KeyKind, folder: Path) -> "Workshop":
        requests = [_request(kind, number) for number in range(MAXIMUM_ORDERS)]
        workshop = cls(kind, folder, requests)
        storage = Storage(f"sqlite:///{folder / DATABASE}")
        storage.migrate()
        context = Context(storage)
        authority = CertificateAuthority(context, workshop.keys, UrlSettings())
        activate(context, _signing_only(load_profiles(default_configuration() / "profiles")), actor="bench")
        approval = Approval("ceremony", bytes(32), ("bench",))
        root = workshop.name.replace("issuing", "root")
        for name in (root, workshop.name):
            subject = Subject.of_service("示范市数字证书认证中心", name)
            if name == root:
                hierarchy.create_root(authority, name, CA_KIND[kind], subject, approval=approval, actor="bench")
            else:
                hierarchy.create_issuing(
                    authority, name, CA_KIND[kind], subject, issuer=root, approval=approval, actor="bench"
                )
        storage.close()
        shutil.copy(folder / DATABASE, folder / "founded.db")
        return workshop

    def issue(self, requests: Sequence[ApprovedRequest], *, batch: int, warm_up: int = 1) -> float:
        """Certificates per second after the first `warm_up`, into the database as it was founded."""
        for leftover in self.folder.glob(f"{DATABASE}*"):
            leftover.unlink()
        shutil.copy(self.folder / "founded.db", self.folder / DATABASE)
        storage = Storage(f"sqlite:///{self.folder / DATABASE}")
        authority = CertificateAuthority(Context(storage), self.keys, UrlSettings())
        parts = [requests[at : at + batch] for at in range(warm_up, len(requests), batch)]
        for one in requests[:warm_up]:
            authority.issue([one], actor="bench")
        begin = time.perf_counter()
        for part in parts:
            authority.issue(part, actor="bench")
        elapsed = time.perf_counter() - begin
        storage.close()
        return (len(requests) - warm_up) / elapsed

    def raw(self) -> float:
        """The signatures and verifications alone, per certificate."""
        signer = self.keys.signer(self.name)
        parsed = [parse_csr(request.csr) for request in self.requests]
        begin = time.perf_counter()
        for csr in parsed:
            verify(csr.public_key_info, csr.algorithm, csr.signature, csr.signed)
            verify(signer.public_key_info, signer.algorithm, signer.sign(csr.signed), csr.signed)
        return len(parsed) / (time.perf_counter() - begin)


def _signing_only(profiles: Sequence[Profile]) -> list[Profile]:
    """Without double certificates, so that what is measured is one certificate: the second has a centre of its own."""
    return [profile.model_copy(update={"encryption": ""}) for profile in profiles]


def _request(kind: KeyKind, number: int) -> ApprovedRequest:
    subject = Subject(
        organization="宝鸡市人民政府办公室",
        common_name=f"张{number}",
        identity=Identity(resident_id="610302198001010016"),
    )
    approval = Approval(f"20260101-{number:08}", hashlib.sha256(b"approved").digest(), ("wang.review",))
    csr = build_csr(generate(kind), subject.name())
    return ApprovedRequest(f"{kind.family}-issuing", "staff", subject, csr, approval)


def _measured(workshop: Workshop) -> list[float]:
    works: tuple[Callable[[], float], ...] = (
        lambda: workshop.issue(workshop.requests, batch=MAXIMUM_ORDERS),
        lambda: workshop.issue(workshop.requests[: WARM_UP + SINGLES], batch=1, warm_up=WARM_UP),
        workshop.raw,
    )
    rounds = [[work() for work in works] for _round in range(ROUNDS)]
    return [max(rates) for rates in zip(*rounds, strict=True)]


def main() -> None:
    """Measure and report."""
    rows: list[Row] = []
    for kind, label in ((KeyKind.SM2, "sm2"), (KeyKind.RSA_2048, "rsa2048")):
        with tempfile.TemporaryDirectory() as folder:
            batch, single, raw = _measured(Workshop.build(kind, Path(folder)))
        peer = "CSR verification, signature, own verification"
        rows.append(row(f"{label}_batch_vs_raw", batch, "per s", peer, raw))
        if kind is KeyKind.SM2:
            rows.append(row(f"{label}_single_vs_raw", single, "per s", peer, raw))
    # The worst of every kind; bench.search tells of each.
    rows.append(worst_p95())
    report(
        "issue",
        f"Issuing certificates, in batches of {MAXIMUM_ORDERS} and one by one; finding them among a million",
        rows,
    )


if __name__ == "__main__":
    main()
