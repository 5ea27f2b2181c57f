"""The audit keys: of their own, in the key store `audit`. The public half of the first lies in `trust/audit-log.pub`:
whoever has it can follow those that came after it (`audit.succession`)."""

import hashlib
import re
from pathlib import Path

from asn1crypto import keys, pem

from core import files
from core.algorithms import KeyKind
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys.signer import Signer
from core.keys.store import KeyStore

NAME = "log"
_LABEL = "PUBLIC KEY"
_GENERATION = re.compile(rf"{NAME}(?:-([1-9][0-9]*))?")


def public_key_file(home: Home) -> Path:
    """Where the public half of the first key lies."""
    return home.trust / "audit-log.pub"


def public_keys(home: Home) -> list[bytes]:
    """The keys that this home trusts by themselves: the first, and those that came without its word (SPKI, DER)."""
    return [read_public_key(file) for file in sorted(home.trust.glob("audit-log*.pub"))]


def key_names(store: KeyStore) -> list[str]:
    """Of the audit keys in the store, the newest last."""
    return sorted((name for name in store.names() if _GENERATION.fullmatch(name)), key=_generation)


def next_key_name(store: KeyStore) -> str:
    """Of the key that comes after these."""
    return f"{NAME}-{max(map(_generation, key_names(store)), default=0) + 1}"


def found_key(home: Home, kind: KeyKind) -> Signer:
    """The newest audit key, the first made if there is none yet, and its public half laid out."""
    store = home.key_store("audit")
    names = key_names(store)
    signer = store.signer(names[-1]) if names else store.create(NAME, kind)
    if not public_key_file(home).exists():
        files.write(public_key_file(home), armour(signer.public_key_info))
    return signer


def _generation(name: str) -> int:
    found = _GENERATION.fullmatch(name)
    return int(found[1] or 1) if found else 0


def armour(public_key_info: bytes) -> bytes:
    """PEM (RFC 7468 13)."""
    return bytes(pem.armor(_LABEL, public_key_info))


def read_public_key(path: Path) -> bytes:
    """SubjectPublicKeyInfo (DER) in a file, PEM or DER; `YinxinError` if there is none."""
    try:
        return parse_public_key(files.read(path))
    except YinxinError as error:
        error.subject = error.subject or str(path)
        raise


def parse_public_key(content: bytes) -> bytes:
    """As `read_public_key`, of the file's content."""
    try:
        if pem.detect(content):
            label, _headers, content = pem.unarmor(content)
            if label != _LABEL:
                raise ValueError
        keys.PublicKeyInfo.load(content, strict=True)["algorithm"].native  # noqa: B018 - parsing is lazy
    except (ValueError, TypeError, KeyError):
        raise YinxinError(
            Kind.INVALID, _("not a public key (PEM or DER)"), remedy=_("give trust/audit-log.pub")
        ) from None
    return content


def fingerprint(public_key_info: bytes) -> str:
    """SHA-256 of the key, as `openssl pkey -pubin -outform DER | sha256sum` prints it."""
    return hashlib.sha256(public_key_info).hexdigest()
