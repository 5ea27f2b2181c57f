"""Clients that are not ours ask the responder of a whole installation over HTTP: OpenSSL, GnuTLS, nginx with curl."""

import shutil
import signal
import subprocess
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import ocsp as pyca_ocsp

from ca import revocation
from ca.service import issue_service_certificate, open_authority
from ca.state import Reason
from core.algorithms import KeyKind
from core.certificates import armour, read_certificates
from core.home import Home
from core.keys.private_key import PrivateKey, generate
from core.subject import Subject
from tests.support.demonstration import Serving, free_ports, listens
from tests.support.openssl import openssl, openssl_says

STANDINGS = ("good", "held", "revoked")


@dataclass(frozen=True)
class Place:
    """A running responder, and RSA certificates that it knows: `good.pem`, `held.pem`, `revoked.pem`, their issuers."""

    folder: Path
    url: str
    home: Home

    def __getitem__(self, name: str) -> Path:
        return self.folder / f"{name}.pem"


@pytest.fixture(scope="module")
def place(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    folder = tmp_path_factory.mktemp("clients")
    shutil.copytree(seeded_home, folder / "home")
    home = Home(folder / "home")
    ca = open_authority(home)
    keys = {}
    for name in STANDINGS:
        keys[name] = generate(KeyKind.RSA_2048)
        issued = issue_service_certificate(
            ca,
            authority="rsa-issuing",
            profile="seal-maker",  # no extended key usage: it may stand at a TLS server
            subject=Subject.of_service(home.configuration.centre.organization, "localhost"),
            signer=keys[name],
            actor="test",
            reference=f"ceremony {name}",
        )
        (folder / f"{name}.pem").write_bytes(armour([issued.certificate]))
        _write_key(folder / f"{name}.key", keys[name])
        if name == "held":
            revocation.hold(home.context, "rsa-issuing", issued.serial, actor="test")
        if name == "revoked":
            revocation.revoke(home.context, "rsa-issuing", issued.serial, Reason.KEY_COMPROMISE, actor="test")
    issuing, *_root = read_certificates(home.certificates("ca") / "rsa-issuing.pem")
    (folder / "issuer.pem").write_bytes(armour([issuing]))
    shutil.copy(home.trust / "rsa-root.pem", folder / "root.pem")
    with Serving(home.path, "ocsp") as serving:
        yield Place(folder, serving.url("ocsp"), home)
    home.storage.close()


def _write_key(path: Path, key: PrivateKey) -> None:
    path.write_bytes(pem.armor("PRIVATE KEY", key.pkcs8()))


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


@pytest.mark.parametrize("nonce", ["-nonce", "-no_nonce"])
@pytest.mark.parametrize("digest", ["-sha1", "-sha256"])
def test_openssl_asks_about_all_at_once(place: Place, digest: str, nonce: str) -> None:
    """By POST; it checks the signature, the delegation, the nonce and the times."""
    asked = [part for name in STANDINGS for part in (digest, "-cert", str(place[name]))]
    options: tuple[str | Path, ...] = (
        "-issuer",
        place["issuer"],
        *asked,
        "-url",
        place.url,
        "-CAfile",
        place["root"],
        nonce,
    )
    trust = ("-verify_other", place["issuer"], "-timeout", "20")
    said = openssl("ocsp", *options, *trust).decode()
    assert f"{place['good']}: good\n" in said
    assert f"{place['held']}: revoked\n" in said and "Reason: certificateHold" in said
    assert f"{place['revoked']}: revoked\n" in said and "Reason: keyCompromise" in said
    warnings = openssl_says("ocsp", *options, *trust)
    assert warnings == "Response verify OK\n"


@pytest.mark.parametrize("name", STANDINGS)
def test_a_request_of_cryptography_sent_by_curl(place: Place, name: str, tmp_path: Path) -> None:
    """By GET (RFC 5019), and believed by OpenSSL."""
    certificate = x509.load_pem_x509_certificate(place[name].read_bytes())
    issuer = x509.load_pem_x509_certificate(place["issuer"].read_bytes())
    request = pyca_ocsp.OCSPRequestBuilder().add_certificate(certificate, issuer, SHA256()).build()
    octets = request.public_bytes(serialization.Encoding.DER)
    url = f"{place.url}/{quote(b64encode(octets), safe='')}"
    answer = tmp_path / "response.der"
    subprocess.run([program("curl"), "-sSf", "-o", answer, url], check=True, timeout=30)
    loaded = pyca_ocsp.load_der_ocsp_response(answer.read_bytes())
    assert loaded.serial_number == certificate.serial_number
    assert loaded.certificate_status.name == ("GOOD" if name == "good" else "REVOKED")
    options = ("-respin", answer, "-sha256", "-issuer", place["issuer"], "-cert", place[name], "-CAfile", place["root"])
    assert "Response verify OK" in openssl_says("ocsp", *options, "-verify_other", place["issuer"])


@pytest.mark.parametrize("nonce", ["--nonce", ""], ids=["nonce", "no nonce"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("good", "Certificate Status: good"),
        ("held", "Certificate Status: revoked"),
        ("revoked", "Certificate Status: revoked"),
    ],
)
def test_gnutls_asks(place: Place, name: str, words: str, nonce: str) -> None:
    files = ("--load-cert", place[name], "--load-issuer", place["issuer"], "--load-trust", place["issuer"])
    arguments = [program("ocsptool"), f"--ask={place.url}/", *map(str, files)]
    done = subprocess.run(
        [*arguments, *([nonce] if nonce == "--nonce" else [])], capture_output=True, text=True, timeout=30
    )
    assert "Verifying OCSP Response: Success" in done.stdout + done.stderr
    assert words in done.stdout + done.stderr


@pytest.mark.parametrize("name", STANDINGS)
def test_nginx_staples_and_curl_demands_it(place: Place, name: str, tmp_path: Path) -> None:
    """nginx asks us for the status of its own certificate and staples it; `curl --cert-status` refuses without."""
    (port,) = free_ports(1)
    chain = tmp_path / "chain.pem"
    chain.write_bytes(place[name].read_bytes() + place["issuer"].read_bytes())
    trusted = tmp_path / "trusted.pem"
    trusted.write_bytes(place["issuer"].read_bytes() + place["root"].read_bytes())
    (tmp_path / "nginx.conf").write_text(
        f"""
        daemon off; master_process off; pid {tmp_path}/pid; error_log {tmp_path}/error.log info;
        events {{}}
        http {{
            access_log off;
            client_body_temp_path {tmp_path}/b; proxy_temp_path {tmp_path}/p; fastcgi_temp_path {tmp_path}/f;
            uwsgi_temp_path {tmp_path}/u; scgi_temp_path {tmp_path}/s;
            server {{
                listen 127.0.0.1:{port} ssl; server_name localhost;
                ssl_certificate {chain}; ssl_certificate_key {place.folder}/{name}.key;
                ssl_trusted_certificate {trusted};
                ssl_stapling on; ssl_stapling_verify on; ssl_stapling_responder {place.url}/;
                location / {{ return 200 "sealed"; }}
            }}
        }}"""
    )
    curl = [
        program("curl"),
        "-sS",
        "--cacert",
        str(place["root"]),
        "--connect-to",
        f"localhost:{port}:127.0.0.1:{port}",
    ]
    server = subprocess.Popen(
        [program("nginx"), "-p", tmp_path, "-c", tmp_path / "nginx.conf"], stderr=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + 60
        while not listens(port):
            assert time.monotonic() < deadline
            time.sleep(0.02)
        url = f"https://localhost:{port}/"
        assert subprocess.run([*curl, url], capture_output=True, timeout=30).stdout == b"sealed"
        while True:  # nginx asks after the first handshake: that one is not stapled yet
            told = 'certificate status "revoked"' in (tmp_path / "error.log").read_text()
            done = subprocess.run([*curl, "--cert-status", url], capture_output=True, text=True, timeout=30)
            if told or "No OCSP response received" not in done.stderr or time.monotonic() > deadline:
                break
            time.sleep(0.05)
    finally:
        server.send_signal(signal.SIGTERM)
        server.wait(20)
    error_log = (tmp_path / "error.log").read_text()
    if name == "good":
        assert (done.returncode, done.stdout) == (0, "sealed"), error_log
    else:
        # nginx does not staple what speaks against itself, and says so; a client that demands a staple goes away.
        assert done.returncode == 91, done.stderr
        assert 'certificate status "revoked"' in error_log
