"""Who may make electronic seals: whom the reader names, or, as the standards leave it, anybody who may sign."""

from dataclasses import replace
from pathlib import Path

import pytest

from core.certificates import armour
from core.clock import FixedClock
from seals.electronic.inspection import inspect
from seals.electronic.making import Maker
from seals.verification.files import verify_file
from seals.verification.questions import Answer, Question
from seals.verification.report import Report, Verdict
from seals.verification.trust import MAKERS, load_trust
from seals.verification.verification import verify_pdf
from tests.support.sealing import Office, blank_pdf


def answers(report: Report) -> dict[Question, Answer]:
    return {check.question: check.answer for check in report.signatures[0].checks}


@pytest.fixture(scope="module")
def impostor(sm2_office: Office) -> Office:
    """The holder of an ordinary certificate of the same authority, who made the office's seal."""
    office = Office(sm2_office.kind, FixedClock(sm2_office.clock.now()))
    clerk = office.issuing.issue("Clerk", kind=office.kind, not_before=office.start)
    vars(office)["electronic_seal"] = office.made_seal(maker=Maker(clerk.key, clerk.certificate))
    return office


def test_a_seal_by_a_maker_who_is_not_named_is_not_called_valid(impostor: Office) -> None:
    sealed = impostor.sealed(blank_pdf())
    anybody = impostor.trust()
    assert verify_pdf(sealed, anybody, impostor.clock).verdict is Verdict.VALID
    named = replace(anybody, makers=[impostor.maker.certificate])
    report = verify_pdf(sealed, named, impostor.clock)
    assert report.verdict is Verdict.INDETERMINATE
    assert [finding.code for finding in report.signatures[0].findings] == ["seal-maker-not-named"]
    assert answers(report)[Question.SEAL_MAKER] is Answer.UNKNOWN
    named = replace(named, certificates=[impostor.issuing.certificate])
    found = inspect(impostor.electronic_seal, named, impostor.clock.now())
    assert "maker-not-named" in {finding.code for finding in found.findings}
    bare = verify_file(impostor.electronic_seal, named, impostor.clock)
    assert answers(bare)[Question.SEAL_MAKER] is Answer.UNKNOWN


def test_a_seal_by_a_named_maker_is_valid(sm2_office: Office, sealed_sm2: bytes) -> None:
    named = replace(sm2_office.trust(), makers=[sm2_office.issuing.certificate, sm2_office.maker.certificate])
    report = verify_pdf(sealed_sm2, named, sm2_office.clock)
    assert report.verdict is Verdict.VALID
    assert answers(report)[Question.SEAL_MAKER] is Answer.YES


def test_makers_are_read_from_their_folder(sm2_office: Office, tmp_path: Path) -> None:
    (tmp_path / "root.pem").write_bytes(armour([sm2_office.root.certificate]))
    assert not load_trust(tmp_path).makers
    (tmp_path / MAKERS).mkdir()
    (tmp_path / MAKERS / "maker.pem").write_bytes(armour([sm2_office.maker.certificate]))
    found = load_trust(tmp_path)
    assert list(found.makers) == [sm2_office.maker.certificate]
    assert list(found.anchors) == [sm2_office.root.certificate]  # nobody is an anchor for being a maker


def test_an_installation_names_its_makers(home_copy: Path) -> None:
    makers = load_trust(home_copy / "trust").makers
    assert len(makers) == len(list((home_copy / "certificates" / "seals").glob("*-seal-maker.pem")))
