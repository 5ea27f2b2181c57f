"""Signatures and time stamps beside their files: found by name, proven by digest."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from core import cms
from core.clock import FixedClock
from seals.levels import Level
from seals.verification.beside import Neighbours, verify_path
from seals.verification.folder import FolderWork, Ledger, Row, documents_in, grounds_of, verify_folder
from seals.verification.presentation import told
from seals.verification.report import Report, Verdict
from seals.verification.trust import Trust
from tests.support.sealing import Office

NOTE = b"Received: 100 yuan\n"


def knowing(office: Office) -> Trust:
    return replace(office.trust(status=True), certificates=[office.issuing.certificate])


def detached(office: Office, content: bytes = NOTE) -> bytes:
    builder = cms.SignedDataBuilder(office.unit.key, office.unit.certificate, certificates=[office.unit.certificate])
    return builder.build_detached(office.unit.key.algorithm.digest.of(content), lambda _signature: [])


def token(office: Office, content: bytes = NOTE) -> bytes:
    digest = office.unit.key.algorithm.digest
    return office.timestamper.stamp(digest, digest.of(content), 7)


def judged(office: Office, path: Path) -> Report:
    return verify_path(path, knowing(office), office.clock)


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.all_findings()}


@pytest.mark.parametrize(
    ("signature", "content"),
    [
        ("note.txt.p7s", "note.txt"),
        ("note.p7s", "note.txt"),
        ("NOTE.TXT.P7S", "NOTE.TXT"),
        ("收据.pdf.p7s", "收据.pdf"),
        ("a.b.c.sig", "a.b.c"),
        ("a.b.cms", "a.b.c"),
    ],
)
def test_a_signature_finds_its_file(sm2_office: Office, tmp_path: Path, signature: str, content: str) -> None:
    (tmp_path / signature).write_bytes(detached(sm2_office))
    (tmp_path / "other.txt").write_bytes(NOTE)
    assert codes(judged(sm2_office, tmp_path / signature)) == {"content-missing"}
    (tmp_path / content).write_bytes(NOTE)
    report = judged(sm2_office, tmp_path / signature)
    assert (report.verdict, report.content) == (Verdict.REMARKS, content)
    assert content in [value for _label, value in told(report).facts]
    (tmp_path / content).write_bytes(NOTE + b"0")
    changed = judged(sm2_office, tmp_path / signature)
    assert (changed.verdict, codes(changed)) == (Verdict.INVALID, {"content-changed"})


def test_a_time_stamp_finds_its_file(sm2_office: Office, tmp_path: Path) -> None:
    (tmp_path / "note.txt").write_bytes(NOTE)
    for name in ("note.txt.tsr", "note.tst"):
        (tmp_path / name).write_bytes(token(sm2_office))
        report = judged(sm2_office, tmp_path / name)
        assert (report.verdict, report.content) == (Verdict.VALID, "note.txt")
        words = told(report)
        assert words.signatures[0].heading == "Time stamp 1"
        assert "time stamp is genuine" in words.sentence


def test_of_several_files_the_one_that_fits(sm2_office: Office, tmp_path: Path) -> None:
    (tmp_path / "note.p7s").write_bytes(detached(sm2_office))
    (tmp_path / "note.doc").write_bytes(b"draft")
    (tmp_path / "note.txt").write_bytes(NOTE)
    assert judged(sm2_office, tmp_path / "note.p7s").content == "note.txt"
    (tmp_path / "note.txt").write_bytes(b"another draft")
    report = judged(sm2_office, tmp_path / "note.p7s")
    assert (report.verdict, report.content) == (Verdict.INDETERMINATE, "")
    assert "note.doc, note.txt" in report.findings[0].text


def test_a_signature_over_a_signature(sm2_office: Office, tmp_path: Path) -> None:
    signature = detached(sm2_office)
    (tmp_path / "note.txt").write_bytes(NOTE)
    (tmp_path / "note.txt.p7s").write_bytes(signature)
    (tmp_path / "note.txt.p7s.tsr").write_bytes(token(sm2_office, signature))
    assert judged(sm2_office, tmp_path / "note.txt.p7s.tsr").content == "note.txt.p7s"
    assert judged(sm2_office, tmp_path / "note.txt.p7s").content == "note.txt"


def test_a_file_finds_what_vouches_for_it(sm2_office: Office, tmp_path: Path, plain: bytes) -> None:
    (tmp_path / "notice.pdf").write_bytes(plain)
    assert judged(sm2_office, tmp_path / "notice.pdf").verdict is Verdict.INVALID
    (tmp_path / "notice.pdf.p7s").write_bytes(detached(sm2_office, plain))
    report = judged(sm2_office, tmp_path / "notice.pdf")
    assert report.verdict is Verdict.REMARKS
    assert codes(report) == {"signed-beside", "time-unproven"}
    assert [one.kind for one in report.signatures] == ["signature"]
    (tmp_path / "notice.pdf").write_bytes(plain + b"\n")
    assert judged(sm2_office, tmp_path / "notice.pdf").verdict is Verdict.INVALID


def test_a_signature_of_the_same_name_about_something_else_does_not_vouch(
    sm2_office: Office, tmp_path: Path, plain: bytes
) -> None:
    (tmp_path / "notice.pdf").write_bytes(plain)
    (tmp_path / "notice.txt").write_bytes(NOTE)
    (tmp_path / "notice.p7s").write_bytes(detached(sm2_office))
    assert codes(judged(sm2_office, tmp_path / "notice.pdf")) == {"no-signature"}


def test_what_is_sealed_itself_is_judged_by_itself(
    sm2_office: Office, tmp_path: Path, sealed_at: Callable[[Level], bytes]
) -> None:
    (tmp_path / "notice.pdf").write_bytes(sealed_at(Level.B_T))
    (tmp_path / "notice.pdf.p7s").write_bytes(detached(sm2_office, b"something else"))
    assert judged(sm2_office, tmp_path / "notice.pdf").verdict is Verdict.VALID


def test_a_folder(sm2_office: Office, tmp_path: Path, plain: bytes) -> None:
    for name, content in {
        "1/note.txt": NOTE,
        "1/note.txt.p7s": detached(sm2_office),
        "1/note.txt.tsr": token(sm2_office),
        "2/note.p7s": detached(sm2_office),
        "2/notice.pdf": plain,
        "2/notice.pdf.P7S": detached(sm2_office, plain),
        "2/readme.txt": NOTE,
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    trust = knowing(sm2_office)
    work = FolderWork(tmp_path, trust, sm2_office.clock, grounds_of(trust))
    rows: dict[str, Row] = {row.document: row for row in verify_folder(work, documents_in(tmp_path), 2)}
    assert {name: (row.verdict, row.codes) for name, row in rows.items()} == {
        "1/note.txt.p7s": ("valid with remarks", "time-unproven"),
        "1/note.txt.tsr": ("valid", ""),
        "2/note.p7s": ("indeterminate", "content-missing"),
        "2/notice.pdf": ("valid with remarks", "signed-beside; time-unproven"),
        "2/notice.pdf.P7S": ("valid with remarks", "time-unproven"),
    }
    assert "not at hand" in rows["2/note.p7s"].reasons


def test_a_verdict_stands_as_long_as_all_that_it_is_about(sm2_office: Office, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "note.txt").write_bytes(NOTE)
    (folder / "note.txt.p7s").write_bytes(detached(sm2_office))
    trust, ledger = knowing(sm2_office), Ledger(tmp_path / "ledger.csv")
    work = FolderWork(folder, trust, sm2_office.clock, "g")
    with ledger.writing([]) as enter:
        enter(work.begin()("note.txt.p7s"))
    assert list(ledger.standing(folder, "g")) == ["note.txt.p7s"]
    (folder / "note.txt").write_bytes(b"another note")
    assert not ledger.standing(folder, "g")
    (folder / "note.txt").unlink()
    assert not ledger.standing(folder, "g")


def test_each_folder_is_listed_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, clock: FixedClock) -> None:
    listed = []
    whole = Path.iterdir
    monkeypatch.setattr(Path, "iterdir", lambda path: listed.append(path) or whole(path))  # type: ignore[func-returns-value]
    for name in ("a.txt", "a.txt.p7s", "b.txt", "b.p7s"):
        (tmp_path / name).write_bytes(b"")
    beside = Neighbours()
    assert beside.contents(tmp_path / "a.txt.p7s") == [tmp_path / "a.txt"]
    assert beside.contents(tmp_path / "b.p7s") == [tmp_path / "b.txt"]
    assert beside.signatures(tmp_path / "b.txt") == [tmp_path / "b.p7s"]
    assert listed == [tmp_path]
