"""Passwords of documents that wait in a batch: encrypted to a key of the service, gone when the document is sealed."""

from core.errors import Kind, YinxinError
from core.keys.envelope import encrypt_to
from core.keys.store import KeyStore

KEY_NAME = "batch-passwords"


def concealed(keys: KeyStore, password: str) -> bytes:
    """What is stored: SM2Cipher, DER."""
    if KEY_NAME not in keys:
        try:
            keys.create_decrypter(KEY_NAME)
        except YinxinError as error:
            if error.kind is not Kind.CONFLICT:  # another process was faster
                raise
    return encrypt_to(keys.decrypter(KEY_NAME).public_key_info, password.encode())


def revealed(keys: KeyStore, stored: bytes) -> str:
    """The password."""
    return keys.decrypter(KEY_NAME).decrypt(stored).decode()
