"""Private keys in clear: sought by what any form of them holds, whatever the file around them."""

from base64 import b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path

from asn1crypto import keys

from core.errors import YinxinError
from core.keys.encryption import decrypt_private_key
from core.keys.private_key import PrivateKey

PEM_LABELS = (b"BEGIN PRIVATE KEY", b"BEGIN EC PRIVATE KEY", b"BEGIN RSA PRIVATE KEY")


def secret_octets(key: PrivateKey) -> bytes:
    """The number that is the secret, as PKCS#8 holds it: d of SM2 and ECDSA, a prime of RSA."""
    structure = keys.PrivateKeyInfo.load(key.pkcs8())["private_key"].parsed
    field = "private_key" if "private_key" in structure._field_map else "prime1"
    number: int = structure[field].native
    return number.to_bytes((number.bit_length() + 7) // 8, "big")


def needles(secret: bytes) -> list[bytes]:
    """The secret as octets and as text: hexadecimal and, from each of the three alignments, base64."""
    texts = [b64encode(secret[skip : len(secret) - (len(secret) - skip) % 3]) for skip in range(3)]
    return [secret, secret.hex().encode(), secret.hex().upper().encode(), *texts]


def keys_in(folder: Path, passphrases: Iterable[bytes]) -> Iterator[PrivateKey]:
    """Every encrypted key under the folder, opened by whichever passphrase opens it."""
    candidates = list(passphrases)
    for file in sorted(folder.rglob("*.pem")):
        data = file.read_bytes()
        if b"ENCRYPTED PRIVATE KEY" not in data:
            continue
        for passphrase in candidates:
            try:
                yield decrypt_private_key(data, passphrase)
            except YinxinError:
                continue
            break
        else:
            raise AssertionError(f"no passphrase opens {file}")


def found_in(folder: Path, secrets: Iterable[bytes]) -> list[str]:
    """The files under the folder in which one of the secrets, or any unencrypted PEM key, stands in clear."""
    sought = [needle for secret in secrets for needle in needles(secret)] + list(PEM_LABELS)
    found = []
    for file in sorted(path for path in folder.rglob("*") if path.is_file()):
        content = file.read_bytes()
        unfolded = content.replace(b"\r", b"").replace(b"\n", b"")
        if any(needle in content or needle in unfolded for needle in sought):
            found.append(str(file.relative_to(folder)))
    return found
