"""BouncyCastle as an opinion that is not ours on CMS with SM2. Tests that need it skip where it is missing.

Debian: apt-get install default-jdk-headless libbcpkix-java
"""

import hashlib
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

from tests.support import processes

PROGRAMS = sorted(Path(__file__).parent.glob("*.java"))
JARS = [Path(f"/usr/share/java/{name}.jar") for name in ("bcprov", "bcpkix", "bcutil")]
QUICK = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]
"""Programs so short are slowed down by what makes long ones fast."""


def cms_refusal(message: bytes, *, content: bytes | None = None, certificates: Sequence[bytes] = ()) -> str:
    """Why BouncyCastle refuses a CMS SignedData or a timestamp token (DER); empty if it verifies.

    `content`: of a detached signature. `certificates`: of the signer (DER), where the message does not carry them.
    """
    with tempfile.TemporaryDirectory() as folder:
        arguments = [str(_file(folder, "message", message))]
        if content is not None:
            arguments += ["--content", str(_file(folder, "content", content))]
        for number, certificate in enumerate(certificates):
            arguments += ["--certificate", str(_file(folder, f"certificate{number}", certificate))]
        done = run("Sm2Verify", *arguments)
    return "" if done.returncode == 0 and done.stdout.strip() == "VERIFIED" else done.stderr or "no answer"


def attribute_certificate(certificate: bytes, authority: bytes, holder: bytes) -> str:
    """What BouncyCastle says of an attribute certificate (all DER): `VERIFIED` and its roles, or what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"certificate": certificate, "authority": authority, "holder": holder}
        done = run("AttributeVerify", *(_file(folder, name, data) for name, data in given.items()))
    return done.stdout.strip() if done.returncode == 0 else done.stderr or "no answer"


def evidence_records(*arguments: str | Path) -> list[str]:
    """What EvidenceRecords.java prints, by lines; AssertionError if it fails."""
    done = run("EvidenceRecords", *arguments)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def run(program: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run one of the programs beside this file; pytest's skip if BouncyCastle or a Java compiler is not installed."""
    classes = _compiled()
    if classes is None:
        pytest.skip("BouncyCastle or a Java compiler is not installed")
    command = ["java", *QUICK, "-Xshare:auto", "-cp", _class_path(classes), program, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@cache
def _compiled() -> Path | None:
    """The folder of all programs' classes, made once for all processes that test this checkout."""
    if not all(map(shutil.which, ("java", "javac"))) or not all(jar.exists() for jar in JARS):
        return None
    digest = hashlib.sha256(b"".join(program.read_bytes() for program in PROGRAMS)).hexdigest()
    folder = processes.CHECKOUT / ".pytest_cache" / f"java-{digest[:16]}"
    with processes.once(folder) as missing:
        if missing:
            made = Path(tempfile.mkdtemp(dir=folder.parent))
            quick = [f"-J{option}" for option in QUICK]
            options = ["-proc:none", "-cp", _class_path(), "-d", str(made)]
            subprocess.run(["javac", *quick, *options, *map(str, PROGRAMS)], check=True, timeout=120)
            made.rename(folder)
    return folder


def _class_path(*folders: Path) -> str:
    return ":".join(map(str, (*folders, *JARS)))


def _file(folder: str, name: str, data: bytes) -> Path:
    path = Path(folder, name)
    path.write_bytes(data)
    return path
