"""Verification of sealed PDF documents, beside pyHanko's own validation and poppler's pdfsig on the same files.

B-LT with RSA: neither peer knows SM2. Every document was sealed at another time, by the same office, and lists were
published before that, as in an archive. pyHanko judges each by `ades_with_time_validation` and its analysis of later
changes, with the same anchor and the evidence in the document (`bench.pyhanko_verification`: as it is installed, in a
process that imports nothing of ours); pdfsig checks digest and signature, in a process for each document. Both know
less: nothing of electronic seals, and pdfsig nothing of revocation without a network. Ours runs in one process, as in
a folder.
"""

import multiprocessing
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle
from pathlib import Path

from bench import Row, best_rounds, elsewhere, rates, repeating, report, row
from core.algorithms import KeyKind
from core.clock import FixedClock
from seals.levels import Level
from seals.verification.folder import FolderWork, documents_in, grounds_of, verify_folder
from seals.verification.report import Verdict
from seals.verification.trust import Trust
from seals.verification.verification import verify_pdf
from tests.support.sealing import Office, blank_pdf

BEGIN = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
DOCUMENTS = 24
ROUNDS, SECONDS = 8, 0.5
FOLDER = 960
"""Documents: some seconds of work, beside which it does not matter that workers have to be begun."""
SIGNATURES = 50


class Archive(Office):
    """An office whose lists were published once, before it sealed anything."""

    _lists: list[bytes] | None = None

    def crls(self, days: int = 30) -> list[bytes]:
        """The same lists whenever they are asked for."""
        if self._lists is None:
            self._lists = super().crls(days)
        return self._lists


def archive(kind: KeyKind, count: int) -> tuple[Archive, list[bytes]]:
    """An office and what it sealed, every seven minutes."""
    office = Archive(kind, FixedClock(BEGIN))
    office.crls()
    made = []
    for _number in range(count):
        assert isinstance(office.clock, FixedClock)
        office.clock.advance(timedelta(minutes=7))
        made.append(office.sealed(blank_pdf(2), Level.B_LT))
    return office, made


def pdfsig(file: Path) -> None:
    """poppler: digest and signature."""
    subprocess.run(["pdfsig", "-nocert", str(file)], check=True, capture_output=True, timeout=30)


def one_core(folder: Path) -> list[Row]:
    """Documents in a second on one core."""
    office, documents = archive(KeyKind.RSA_2048, DOCUMENTS)
    (folder / "root.der").write_bytes(office.root.certificate)
    files = [folder / f"{number:02}.pdf" for number in range(DOCUMENTS)]
    for path, document in zip(files, documents, strict=True):
        path.write_bytes(document)
    endless = cycle(files)
    with elsewhere("bench.pyhanko_verification", folder, office.clock.now().isoformat()) as pyhanko:
        ours, theirs, poppler = best_rounds(
            repeating(verifying(office, documents)),
            pyhanko,
            repeating(lambda: pdfsig(next(endless))),
            rounds=ROUNDS,
            seconds=SECONDS,
        )
    sm2 = rates(verifying(*archive(KeyKind.SM2, DOCUMENTS)), rounds=ROUNDS, seconds=SECONDS)[0]
    return [
        row("blt_vs_pyhanko", ours, "documents/s", "pyHanko", theirs),
        row("blt_vs_pdfsig", ours, "documents/s", "pdfsig, without revocation", poppler),
        row("blt_sm2", sm2, "documents/s", "ours with RSA", ours),
    ]


def verifying(office: Archive, documents: Sequence[bytes]) -> Callable[[], object]:
    """Verifies one after the other; all of them are valid."""
    trust = Trust([office.root.certificate])
    for document in documents:
        assert verify_pdf(document, trust, office.clock).verdict is Verdict.VALID, "not what is measured"
    endless = cycle(documents)
    return lambda: verify_pdf(next(endless), trust, office.clock)


def _spin(seconds: float) -> int:
    count, end = 0, time.perf_counter() + seconds
    while time.perf_counter() < end:
        sum(range(1000))
        count += 1
    return count


def two_cores(folder: Path) -> list[Row]:
    """A folder by one worker and by two; beside it, what work without any sharing gains from the second core."""
    office, documents = archive(KeyKind.RSA_2048, DOCUMENTS)
    target = folder / "folder"
    target.mkdir()
    for number in range(FOLDER):
        (target / f"{number:05}.pdf").write_bytes(documents[number % DOCUMENTS])
    trust = Trust([office.root.certificate])
    work, names = FolderWork(target, trust, office.clock, grounds_of(trust)), documents_in(target)
    speed = {1: 0.0, 2: 0.0}
    alone = {1: 0.0, 2: 0.0}
    for _round in range(3):
        for workers in (1, 2):
            begin = time.perf_counter()
            assert sum(found.verdict == "valid" for found in verify_folder(work, names, workers)) == FOLDER
            speed[workers] = max(speed[workers], FOLDER / (time.perf_counter() - begin))
            with multiprocessing.Pool(workers) as pool:
                alone[workers] = max(alone[workers], sum(pool.map(_spin, [SECONDS] * workers, chunksize=1)))
    return [
        row("folder_docs_per_s_2core_vs_1core", speed[2], "documents/s", "one worker", speed[1]),
        row("control_plain_work_2core_vs_1core", alone[2], "rounds/s", "one process", alone[1]),
    ]


def fifty_signatures() -> Row:
    """A document with fifty signatures, beside one with five."""
    office = Archive(KeyKind.RSA_2048, FixedClock(BEGIN))
    document, taken = blank_pdf(), {}
    for count in range(1, SIGNATURES + 1):
        document = office.sealed(document, Level.B_B)
        if count in (5, SIGNATURES):
            best = float("inf")
            for _round in range(3):
                begin = time.perf_counter()
                found = verify_pdf(document, office.trust(status=True), office.clock)
                best = min(best, time.perf_counter() - begin)
            assert len(found.signatures) == count
            taken[count] = best
    return row("fifty_signatures_seconds", taken[SIGNATURES], "s", "five signatures", taken[5])


def main() -> None:
    """Measure and report."""
    cores = os.sched_getaffinity(0)
    with tempfile.TemporaryDirectory() as folder:
        os.sched_setaffinity(0, {max(cores)})
        rows = [*one_core(Path(folder)), fifty_signatures()]
        os.sched_setaffinity(0, cores)
        rows += two_cores(Path(folder))
    report("verify", "Verification of sealed PDF documents", rows)


if __name__ == "__main__":
    main()
