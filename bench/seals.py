"""Seals on PDF documents, beside pyHanko used directly on the same work (`bench.seals_ways`): one core.

Two reports: `seals` has the figures that have a goal, `seals_levels` every level on documents of 20 KB to 50 MB. Both
ways take turns in short rounds, and the best round of each counts (`bench`); the 95th percentile is of all that they
did in them. Peak memory is of a process that does nothing else.
"""

import os
import secrets
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from bench import Row, rates, report, row
from bench.seals_ways import Ways, ways
from core.algorithms import KeyKind
from seals.documents.pdf import seal_pdf
from seals.levels import Level
from seals.pades.values import PadesValue
from tests.support.sealing import PLACE, blank_pdf

SIZES = {"20kb": 20_000, "200kb": 200_000, "2mb": 2_000_000, "50mb": 50_000_000}
SMALL, LARGE = "20kb", "50mb"
ROUNDS = 8


def label(level: Level) -> str:
    """As in the names of rows."""
    return level.name.lower().replace("_", "")


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


def turns(*works: Callable[[], object], seconds: float) -> list[tuple[float, float]]:
    """Of each work, calls per second in its best round, and the 95th percentile of a call in milliseconds."""
    best, taken = [0.0] * len(works), [list[float]() for _work in works]
    for _round in range(ROUNDS):
        for place, work in enumerate(works):
            count, begin = 0, time.perf_counter()
            last = begin
            while last - begin < seconds:
                work()
                now = time.perf_counter()
                taken[place].append(1000 * (now - last))
                count, last = count + 1, now
            best[place] = max(best[place], count / (last - begin))
    return [(rate, statistics.quantiles(times, n=20)[-1]) for rate, times in zip(best, taken, strict=True)]


def compared(name: str, one: Ways, document: bytes | Path, level: Level, *, seconds: float = 0.2) -> list[Row]:
    """Rate, 95th percentile and octets added, ours beside pyHanko's."""
    before = document.stat().st_size if isinstance(document, Path) else len(document)
    added = [work(document, level) - before for work in (one.ours, one.peer)]
    ours, peer = turns(lambda: one.ours(document, level), lambda: one.peer(document, level), seconds=seconds)
    return [
        row(name, ours[0], "seals/s", "pyHanko, not verified", peer[0]),
        row(f"{name}_p95_ms", ours[1], "ms", "pyHanko, not verified", peer[1]),
        row(f"{name}_octets_added", added[0], "octets", "pyHanko", added[1]),
    ]


def levels(one: Ways, name: str, folder: Path) -> list[Row]:
    """Every level on every size; small ones in memory, the large one from file to file."""
    rows = []
    for size, octets in SIZES.items():
        content: bytes | Path = document(octets)
        if size == LARGE:
            assert isinstance(content, bytes)
            path = folder / f"{name}.pdf"
            path.write_bytes(content)
            content = path
        for level in Level:
            rows += compared(f"{label(level)}_{name}_{size}", one, content, level)
    return rows


def memory(folder: Path) -> list[Row]:
    """Of a process that seals one document, with SM2."""
    rows = []
    for size, octets in SIZES.items():
        path = folder / "memory.pdf"
        path.write_bytes(document(octets))
        for level in Level:
            ours, peer = (_peak(who, level, path) for who in ("ours", "peer"))
            rows.append(row(f"{label(level)}_{size}_rss_mb", ours, "MB", "pyHanko", peer))
    return rows


def small(name: str, one: Ways) -> list[Row]:
    """B-T on a document of 20 KB; and with an electronic seal beside without."""
    content = document(SIZES[SMALL])
    rows = compared(f"bt_{name}_vs_pyhanko", one, content, Level.B_T, seconds=0.25)
    bound, base = rates(
        lambda: one.ours(content, Level.B_T, one.office.seal),
        lambda: one.ours(content, Level.B_T),
        rounds=ROUNDS,
        seconds=0.25,
    )
    return [*rows, row(f"bt_{name}_with_electronic_seal", bound, "seals/s", "without", base)]


def hash_only(one: Ways) -> Row:
    """Only the CMS of a digest that comes from elsewhere, beside the bare signature."""
    algorithm = one.seal.signer.algorithm

    def over_digest() -> bytes:
        return PadesValue(one.seal, None).over(bytes(algorithm.digest.size), (0, 0, 0, 0))

    ours, raw = rates(over_digest, lambda: one.seal.signer.sign(bytes(100)), rounds=ROUNDS, seconds=0.25)
    return row("hash_only_sm2_vs_raw", ours, "per s", "SM2 signature alone", raw)


def large(one: Ways, folder: Path) -> list[Row]:
    """50 MB, from file to file."""
    path = folder / "large.pdf"
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
    peaks = [_peak(who, Level.B_T, path) for who in ("ours", "peer")]
    return [
        row("large_vs_copy", 1 / sealing, "s", "hashing and copying", 1 / copying),
        row("large_rss_mb", peaks[0], "MB", "pyHanko", peaks[1]),
    ]


def _peak(who: str, level: Level, path: Path) -> float:
    """MB of a process that seals the file."""
    command = [sys.executable, "-m", "bench.seals", who, level.name, str(path)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True, timeout=120).stdout)


def _seal_once(who: str, level: Level, path: Path) -> None:
    one = ways(KeyKind.SM2)
    (one.ours if who == "ours" else one.peer)(path, level)
    # Not getrusage: its peak includes that of the process which this one was forked from.
    status = Path("/proc/self/status").read_text(encoding="ascii")
    print(int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6)


def main() -> None:
    """Measure and report."""
    if len(sys.argv) > 1:
        _seal_once(sys.argv[1], Level[sys.argv[2]], Path(sys.argv[3]))
        return
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    sm2, rsa = ways(KeyKind.SM2), ways(KeyKind.RSA_2048)
    for one in (sm2, rsa):
        report_on = one.office.report(
            seal_pdf(blank_pdf(), one.seal, PLACE, level=Level.B_T, support=one.support, clock=one.office.clock).read(),
            status=True,
        )
        assert report_on.signatures[0].level is Level.B_T, "not what is measured"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [*small("sm2", sm2), *small("rsa", rsa), hash_only(sm2), *large(sm2, folder)]
        report("seals", "Seals on PDF documents, one core", rows)
        rows = [*levels(sm2, "sm2", folder), *levels(rsa, "rsa", folder), *memory(folder)]
        report("seals_levels", "Seals of every level on documents of every size, one core", rows)


if __name__ == "__main__":
    main()
