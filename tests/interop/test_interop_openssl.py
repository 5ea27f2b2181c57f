"""OpenSSL, as a stranger types it, on the files that the demonstration leaves."""

from pathlib import Path

import pytest
from asn1crypto import ocsp

from core.clock import SystemClock
from core.home import Home
from ocsp.service import responder_of
from tests.support.demonstration import LABELS, Demonstration
from tests.support.openssl import SM2_ID, RefusalError, openssl, openssl_says

HOLDERS = ("unit", "zhangsan", "lisi", "ocsp", "tsa")


@pytest.fixture(scope="module")
def demo(demonstration: Demonstration) -> Path:
    return demonstration.folder


@pytest.mark.parametrize("holder", HOLDERS)
def test_the_rsa_chain_verifies_whole(demo: Path, holder: str) -> None:
    chain = ("-CAfile", demo / "trust/rsa-root.pem", "-untrusted", demo / "ca/rsa-issuing.pem")
    strict = ("-x509_strict", "-check_ss_sig", "-policy_check")
    assert openssl("verify", *strict, *chain, demo / f"certs/rsa-{holder}.pem").endswith(b": OK\n")


@pytest.mark.parametrize("holder", HOLDERS)
def test_the_sm2_chain_verifies_link_by_link(demo: Path, holder: str) -> None:
    """OpenSSL 3.0 applies the identity to the last certificate alone."""
    options = ("-x509_strict", "-partial_chain", "-vfyopt", SM2_ID)
    issuing = demo / "ca/sm2-issuing.pem"
    assert openssl("verify", *options, "-CAfile", issuing, demo / f"certs/sm2-{holder}.pem").endswith(b": OK\n")
    assert openssl("verify", *options, "-CAfile", demo / "trust/sm2-root.pem", issuing).endswith(b": OK\n")
    with pytest.raises(RefusalError):
        openssl("verify", "-partial_chain", "-CAfile", issuing, demo / f"certs/sm2-{holder}.pem")


@pytest.mark.parametrize(("label", "purpose"), [(label, purpose) for label in LABELS for purpose in ("ocsp", "tsa")])
def test_services_are_certified_for_their_purpose_alone(demo: Path, label: str, purpose: str) -> None:
    names = {"ocsp": "ocsphelper", "tsa": "timestampsign"}
    identity = ("-vfyopt", SM2_ID) if label == "sm2" else ()
    options = ("-partial_chain", "-CAfile", demo / f"ca/{label}-issuing.pem", *identity)
    certificate = demo / f"certs/{label}-{purpose}.pem"
    assert openssl("verify", *options, "-purpose", names[purpose], certificate).endswith(b": OK\n")
    if purpose == "tsa":
        with pytest.raises(RefusalError, match="purpose"):
            openssl("verify", *options, "-purpose", "sslclient", certificate)


@pytest.mark.parametrize("label", LABELS)
def test_the_request_proves_possession_of_the_key(demo: Path, label: str) -> None:
    identity = ("-vfyopt", SM2_ID) if label == "sm2" else ()
    said = openssl_says("req", "-verify", "-noout", "-in", demo / f"requests/{label}-zhangsan.csr", *identity)
    assert "verify OK" in said


def test_the_rsa_crl_is_the_issuing_authoritys_and_holds_li_si(demo: Path) -> None:
    crl = ("-in", demo / "crl/rsa.crl", "-inform", "DER")
    assert "verify OK" in openssl_says("crl", *crl, "-CAfile", demo / "ca/rsa-issuing.pem", "-noout")
    with pytest.raises(RefusalError, match="issuer certificate"):
        openssl("crl", *crl, "-CAfile", demo / "trust/rsa-root.pem", "-noout")
    text = openssl("crl", *crl, "-text", "-noout").decode()
    assert serial_of(demo / "certs/rsa-lisi.pem") in text
    assert serial_of(demo / "certs/rsa-zhangsan.pem") not in text


def serial_of(certificate: Path) -> str:
    """As OpenSSL writes it: hexadecimal capitals."""
    return openssl("x509", "-in", certificate, "-noout", "-serial").decode().strip().removeprefix("serial=")


