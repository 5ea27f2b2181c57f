"""Seals on PDF documents, beside pyHanko used directly on the same work: one core, certificates loaded once.

The peer signs with the same keys in the same engine, asks the same time-stamping authority in this process, shows the
same picture, compressed once, and reuses its signer and its timestamper, and so knows how long tokens are. In the same
process, it profits from what our modules teach pyHanko about reading. It does not verify what it made; ours does.
Both take turns in short rounds, and the best round of each counts (`bench`). Peak memory is of a process that does
nothing else.
"""

import asyncio
import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

from asn1crypto import cms as asn1_cms
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.timestamps import TimeStamper

from bench import Row, rates, report, row
from core import cms
from core.algorithms import DIGESTS, Digest, KeyKind
from core.asn1 import der
from core.clock import FixedClock
from seals.contracts import Evidence, SealingSupport
from seals.documents.pdf import seal_pdf
from seals.levels import Level
from seals.pades.appearance import Impression, MarkStyle
from seals.pades.pdfa import NOT_ARCHIVAL
from seals.pades.signer import CmsSigner
from seals.pades.values import PadesValue
from seals.pictures.ink import FULL_INK
from seals.pictures.samples import read_picture
from seals.placement.placement import Mark
from seals.sealing import Seal
from tests.support.pki import Party
from tests.support.sealing import PLACE, TST_INFO, Office, blank_pdf

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
SIZES = {"20kb": 20_000, "200kb": 200_000, "2mb": 2_000_000, "50mb": 50_000_000}
LARGE = "50mb"
ROUNDS = 8


class Authority:
    """A time-stamping authority in this process."""

    def __init__(self, party: Party) -> None:
        self._builder = cms.SignedDataBuilder(
            party.key, party.certificate, content_type=TST_INFO, certificates=[party.certificate, *party.chain[:-1]]
        )

    def stamp(self, digest: Digest, value: bytes, nonce: int | None) -> bytes:
        """As `seals.contracts.Timestamper` says."""
        imprint = der.sequence(digest.identifier, der.octet_string(value))
        head = der.integer(1), der.oid("1.3.6.1.4.1.32473.1.3.1"), imprint, der.integer(secrets.randbits(64))
        tail = der.generalized_time(NOW), b"" if nonce is None else der.integer(nonce)
        return self._builder.build(der.sequence(*head, *tail))


@dataclass(frozen=True)
class Lists:
    """The revocation lists in force, at hand as in the books: the next ones are due in hours."""

    found: Evidence

    def evidence(self, _certificates: Sequence[bytes]) -> Evidence:
        """As `seals.contracts.EvidenceSource` says."""
        return self.found


class PeerTimeStamper(TimeStamper):
    """pyHanko's, over the authority."""

    def __init__(self, authority: Authority) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._authority = authority

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> asn1_cms.ContentInfo:
        """As pyHanko asks."""
        return asn1_cms.ContentInfo.load(self._authority.stamp(DIGESTS[md_algorithm], message_digest, 1))


@dataclass(frozen=True)
class Bench:
    """One office, and both ways to seal for it."""

    office: Office
    seal: Seal
    support: SealingSupport
    stamper: PeerTimeStamper
    signer: CmsSigner

    def ours(self, document: bytes | Path, level: Level, seal: Seal | None = None) -> int:
        """Octets of the sealed document."""
        sealed = seal_pdf(
            document, seal or self.seal, PLACE, level=level, support=self.support, clock=self.office.clock
        )
        with sealed.file as file:
            return file.seek(0, 2)

    def peer(self, document: bytes, level: Level) -> int:
        """The same by pyHanko alone."""
        output = BytesIO()
        output.write(document)
        self.peer_in_place(output, level)
        return output.seek(0, 2)

    def peer_in_place(self, output: BytesIO, level: Level) -> None:
        """The file is sealed."""
        output.seek(0)
        writer = IncrementalPdfFileWriter(output)
        box = 223.9, 223.9, 343.0, 343.0
        mark = Mark(1, (100.0, 100.0), box, 0)
        impression = Impression(writer, read_picture(self.seal.picture), FULL_INK, {}, NOT_ARCHIVAL)
        metadata = PdfSignatureMetadata(
            field_name="Seal1", md_algorithm=self.seal.signer.algorithm.digest.name, subfilter=SigSeedSubFilter.PADES
        )
        signer = PdfSigner(
            metadata,
            self.signer,
            timestamper=self.stamper if level >= Level.B_T else None,
            stamp_style=MarkStyle(impression=impression, mark=mark),
            new_field_spec=SigFieldSpec("Seal1", on_page=0, box=box),  # type: ignore[arg-type]  # floats do
        )
        asyncio.run(signer.async_sign_pdf(writer, in_place=True))


def bench(kind: KeyKind) -> Bench:
    """Everything is made and loaded."""
    office = Office(kind, FixedClock(NOW))
    authority = Authority(office.tsa)
    signer = CmsSigner(office.unit.key, office.unit.certificate, office.unit.chain)
    support = SealingSupport(authority, Lists(office.evidence()))
    return Bench(office, replace(office.seal, structure=None), support, PeerTimeStamper(authority), signer)


def document(octets: int) -> bytes:
    """A page, and something large that no program can make smaller."""
    writer = IncrementalPdfFileWriter(BytesIO(blank_pdf()))
    entries = {generic.pdf_name("/Type"): generic.pdf_name("/Metadata")}
    stream = writer.add_object(generic.StreamObject(entries, stream_data=secrets.token_bytes(octets)))
    writer.root[generic.pdf_name("/PieceInfo")] = generic.DictionaryObject({generic.pdf_name("/Filler"): stream})  # type: ignore[no-untyped-call]
    writer.update_root()  # type: ignore[no-untyped-call]
    output = BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()


