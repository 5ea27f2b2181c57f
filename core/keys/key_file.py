"""One private key in one file (encrypted PKCS#8, PEM), made and opened with a passphrase or PIN."""

from pathlib import Path

from core import files
from core.algorithms import KeyKind
from core.errors import YinxinError
from core.keys.encryption import decrypt_private_key, encrypt_private_key
from core.keys.private_key import PrivateKey, generate


def create_key_file(path: Path, kind: KeyKind, passphrase: bytes) -> PrivateKey:
    """A new key, written with mode 0600; `YinxinError` (conflict) if the file exists already."""
    key = generate(kind)
    files.write(path, encrypt_private_key(key, passphrase), mode=0o600, replace=False)
    return key


def open_key_file(path: Path, passphrase: bytes) -> PrivateKey:
    """The key in the file; `YinxinError` names the file that is missing or damaged, or that the passphrase misses."""
    data = files.read(path)
    try:
        return decrypt_private_key(data, passphrase)
    except YinxinError as error:
        # Not chained: the message of the cause may speak of the decrypted bytes.
        raise YinxinError(error.kind, error.what, subject=str(path), remedy=error.remedy) from None
