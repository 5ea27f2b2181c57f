"""An installation whose keys are in a token: founding, issuing, answering, stamping, sealing, judged by OpenSSL."""

import hashlib
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from io import BytesIO
from pathlib import Path

import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from ca import crl, hierarchy, service_renewal
from ca.issuance import Approval, ApprovedRequest
from ca.service import open_authority
from core.algorithms import RSA_PSS_SHA256, KeyKind
from core.certificates import armour, read_certificates
from core.clock import FixedClock
from core.csr import build_csr
from core.errors import Kind, YinxinError
from core.home import Home
from core.keys.hsm import pool
from core.keys.hsm.uri import Pkcs11Uri
from core.service.renewal import renew
from core.subject import Identity, Subject
from ocsp.service import responder_of
from seals.documents.pdf import seal_pdf
from seals.electronic.making import Maker
from seals.levels import Level
from seals.sealing import Seal
from tests.support import sealing
from tests.support.ca import CREDIT_CODE
from tests.support.demonstration import Serving
from tests.support.openssl import openssl, openssl_says
from tests.support.softhsm import PIN, SoftToken, in_this_process, make_token
from tests.support.tsa import read_response
from tests.yinxin.conftest import Yinxin
from tsa.installation import open_authority as open_tsa
from yinxin import installation

APPROVAL = Approval("ceremony", hashlib.sha256(b"approved").digest(), ("甲", "乙"))


@dataclass(frozen=True)
class House:
    """The installation and its token."""

    home: Home
    token: SoftToken
    folder: Path
    place: Pkcs11Uri
    """The token, with the file of its PIN."""

    @property
    def root(self) -> Path:
        return self.home.trust / "p256-root.pem"

    @property
    def issuing(self) -> Path:
        return self.home.certificates("ca") / "p256-issuing.pem"

    def certify(self, authority: str, name: str, profile: str, folder: Path) -> Path:
        """A certificate for a new key of the seals, in the token; the chain after it."""
        ca = open_authority(self.home)
        key = self.home.key_store("seals").create(name, KeyKind.P256)
        identity = Identity(credit_code=CREDIT_CODE) if profile == "unit" else Identity()
        subject = Subject(common_name=sealing.NAME, organization=sealing.NAME, identity=identity)
        request = ApprovedRequest(authority, profile, subject, build_csr(key, subject.name()), APPROVAL)
        (issued,) = ca.issue([request], actor="test")
        file = folder / f"{name}.pem"
        file.write_bytes(armour([issued.certificate, *hierarchy.chain_of(self.home.storage, authority)]))
        return file


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    """Founded by `yinxin init` with `[keys]`; the PIN in the file that the URI names."""
    folder = tmp_path_factory.mktemp("house")
    pin = folder / "pin"
    pin.write_text(f"{PIN}\n")
    pin.chmod(0o600)
    with in_this_process(make_token(folder / "token")) as token, pytest.MonkeyPatch.context() as patch:
        uri = f"{token.uri}&pin-source=file:{pin}"
        keys = "".join(f'{name} = "{uri}"\n' for name in ("ca", "ocsp", "tsa", "seals", "audit"))
        settings = folder / "settings.toml"
        settings.write_text(f'[centre]\nkey_kinds = ["p256"]\n[keys]\n{keys}')
        patch.setattr("yinxin.installation.activate", _activate)
        patch.setattr(pool, "PAUSE_SECONDS", 0)
        yield House(installation.create(folder / "home", settings=settings), token, folder, Pkcs11Uri.parse(uri))


def _activate(context: object, profiles: object, *, actor: str) -> None:
    from ca import activation

    with context.storage.transaction() as connection:  # type: ignore[attr-defined]
        for profile in profiles:  # type: ignore[attr-defined]
            # Without specimens, which have tests of their own, and without second certificates, made by the centre.
            single = profile.model_copy(update={"encryption": ""})
            activation._activate(connection, context, single, actor)  # type: ignore[arg-type]


