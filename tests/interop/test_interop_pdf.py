"""Poppler and qpdf on the sealed documents."""

import shutil
import subprocess
from pathlib import Path

import pytest

from core.cli import run
from tests.support.demonstration import LABELS, Demonstration
from yinxin.cli import front_door


def tool(name: str, *arguments: str | Path) -> str:
    """What the tool prints; skips where it is not installed."""
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed (Debian: poppler-utils, qpdf)")
    done = subprocess.run([name, *map(str, arguments)], capture_output=True, encoding="utf-8", timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def signatures(document: Path) -> list[str]:
    """What pdfsig says of each signature."""
    return tool("pdfsig", "-nocert", document).split("Signature #")[1:]


def test_pdfsig_on_the_rsa_seal(demonstration: Demonstration) -> None:
    seal, timestamp = signatures(demonstration.folder / "sealed/rsa.pdf")
    assert "Signature is Valid." in seal
    assert "Signature Type: ETSI.CAdES.detached" in seal
    assert "宝鸡市人民政府办公室" in seal
    # What follows a seal of level B-LTA is its proof of time, which covers everything.
    assert "Total document signed" in timestamp
    assert "Not total" not in timestamp


def test_pdfsig_does_not_take_what_was_changed(demonstration: Demonstration, tmp_path: Path) -> None:
    changed = bytearray(demonstration.read("sealed/rsa.pdf"))
    changed[changed.index(b"/ModDate(D:") + 14] ^= 1
    (tmp_path / "changed.pdf").write_bytes(changed)
    assert "Digest Mismatch" in signatures(tmp_path / "changed.pdf")[0]


@pytest.mark.parametrize("level", ["B-B", "B-T"])
def test_pdfsig_on_a_seal_with_nothing_after_it(
    demonstration: Demonstration, home_copy: Path, tmp_path: Path, level: str
) -> None:
    notice, sealed = demonstration.folder / "documents/notice.pdf", tmp_path / "sealed.pdf"
    place = ("--page", "3", "--at", "142.5,119", "--out", str(sealed), "--level", level)
    assert run(front_door, ["--home", str(home_copy), "seals", "stamp", "rsa-office", str(notice), *place]) == 0
    (seal,) = signatures(sealed)
    assert "Signature is Valid." in seal
    assert "Total document signed" in seal
    assert "Not total" not in seal
    tool("qpdf", "--check", sealed)


@pytest.mark.parametrize("name", ["documents/notice", *(f"sealed/{label}" for label in LABELS)])
def test_the_documents_are_sound_and_say_what_they_said(demonstration: Demonstration, name: str) -> None:
    document = demonstration.folder / f"{name}.pdf"
    assert "No syntax or stream encoding errors" in tool("qpdf", "--check", document)
    notice = demonstration.folder / "documents/notice.pdf"
    assert tool("pdftotext", document, "-") == tool("pdftotext", notice, "-")
    assert "宝政办发〔2026〕18号" in tool("pdftotext", document, "-")
    fonts = tool("pdffonts", document).splitlines()[2:]
    assert fonts
    for font in fonts:
        embedded, subset, unicode = font.split()[-5:-2]
        assert (embedded, subset, unicode) == ("yes", "yes", "yes"), font


@pytest.mark.parametrize("label", LABELS)
def test_the_seal_is_a_picture_on_the_third_page(demonstration: Demonstration, label: str) -> None:
    """Drawn by Poppler at 50 dpi: a star, a circle and characters of clear red, where the plain page has none."""
    document = demonstration.folder / f"sealed/{label}.pdf"
    plain = demonstration.folder / "documents/notice.pdf"
    assert reds(plain) == 0
    assert reds(document) > 500


def reds(document: Path) -> int:
    if shutil.which("pdftoppm") is None:
        pytest.skip("pdftoppm is not installed (Debian: poppler-utils)")
    drawn = subprocess.run(
        ["pdftoppm", "-f", "3", "-l", "3", "-r", "50", document], capture_output=True, timeout=60, check=True
    ).stdout
    pixels = drawn.split(b"\n255\n", 1)[1]
    return sum(
        red > 150 and green < 100 and blue < 100
        for red, green, blue in zip(pixels[::3], pixels[1::3], pixels[2::3], strict=True)
    )
