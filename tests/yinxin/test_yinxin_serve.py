"""`yinxin serve`: all services in processes of their own, asked over the network by software that is not ours."""

import base64
import json
import os
import shutil
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import crl, ocsp, x509

from core.algorithms import SHA256, SM3, Digest
from core.certificates import read_certificates
from core.home import Home
from tests.support.demonstration import SERVICES, Serving, free_ports, gone, listens, occupied
from tests.support.openssl import openssl, openssl_says
from tests.yinxin.conftest import Yinxin
from tsa.response import token_of
from tsa.verification import verify_token
from yinxin.demo import cast
from yinxin.sample import typeset_notice

STOP_SECONDS = 15


@pytest.fixture(scope="module")
def house(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home that is served in this file."""
    copy = tmp_path_factory.mktemp("serving") / "home"
    shutil.copytree(seeded_home, copy)
    return copy


@pytest.fixture(scope="module")
def serving(house: Path) -> Iterator[Serving]:
    with Serving(house) as running:
        yield running


def fetch(url: str, data: bytes | None = None, **headers: str) -> tuple[int, Any, bytes]:
    """Status, headers, body."""
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, data, given)
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return response.status, response.headers, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


@pytest.fixture(scope="module")
def rsa(house: Path) -> dict[str, Path]:
    """Certificate files of the RSA hierarchy, by role."""
    home = Home(house)
    return {
        "root": home.trust / "rsa-root.pem",
        "issuing": home.certificates("ca") / "rsa-issuing.pem",
        "tsa": home.certificates("tsa") / "rsa.pem",
    }


@pytest.mark.parametrize("digest", ["-sha1", "-sha256"])
def test_openssl_asks_ocsp_about_a_service(serving: Serving, rsa: dict[str, Path], digest: str) -> None:
    options = (digest, "-url", serving.url("ocsp"), "-issuer", rsa["issuing"], "-cert", rsa["tsa"])
    assert ": good\n" in openssl("ocsp", *options, "-CAfile", rsa["root"]).decode()
    said = openssl_says("ocsp", *options, "-CAfile", rsa["root"])
    assert said == "Response verify OK\n"  # and no warning of a nonce that was not returned


def test_openssl_asks_ocsp_about_the_issuing_authority(serving: Serving, rsa: dict[str, Path]) -> None:
    options = ("-url", serving.url("ocsp"), "-issuer", rsa["root"], "-cert", rsa["issuing"], "-CAfile", rsa["root"])
    assert ": good\n" in openssl("ocsp", *options).decode()
    assert openssl_says("ocsp", *options) == "Response verify OK\n"


def test_ocsp_by_get_may_be_cached_and_asked_anew(serving: Serving, rsa: dict[str, Path], tmp_path: Path) -> None:
    request = tmp_path / "request.der"
    openssl("ocsp", "-issuer", rsa["issuing"], "-cert", rsa["tsa"], "-no_nonce", "-reqout", request)
    path = urllib.request.quote(base64.b64encode(request.read_bytes()).decode(), safe="")  # type: ignore[attr-defined]
    url = f"{serving.url('ocsp')}/{path}"
    status, headers, body = fetch(url)
    assert (status, headers["Content-Type"]) == (200, "application/ocsp-response")
    assert ocsp.OCSPResponse.load(body)["response_status"].native == "successful"
    assert fetch(url, If_None_Match=headers["ETag"])[0] == 304


@pytest.mark.parametrize("service", SERVICES)
def test_each_service_says_whether_it_is_well_and_nothing_else(serving: Serving, service: str) -> None:
    status, headers, body = fetch(f"{serving.url(service)}/healthz")
    told = json.loads(body)
    assert (status, headers["Content-Type"], headers["Cache-Control"]) == (200, "application/json", "no-store")
    assert set(told) == {"status", "findings"} and told["status"] in ("ok", "warning")
    assert all(set(one) == {"check", "level"} for one in told["findings"])


def test_crls_and_certificates_over_http(serving: Serving, house: Path) -> None:
    for authority in ("sm2-root", "sm2-issuing", "rsa-root", "rsa-issuing"):
        url = f"{serving.url('ca')}/crl/{authority}.crl"
        status, headers, body = fetch(url)
        assert (status, headers["Content-Type"]) == (200, "application/pkix-crl")
        assert crl.CertificateList.load(body, strict=True)
        assert fetch(url, If_None_Match=headers["ETag"])[::2] == (304, b"")
        assert fetch(url, If_Modified_Since=headers["Last-Modified"])[0] == 304
        assert fetch(url, If_None_Match='"another"')[0] == 200
        status, headers, body = fetch(f"{serving.url('ca')}/ca/{authority}.cer")
        assert (status, headers["Content-Type"]) == (200, "application/pkix-cert")
        assert x509.Certificate.load(body, strict=True)
    chain = read_certificates(house / "certificates/ca/sm2-issuing.pem")
    assert fetch(f"{serving.url('ca')}/ca/sm2-issuing.pem")[2].count(b"BEGIN CERTIFICATE") == len(chain)
    status, headers, body = fetch(f"{serving.url('ca')}/crl/nobody.crl")
    assert (status, headers["Content-Type"]) == (404, "application/problem+json")
    assert json.loads(body)["status"] == 404


@pytest.mark.parametrize(("unit", "digest"), [("sm2", SM3), ("rsa", SHA256)])
def test_time_stamps(serving: Serving, house: Path, tmp_path: Path, unit: str, digest: Digest) -> None:
    notice = tmp_path / "notice.pdf"
    notice.write_bytes(typeset_notice())
    query = openssl("ts", "-query", "-data", notice, f"-{digest.name}", "-cert")
    url = f"{serving.url('tsa')}/tsa/{unit}"
    status, headers, reply = fetch(url, query, Content_Type="application/timestamp-query")
    assert (status, headers["Content-Type"]) == (200, "application/timestamp-reply")
    root = house / f"trust/{unit}-root.pem"
    if unit == "rsa":
        (tmp_path / "reply.tsr").write_bytes(reply)
        openssl("ts", "-verify", "-in", tmp_path / "reply.tsr", "-data", notice, "-CAfile", root)
    stamped = verify_token(token_of(reply), lambda used: used.of(notice.read_bytes()), read_certificates(root))
    assert stamped.digest is digest


def test_garbage_gets_the_protocols_own_refusal(serving: Serving) -> None:
    _status, _headers, reply = fetch(
        f"{serving.url('tsa')}/tsa", b"garbage", Content_Type="application/timestamp-query"
    )
    assert b"garbage" not in reply
    assert openssl("ts", "-reply", "-in", "/dev/stdin", "-text", data=reply).startswith(b"Status info:\nStatus: Reject")
    _status, _headers, answer = fetch(serving.url("ocsp"), b"garbage", Content_Type="application/ocsp-request")
    assert ocsp.OCSPResponse.load(answer)["response_status"].native == "malformed_request"


def acting(home: Path) -> tuple[str | Path, ...]:
    """As the seal administrator."""
    people = home / "people"
    return "--as", "song.lin", "--key", people / "operators" / "song.lin.pem", "--pin-file", people / "pin"


def test_the_seal_service_with_a_key_made_by_the_command(
    serving: Serving, house: Path, yinxin: Yinxin, tmp_path: Path
) -> None:
    person = acting(house)
    made = yinxin("--home", house, "seals", "api-key", "new", "oa-system", "--seal", "sm2-office", "--json", *person)
    assert made.code == 0, made.err
    bearer = f"Bearer {json.loads(made.out)['key']}"
    api = f"{serving.url('seals')}/api/seals/v1"
    place = "page=3&x_mm=142.5&y_mm=119"
    notice = typeset_notice()
    status, headers, sealed = fetch(
        f"{api}/seals/sm2-office/stamp?{place}", notice, Authorization=bearer, Content_Type="application/pdf"
    )
    assert (status, headers["Content-Type"]) == (200, "application/pdf"), sealed
    assert sealed.startswith(notice)
    status, _headers, report = fetch(f"{api}/verify", sealed, Content_Type="application/pdf")
    assert (status, json.loads(report)["verdict"]) == (200, "valid")
    (tmp_path / "sealed.pdf").write_bytes(sealed)
    offline = yinxin("--home", tmp_path, "seals", "verify", tmp_path / "sealed.pdf", "--trust", house / "trust")
    assert offline.code == 0, offline.out
    # Another's seal, no key, a wrong key, no document.
    assert fetch(f"{api}/seals/rsa-office/stamp?{place}", notice, Authorization=bearer)[0] == 403
    assert fetch(f"{api}/seals/sm2-office/stamp?{place}", notice)[0] == 401
    assert fetch(f"{api}/seals/sm2-office/stamp?{place}", notice, Authorization=bearer[:-1] + "!")[0] == 401
    assert fetch(f"{api}/seals/sm2-office/stamp?{place}", b"no PDF", Authorization=bearer)[0] == 400
    problem = json.loads(fetch(f"{api}/seals/sm2-office/stamp", notice, Authorization=bearer)[2])
    assert (problem["status"], problem["kind"]) == (400, "invalid")
    # Whoever was given a key is in the books; the key itself is not.
    listed = yinxin("--home", house, "audit", "list", "--json").out
    assert "seals.document.seal" in listed and "oa-system" in listed
    assert bearer.removeprefix("Bearer ") not in listed


def test_a_revocation_by_another_process_is_seen_within_a_second(
    serving: Serving, house: Path, yinxin: Yinxin, rsa: dict[str, Path]
) -> None:
    listed = yinxin("--home", house, "ca", "certificates", "--authority", "rsa-issuing", "--subject", "李四", "--json")
    rows = json.loads(listed.out)["certificates"] if listed.out.startswith("{") else json.loads(listed.out)
    row, _encryption = rows
    question = (
        *("-url", serving.url("ocsp"), "-issuer", rsa["issuing"], "-CAfile", rsa["root"]),
        *("-serial", f"0x{row['serial']}"),
    )
    assert ": good\n" in openssl("ocsp", *question).decode()
    operator = house / "people/operators" / f"{cast.REVIEWER}.pem"
    acting = ("--as", cast.REVIEWER, "--key", operator, "--pin-file", house / "people/pin")
    revoked = yinxin("--home", house, "ra", "revoke", row["serial"], "--reason", "keyCompromise", *acting)
    assert revoked.code == 0, revoked.err
    committed = time.monotonic()
    answer = openssl("ocsp", *question).decode()
    assert ": revoked\n" in answer and "keyCompromise" in answer
    assert time.monotonic() - committed < 1


def test_told_to_stop_they_all_stop(serving: Serving) -> None:
    """The last test with these services."""
    children = serving.descendants()
    assert len(children) >= len(SERVICES)
    serving.process.send_signal(signal.SIGTERM)
    assert serving.process.wait(STOP_SECONDS) == 0
    assert gone(children)
    assert [name for name in SERVICES if listens(serving.ports[name])] == []


def test_a_service_whose_process_ends_takes_the_others_with_it(house: Path) -> None:
    with Serving(house, "ca", "ocsp") as running:
        children = running.descendants()
        os.kill(next(pid for pid in children if listens_as(pid, "ocsp.server")), signal.SIGKILL)
        running.exit_code = 2
        assert running.process.wait(STOP_SECONDS) == 2
        assert gone(children)


def listens_as(pid: int, service: str) -> bool:
    """Whether the process is the first of a service's, whose parent is the command."""
    return service.encode() in Path(f"/proc/{pid}/cmdline").read_bytes()


@pytest.fixture
def ocsp_alone(home_copy: Path) -> Path:
    """A home from which every key and passphrase is gone but the responder's."""
    for authority in ("ca", "tsa", "seals"):
        (home_copy / "passphrases" / authority).unlink()
        shutil.rmtree(home_copy / "keys" / authority)
    shutil.rmtree(home_copy / "people")
    return home_copy


def test_ocsp_is_served_with_no_key_but_its_own(ocsp_alone: Path) -> None:
    issuing, holder = ocsp_alone / "certificates/ca/rsa-issuing.pem", ocsp_alone / "certificates/tsa/rsa.pem"
    with Serving(ocsp_alone, "ocsp") as running:
        options = ("-url", running.url("ocsp"), "-issuer", issuing, "-cert", holder)
        assert ": good\n" in openssl("ocsp", *options, "-CAfile", ocsp_alone / "trust/rsa-root.pem").decode()


def test_a_service_without_its_keys_does_not_start(yinxin: Yinxin, ocsp_alone: Path) -> None:
    assert "keys/tsa" in yinxin("--home", ocsp_alone, "serve", "tsa").refusal


def test_the_seal_service_holds_no_key_but_its_own(home_copy: Path, yinxin: Yinxin, serving_time: Serving) -> None:
    """Its time stamps come from the TSA over HTTP."""
    for authority in ("ca", "ocsp", "tsa"):
        (home_copy / "passphrases" / authority).unlink()
        shutil.rmtree(home_copy / "keys" / authority)
    person = acting(home_copy)
    made = yinxin("--home", home_copy, "seals", "api-key", "new", "oa", "--seal", "sm2-office", "--json", *person)
    bearer = f"Bearer {json.loads(made.out)['key']}"
    with Serving(home_copy, "seals", YINXIN_SEALS__TIMESTAMPER=serving_time.url("tsa")) as running:
        url = f"{running.url('seals')}/api/seals/v1/seals/sm2-office/stamp?page=3&x_mm=142.5&y_mm=119"
        status, _headers, sealed = fetch(url, typeset_notice(), Authorization=bearer)
        assert (status, sealed[:5]) == (200, b"%PDF-"), sealed
        stopped(serving_time)
        status, _headers, problem = fetch(url, typeset_notice(), Authorization=bearer)
        # The level asked for is never lowered in silence.
        assert (status, json.loads(problem)["kind"]) == (503, "unavailable")


@pytest.fixture
def serving_time(house: Path) -> Iterator[Serving]:
    with Serving(house, "tsa") as running:
        yield running


def stopped(running: Serving) -> None:
    running.process.send_signal(signal.SIGTERM)
    running.exit_code = running.process.wait(STOP_SECONDS)


@pytest.mark.parametrize("services", [["ca", "ocsp"], ["ocsp"]])
def test_a_port_in_use_is_told(
    yinxin: Yinxin, home_copy: Path, services: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("YINXIN_OCSP__PORT", str(port))
    monkeypatch.setenv("YINXIN_CA__PORT", str(free_ports(1)[0]))
    with occupied(port):
        line = yinxin("--home", home_copy, "serve", *services).refusal
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in line
    assert "YINXIN_OCSP__PORT" in line


def test_no_home_to_serve(yinxin: Yinxin, tmp_path: Path) -> None:
    assert "no Yinxin home here" in yinxin("--home", tmp_path / "nowhere", "serve", "ca").refusal


def test_no_such_service(yinxin: Yinxin, tmp_path: Path) -> None:
    outcome = yinxin("--home", tmp_path, "serve", "mail")
    assert outcome.code == 2
    assert "'mail' is not one of 'ca', 'ra', 'ocsp', 'tsa', 'seals', 'kmc'" in outcome.err