def test_every_signing_key_is_in_the_token_and_no_other(house: House) -> None:
    files = sorted(str(file.relative_to(house.home.path)) for file in house.home.path.glob("keys/*/*"))
    assert [file for file in files if file.endswith(".pem")] == [
        "keys/kmc/signing.pem",
        "keys/kmc/wrapping.pem",
        "keys/ra/identities.pem",
    ]
    assert {"keys/ca/p256-root.toml", "keys/ca/p256-issuing.toml", "keys/audit/log.toml"} <= set(files)
    assert PIN not in "".join(file.read_text(errors="replace") for file in house.home.path.rglob("*") if file.is_file())


def crl_verifies(house: House, name: str, issuer: Path, folder: Path) -> bool:
    crl.publish(house.home.context, house.home.key_store("ca"), name, 24)
    (folder / "list.crl").write_bytes(crl.latest(house.home.context, name))
    said = openssl_says("crl", "-in", folder / "list.crl", "-inform", "DER", "-CAfile", issuer, "-noout")
    return "verify OK" in said


def test_the_issuing_authority(house: House, tmp_path: Path) -> None:
    leaf = house.certify("p256-issuing", "unit", "unit", tmp_path)
    openssl("verify", "-CAfile", house.root, "-untrusted", house.issuing, leaf)
    assert crl_verifies(house, "p256-issuing", house.issuing, tmp_path)


def test_an_rsa_authority_that_signs_with_pss(house: House, tmp_path: Path) -> None:
    """Its key is made beforehand, with the algorithm it is to sign by."""
    ca, name = open_authority(house.home), "pss-issuing"
    ca.keys.create_in_token(name, KeyKind.RSA_3072, house.place, RSA_PSS_SHA256)
    subject = Subject.of_service("测试中心", "PSS Issuing")
    hierarchy.create_issuing(ca, name, KeyKind.RSA_3072, subject, issuer="p256-root", approval=APPROVAL, actor="test")
    chain = tmp_path / "chain.pem"
    chain.write_bytes(armour(hierarchy.chain_of(house.home.storage, name)))
    leaf = house.certify(name, "pss-unit", "unit", tmp_path)
    openssl("verify", "-CAfile", house.root, "-untrusted", chain, leaf)
    assert "rsassaPss" in openssl("x509", "-in", leaf, "-noout", "-text").decode()
    assert crl_verifies(house, name, chain, tmp_path)


def ocsp_answer(house: House, folder: Path) -> list[str | Path]:
    """What the responder of the home says now about its time-stamping certificate, for `openssl ocsp`."""
    about = house.home.certificates("tsa") / "p256.pem"
    request, response = folder / "request.der", folder / "response.der"
    openssl("ocsp", "-issuer", house.issuing, "-cert", about, "-no_nonce", "-reqout", request)
    response.write_bytes(responder_of(house.home).respond(request.read_bytes()))
    chain = ("-CAfile", house.root, "-verify_other", house.issuing)
    return ["-respin", response, "-issuer", house.issuing, "-cert", about, *chain]


def test_the_responder(house: House, tmp_path: Path) -> None:
    options = ocsp_answer(house, tmp_path)
    assert ": good\n" in openssl("ocsp", *options).decode()
    assert "Response verify OK" in openssl_says("ocsp", *options)


def test_the_time_stamping_authority(house: House, tmp_path: Path) -> None:
    data, query, reply = (tmp_path / name for name in ("data", "query.tsq", "reply.tsr"))
    data.write_bytes(b"notice")
    openssl("ts", "-query", "-data", data, "-sha256", "-cert", "-out", query)
    reply.write_bytes(open_tsa(house.home).respond(query.read_bytes()))
    openssl("ts", "-verify", "-in", reply, "-queryfile", query, "-CAfile", house.root)


