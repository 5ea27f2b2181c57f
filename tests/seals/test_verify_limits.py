"""Documents that are made to exhaust the verifier: each is refused with a word, in bounded memory and time."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from seals.contracts import SealingSupport
from seals.documents.pdf import seal_pdf
from seals.levels import Level
from seals.placement.placement import Placement
from seals.verification.report import Verdict
from tests.support import hostile, pdf
from tests.support.processes import environment
from tests.support.sealing import Office, blank_pdf

MEMORY, PROCESSOR_SECONDS = 1 << 30, 90
JUDGE = """
import json, resource, sys
from datetime import UTC, datetime
from pathlib import Path
from core.clock import FixedClock
from seals.verification.files import verify_file
from seals.verification.trust import Trust
resource.setrlimit(resource.RLIMIT_AS, ({memory}, {memory}))
resource.setrlimit(resource.RLIMIT_CPU, ({seconds}, {seconds}))
clock = FixedClock(datetime(2026, 11, 1, 2, 0, tzinfo=UTC))
for file in sorted(Path(sys.argv[1]).iterdir()):
    report = verify_file(file, Trust([]), clock)
    texts = [finding.text for finding in report.all_findings()]
    print(json.dumps([file.name, report.verdict.value, texts]), flush=True)
"""


def tied(office: Office) -> bytes:
    once = seal_pdf(
        pdf.updated(blank_pdf(), hostile.tie),
        office.seal,
        Placement(1, 60, 60),
        level=Level.B_B,
        support=SealingSupport(),
        clock=office.clock,
    )
    return pdf.updated(once.read(), pdf.add_annotation)


CASES: dict[str, tuple[Callable[[Office], bytes], str]] = {
    "object-stream-bomb": (lambda _office: hostile.object_stream_bomb(), ""),
    "nested-arrays": (lambda _office: hostile.nested_arrays(), "nested too deeply"),
    "page-tree-that-returns": (lambda _office: hostile.page_tree_that_returns(), "leads back to itself"),
    "fields-that-return": (lambda _office: hostile.fields_that_return(), ""),
    "huge-counts": (lambda _office: hostile.huge_counts(), ""),
    "huge-index": (lambda _office: hostile.huge_index(), ""),
    "many-revisions": (lambda office: hostile.many_revisions(office.sealed(blank_pdf(), Level.B_B), 2001), "revisions"),
    "many-paths": (tied, "the document was changed"),
    "enormous-length": (lambda _office: hostile.enormous_length(), "neither a PDF"),
    "deep-der": (lambda _office: hostile.deep_der(), "neither a PDF"),
}


@pytest.fixture(scope="module")
def judged(sm2_office: Office, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[str, list[str]]]:
    folder: Path = tmp_path_factory.mktemp("hostile")
    for name, (make, _words) in CASES.items():
        (folder / name).write_bytes(make(sm2_office))
    done = subprocess.run(
        [sys.executable, "-c", JUDGE.format(memory=MEMORY, seconds=PROCESSOR_SECONDS), folder],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment(),
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0, (lines, done.stderr[-2000:])
    return {name: (verdict, texts) for name, verdict, texts in lines}


@pytest.mark.parametrize("name", CASES)
def test_what_asks_for_too_much_is_refused(judged: dict[str, tuple[str, list[str]]], name: str) -> None:
    verdict, texts = judged[name]
    assert Verdict(verdict) > Verdict.REMARKS
    assert texts
    assert CASES[name][1] in " ".join(texts)
