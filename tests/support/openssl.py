"""The `openssl` command as an opinion that is not ours. Tests that need it skip, with a reason, where it is missing."""

import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

SM2_ID = "distid:1234567812345678"


class RefusalError(Exception):
    """The command ended with an error; its words."""


def openssl(*arguments: str | Path, data: bytes = b"") -> bytes:
    """Run the command with `data` on its standard input; its standard output, or `RefusalError`."""
    return _run(*arguments, data=data).stdout


def openssl_says(*arguments: str | Path, data: bytes = b"") -> str:
    """What the command says of its work (standard error): `req -verify` ends well even where it says "failure"."""
    return _run(*arguments, data=data).stderr.decode(errors="replace")


def _run(*arguments: str | Path, data: bytes) -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("openssl")
    if program is None:
        pytest.skip("the openssl command is not installed")
    done = subprocess.run([program, *map(str, arguments)], input=data, capture_output=True, timeout=60)
    if done.returncode:
        raise RefusalError(done.stderr.decode(errors="replace"))
    return done


def verifies(
    folder: Path, public_key_info: bytes, signature: bytes, data: bytes, digest: str, options: Sequence[str] = ()
) -> bool:
    """Whether `openssl pkeyutl` finds the signature good; `options` as for -pkeyopt."""
    key, signed, message = folder / "key.der", folder / "signature", folder / "message"
    key.write_bytes(public_key_info)
    signed.write_bytes(signature)
    message.write_bytes(data)
    files = ("-pubin", "-keyform", "DER", "-inkey", key, "-sigfile", signed, "-in", message)
    chosen = [word for option in options for word in ("-pkeyopt", option)]
    try:
        openssl("pkeyutl", "-verify", *files, "-rawin", "-digest", digest, *chosen)
    except RefusalError:
        return False
    return True
