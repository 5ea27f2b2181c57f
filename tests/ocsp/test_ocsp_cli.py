"""The command: asking a responder and understanding it, answering files, opening an installation's responder."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import click
import pytest
from asn1crypto import pem

from ca import revocation
from ca.issuance import IssuedCertificate
from ca.service import issue_service_certificate
from ca.status import Issuer, Reason, StatusReader
from core.algorithms import SM3, KeyKind
from core.cli import Group, run
from core.clock import FixedClock
from core.errors import YinxinError
from core.home import Home
from core.keys import passphrase
from core.subject import Subject
from ocsp.cli import group
from ocsp.request import build_request, cert_id
from ocsp.response import Refusal, refusal
from ocsp.service import load_delegations, responder_of
from tests.support import ocsp_judges as judges
from tests.support.ca import TestCentre, pooled_key
from tests.support.ocsp_server import desk, served
from tests.support.ocsp_world import NOW, new_storage
from tests.support.pki import Party


@dataclass
class Place:
    """An installation with an SM2 hierarchy, and three certificates."""

    home: Home
    centre: TestCentre
    issuer: Path
    certificates: dict[str, IssuedCertificate]

    def file(self, name: str) -> str:
        return str(self.home.path / f"{name}.pem")

    def run(self, *arguments: str) -> int:
        @click.group(cls=Group)
        @click.pass_context
        def front_door(context: click.Context) -> None:
            context.obj = self.home

        front_door.add_command(group)
        return run(front_door, ["ocsp", *arguments])


@pytest.fixture(scope="module")
def founded(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Made once; tests do not change it."""
    home = Home(tmp_path_factory.mktemp("home"), FixedClock(NOW))
    (home.path / "yinxin.toml").write_text("[ocsp]\nresponse_hours = 2\n")
    passphrase.create_file(home.passphrase_file("ocsp"))
    new_storage(home.database_url).close()
    centre = TestCentre(home.context).activate().build(KeyKind.SM2)
    delegated = issue_service_certificate(
        centre.ca,
        authority="sm2-issuing",
        profile="ocsp",
        subject=Subject.of_service("测试中心", "OCSP SM2"),
        signer=home.key_store("ocsp").create("sm2", KeyKind.SM2),
        actor="keeper",
        reference="ceremony ocsp",
    )
    certificates = {name: centre.issue() for name in ("good", "held", "revoked")}
    revocation.hold(home.context, "sm2-issuing", certificates["held"].serial, actor="operator")
    revocation.revoke(
        home.context, "sm2-issuing", certificates["revoked"].serial, Reason.KEY_COMPROMISE, actor="operator"
    )
    issuing = issuer_of(home, "sm2-issuing").certificate
    for name, certificate in {"issuer": issuing, "root": issuer_of(home, "sm2-root").certificate}.items():
        write(home.path / f"{name}.pem", certificate)
    for name, issued in certificates.items():
        write(home.path / f"{name}.pem", issued.certificate)
    write(home.certificates("ocsp") / "sm2.pem", delegated.certificate, issuing)
    return Place(home, centre, home.path / "issuer.pem", certificates)


def issuer_of(home: Home, name: str) -> Issuer:
    (found,) = (issuer for issuer in StatusReader(home.storage).issuers() if issuer.name == name)
    return found


def write(path: Path, *certificates: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(pem.armor("CERTIFICATE", certificate) for certificate in certificates))


