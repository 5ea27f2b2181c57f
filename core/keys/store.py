"""The private keys of one authority: encrypted files in a folder, and keys in tokens that are described there."""

import re
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from core import files
from core.algorithms import Algorithm, KeyKind
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.encryption import WrongPassphraseError, encrypt_private_key
from core.keys.key_file import create_key_file, open_kept_key
from core.keys.lookup import LookupKey
from core.keys.private_key import PrivateKey, Sm2Key
from core.keys.signer import Decrypter, Signer

if TYPE_CHECKING:
    from core.keys.hsm.settings import Tokens
    from core.keys.hsm.store import TokenKeys
    from core.keys.hsm.token import TokenObject
    from core.keys.hsm.uri import Pkcs11Uri

Tell = Callable[[str, YinxinError | None], None]
"""Is told that the key of this name was opened, or why it was not."""

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}")


class KeyStore:
    """Keys by name. The passphrase is asked for once, at first need; opened keys stay in memory, or in their token."""

    def __init__(
        self,
        folder: Path,
        passphrase: Callable[[], bytes],
        tokens: "Callable[[], Tokens] | None" = None,
        tell: Tell | None = None,
    ) -> None:
        """`tokens`: what is configured about them; asked at first need. None: all keys are files.

        `tell`: is told when keys of the store were opened for the first time, and of each refusal to open one.
        """
        self._folder = folder
        self._ask = passphrase
        self._passphrase: bytes | None = None
        self._tokens = tokens
        self._tell = tell
        self._was_opened = False
        self._open: dict[str, Signer] = {}

    def create(self, name: str, kind: KeyKind) -> Signer:
        """Make a key that signs, in the token of this store if it has one, else in a file.

        `YinxinError` (conflict) if the name is taken.
        """
        place = self._tokens().place if self._tokens else None
        if place:
            return self.create_in_token(name, kind, place)
        self._require_free(name)
        return self._keep(name, create_key_file(self._path(name), kind, self._secret()))

    def take_in(self, name: str, key: PrivateKey) -> Signer:
        """Keep a key that was made elsewhere, encrypted as all others. Errors as of `create`; (unsupported) in a token.

        Its former keeper may have copies of it: that is for people to know.
        """
        if self._tokens and self._tokens().place:
            raise YinxinError(
                Kind.UNSUPPORTED,
                _("a key that was made elsewhere is not put into a token"),
                subject=name,
                remedy=_("import it with the token's own tools, then: yinxin keys adopt"),
            )
        self._require_free(name)
        files.write(self._path(name), encrypt_private_key(key, self._secret()), mode=0o600, replace=False)
        return self._keep(name, key)

    def create_in_token(
        self, name: str, kind: KeyKind, place: "Pkcs11Uri", algorithm: Algorithm | None = None
    ) -> Signer:
        """Make a key in this token, signing by this algorithm, or its kind's default. Errors as of `create`."""
        self._require_free(name)
        return self._keep(name, self._token_keys.create(self._described(name), kind, place, algorithm))

    def adopt(
        self, name: str, uri: "Pkcs11Uri", algorithm: Algorithm | None = None, public_key_info: bytes | None = None
    ) -> Signer:
        """Take in a key that is in a token (`core.keys.hsm.store.TokenKeys.adopt`). Errors as of `create`."""
        self._require_free(name)
        return self._keep(name, self._token_keys.adopt(self._described(name), uri, algorithm, public_key_info))

    def create_decrypter(self, name: str) -> Decrypter:
        """Make an SM2 key that decrypts, or gives a key for digests: in a file, for tokens have no common way to do it.

        Errors as of `create`.
        """
        self._require_free(name)
        self._keep(name, create_key_file(self._path(name), KeyKind.SM2, self._secret()))
        return self._sm2(name)

    def signer(self, name: str) -> Signer:
        """The key of this name; `YinxinError` if there is none, the passphrase is wrong, or its description is."""
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
            raise YinxinError(Kind.UNSUPPORTED, _("only an SM2 key in a file serves for this"), subject=name)
        return key

    def _key(self, name: str) -> Signer:
        if name not in self._open:
            path, described = self._path(name), self._described(name)
            if described.exists():
                if path.exists():
                    raise YinxinError(
                        Kind.CONFLICT,
                        _("there is a key of this name in a file and in a token"),
                        subject=str(path),
                        remedy=_("take away the file or the description that is not used"),
                    )
                return self._keep(name, self._told(name, lambda: self._token_keys.open(described)))
            if not path.exists():
                raise YinxinError(Kind.NOT_FOUND, _("no such key in the key store"), subject=str(path))
            self._keep(name, self._told(name, lambda: open_kept_key(path, self._secret())))
        return self._open[name]

    def _told(self, name: str, opening: Callable[[], Signer]) -> Signer:
        """What is opened, after somebody was told of it."""
        try:
            key = opening()
        except YinxinError as error:
            if self._tell and (isinstance(error, WrongPassphraseError) or error.kind is Kind.FORBIDDEN):
                # Whoever cannot be told, the refusal stands.
                with suppress(YinxinError):
                    self._tell(name, error)
            raise
        if self._tell and not self._was_opened:
            self._tell(name, None)
        self._was_opened = True
        return key

    def remove(self, name: str) -> None:
        """Forget a key for ever, in its token too; its file may be gone already."""
        self._open.pop(name, None)
        if self._described(name).exists():
            self._token_keys.remove(self._described(name))
        self._path(name).unlink(missing_ok=True)

    def names(self) -> list[str]:
        """Of all keys, in files and in tokens."""
        return sorted({path.stem for kind in ("*.pem", "*.toml") for path in self._folder.glob(kind)})

    def uri(self, name: str) -> "Pkcs11Uri | None":
        """Which key in a token this name stands for; None if it is in a file."""
        from core.keys.hsm.description import Description

        path = self._described(name)
        return Description.read(path).uri if path.exists() else None

    def test(self, name: str) -> bool | None:
        """Have the key sign something; whether its token would not let it out, None if it is in a file.

        `YinxinError` if it does not sign, or not well.
        """
        from core.keys.proof import prove

        prove(self.signer(name), name)
        return self._token_keys.kept(self._described(name)) if self._described(name).exists() else None

    def in_token(self, uri: "Pkcs11Uri") -> "list[TokenObject]":
        """The private keys in a token that the URI fits, whether they are of this store or not."""
        return self._token_keys.list(uri)

    def __contains__(self, name: str) -> bool:
        """Whether there is a key of this name."""
        return self._path(name).exists() or self._described(name).exists()

    @cached_property
    def _token_keys(self) -> "TokenKeys":
        from core.keys.hsm.store import TokenKeys

        if self._tokens is None:
            raise YinxinError(Kind.UNSUPPORTED, _("this key store has no keys in tokens"), subject=str(self._folder))
        return TokenKeys(self._folder, self._tokens)

    def _keep(self, name: str, key: Signer) -> Signer:
        self._open[name] = key
        return key

    def _require_free(self, name: str) -> None:
        if name in self:
            raise YinxinError(
                Kind.CONFLICT,
                _("the file exists already"),
                subject=str(self._described(name) if self._described(name).exists() else self._path(name)),
                remedy=_("choose another name or remove it"),
            )

    def _described(self, name: str) -> Path:
        return self._path(name).with_name(f"{name}.toml")

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
