"""What people get wrong: each is one line that says what and what to do, exit code 2, and nothing is changed."""

import shlex
import shutil
from collections.abc import Callable, Collection
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

from ca.service import issue_service_certificate, open_authority
from core.algorithms import KeyKind
from core.clock import FixedClock, SystemClock
from core.csr import build_csr
from core.errors import YinxinError
from core.home import Home
from core.keys.private_key import generate
from core.subject import Subject
from tests.yinxin.conftest import Yinxin, everything
from yinxin.demo import cast
from yinxin.sample import typeset_notice

ATTEMPTS = ("audit_entries", "ra_attempts", f"people/operators/.{cast.ENTERER}.pem.attempts")
"""Where a wrong PIN is counted and told."""
PLACE = ("--page", "3", "--at", "142.5,119")


@pytest.fixture
def refused(yinxin: Yinxin, home_copy: Path) -> Callable[..., str]:
    """Run a command in a home that must stay as it is; its one line."""
    before = everything(home_copy)

    def call(*arguments: str | Path, but: Collection[str] = ()) -> str:
        line = yinxin("--home", home_copy, *arguments).refusal
        after = everything(home_copy)
        changed = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        assert changed == set(but)
        return line.removeprefix("error: ").strip()

    return call


def acting(home: Path, name: str, pin: Path | None = None) -> tuple[str | Path, ...]:
    key = home / "people/operators" / f"{name}.pem"
    return "--as", name, "--key", key, "--pin-file", pin or home / "people/pin"


@pytest.fixture
def csr(tmp_path: Path) -> Path:
    file = tmp_path / "holder.csr"
    file.write_bytes(build_csr(generate(KeyKind.SM2), Subject(common_name="王五").name()))
    return file


def apply(home: Path, csr: Path, profile: str = "staff") -> tuple[str | Path, ...]:
    subject = ("--common-name", "王五", "--organization", cast.OFFICE)
    what = ("--profile", profile, "--authority", "sm2-issuing", "--csr", csr)
    return ("ra", "apply", *what, *subject, *acting(home, cast.ENTERER))


def test_all_is_well_when_nothing_is_wrong(yinxin: Yinxin, home_copy: Path, csr: Path) -> None:
    """So that the refusals below are for the reason that they give."""
    assert yinxin("--home", home_copy, *apply(home_copy, csr)).code == 0


def test_wrong_pin(refused: Callable[..., str], home_copy: Path, csr: Path, tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    pin.write_text("123456\n")
    pin.chmod(0o600)
    arguments = apply(home_copy, csr)[:-1]
    line = refused(*arguments, pin, but=ATTEMPTS)
    assert line.startswith(f"{home_copy / 'people/operators' / cast.ENTERER}.pem: ")
    assert "wrong passphrase or PIN" in line


def test_pin_file_that_others_can_read(refused: Callable[..., str], home_copy: Path, csr: Path, tmp_path: Path) -> None:
    pin = tmp_path / "pin"
    shutil.copy(home_copy / "people/pin", pin)
    pin.chmod(0o644)
    assert refused(*apply(home_copy, csr)[:-1], pin).endswith(f"(chmod 600 {pin})")


@pytest.mark.parametrize(
    "arguments",
    [
        ("seals", "verify"),
        ("seals", "stamp", "sm2-office", *PLACE),
        ("tsa", "stamp"),
        ("tsa", "query"),
        ("ocsp", "respond", "--out", "/dev/null"),
    ],
    ids=" ".join,
)
def test_missing_file(refused: Callable[..., str], arguments: tuple[str, ...], tmp_path: Path) -> None:
    missing = tmp_path / "missing.pdf"
    assert refused(*arguments, missing) == f"{missing}: no such file (check the path)"


def test_a_csr_that_is_missing_or_none(refused: Callable[..., str], home_copy: Path, tmp_path: Path) -> None:
    assert refused(*apply(home_copy, tmp_path / "none.csr")).startswith(f"{tmp_path / 'none.csr'}: no such file")
    (tmp_path / "none.csr").write_text("hello")
    assert "not a certificate request (PKCS#10, DER or PEM)" in refused(*apply(home_copy, tmp_path / "none.csr"))


def test_a_csr_with_a_wrong_signature(refused: Callable[..., str], home_copy: Path, csr: Path) -> None:
    content = bytearray(csr.read_bytes())
    content[-1] ^= 1
    csr.write_bytes(content)
    line = refused(*apply(home_copy, csr))
    assert "the request's signature is not by the key in it" in line
    assert "make the request again" in line


def test_an_unknown_profile(refused: Callable[..., str], home_copy: Path, csr: Path) -> None:
    line = refused(*apply(home_copy, csr, profile="stuff"))
    assert "stuff" in line
    assert "yinxin ca profile list" in line


def test_an_unknown_operator(refused: Callable[..., str], home_copy: Path, csr: Path) -> None:
    arguments = [word if word != cast.ENTERER else "nobody" for word in apply(home_copy, csr)]
    assert "nobody" in refused(*arguments)


def encrypted() -> bytes:
    writer = copy_into_new_writer(PdfFileReader(BytesIO(typeset_notice())))
    writer.encrypt("owner", "user")  # type: ignore[no-untyped-call]
    output = BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    return output.getvalue()


@pytest.mark.parametrize(
    ("content", "words"), [(lambda: b"Dear Sir", "PDF"), (lambda: b"", "PDF"), (encrypted, "encrypted")]
)
def test_a_document_that_cannot_be_sealed(
    refused: Callable[..., str], content: Callable[[], bytes], words: str, tmp_path: Path
) -> None:
    file = tmp_path / "letter.pdf"
    file.write_bytes(content())
    assert words in refused("seals", "stamp", "sm2-office", file, *PLACE)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["home", "letter.pdf"]


@pytest.mark.parametrize("content", [b"Dear Sir", b"", b"%PDF-1.7\nbut no more"])
def test_a_document_that_cannot_be_verified_is_a_verdict_or_one_line(
    yinxin: Yinxin, home_copy: Path, content: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "letter.pdf"
    file.write_bytes(content)
    outcome = yinxin("--home", home_copy, "seals", "verify", file)
    assert outcome.code in (2, 3), outcome
    assert "Traceback" not in outcome.out + outcome.err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--page", "9", "--at", "142.5,119"), "page"),
        (("--page", "3", "--at", "here"), "two numbers in millimetres"),
        (("--page", "3", "--at", "900,119"), "page"),
    ],
    ids=["page", "words", "outside"],
)
def test_a_place_that_is_none(
    refused: Callable[..., str], arguments: tuple[str, ...], words: str, tmp_path: Path
) -> None:
    file = tmp_path / "notice.pdf"
    file.write_bytes(typeset_notice())
    assert words in refused("seals", "stamp", "sm2-office", file, *arguments)


