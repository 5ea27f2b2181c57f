"""A revocation list of a million entries: read from the books, encoded, linted, signed, kept and published.

In a process of its own, so that its memory can be told. The peer is the CRL builder of `cryptography` on a tenth of the
entries, which it encodes and signs in memory, with no books to read and nothing checked or kept; its figures are
multiplied by ten.
"""

import datetime
import json
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from bench import report, row
from bench.books import ISSUED, Event, enter, serial_numbers
from ca import crl, hierarchy
from ca.activation import activate
from ca.issuance import Approval, CertificateAuthority
from ca.profiles import load_profiles
from core.algorithms import KeyKind
from core.config import UrlSettings
from core.context import Context
from core.keys.store import KeyStore
from core.storage import Storage
from core.subject import Subject
from yinxin.installation import default_configuration

ENTRIES = 1_000_000
PEER_SHARE = 10
REASONS = ("keyCompromise", "superseded", "cessationOfOperation", "affiliationChanged", "unspecified")


def million(folder: Path, entries: int = ENTRIES) -> tuple[float, float]:
    """Seconds and peak memory (MiB) that publishing a list of so many entries takes; the books are made before."""
    _fill(folder, entries)
    command = [sys.executable, "-m", "bench.crl", "--publish", str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result = json.loads(done.stdout)
    assert result["entries"] == entries
    return result["seconds"], result["rss_mb"]


def _context(folder: Path) -> tuple[Context, KeyStore]:
    return Context(Storage(f"sqlite:///{folder / 'crl.db'}")), KeyStore(folder / "crl-keys", lambda: b"bench")


def _fill(folder: Path, entries: int) -> None:
    context, keys = _context(folder)
    context.storage.migrate()
    authority = CertificateAuthority(context, keys, UrlSettings())
    activate(context, load_profiles(default_configuration() / "profiles"), actor="bench")
    subject = Subject.of_service("示范市数字证书认证中心", "CRL")
    hierarchy.create_root(
        authority, "sm2-root", KeyKind.SM2, subject, approval=Approval("ceremony", bytes(32), ("bench",)), actor="bench"
    )
    now, random = context.clock.now(), Random(4)
    with context.storage.reading() as connection:
        issuer = connection.scalar(sa.text("SELECT id FROM ca_authorities"))
    context.storage.close()
    moments = [now - datetime.timedelta(seconds=random.randrange(10**7)) for _ in range(100)]
    revoked = [f"{moment:%Y-%m-%d %H:%M:%S}.000000" for moment in moments]

    def history(_place: int) -> list[Event]:
        return [
            ("issue", "valid", None, ISSUED),
            ("revoke", "revoked", random.choice(REASONS), random.choice(revoked)),
        ]

    enter(folder / "crl.db", issuer, serial_numbers(random.randbytes, entries), history)


def _publish(folder: Path) -> None:
    context, keys = _context(folder)
    keys.signer("sm2-root")
    begin = time.perf_counter()
    (published,) = crl.publish(context, keys, "sm2-root", 24)
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds, "rss_mb": _peak(), "entries": published.entries, "size": published.size}))


def _peer() -> None:
    random, now = Random(4), datetime.datetime.now(datetime.UTC)
    key = ec.generate_private_key(ec.SECP256R1())
    begin = time.perf_counter()
    builder = x509.CertificateRevocationListBuilder(
        issuer_name=x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "CRL")]),
        last_update=now,
        next_update=now + datetime.timedelta(days=1),
        revoked_certificates=[
            x509.RevokedCertificateBuilder()
            .serial_number(int.from_bytes(b"\x01" + random.randbytes(18), "big"))
            .revocation_date(now)
            .add_extension(x509.CRLReason(x509.ReasonFlags.superseded), False)
            .build()
            for _ in range(ENTRIES // PEER_SHARE)
        ],
    )
    builder.sign(key, hashes.SHA256())
    seconds = time.perf_counter() - begin
    print(json.dumps({"seconds": seconds * PEER_SHARE, "rss_mb": _peak() * PEER_SHARE}))


def _peak() -> float:
    """Most memory that this process held at a time, MiB. getrusage would count what its parent held when it forked."""
    (kibibytes,) = re.findall(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return int(kibibytes) / 1024


def main() -> None:
    """Measure and report."""
    if sys.argv[1:2] == ["--publish"]:
        return _publish(Path(sys.argv[2]))
    if sys.argv[1:2] == ["--peer"]:
        return _peer()
    with tempfile.TemporaryDirectory(prefix="yinxin-bench-") as folder:
        seconds, rss = million(Path(folder))
    command = [sys.executable, "-m", "bench.crl", "--peer"]
    peer = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    name = f"cryptography's builder in memory, from {ENTRIES // PEER_SHARE:,} entries"
    rows = [
        row("crl_million_seconds", seconds, "s", name, peer["seconds"]),
        row("crl_million_rss_mb", rss, "MiB", name, peer["rss_mb"]),
    ]
    return report("crl", f"A revocation list of {ENTRIES:,} entries, from the books to its publication (SM2)", rows)


if __name__ == "__main__":
    main()
