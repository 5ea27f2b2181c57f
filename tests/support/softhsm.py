"""SoftHSM2: tokens in a folder, by other people's program. Tests that need it skip, with a reason, without it."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from core.keys.hsm.module import module_of
from core.keys.hsm.settings import Sm2Mechanisms, Tokens
from core.keys.hsm.uri import Pkcs11Uri
from core.keys.store import KeyStore

PIN, OFFICER_PIN = "8642-yinxin", "1357-officer"
_PLACES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so")


def softhsm_module() -> str:
    """Where the module is."""
    for path in _PLACES:
        if Path(path).exists():
            return path
    pytest.skip("SoftHSM2 is not installed (Debian: softhsm2)")


@dataclass(frozen=True)
class SoftToken:
    """One token, in a folder of its own."""

    folder: Path
    label: str
    uri: Pkcs11Uri

    @property
    def tokens(self) -> Path:
        """What makes it be there: moved away, the token is."""
        return self.folder / "tokens"

    @property
    def environment(self) -> dict[str, str]:
        return {"SOFTHSM2_CONF": str(self.folder / "softhsm2.conf")}


def make_token(folder: Path, label: str = "yinxin") -> SoftToken:
    """Initialise a token. The process finds it as long as SOFTHSM2_CONF names its folder when the module begins."""
    module = softhsm_module()
    (folder / "tokens").mkdir(parents=True)
    (folder / "softhsm2.conf").write_text(
        f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\nlog.level = ERROR\n"
    )
    token = SoftToken(folder, label, Pkcs11Uri(token=label, module_path=module))
    program = shutil.which("softhsm2-util")
    if program is None:
        pytest.skip("softhsm2-util is not installed (Debian: softhsm2)")
    subprocess.run(
        [program, "--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", OFFICER_PIN],
        env={**os.environ, **token.environment},
        check=True,
        capture_output=True,
        timeout=60,
    )
    return token


@contextmanager
def in_this_process(token: SoftToken) -> Iterator[SoftToken]:
    """The token, which the module finds in this process while the block lasts."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in token.environment.items():
            patch.setenv(name, value)
        module = module_of(token.uri)
        module.begin_anew(module.beginnings)
        yield token


def key_store(folder: Path, place: Pkcs11Uri | None, pin: str = PIN, sm2: Sm2Mechanisms | None = None) -> KeyStore:
    """A key store that makes its keys in this token."""
    return KeyStore(folder, lambda: b"passphrase", lambda: Tokens(place, sm2, lambda _uri: pin.encode()))