def test_a_document_sealed_by_a_seal_whose_maker_and_holder_are_in_the_token(house: House, tmp_path: Path) -> None:
    keys, clock = house.home.key_store("seals"), house.home.clock
    maker_certificate = read_certificates(house.home.certificates("seals") / "p256-seal-maker.pem")[0]
    chain = read_certificates(house.certify("p256-issuing", "office", "unit", tmp_path))
    office = sealing.Office(KeyKind.P256, FixedClock(clock.now() + timedelta(days=10)))
    structure = office.made_seal([chain[0]], 30, Maker(keys.signer("p256-seal-maker"), maker_certificate))
    seal = Seal(
        sealing.NAME, keys.signer("office"), chain[0], tuple(chain[1:]), sealing.picture(), 42, structure=structure
    )
    sealed = seal_pdf(
        sealing.blank_pdf(), seal, sealing.PLACE, level=Level.B_B, support=office.support, clock=clock
    ).read()
    (signature,) = PdfFileReader(BytesIO(sealed)).embedded_signatures
    begin, first, second, last = signature.byte_range
    (tmp_path / "content").write_bytes(sealed[begin : begin + first] + sealed[second : second + last])
    (tmp_path / "value.der").write_bytes(signature.pkcs7_content)
    given = ("-in", tmp_path / "value.der", "-inform", "DER", "-content", tmp_path / "content", "-binary")
    trust = ("-CAfile", house.root, "-certfile", house.issuing, "-purpose", "any")
    openssl("cms", "-verify", *given, *trust, "-out", os.devnull)


def test_a_certificate_is_renewed_with_a_key_made_in_the_token(house: House, tmp_path: Path) -> None:
    keys = house.home.key_store("ocsp")
    old = keys.uri("p256")
    assert renew(house.home, "ocsp", names=["p256"], early=True).asked == ("p256.g2",)
    assert keys.uri("p256.g2") not in (None, old)
    service_renewal.grant_all(open_authority(house.home))
    assert renew(house.home, "ocsp", names=["p256"]).installed == ("p256.g2",)
    renew(house.home, "ocsp", names=["p256"])
    assert keys.names() == ["p256-root", "p256.g2"]
    assert str(old) not in {str(one.uri) for one in keys.in_token(house.place)}
    assert ": good\n" in openssl("ocsp", *ocsp_answer(house, tmp_path)).decode()


def test_forked_workers_answer_and_outlive_the_absence_of_the_token(house: House) -> None:
    """Each worker has sessions of its own; what a client is told meanwhile is OCSP's own word for it."""
    away, about = house.token.folder / "away", house.home.certificates("tsa") / "p256.pem"
    settings = {**house.token.environment, "YINXIN_OCSP__WORKERS": "2"}
    with Serving(house.home.path, "ocsp", **settings) as running:
        question = ("-url", running.url("ocsp"), "-issuer", house.issuing, "-cert", about, "-CAfile", house.root)

        def answer() -> str:
            # Each process of openssl has a connection of its own, and so comes to one worker or the other.
            command = ["openssl", "ocsp", *map(str, question)]
            return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout

        for _connection in range(4):
            assert ": good\n" in answer()
        house.token.tokens.rename(away)
        try:
            for _connection in range(4):
                assert "Responder Error: trylater" in answer()
        finally:
            away.rename(house.token.tokens)
        deadline = time.monotonic() + 60
        while ": good\n" not in answer():
            assert time.monotonic() < deadline


def test_a_founding_that_fails_leaves_no_keys_in_the_token(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_arguments: object, **_options: object) -> None:
        raise YinxinError(Kind.UNAVAILABLE, "no more ink")

    keys = house.home.key_store("ca")
    before = {str(one.uri) for one in keys.in_token(house.place)}
    monkeypatch.setattr("yinxin.installation.crl.publish", refuse)
    with pytest.raises(YinxinError, match="no more ink"):
        installation.create(tmp_path / "another", settings=house.folder / "settings.toml")
    assert {str(one.uri) for one in keys.in_token(house.place)} == before


def test_a_token_that_is_away_is_told_by_the_command_and_by_the_time_stamping_authority(
    house: House, yinxin: Yinxin, tmp_path: Path
) -> None:
    (tmp_path / "data").write_bytes(b"notice")
    query = openssl("ts", "-query", "-data", tmp_path / "data", "-sha256")
    tsa, away = open_tsa(house.home), house.token.folder / "away"
    house.token.tokens.rename(away)
    try:
        outcome = yinxin("--home", house.home.path, "keys", "test", "ocsp")
        assert outcome.code == 1
        assert "without a restart" in outcome.out
        status, failures, token = read_response(tsa.respond(query))
        assert (status, failures, token) == (2, {"system_failure"}, None)
    finally:
        away.rename(house.token.tokens)
    status, _failures, token = read_response(tsa.respond(query))
    assert status == 0
    assert token


