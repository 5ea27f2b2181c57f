"""What sealing documents of any format has in common: the seal in use, what it needs, what comes out."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import BinaryIO

from asn1crypto import x509

from core.certificates import public_key_info
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from seals.contracts import SealingSupport
from seals.forms import Form
from seals.levels import Level
from seals.pictures.drawing import Drawing
from seals.placement.placement import Mark


@dataclass(frozen=True)
class Seal:
    """A seal in use: whose it is, what it looks like, and the key that it signs with."""

    name: str
    """The owner's name, as the signature shows it."""
    signer: Signer
    certificate: bytes
    """The owner's, DER."""
    chain: Sequence[bytes]
    """The certificate's issuers, nearest first, the root included; DER."""
    picture: bytes
    """PNG with alpha."""
    width_mm: float
    """The height follows from the picture."""
    drawing: Drawing | None = None
    """The same as outlines, if it was drawn: sharp at every zoom, and then shown instead of the picture."""
    structure: bytes | None = None
    """The electronic seal (SESeal of GB/T 38540 or GM/T 0031), DER."""
    form: Form = Form.PADES


@dataclass(frozen=True)
class SealedDocument:
    """A document with one more seal, in a file that is gone when it is closed."""

    file: BinaryIO
    field: str
    """The signature field."""
    marks: Sequence[Mark]
    """Where the seal is seen; the first mark is the signature field's."""
    repaired: bool = False
    """The document was damaged, and is not the original octet by octet."""
    flattened: bool = False
    """It is PDF/A-1, which knows no transparency: the seal covers what is under its strokes."""

    def read(self) -> bytes:
        """The whole document."""
        self.file.seek(0)
        return self.file.read()


def require_support(level: Level, support: SealingSupport) -> None:
    """Return if there is what the level needs; `YinxinError` (unavailable) otherwise."""
    if level >= Level.B_T and support.timestamper is None:
        raise _lacking(level, _("a time-stamping authority"))
    if level >= Level.B_LT and support.evidence is None:
        raise _lacking(level, _("a source of certificate status"))


def require_usable(seal: Seal, clock: Clock) -> None:
    """Return if the seal can sign now; `YinxinError` otherwise."""
    certificate = _facts(seal.certificate)
    if public_key_info(seal.certificate) != seal.signer.public_key_info:
        raise YinxinError(Kind.INVALID, _("the key of the seal does not belong to its certificate"), subject=seal.name)
    if clock.now() > certificate.not_after:
        raise YinxinError(
            Kind.CONFLICT,
            _("the certificate of the seal expired on {date:%Y-%m-%d}").format(date=certificate.not_after),
            subject=seal.name,
            remedy=_("have the certificate renewed"),
        )
    if clock.now() < certificate.not_before:
        raise YinxinError(
            Kind.CONFLICT,
            _("the certificate of the seal is valid only from {date:%Y-%m-%d}").format(date=certificate.not_before),
            subject=seal.name,
            remedy=_("check the clock"),
        )
    if not certificate.is_for_signing:
        raise YinxinError(Kind.CONFLICT, _("the certificate of the seal is not for signing"), subject=seal.name)


def _lacking(level: Level, what: str) -> YinxinError:
    return YinxinError(
        Kind.UNAVAILABLE,
        _("level {level} needs {what}, and none is configured").format(level=level, what=what),
        remedy=_("configure it, or ask for a lower level"),
    )


@dataclass(frozen=True)
class _Facts:
    not_before: datetime
    not_after: datetime
    is_for_signing: bool


# Reading a certificate takes as long as a signature, and the same seal signs again and again.
@lru_cache(maxsize=64)
def _facts(certificate: bytes) -> _Facts:
    body = x509.Certificate.load(certificate)
    usage = body.key_usage_value
    is_for_signing = usage is not None and bool(usage.native & {"digital_signature", "non_repudiation"})
    return _Facts(body.not_valid_before, body.not_valid_after, is_for_signing)


@lru_cache(maxsize=256)
def self_issued(certificate: bytes) -> bool:
    """Whether the certificate (DER) names itself as its issuer."""
    body = x509.Certificate.load(certificate)
    return bool(body.issuer.dump() == body.subject.dump())
