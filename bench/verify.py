"""Verification of sealed PDF documents, beside pyHanko's own validation and poppler's pdfsig on the same files.

B-LT with RSA: neither peer knows SM2. Every document was sealed at another time, by the same office, and lists were
published before that, as in an archive. pyHanko judges each by `ades_with_time_validation` and its analysis of later
changes, with the same anchor and the evidence in the document; pdfsig checks digest and signature, in a process for
each document. Both know less: nothing of electronic seals, and pdfsig nothing of revocation without a network. Ours
runs in one process, as in a folder.
"""

import asyncio
import multiprocessing
import os
import subprocess
import tempfile
import time
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

from asn1crypto import crl, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.ades.report import AdESPassed
from pyhanko.sign.diff_analysis import DEFAULT_DIFF_POLICY
from pyhanko.sign.validation import DocumentSecurityStore
from pyhanko.sign.validation.ades import ades_with_time_validation
from pyhanko.sign.validation.policy_decl import (
    CertificateFetchingRule,
    LocalKnowledge,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer

from bench import Row, rates, report, row
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
FOLDER = 240
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


def pyhanko_says(document: bytes, root: bytes, now: datetime) -> bool:
    """Whether pyHanko passes it: later changes, signature, time stamp, paths and status by the document's evidence."""
    reader = PdfFileReader(BytesIO(document))
    (embedded,) = reader.embedded_regular_signatures
    embedded.compute_integrity_info(DEFAULT_DIFF_POLICY)
    store = DocumentSecurityStore.read_dss(reader)
    specification = SignatureValidationSpec(
        CertValidationPolicySpec(
            trust_manager=SimpleTrustManager.build([x509.Certificate.load(root)]),
            revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO, retroactive_revinfo=True),
        ),
        revinfo_gathering_policy=RevocationInfoGatheringSpec(
            RevinfoOnlineFetchingRule.LOCAL_ONLY, certificate_fetching_rule=CertificateFetchingRule.NEVER_FETCH
        ),
        local_knowledge=LocalKnowledge(
            known_crls=[CRLContainer(crl.CertificateList.load(one.get_object().data)) for one in store.crls],
            known_certs=list(store.load_certs()),
        ),
        # Either makes a signer, as with ours; pyHanko's own default asks for both.
        key_usage_settings=KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"}),
    )
    result = asyncio.run(
        ades_with_time_validation(
            embedded.signed_data,
            specification,
            timing_info=ValidationTimingInfo(now, now, point_in_time_validation=True),
            raw_digest=embedded.compute_digest(),
        )
    )
    return result.ades_subindic == AdESPassed.OK and embedded.diff_result is not None


def pdfsig(file: Path) -> None:
    """poppler: digest and signature."""
    subprocess.run(["pdfsig", "-nocert", str(file)], check=True, capture_output=True, timeout=30)


def one_core(folder: Path) -> list[Row]:
    """Documents in a second on one core."""
    rows: list[Row] = []
    for kind, label in ((KeyKind.RSA_2048, "blt"), (KeyKind.SM2, "blt_sm2")):
        office, documents = archive(kind, DOCUMENTS)
        trust = Trust([office.root.certificate])
        turn, peers_turn, files_turn = iter(range(10**9)), iter(range(10**9)), iter(range(10**9))
        for document in documents:
            assert verify_pdf(document, trust, office.clock).verdict is Verdict.VALID, "not what is measured"

        def ours() -> None:
            verify_pdf(documents[next(turn) % DOCUMENTS], trust, office.clock)  # noqa: B023 - called in this round

        if kind is KeyKind.SM2:
            rate = rates(ours, rounds=4)[0]
            rows.append(row(label, rate, "documents/s", "ours with RSA", rows[0].value))
            continue
        root = office.root.certificate
        assert pyhanko_says(documents[0], root, office.clock.now()), "the peer must pass it too"

        def peer() -> None:
            pyhanko_says(documents[next(peers_turn) % DOCUMENTS], root, office.clock.now())  # noqa: B023

        files = []
        for number, document in enumerate(documents):
            files.append(folder / f"{number}.pdf")
            files[-1].write_bytes(document)

        def peers_process() -> None:
            pdfsig(files[next(files_turn) % DOCUMENTS])  # noqa: B023

        rate, peers, poppler = rates(ours, peer, peers_process, rounds=8)
        rows.append(row(f"{label}_vs_pyhanko", rate, "documents/s", "pyHanko", peers))
        rows.append(row(f"{label}_vs_pdfsig", rate, "documents/s", "pdfsig, without revocation", poppler))
    return rows


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
                alone[workers] = max(alone[workers], sum(pool.map(_spin, [1.0] * workers, chunksize=1)))
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