@pytest.fixture
def place(founded: Place, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.setenv("LANGUAGE", "en")
    founded.home.clock = FixedClock(NOW)
    return founded


@pytest.fixture
def address(place: Place) -> Iterator[str]:
    with served(place.home.clock, {b"": desk(responder_of(place.home), place.home.clock)}) as client:
        yield f"{client.url}/"


CHECKS = [("good", 0, "is good"), ("held", 1, "on hold since"), ("revoked", 1, "other hands")]


@pytest.mark.parametrize(("name", "code", "words"), CHECKS)
def test_check_here(place: Place, name: str, code: int, words: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert place.run("check", place.file(name), "--issuer", str(place.issuer), "--local") == code
    out, err = capfd.readouterr()
    assert words in out
    assert "OCSP SM2" in out
    assert err == ""


@pytest.mark.parametrize(("name", "code", "words"), CHECKS)
def test_check_over_http(
    place: Place, address: str, name: str, code: int, words: str, capfd: pytest.CaptureFixture[str]
) -> None:
    arguments = ("check", place.file(name), "--issuer", str(place.issuer), "--url", address, "--hash", "sm3")
    assert place.run(*arguments) == code
    assert words in capfd.readouterr().out


def test_check_unknown(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    """The authority's signature is on it, but it is not in the books."""
    issuer = issuer_of(place.home, "sm2-issuing")
    key = pooled_key("sm2-issuing", KeyKind.SM2)
    stray = Party(issuer.subject, key, issuer.certificate).issue("Stray", not_before=NOW - timedelta(days=1), days=30)
    write(place.home.path / "stray.pem", stray.certificate)
    assert place.run("check", place.file("stray"), "--issuer", str(place.issuer), "--local") == 3
    assert "does not know" in capfd.readouterr().out


def test_check_for_programs(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    arguments = ("check", place.file("revoked"), "--issuer", str(place.issuer), "--local", "--no-nonce", "--json")
    assert place.run(*arguments) == 1
    facts = json.loads(capfd.readouterr().out)
    assert facts["standing"] == "revoked"
    assert facts["reason"] == "key-compromise"
    assert facts["delegated"] is True
    assert facts["next_update"].startswith("2026-11-01T04:00:00")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("good", "issuer", "--url", "http://127.0.0.1:9/"), "cannot be asked"),
        (("good", "issuer"), "cannot be asked"),  # http://ocsp.test/, as the certificate says
        (("root", "root"), "names no responder"),
        (("good", "root", "--local"), "was not issued by"),
        (("missing", "issuer", "--local"), "no such file"),
    ],
)
def test_check_refused(place: Place, arguments: tuple[str, ...], words: str, capfd: pytest.CaptureFixture[str]) -> None:
    name, issuer, *options = arguments
    assert place.run("check", place.file(name), "--issuer", place.file(issuer), *options) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert words in err
    assert len(err.splitlines()) == 1


def test_an_authority_without_a_responder_of_its_own(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    """The issuing authority's responder tells the truth about the root's certificates, but has no right to."""
    assert place.run("check", place.file("issuer"), "--issuer", place.file("root"), "--local") == 2
    assert "may not answer for the issuer" in capfd.readouterr().err


def test_respond(place: Place, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    question = cert_id(issuer_of(place.home, "sm2-issuing"), place.certificates["held"].serial, SM3)
    (tmp_path / "request.der").write_bytes(build_request([question]))
    out = tmp_path / "response.der"
    assert place.run("respond", str(tmp_path / "request.der"), "--out", str(out)) == 0
    assert judges.statuses(out.read_bytes()) == ["revoked certificateHold"]
    assert str(out) in capfd.readouterr().out
    (tmp_path / "request.der").write_bytes(b"nonsense")
    assert place.run("respond", str(tmp_path / "request.der"), "--out", str(out)) == 0
    assert out.read_bytes() == refusal(Refusal.MALFORMED_REQUEST)


def test_help_has_an_example(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    for command in ("check", "respond"):
        assert place.run(command, "--help") == 0
        assert f"yinxin ocsp {command} " in capfd.readouterr().out


def test_expired_delegations_are_left_out(place: Place) -> None:
    assert len(load_delegations(place.home)) == 1
    place.home.clock = FixedClock(NOW + timedelta(days=1000))
    assert load_delegations(place.home) == []
    with pytest.raises(YinxinError, match="no valid responder certificate"):
        responder_of(place.home)


def test_a_certificate_without_its_key(place: Place) -> None:
    stray = place.home.certificates("ocsp") / "other.pem"
    write(stray, issuer_of(place.home, "sm2-issuing").certificate)
    try:
        with pytest.raises(YinxinError, match="no such key"):
            responder_of(place.home)
    finally:
        stray.unlink()
