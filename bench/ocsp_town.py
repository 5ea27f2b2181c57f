"""What `bench.ocsp` measures: homes with many certificates, our responder on them, and the peers beside it."""

import os
import random
import socket
import subprocess
import sys
import time
from base64 import b64encode
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from asn1crypto import pem
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bench.books import ISSUED, Event, enter, serial_numbers
from bench.load import SERVER_CORE
from ca.service import issue_service_certificate
from ca.status import Issuer, StatusReader
from core.algorithms import SHA1, KeyKind
from core.context import Context
from core.home import Home
from core.keys import passphrase
from core.storage import Storage
from core.subject import Subject
from ocsp.request import CertId, build_request, cert_id
from tests.support.ca import TestCentre

GOOD, HELD, REVOKED = "valid", "held", "revoked"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@dataclass
class Town:
    """A home whose responder signs with one key, and serial numbers of one issuer."""

    home: Home
    issuer: Issuer
    serials: list[int]

    def question(self, serial: int, nonce: bytes | None = None) -> bytes:
        return build_request([self.cert_id(serial)], nonce)

    def cert_id(self, serial: int) -> CertId:
        return cert_id(self.issuer, serial, SHA1)


def found(folder: Path, kind: KeyKind, responder: KeyKind, count: int) -> Town:
    """One in ten is revoked, one in twenty held, in the order of the serial numbers."""
    folder.mkdir()
    (folder / "yinxin.toml").write_text("")
    home = Home(folder)
    passphrase.create_file(home.passphrase_file("ocsp"))
    storage = Storage(home.database_url)
    storage.migrate()
    centre = TestCentre(Context(storage)).activate().build(kind)
    name = f"{kind.value.split('-')[0]}-issuing"
    delegated = issue_service_certificate(
        centre.ca,
        authority=name,
        profile="ocsp",
        subject=Subject.of_service("测试中心", "OCSP"),
        signer=home.key_store("ocsp").create("responder", responder),
        actor="keeper",
        reference="ceremony ocsp",
    )
    file = home.certificates("ocsp") / "responder.pem"
    file.parent.mkdir(parents=True)
    file.write_bytes(pem.armor("CERTIFICATE", delegated.certificate))
    (issuer,) = (one for one in StatusReader(storage).issuers() if one.name == name)
    storage.close()
    serials = serial_numbers(random.Random(1).randbytes, count)
    enter(folder / "yinxin.db", issuer.id, serials, _history)
    return Town(home, issuer, serials)


def _history(place: int) -> list[Event]:
    return [("issue", state_of(place), reason_of(place), ISSUED)]


def state_of(place: int) -> str:
    return REVOKED if place % 10 == 0 else HELD if place % 20 == 1 else GOOD


def reason_of(place: int) -> str | None:
    return {REVOKED: "keyCompromise", HELD: "certificateHold", GOOD: None}[state_of(place)]


@dataclass
class Server:
    """A process that answers, on the core of the servers."""

    port: int
    process: subprocess.Popen[bytes]

    def processor_seconds(self) -> float:
        """What the process and those below it have used of their core, in user and in kernel mode (proc(5))."""
        fields = (Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self._tree())
        return sum(int(field[11]) + int(field[12]) for field in fields) / os.sysconf("SC_CLK_TCK")

    def _tree(self) -> list[int]:
        tree = [self.process.pid]
        for pid in tree:
            tree += map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())
        return tree

    def memory_mb(self) -> float:
        """Of the process and those below it, MiB; what they share counts once (Pss)."""
        kib = 0
        for pid in self._tree():
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
            kib += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
        return kib / 1024