@pytest.mark.parametrize("digest", ["-sha1", "-sha256"])
@pytest.mark.parametrize(("answer", "word"), [("good", "good"), ("revoked", "revoked"), ("unknown", "unknown")])
def test_the_rsa_ocsp_responses(demo: Path, answer: str, word: str, digest: str) -> None:
    response = demo / f"ocsp/rsa-{answer}.der"
    about = ["-cert", str(demo / "certs/rsa-lisi.pem")]
    if answer == "unknown":
        basic = ocsp.OCSPResponse.load(response.read_bytes())["response_bytes"]["response"].parsed
        about = ["-serial", hex(basic["tbs_response_data"]["responses"][0]["cert_id"]["serial_number"].native)]
    options: list[str | Path] = ["-respin", response, digest, "-issuer", demo / "ca/rsa-issuing.pem", *about]
    trust = ("-CAfile", demo / "trust/rsa-root.pem", "-verify_other", demo / "ca/rsa-issuing.pem")
    assert f": {word}\n" in openssl("ocsp", *options, *trust).decode()
    assert "Response verify OK" in openssl_says("ocsp", *options, *trust)


def test_the_status_of_an_issuing_authority_is_answered_by_its_roots_delegate(
    seeded_home: Path, tmp_path: Path
) -> None:
    home = Home(seeded_home, SystemClock())
    root, issuing = home.trust / "rsa-root.pem", home.certificates("ca") / "rsa-issuing.pem"
    request, response = tmp_path / "request.der", tmp_path / "response.der"
    openssl("ocsp", "-issuer", root, "-cert", issuing, "-no_nonce", "-reqout", request)
    response.write_bytes(responder_of(home).respond(request.read_bytes()))
    options = ("-respin", response, "-issuer", root, "-cert", issuing, "-CAfile", root)
    assert ": good\n" in openssl("ocsp", *options).decode()
    assert "Response verify OK" in openssl_says("ocsp", *options)


def test_the_rsa_time_stamp(demo: Path, tmp_path: Path) -> None:
    stamp = ("-in", demo / "tsa/rsa.tsr", "-CAfile", demo / "trust/rsa-root.pem")
    openssl("ts", "-verify", *stamp, "-queryfile", demo / "tsa/rsa.tsq")
    openssl("ts", "-verify", *stamp, "-data", demo / "documents/notice.pdf")
    with pytest.raises(RefusalError, match="message imprint mismatch"):
        openssl("ts", "-verify", *stamp, "-data", demo / "sealed/rsa.pdf")


@pytest.mark.parametrize("label", LABELS)
def test_the_time_stamp_is_read(demo: Path, label: str) -> None:
    text = openssl("ts", "-reply", "-in", demo / f"tsa/{label}.tsr", "-text").decode()
    assert "Status: Granted." in text
    assert {"sm2": "sm3", "rsa": "sha256"}[label] in text


@pytest.mark.parametrize("label", LABELS)
def test_the_delivered_key_signs_as_its_certificate_says(demo: Path, label: str, tmp_path: Path) -> None:
    password = f"file:{demo / 'keys/password.txt'}"
    key, message, signature = tmp_path / "key.pem", demo / "documents/notice.pdf", tmp_path / "signature"
    store = demo / f"keys/{label}-zhangsan.p12"
    openssl("pkcs12", "-in", store, "-passin", password, "-nocerts", "-nodes", "-out", key)
    digest = {"sm2": "sm3", "rsa": "sha256"}[label]
    options = ("-rawin", "-digest", digest, *(("-pkeyopt", SM2_ID) if label == "sm2" else ()))
    openssl("pkeyutl", "-sign", "-inkey", key, "-in", message, "-out", signature, *options)
    files = ("-certin", "-inkey", demo / f"certs/{label}-zhangsan.pem", "-in", message, "-sigfile", signature)
    assert b"Verified Successfully" in openssl("pkeyutl", "-verify", *files, *options)
