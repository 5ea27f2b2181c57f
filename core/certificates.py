"""Certificate files: PEM with one certificate or many, or DER; and folders of them."""

from collections.abc import Iterable
from datetime import datetime
from functools import lru_cache
from pathlib import Path

from asn1crypto import pem, x509

from core import files
from core.errors import Kind, YinxinError
from core.i18n import _

SUFFIXES = {".pem", ".crt", ".cer", ".der"}


def read_certificates(path: Path) -> list[bytes]:
    """The certificates (DER) in a file, in its order, or in the files of a folder, by name.

    `YinxinError` if there are none, or if a file cannot be read.
    """
    if path.is_dir():
        found = [
            certificate
            for file in sorted(path.iterdir())
            if file.suffix.lower() in SUFFIXES
            for certificate in read_certificates(file)
        ]
    else:
        found = _parse(path, files.read(path))
    if not found:
        raise YinxinError(
            Kind.NOT_FOUND, _("no certificates here"), subject=str(path), remedy=_("put PEM or DER files there")
        )
    return found


def serial_text(serial: int) -> str:
    """A serial number as people, log and command write it: hexadecimal, whole octets."""
    text = f"{serial:x}"
    return text.zfill(len(text) + len(text) % 2)


# Reading a certificate takes as long as a signature, and the same few sign again and again.
@lru_cache(maxsize=256)
def public_key_info(certificate: bytes) -> bytes:
    """SubjectPublicKeyInfo (DER) of a certificate (DER), its original octets."""
    encoded: bytes = x509.Certificate.load(certificate).public_key.dump()
    return encoded


@lru_cache(maxsize=256)
def validity(certificate: bytes) -> tuple[datetime, datetime]:
    """From when to when a certificate (DER) is valid, both included."""
    body = x509.Certificate.load(certificate)
    return body.not_valid_before, body.not_valid_after


def armour(certificates: Iterable[bytes]) -> bytes:
    """PEM of certificates (DER), in the order given."""
    return b"".join(pem.armor("CERTIFICATE", certificate) for certificate in certificates)


def _parse(path: Path, data: bytes) -> list[bytes]:
    try:
        if not pem.detect(data):
            x509.Certificate.load(data, strict=True).subject  # noqa: B018 - parsing is lazy
            return [data]
        parts = pem.unarmor(data, multiple=True)
        certificates = [content for label, _headers, content in parts if label == "CERTIFICATE"]
        for certificate in certificates:
            x509.Certificate.load(certificate, strict=True).subject  # noqa: B018
    except (ValueError, TypeError, KeyError) as error:
        raise YinxinError(Kind.INVALID, _("not a certificate (PEM or DER)"), subject=str(path)) from error
    return certificates
