"""The audit key: of its own, in the key store `audit`, its public half in `trust/audit-log.pub`."""

import hashlib
from pathlib import Path

from asn1crypto import keys, pem

from core import files
from core.algorithms import KeyKind
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys.signer import Signer

NAME = "log"
_LABEL = "PUBLIC KEY"


def public_key_file(home: Home) -> Path:
    """Where the public half lies."""
    return home.trust / "audit-log.pub"


def found_key(home: Home, kind: KeyKind) -> Signer:
    """The audit key, made if there is none yet, and its public half laid out."""
    store = home.key_store("audit")
    signer = store.signer(NAME) if NAME in store else store.create(NAME, kind)
    if not public_key_file(home).exists():
        files.write(public_key_file(home), armour(signer.public_key_info))
    return signer


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
