"""Registration as offices reach it: TLS by a real nginx with our configuration, signed requests and certificates."""

import json
import re
import shutil
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from ca.authorities import chain_of
from ca.service import open_authority
from core.algorithms import KeyKind
from core.certificates import armour
from core.csr import build_csr
from core.home import Home
from core.keys.private_key import generate
from core.subject import Subject
from ra import personnel
from ra.operators import open_session
from ra.roles import Role
from tests.support import processes
from tests.support.demonstration import Serving, free_ports, listens
from tests.support.processes import CHECKOUT

pytestmark = pytest.mark.skipif(not shutil.which("nginx"), reason="needs nginx")


@dataclass(frozen=True)
class Edge:
    """Where the office is behind TLS, and who comes with a certificate."""

    url: str
    trust: Path
    certificate: Path
    key: Path
    people: Path

    def ask(self, path: str, *, shown: bool = False, **headers: str) -> tuple[int, bytes]:
        context = ssl.create_default_context(cafile=self.trust)
        if shown:
            context.load_cert_chain(self.certificate, self.key)
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60, context=context) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()


def _edge_certificate(folder: Path) -> None:
    """For the name localhost, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "edge.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "edge.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _operator(home: Home, people: Path, folder: Path) -> None:
    """Somebody with a P-256 certificate, which browsers can show; key and certificate in the folder."""
    pin = (people / "pin").read_bytes().strip()
    administrator = open_session(home.context, "zhao.min", people / "operators" / "zhao.min.pem", pin)
    key = generate(KeyKind.P256)
    operator = personnel.appoint(
        home.context,
        open_authority(home),
        administrator,
        "sun.query",
        {Role.QUERY},
        build_csr(key, Subject(common_name="sun.query").name()),
        authority="rsa-issuing",
        organization="宝鸡市人民政府办公室",
    )
    chain = chain_of(home.storage, "rsa-issuing")
    (folder / "operators.pem").write_bytes(armour(chain))
    (folder / "operator.pem").write_bytes(armour([operator.certificate, *chain]))
    (folder / "operator.key").write_bytes(pem.armor("PRIVATE KEY", key.pkcs8()))


def _configuration(folder: Path, port: int, service: int) -> str:
    """The shipped one for registration, with this test's ports and files."""
    shipped = (CHECKOUT / "conf/nginx/yinxin.conf").read_text()
    server = shipped[shipped.rindex("server {") :]
    server = server.replace("listen 443 ssl", f"listen 127.0.0.1:{port} ssl").replace("/etc/yinxin/", f"{folder}/")
    (upstream,) = re.findall(r"^upstream yinxin_ra .*$", shipped, re.MULTILINE)
    upstream = upstream.replace("127.0.0.1:8084", f"127.0.0.1:{service}")
    temporary = "\n".join(
        f"{kind}_temp_path {folder}/{kind};" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    return (
        f"daemon off;\nuser root;\npid {folder}/pid;\nerror_log {folder}/error.log;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}\n{upstream}\n{server}\n}}\n"
    )


@pytest.fixture(scope="module")
def edge(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Edge]:
    folder = tmp_path_factory.mktemp("edge")
    copy = folder / "home"
    shutil.copytree(seeded_home, copy)
    people = copy / "people"
    _edge_certificate(folder)
    _operator(Home(copy), people, folder)
    (port,) = free_ports(1)
    with Serving(copy, "ra", YINXIN_RA__EDGE_ADDRESSES='["127.0.0.1"]') as serving:
        (folder / "nginx.conf").write_text(_configuration(folder, port, serving.ports["ra"]))
        nginx = subprocess.Popen(["nginx", "-c", folder / "nginx.conf", "-p", folder], stderr=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 60
            while not listens(port):
                assert nginx.poll() is None and time.monotonic() < deadline, (folder / "error.log").read_text()
                time.sleep(0.05)
            yield Edge(
                f"https://localhost:{port}",
                folder / "edge.pem",
                folder / "operator.pem",
                folder / "operator.key",
                people,
            )
        finally:
            nginx.terminate()
            nginx.wait(20)


def test_the_command_works_through_the_edge(edge: Edge, tmp_path: Path) -> None:
    key = edge.people / "operators" / "liu.yang.pem"
    acting = ("--as", "liu.yang", "--key", key, "--pin-file", edge.people / "pin")
    nowhere = tmp_path / "nowhere"
    server = ("--home", nowhere, "ra", "--server", edge.url, "--ca-file", edge.trust)
    listed = json.loads(processes.succeed(*server, "list", "--json", *acting))
    assert {"张三", "李四"} <= {row["holder"].rpartition("CN=")[2] for row in listed}
    chain = tmp_path / "export.csv"
    processes.succeed(*server, "export", "certificates", "--out", chain, *acting)
    assert "张三" in chain.read_text("utf-8-sig")
    assert not nowhere.exists()
    distrusted = processes.refusal("--home", nowhere, "ra", "--server", edge.url, "list", *acting)
    assert "CERTIFICATE_VERIFY_FAILED" in distrusted


def test_an_operator_comes_with_the_certificate_alone(edge: Edge) -> None:
    status, body = edge.ask("/api/ra/v1/office", shown=True)
    assert (status, json.loads(body)["me"]["name"]) == (200, "sun.query")


def test_nobody_comes_without_one_or_by_naming_one(edge: Edge) -> None:
    assert edge.ask("/api/ra/v1/office")[0] == 401
    named = urllib.request.quote(edge.certificate.read_text())  # type: ignore[attr-defined]
    assert edge.ask("/api/ra/v1/office", **{"X-Client-Certificate": named})[0] == 401