@contextmanager
def running(
    command: Sequence[str], port: int, log: Path, settings: Mapping[str, str] | None = None, *, probe: bool = True
) -> Iterator[Server]:
    environment = {**os.environ, **(settings or {})}
    with log.open("wb") as output:
        process = subprocess.Popen(
            ["taskset", "-c", SERVER_CORE, *command], env=environment, stdout=output, stderr=output
        )
    try:
        deadline = time.monotonic() + 30
        while not (_listens(port) if probe else b"waiting for OCSP client" in log.read_bytes()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(log.read_text())
            time.sleep(0.05)
        yield Server(port, process)
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def ours(town: Town, cache_mib: int = 64) -> Iterator[Server]:
    """Our responder: one worker process."""
    port = free_port()
    settings = {"PORT": port, "WORKERS": 1, "CACHE_MIB": cache_mib, "NONCE_PER_SECOND": 10_000_000}
    command = [sys.executable, "-m", "ocsp.server"]
    environment = {f"YINXIN_OCSP__{name}": str(value) for name, value in settings.items()}
    environment["YINXIN_HOME"] = str(town.home.path)
    with running(command, port, town.home.path / "log", environment) as server:
        yield server


@contextmanager
def nginx(folder: Path, answers: Sequence[bytes]) -> Iterator[Server]:
    """Static files, kept open."""
    port = free_port()
    (folder / "www").mkdir(parents=True)
    for place, answer in enumerate(answers):
        (folder / "www" / f"{place:08}").write_bytes(answer)
    (folder / "nginx.conf").write_text(
        f"""
        worker_processes 1; daemon off; pid {folder}/pid; error_log {folder}/error.log; worker_rlimit_nofile 20000;
        user root; events {{ worker_connections 4096; }}
        http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000000;
          default_type application/ocsp-response;
          open_file_cache max=12000 inactive=600s; open_file_cache_valid 600s;
          server {{ listen 127.0.0.1:{port}; root {folder}/www; }} }}
        """
    )
    with running(["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)], port, folder / "log") as server:
        yield server


@contextmanager
def cfssl(folder: Path, answers: Sequence[bytes]) -> Iterator[Server]:
    """Answers that were signed before, in memory."""
    port = free_port()
    folder.mkdir()
    (folder / "responses").write_bytes(b"".join(b64encode(answer) + b"\n" for answer in answers))
    command = ["cfssl", "ocspserve", "-address", "127.0.0.1", "-port", str(port), "-loglevel", "5"]
    with running([*command, "-responses", str(folder / "responses")], port, folder / "log") as server:
        yield server


@dataclass(frozen=True)
class OpensslTown:
    """A P-256 authority that answers for itself, as `openssl ocsp` has it: an index file of so many certificates."""

    folder: Path
    question: Path
    nonced: Path

    @classmethod
    def build(cls, folder: Path, count: int = 10_000) -> "OpensslTown":
        folder.mkdir()
        key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "bench")])
        start = datetime(2026, 1, 1, tzinfo=UTC)
        builder = x509.CertificateBuilder(name, name, key.public_key(), 1, start, start.replace(year=2036))
        certificate = builder.sign(key, hashes.SHA256())
        (folder / "ca.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        private = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        (folder / "ca.key").write_bytes(private)
        octets = random.Random(1)
        serials = [f"01{octets.randbytes(18).hex().upper()}" for _place in range(count)]
        (folder / "index").write_text(
            "".join(f"V\t360101000000Z\t\t{serial}\tunknown\t/CN={serial}\n" for serial in serials)
        )
        town = cls(folder, folder / "question.der", folder / "nonced.der")
        for file, nonce in ((town.question, "-no_nonce"), (town.nonced, "-nonce")):
            command = ["openssl", "ocsp", "-issuer", str(folder / "ca.pem"), "-serial", f"0x{serials[-1]}", nonce]
            subprocess.run([*command, "-reqout", str(file)], check=True, capture_output=True)
        return town

    @contextmanager
    def running(self) -> Iterator[Server]:
        """Started anew for each round: an idle connection would block it for good."""
        port = free_port()
        command = ["openssl", "ocsp", "-port", str(port), "-index", "index", "-CA", "ca.pem", "-rkey", "ca.key"]
        command += ["-rsigner", "ca.pem", "-ndays", "1", "-ignore_err"]
        shell = ["sh", "-c", f"cd {self.folder} && exec {' '.join(command)}"]
        with running(shell, port, self.folder / "log", probe=False) as server:
            yield server
