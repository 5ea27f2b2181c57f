"""A folder of encrypted private keys, and the passphrase that opens them. Each authority has one of its own."""

import re
from collections.abc import Callable
from pathlib import Path

from core.algorithms import KeyKind
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.key_file import create_key_file, open_key_file
from core.keys.lookup import LookupKey
from core.keys.private_key import PrivateKey, Sm2Key
from core.keys.signer import Decrypter, Signer

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


class KeyStore:
    """Keys by name. The passphrase is asked for once, at first need; opened keys stay in memory."""

    def __init__(self, folder: Path, passphrase: Callable[[], bytes]) -> None:
        self._folder = folder
        self._ask = passphrase
        self._passphrase: bytes | None = None
        self._open: dict[str, PrivateKey] = {}

    def create(self, name: str, kind: KeyKind) -> Signer:
        """Make a key and keep it; `YinxinError` (conflict) if the name is taken."""
        self._open[name] = create_key_file(self._path(name), kind, self._secret())
        return self._open[name]

    def signer(self, name: str) -> Signer:
        """The key of this name; `YinxinError` if there is none or the passphrase is wrong."""
        return self._key(name)

    def decrypter(self, name: str) -> Decrypter:
        """The SM2 key of this name, for decrypting; `YinxinError` as for `signer`, and if it is of another kind."""
        return self._sm2(name)

    def lookup_key(self, name: str, purpose: bytes) -> LookupKey:
        """The key for digests that the SM2 key of this name gives; `YinxinError` as for `decrypter`."""
        return LookupKey(self._sm2(name), purpose)

    def _sm2(self, name: str) -> Sm2Key:
        key = self._key(name)
        if not isinstance(key, Sm2Key):
            raise YinxinError(Kind.UNSUPPORTED, _("only an SM2 key serves for this"), subject=name)
        return key

    def _key(self, name: str) -> PrivateKey:
        if name not in self._open:
            path = self._path(name)
            if not path.exists():
                raise YinxinError(Kind.NOT_FOUND, _("no such key in the key store"), subject=str(path))
            self._open[name] = open_key_file(path, self._secret())
        return self._open[name]

    def remove(self, name: str) -> None:
        """Forget a key for ever; its file may be gone already."""
        self._open.pop(name, None)
        self._path(name).unlink(missing_ok=True)

    def __contains__(self, name: str) -> bool:
        """Whether there is a key of this name."""
        return self._path(name).exists()

    def _path(self, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise YinxinError(
                Kind.INVALID, _("a key's name is made of a-z, 0-9, dot, dash and underscore"), subject=name
            )
        return self._folder / f"{name}.pem"

    def _secret(self) -> bytes:
        if self._passphrase is None:
            self._passphrase = self._ask()
        return self._passphrase
