"""`yinxin ra` as people and programs call it: the whole life of a request by commands, and errors in one line."""

import json
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest
from asn1crypto import pem, x509

from ca.records import crls
from core.certificates import read_certificates
from core.cli import Group, run
from core.config import FILE_NAME
from core.home import Home
from ra.cli import group
from ra.statements import verify_statement
from tests.support.office import BUSINESS, CA_PASSPHRASE, PIN, RESIDENT_ID, Office
from tests.support.office_server import application, serving

Yinxin = Callable[..., int]


BOTH_WAYS = pytest.mark.parametrize("yinxin", ["here", "at a distance"], indirect=True)
"""For what test_ra_both_ways does not compare."""


@pytest.fixture
def yinxin(
    office: Office, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Yinxin]:
    """`yinxin ra ARGUMENTS` in the office's home, or from nowhere over HTTP; the exit code."""
    (office.folder / FILE_NAME).write_text("")
    distant = getattr(request, "param", "here") == "at a distance"
    monkeypatch.setenv("YINXIN_CA_PASSPHRASE", CA_PASSPHRASE.decode())
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.chdir(tmp_path)
    pin_file = tmp_path / "pin"
    pin_file.write_bytes(PIN)
    pin_file.chmod(0o600)

    @click.group(cls=Group)
    @click.pass_context
    def front_door(context: click.Context) -> None:
        context.obj = Home(tmp_path / "nowhere" if distant else office.folder, office.clock)

    front_door.add_command(group, "ra")

    def caller(*server: str) -> Yinxin:
        def call(*arguments: str, who: str | None = None) -> int:
            acting = ("--as", who, "--key", str(office.key_file(who)), "--pin-file", "pin") if who else ()
            return run(front_door, ["ra", *server, *arguments, *acting])

        return call

    if not distant:
        yield caller()
        return
    with serving(application(office)) as url:
        yield caller("--server", url)


def make_key(yinxin: Yinxin, *more: str) -> None:
    subject = ("--common-name", "张三", "--organization", "宝鸡市人民政府办公室")
    assert yinxin("key", "new", "--out", "key.pem", "--csr", "key.csr", "--pin-file", "pin", *subject, *more) == 0