def p95_ms(work: Callable[[], object], times: int) -> float:
    """The 95th percentile of what one takes, in milliseconds of the clock on the wall."""
    taken = []
    for _time in range(times):
        begin = time.perf_counter()
        work()
        taken.append(1000 * (time.perf_counter() - begin))
    return statistics.quantiles(taken, n=20)[-1] if times > 1 else taken[0]


def small(name: str, one: Bench) -> list[Row]:
    """Every level on a document of 20 KB, and B-T on larger ones."""
    rows = []
    content = document(SIZES["20kb"])
    for level in (Level.B_B, Level.B_T):
        ours, peer = rates(
            lambda level=level: one.ours(content, level),  # type: ignore[misc]
            lambda level=level: one.peer(content, level),  # type: ignore[misc]
            rounds=ROUNDS,
            seconds=0.25,
        )
        label = "bb" if level is Level.B_B else "bt"
        suffix = "" if level is Level.B_T else "_level"
        rows.append(row(f"{label}_{name}_vs_pyhanko{suffix}", ours, "seals/s", "pyHanko, not verified", peer))
    latency = p95_ms(lambda: one.ours(content, Level.B_T), 40), p95_ms(lambda: one.peer(content, Level.B_T), 40)
    rows.append(row(f"bt_{name}_p95", latency[0], "ms", "pyHanko", latency[1]))
    added = [work(content, Level.B_T) - len(content) for work in (one.ours, one.peer)]
    rows.append(row(f"bt_{name}_octets_added", added[0], "octets", "pyHanko", added[1]))
    base = rates(lambda: one.ours(content, Level.B_T), rounds=2, seconds=0.25)[0]
    for label, level in (("blt", Level.B_LT), ("blta", Level.B_LTA)):
        rate = rates(lambda level=level: one.ours(content, level), rounds=2, seconds=0.25)[0]  # type: ignore[misc]
        rows.append(row(f"{label}_{name}", rate, "seals/s", "ours at B-T", base))
    bound = rates(lambda: one.ours(content, Level.B_T, one.office.seal), rounds=2, seconds=0.25)[0]
    rows.append(row(f"bt_{name}_with_electronic_seal", bound, "seals/s", "without", base))
    for size in ("200kb", "2mb"):
        longer = document(SIZES[size])
        ours, peer = rates(
            lambda longer=longer: one.ours(longer, Level.B_T),  # type: ignore[misc]
            lambda longer=longer: one.peer(longer, Level.B_T),  # type: ignore[misc]
            rounds=4,
            seconds=0.25,
        )
        rows.append(row(f"bt_{name}_{size}", ours, "seals/s", "pyHanko", peer))
    return rows


def hash_only(one: Bench) -> Row:
    """Only the CMS of a digest that comes from elsewhere, beside the bare signature."""
    algorithm = one.seal.signer.algorithm

    def over_digest() -> bytes:
        return PadesValue(one.seal, None).over(bytes(algorithm.digest.size), (0, 0, 0, 0))

    ours, raw = rates(over_digest, lambda: one.seal.signer.sign(bytes(100)), rounds=ROUNDS, seconds=0.25)
    return row("hash_only_sm2_vs_raw", ours, "per s", "SM2 signature alone", raw)


def large(one: Bench) -> list[Row]:
    """50 MB, from file to file."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "large.pdf"
        path.write_bytes(document(SIZES[LARGE]))

        def copied() -> None:
            hashing = one.seal.signer.algorithm.digest.new()
            with path.open("rb") as source, tempfile.TemporaryFile() as target:
                while chunk := source.read(1 << 20):
                    hashing.update(chunk)
                    target.write(chunk)
            hashing.digest()

        one.ours(path, Level.B_T)
        sealing, copying = rates(lambda: one.ours(path, Level.B_T), copied, rounds=ROUNDS, seconds=0.01)
        peaks = [_peak(who, path) for who in ("ours", "peer")]
    return [
        row("large_vs_copy", 1 / sealing, "s", "hashing and copying", 1 / copying),
        row("large_rss_mb", peaks[0], "MB", "pyHanko", peaks[1]),
    ]


def _peak(who: str, path: Path) -> float:
    """MB of a process that seals the file."""
    command = [sys.executable, "-m", "bench.seals", who, str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout)


def _seal_once(who: str, path: Path) -> None:
    one = bench(KeyKind.SM2)
    if who == "ours":
        one.ours(path, Level.B_T)
    else:
        with tempfile.TemporaryFile() as file:
            with path.open("rb") as source:
                while chunk := source.read(1 << 20):
                    file.write(chunk)
            one.peer_in_place(file, Level.B_T)  # type: ignore[arg-type]  # any file that is read and written
    # Not getrusage: its peak includes that of the process which this one was forked from.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6)


def main() -> None:
    """Measure and report."""
    if len(sys.argv) > 1:
        _seal_once(sys.argv[1], Path(sys.argv[2]))
        return
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sm2, rsa = bench(KeyKind.SM2), bench(KeyKind.RSA_2048)
    for one in (sm2, rsa):
        report_on = one.office.report(
            seal_pdf(blank_pdf(), one.seal, PLACE, level=Level.B_T, support=one.support, clock=one.office.clock).read(),
            status=True,
        )
        assert report_on.signatures[0].level is Level.B_T, "not what is measured"
    rows = [*small("sm2", sm2), *small("rsa", rsa), hash_only(sm2), *large(sm2)]
    report("seals", "Seals on PDF documents, one core", rows)


if __name__ == "__main__":
    main()
