"""`yinxin audit report`: the pages of a whole house, read by other software."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.yinxin.conftest import Yinxin


@pytest.fixture
def unstamped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody gives time stamps here."""
    monkeypatch.setenv("YINXIN_AUDIT__TIMESTAMPS", "false")


@pytest.mark.usefixtures("unstamped")
def test_a_report_of_the_installation(yinxin: Yinxin, home_copy: Path, tmp_path: Path) -> None:
    audit, page, paper = (tmp_path / name for name in ("audit.zip", "report.html", "report.pdf"))
    assert yinxin("--home", home_copy, "audit", "report", "--out", page).code == 0
    text = page.read_text()
    assert "the rules were kept" in text and "seals.seal.activate" in text and text.count("<svg") == 1
    assert yinxin("--home", home_copy, "audit", "export", audit).code == 0
    made = yinxin("--home", home_copy, "audit", "report", audit, "--out", paper, "--json")
    assert made.code == 0 and json.loads(made.out)["findings"] == 0
    said = subprocess.run(["pdftotext", "-layout", paper, "-"], capture_output=True, check=True).stdout.decode()
    assert "Report on the audit log" in said and "seals.seal.activate" in said
    assert (
        yinxin("--home", home_copy, "audit", "report", audit, "--to", "2020-01-01", "--out", page, "--json").code == 0
    )
    assert "seals.seal.activate" not in page.read_text()


def test_wrong_orders(yinxin: Yinxin, seeded_home: Path, tmp_path: Path) -> None:
    report = ("--home", seeded_home, "audit", "report")
    assert "an .html or a .pdf file" in yinxin(*report, "--out", tmp_path / "report.txt").refusal
    days = ("--from", "2026-02-01", "--to", "2026-01-01")
    assert "ends before it begins" in yinxin(*report, *days, "--out", tmp_path / "report.pdf").refusal
    assert yinxin(*report, "--from", "yesterday", "--out", tmp_path / "report.pdf").code == 2
    assert list(tmp_path.iterdir()) == []