def test_a_seal_that_there_is_not(refused: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "notice.pdf"
    file.write_bytes(typeset_notice())
    assert "nobody" in refused("seals", "stamp", "nobody", file, *PLACE)


def test_a_place_for_the_result_that_is_taken(refused: Callable[..., str], tmp_path: Path) -> None:
    file = tmp_path / "notice.pdf"
    file.write_bytes(typeset_notice())
    assert "the file exists already" in refused("seals", "stamp", "sm2-office", file, *PLACE, "--out", file)
    assert file.read_bytes() == typeset_notice()


def test_no_trusted_certificates(refused: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    file = tmp_path / "notice.pdf"
    file.write_bytes(typeset_notice())
    assert str(tmp_path / "empty") in refused("seals", "verify", file, "--trust", tmp_path / "empty")


def test_an_expired_issuer(home_copy: Path) -> None:
    clock = FixedClock(SystemClock().now() + timedelta(days=3650 + 30))
    home = Home(home_copy, clock)
    before = everything(home_copy)
    with pytest.raises(YinxinError) as refusal:
        issue_service_certificate(
            open_authority(home),
            authority="sm2-issuing",
            profile="tsa",
            subject=Subject.of_service("印信", "TSA"),
            signer=generate(KeyKind.SM2),
            actor="test",
            reference="test",
        )
    assert "the authority sm2-issuing expired on " in refusal.value.what
    assert refusal.value.remedy == "issue from another authority"
    assert everything(home_copy) == before


@pytest.mark.parametrize("command", ["ca list", "ra operator list", "seals list", "audit list", "serve"])
def test_no_home(yinxin: Yinxin, tmp_path: Path, command: str) -> None:
    line = yinxin("--home", tmp_path / "nowhere", *command.split()).refusal
    assert line.startswith(f"error: {tmp_path / 'nowhere'}: no Yinxin home here (create one with: yinxin ")
    assert list(tmp_path.iterdir()) == []


def test_the_remedy_for_no_home_can_be_typed(yinxin: Yinxin, tmp_path: Path) -> None:
    line = yinxin("--home", tmp_path / "nowhere", "ca", "list").refusal
    program, *words = shlex.split(line.strip().rpartition("create one with: ")[2].rstrip(")"))
    assert program == "yinxin"
    assert yinxin(*words, "--help").code == 0
    assert "No such option" not in yinxin(*words, "--config", tmp_path / "nothing").err


@pytest.mark.parametrize("command", ["ca list", "ra operator list", "seals list", "audit list"])
def test_a_database_that_is_gone(yinxin: Yinxin, home_copy: Path, command: str) -> None:
    (home_copy / "yinxin.db").unlink()
    for rest in home_copy.glob("yinxin.db-*"):
        rest.unlink()
    line = yinxin("--home", home_copy, *command.split()).refusal
    assert "yinxin.db" in line