def test_list_make_adopt_request_and_token(house: House, yinxin: Yinxin, tmp_path: Path) -> None:
    home = ("--home", house.home.path)
    made = yinxin(*home, "keys", "make", "tsa", "spare", "--kind", "p384", "--json")
    assert made.code == 0, made.err
    uri = json.loads(made.out)["uri"]
    assert uri == str(house.home.key_store("tsa").uri("spare"))
    assert "exists already" in yinxin(*home, "keys", "make", "tsa", "spare", "--kind", "p384").refusal
    listed = json.loads(yinxin(*home, "keys", "list", "tsa", "--json").out)
    assert uri in [one["token"] for one in listed if one["name"] == "spare"]
    adopted = yinxin(*home, "keys", "adopt", "seals", "again", uri)
    assert adopted.code == 0, adopted.err
    assert yinxin(*home, "keys", "test", "seals", "again").code == 0
    shown = yinxin(*home, "keys", "token", "tsa")
    assert "spare" in shown.out
    names = ("--common-name", "办公室", "--organization", "人民政府")
    assert yinxin(*home, "keys", "request", "tsa", "spare", "--out", tmp_path / "new.csr", *names).code == 0
    openssl("req", "-in", tmp_path / "new.csr", "-verify", "-noout")
    acts = json.loads(yinxin(*home, "audit", "list", "--json").out)
    assert {"keys.make", "keys.adopt"} <= {one["act"] for one in acts}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("make", "kmc", "x"), "no token is configured for the keys of kmc"),
        (("make", "ca", "x", "--kind", "sm2"), "not configured by which mechanisms"),
        (("make", "ca", "x", "--token", "pkcs11:token=a"), "names no module"),
        (("make", "ca", "x", "--token", "pkcs11:token=a?pin-value=1"), "PIN does not belong"),
        (("make", "ca", "x", "--kind", "p256", "--token", "pkcs11:token=a?module-path=/none.so"), "no such PKCS#11"),
        (("make", "ca", "X", "--kind", "p256"), "a key's name is made of"),
        (("test", "ca", "nobody"), "no such key"),
        (("adopt", "ca", "x", "softhsm"), "begins with pkcs11:"),
    ],
)
def test_wrong_input_to_the_commands(house: House, yinxin: Yinxin, arguments: tuple[str, ...], words: str) -> None:
    assert words in yinxin("--home", house.home.path, "keys", *arguments).refusal


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("softhsm", "begins with pkcs11:"),
        ("pkcs11:token=a", "names no module"),
        ("pkcs11:token=a;object=b?module-path=/a.so", "names a token, not a key"),
        ("pkcs11:token=a?module-path=/a.so&pin-value=1", "PIN does not belong"),
    ],
)
def test_a_wrong_setting_refuses_to_start(tmp_path: Path, yinxin: Yinxin, uri: str, words: str) -> None:
    (tmp_path / "yinxin.toml").write_text(f'[keys]\nca = "{uri}"\n')
    refusal = yinxin("--home", tmp_path, "keys", "token", "ca").refusal
    assert "keys.ca" in refusal
    assert words in refusal


def test_the_pin_from_the_file_of_the_authority_and_from_the_environment(
    house: House, yinxin: Yinxin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    (tmp_path / "yinxin.toml").write_text(f'[keys]\ntsa = "{house.token.uri}"\n')
    asked = home._tokens("tsa").pin
    with pytest.raises(YinxinError, match="no passphrase, and no terminal") as caught:
        asked(house.token.uri)
    assert "YINXIN_TSA_PIN" in caught.value.remedy
    monkeypatch.setenv("YINXIN_TSA_PIN", "from the environment")
    assert asked(house.token.uri) == b"from the environment"
    home.pin_file("tsa").parent.mkdir()
    home.pin_file("tsa").write_text("from the file\n")
    home.pin_file("tsa").chmod(0o644)
    with pytest.raises(YinxinError, match="others can read"):
        asked(house.token.uri)
    home.pin_file("tsa").chmod(0o600)
    assert asked(house.token.uri) == b"from the file"
    assert asked(Pkcs11Uri.parse(f"{house.token.uri}&pin-source=file:{house.folder / 'pin'}")) == PIN.encode()
