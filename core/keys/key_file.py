"""One private key in one file (encrypted PKCS#8, PEM), made and opened with a passphrase or PIN."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from core import files
from core.algorithms import KeyKind
from core.errors import YinxinError
from core.keys.attempts import attempt
from core.keys.encryption import WrongPassphraseError, decrypt_private_key, encrypt_private_key
from core.keys.private_key import PrivateKey, generate


def create_key_file(path: Path, kind: KeyKind, passphrase: bytes) -> PrivateKey:
    """A new key, written with mode 0600; `YinxinError` (conflict) if the file exists already."""
    key = generate(kind)
    files.write(path, encrypt_private_key(key, passphrase), mode=0o600, replace=False)
    return key


def open_key_file(path: Path, passphrase: bytes, *, counted: AbstractContextManager[None] | None = None) -> PrivateKey:
    """A person's key; wrong attempts are counted, and cost time (`core.keys.attempts`). Errors as of `open_kept_key`.

    `counted`: where they are counted too; entered before the attempt.
    """
    data = files.read(path)
    with attempt(path), counted or nullcontext():
        return _opened(path, data, passphrase)


def open_kept_key(path: Path, passphrase: bytes) -> PrivateKey:
    """A key of a key store, whose passphrase nobody guesses (256 bits by `init`), and whose folder may be read-only.

    `YinxinError` names the file that is missing or damaged, or that the passphrase misses.
    """
    return _opened(path, files.read(path), passphrase)


def _opened(path: Path, data: bytes, passphrase: bytes) -> PrivateKey:
    # Not chained: the message of the cause may speak of the decrypted bytes.
    try:
        return decrypt_private_key(data, passphrase)
    except WrongPassphraseError:
        raise WrongPassphraseError(str(path)) from None
    except YinxinError as error:
        raise YinxinError(error.kind, error.what, subject=str(path), remedy=error.remedy) from None
