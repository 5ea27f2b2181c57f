"""BouncyCastle as an opinion that is not ours on CMS with SM2. Tests that need it skip where it is missing.

Debian: apt-get install default-jdk-headless libbcpkix-java
"""

import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import pytest

CMS, ATTRIBUTES, EVIDENCE = (
    Path(__file__).with_name(f"{name}.java") for name in ("Sm2Verify", "AttributeVerify", "EvidenceRecords")
)
JARS = [Path(f"/usr/share/java/{name}.jar") for name in ("bcprov", "bcpkix", "bcutil")]


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
        done = _run(CMS, arguments)
    return "" if done.returncode == 0 and done.stdout.strip() == "VERIFIED" else done.stderr or "no answer"


def attribute_certificate(certificate: bytes, authority: bytes, holder: bytes) -> str:
    """What BouncyCastle says of an attribute certificate (all DER): `VERIFIED` and its roles, or what is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        given = {"certificate": certificate, "authority": authority, "holder": holder}
        done = _run(ATTRIBUTES, [str(_file(folder, name, data)) for name, data in given.items()])
    return done.stdout.strip() if done.returncode == 0 else done.stderr or "no answer"


def evidence_records(*arguments: str | Path) -> list[str]:
    """What EvidenceRecords.java prints, by lines; AssertionError if it fails."""
    done = _run(EVIDENCE, list(map(str, arguments)))
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def _run(source: Path, arguments: Sequence[str]) -> "subprocess.CompletedProcess[str]":
    classes = _compiled(source)
    if classes is None:
        pytest.skip("BouncyCastle or a Java compiler is not installed")
    quick = ["-XX:TieredStopAtLevel=1", "-Xshare:auto"]
    command = ["java", *quick, "-cp", _class_path(classes.name), source.stem, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


@cache
def _compiled(source: Path) -> "tempfile.TemporaryDirectory[str] | None":
    """The folder of the class file; it goes when the session ends."""
    if not all(map(shutil.which, ("java", "javac"))) or not all(jar.exists() for jar in JARS):
        return None
    folder = tempfile.TemporaryDirectory(prefix="bouncycastle-")
    subprocess.run(["javac", "-cp", _class_path(), "-d", folder.name, source], check=True, timeout=60)
    return folder


def _class_path(*folders: str) -> str:
    return ":".join(map(str, (*folders, *JARS)))


def _file(folder: str, name: str, data: bytes) -> Path:
    path = Path(folder, name)
    path.write_bytes(data)
    return path