def apply(yinxin: Yinxin, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    subject = ("--common-name", "张三", "--organization", "宝鸡市人民政府办公室", *more)
    capsys.readouterr()
    given = ("--profile", "staff", "--authority", "sm2-issuing", "--csr", "key.csr", "--json", *subject)
    assert yinxin("apply", *given, who="lu.enter") == 0
    number: str = json.loads(capsys.readouterr().out)["number"]
    return number


def test_a_certificate_by_commands(yinxin: Yinxin, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    make_key(yinxin)
    number = apply(yinxin, capsys, "--resident-id", RESIDENT_ID)
    assert yinxin("list", "--state", "entered", who="shen.review") == 0
    listed = capsys.readouterr().out
    assert number in listed and "张三" in listed and RESIDENT_ID not in listed
    assert yinxin("show", number, who="shen.review") == 0
    assert RESIDENT_ID in capsys.readouterr().out
    assert yinxin("approve", number, who="shen.review") == 0
    assert yinxin("issue", "--approved", "--json", who="zhi.make") == 0
    assert yinxin("deliver", number, "--out", "chain.pem", "--form", "chain", who="zhi.make") == 0
    capsys.readouterr()
    assert yinxin("show", number, "--json", "--export", "evidence", who="shen.review") == 0
    shown = json.loads(capsys.readouterr().out)
    assert (shown["state"], shown["intact"], len(shown["certificates"])) == ("delivered", True, 1)
    evidence = sorted(file.name for file in Path("evidence").glob("*.p7s"))
    assert evidence == ["1-enter.p7s", "2-approve.p7s", "3-issue.p7s", "4-deliver.p7s"]
    for name in evidence:
        assert verify_statement((Path("evidence") / name).read_bytes()).statement.subject == number

    packing = ("--key", "key.pem", "--certificate", "chain.pem", "--pin-file", "pin", "--password-file", "pin")
    assert yinxin("key", "pkcs12", *packing, "--out", "zhangsan.p12") == 0
    assert Path("zhangsan.p12").stat().st_mode & 0o777 == 0o600

    serial = f"{x509.Certificate.load(read_certificates(Path('chain.pem'))[0]).serial_number:x}"
    assert yinxin("hold", serial, who="shen.review") == 0
    assert yinxin("resume", serial, "--authority", "sm2-issuing", who="shen.review") == 0
    assert yinxin("revoke", serial, "--reason", "superseded", who="shen.review") == 0
    assert yinxin("hold", serial, who="shen.review") == 2


def test_no_key_is_ever_written_in_clear(yinxin: Yinxin, tmp_path: Path) -> None:
    make_key(yinxin)
    label, _headers, _data = pem.unarmor(Path("key.pem").read_bytes())
    assert label == "ENCRYPTED PRIVATE KEY"
    assert Path("key.pem").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("suffix", ["toml", "json"])
def test_the_subject_may_come_from_a_file(yinxin: Yinxin, capsys: pytest.CaptureFixture[str], suffix: str) -> None:
    make_key(yinxin)
    file = Path(f"subject.{suffix}")
    if suffix == "toml":
        file.write_text('province = "陕西省"\n[identity]\npassport = "E12345678"\n')
    else:
        file.write_text(json.dumps({"province": "陕西省", "passport": "E12345678"}))
    number = apply(yinxin, capsys, "--from", str(file))
    assert yinxin("show", number, "--json", who="shen.review") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["holder"] == "C=CN, ST=陕西省, O=宝鸡市人民政府办公室, CN=张三"
    assert shown["identity"] == ["passport E12345678"]


def test_wrong_numbers_are_refused_without_repeating_them(yinxin: Yinxin, capsys: pytest.CaptureFixture[str]) -> None:
    make_key(yinxin)
    wrong = RESIDENT_ID[:-1] + "1"
    given = ("--profile", "staff", "--authority", "sm2-issuing", "--csr", "key.csr", "--common-name", "张三")
    assert yinxin("apply", *given, "--resident-id", wrong, who="lu.enter") == 2
    told = capsys.readouterr().err
    assert "resident_id" in told and RESIDENT_ID[:-1] not in told


def test_refusals_are_one_line_and_exit_code_2(yinxin: Yinxin, capsys: pytest.CaptureFixture[str]) -> None:
    make_key(yinxin)
    number = apply(yinxin, capsys)
    for arguments, who in (
        (("approve", number), "lu.enter"),
        (("approve", "20261101-NONESUCH"), "shen.review"),
        (("reject", number, "--why", " "), "shen.review"),
        (("issue", number), "zhi.make"),
        (("issue",), "zhi.make"),
        (("revoke", "01", "--reason", "superseded"), "shen.review"),
        (("show", "20261101-NONESUCH"), "shen.review"),
        (("list", "--limit", "0"), "shen.review"),
    ):
        capsys.readouterr()
        assert yinxin(*arguments, who=who) == 2, arguments
        told = capsys.readouterr()
        assert "Traceback" not in told.err
        assert told.out == ""


def test_a_request_is_amended_in_the_fields_that_are_given(yinxin: Yinxin, capsys: pytest.CaptureFixture[str]) -> None:
    make_key(yinxin)
    number = apply(yinxin, capsys, "--resident-id", RESIDENT_ID)
    assert yinxin("amend", number, "--organizational-unit", "秘书科", who="lu.enter") == 0
    assert yinxin("amend", number, "--organizational-unit", "秘书科", who="shen.review") == 2
    capsys.readouterr()
    assert yinxin("show", number, "--json", "--export", "evidence", who="shen.review") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["holder"] == "C=CN, O=宝鸡市人民政府办公室, OU=秘书科, CN=张三"
    assert (shown["identity"], shown["intact"]) == ([f"resident_id {RESIDENT_ID}"], True)
    assert sorted(file.name for file in Path("evidence").glob("*.json")) == ["request-1.json", "request.json"]


def test_what_was_decided_before_a_failure_is_told(yinxin: Yinxin, capsys: pytest.CaptureFixture[str]) -> None:
    make_key(yinxin)
    number = apply(yinxin, capsys)
    assert yinxin("approve", number, "20261101-NONESUCH", "--json", who="shen.review") == 2
    assert json.loads(capsys.readouterr().out) == [{"number": number, "state": "approved"}]


@BOTH_WAYS
def test_operators_are_appointed_listed_suspended_and_removed(
    yinxin: Yinxin, capsys: pytest.CaptureFixture[str]
) -> None:
    certified = ("--authority", "sm2-issuing", "--new-pin-file", "pin")
    appointment = ("--role", "review", *certified)
    assert yinxin("operator", "add", "xu.review", *appointment, "--new-key", "xu.pem", who=BUSINESS) == 0
    assert Path("xu.pem").stat().st_mode & 0o777 == 0o600
    assert yinxin("operator", "add", "yu.review", *appointment, "--new-key", "xu.pem", who=BUSINESS) == 2
    for name, who in (("xu.review", BUSINESS), ("yu.review", "zhao.super"), ("yu.review", "quan.all")):
        assert yinxin("operator", "add", name, *appointment, "--new-key", "yu.pem", who=who) == 2
        assert not Path("yu.pem").exists()
    found = ("operator", "found", "wu.super", "--role", "super", *certified, "--new-key", "wu.pem")
    assert yinxin(*found) == 2
    assert not Path("wu.pem").exists()
    assert yinxin("operator", "suspend", "xu.review", who=BUSINESS) == 0
    assert yinxin("operator", "suspend", "xu.review", who=BUSINESS) == 2
    capsys.readouterr()
    assert yinxin("operator", "list", "--json", who=BUSINESS) == 0
    states = {row["operator"]: row["state"] for row in json.loads(capsys.readouterr().out)}
    assert states["xu.review"] == "suspended"
    assert yinxin("operator", "reinstate", "xu.review", who=BUSINESS) == 0
    assert yinxin("operator", "change", "xu.review", "--role", "make", who=BUSINESS) == 0
    renewed = ("operator", "renew", "lu.enter", "--new-key", "lu.pem", "--new-pin-file", "pin")
    assert yinxin(*renewed, who="lu.enter") == 0
    assert yinxin("operator", "remove", "xu.review", "--why", "调离", who=BUSINESS) == 0
    assert yinxin("operator", "reinstate", "xu.review", who=BUSINESS) == 2


def test_every_command_has_help_and_an_example() -> None:
    def walk(command: click.Command, context: click.Context, path: str) -> None:
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                _name, found, _rest = command.resolve_command(context, [name])
                assert found is not None
                walk(found, click.Context(found, context, name), f"{path} {name}")
        else:
            assert command.help, path
            assert getattr(command, "example", "").startswith(f"yinxin {path}"), path

    walk(group, click.Context(group), "ra")


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")
def test_openssl_accepts_the_holders_request(yinxin: Yinxin) -> None:
    make_key(yinxin)
    command = ["openssl", "req", "-in", "key.csr", "-verify", "-noout", "-vfyopt", "distid:1234567812345678"]
    done = subprocess.run(command, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr


def delivered(yinxin: Yinxin, number: str, *more: str) -> int:
    return yinxin("deliver", number, "--out", "zhangsan.p7b", "--form", "p7b", *more, who="zhi.make")


@BOTH_WAYS
def test_pkcs12_and_receipt_are_delivered_once(yinxin: Yinxin, capsys: pytest.CaptureFixture[str]) -> None:
    make_key(yinxin)
    number = apply(yinxin, capsys, "--email", "zhangsan@example.gov.cn", "--resident-id", RESIDENT_ID)
    packing = ("--pkcs12", "zhangsan.p12", "--holder-pin-file", "pin", "--password-file", "pin")
    assert delivered(yinxin, number, *packing, "--holder-key", "key.pem") == 2  # nothing is issued
    assert yinxin("approve", number, who="shen.review") == 0
    assert yinxin("issue", number, who="zhi.make") == 0
    Path("wrong").write_bytes(b"000000")
    Path("wrong").chmod(0o600)
    wrong = ("--pkcs12", "zhangsan.p12", "--holder-pin-file", "wrong", "--password-file", "pin")
    assert delivered(yinxin, number, *packing) == 2
    assert delivered(yinxin, number, *wrong, "--holder-key", "key.pem") == 2
    assert not Path("zhangsan.p12").exists()
    assert yinxin("receipt", number, "--out", "receipt.pdf", who="zhi.make") == 2
    packed = (*packing, "--holder-key", "key.pem", "--receipt", "receipt.pdf")
    assert delivered(yinxin, number, *packed) == 0
    for file in ("zhangsan.p12", "receipt.pdf"):
        assert Path(file).stat().st_mode & 0o777 == 0o600
    assert Path("receipt.pdf").read_bytes().startswith(b"%PDF-")
    Path("zhangsan.p12").unlink()
    assert delivered(yinxin, number, *packed) == 2
    assert not Path("zhangsan.p12").exists()
    assert yinxin("receipt", number, "--out", "again.pdf", who="zhi.make") == 0


@BOTH_WAYS
def test_succession_batches_and_expiry_by_commands(
    yinxin: Yinxin, office: Office, capsys: pytest.CaptureFixture[str], request: pytest.FixtureRequest
) -> None:
    make_key(yinxin)
    number = apply(yinxin, capsys, "--email", "zhangsan@example.gov.cn")
    assert yinxin("approve", number, who="shen.review") == 0
    assert yinxin("issue", number, who="zhi.make") == 0
    assert delivered(yinxin, number) == 0
    capsys.readouterr()
    assert yinxin("expiring", "--within", "4y", "--json", who="shen.review") == 0
    (found,) = json.loads(capsys.readouterr().out)
    serial = found["serial"]
    assert (found["holder"], found["email"]) == ("张三", "zhangsan@example.gov.cn")
    assert yinxin("expiring", "--within", "4 years", who="shen.review") == 2
    for form in ("csv", "xlsx", "jsonl"):
        out = f"expiring.{form}"
        assert yinxin("expiring", "--within", "200w", "--out", out, "--format", form, who="shen.review") == 0
        assert Path(out).stat().st_size > 100
    assert yinxin("notify", "--within", "4y", who="shen.review") == 2  # no mail server is configured
    assert yinxin("expiring", "--within", "99999y", who="shen.review") == 2
    noticed = yinxin("notify", "--within", "60d", "--to-folder", "notices", who="shen.review")
    assert noticed == (0 if "here" in request.node.name else 2)  # letters are written where the CA is
    assert yinxin("renew", serial, who="lu.enter") == 2  # too early
    assert "last 90 days" in capsys.readouterr().err
    new_key = ("--common-name", "张三", "--pin-file", "pin")
    assert yinxin("key", "new", "--out", "new.pem", "--csr", "new.csr", *new_key) == 0
    changes = ("--organizational-unit", "秘书科", "--csr", "new.csr", "--revoke", "affiliationChanged")
    assert yinxin("change", serial, *changes, "--email", "no address", who="lu.enter") == 2
    assert yinxin("change", serial, *changes, "--json", who="lu.enter") == 0
    Path("serials.csv").write_text(f"serial\n{serial}\n")
    listed = ("revoke-batch", "--file", "serials.csv", "--reason", "keyCompromise")
    assert yinxin(*listed, "--unit", "某局", who="lu.enter") == 2
    capsys.readouterr()
    assert yinxin(*listed, "--check", "--json", who="lu.enter") == 0
    digest = json.loads(capsys.readouterr().out)["digest"]
    assert yinxin(*listed, "--json", who="lu.enter") == 0
    ordered = json.loads(capsys.readouterr().out)
    assert (ordered["digest"], ordered["certificates"]) == (digest, 1)
    assert yinxin("batch", "list", who="shen.review") == 0
    assert yinxin("batch", "show", ordered["number"], who="shen.review") == 0
    shown = capsys.readouterr().out
    assert digest in shown and "张三" in shown and serial in shown
    assert yinxin("batch", "approve", ordered["number"], "--digest", digest, who="shen.review") == 0
    told = capsys.readouterr()
    assert "1 certificates revoked" in told.out and "warning" not in told.err
    assert [row.entries for row in office.rows(crls) if row.published_at] == [1]
