"""Writing electronic seals of GB/T 38540-2020 and GM/T 0031-2025. Pure: bytes out of values.

The maker's signature is made elsewhere.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum

from core.algorithms import SM3
from core.asn1 import der
from core.asn1.ses_structures import HEADER_ID, CertificateListKind, Version
from core.errors import Kind, YinxinError
from core.i18n import _


class OwnerKind(IntEnum):
    """Whose seal it is (SES_ESPropertyInfo.type)."""

    UNIT = 1
    PERSON = 2


@dataclass(frozen=True)
class SealPicture:
    """The picture of a seal: kind as written in the seal (PNG, SVG …), data, and size in whole millimetres."""

    kind: str
    data: bytes
    width_mm: int
    height_mm: int


@dataclass(frozen=True)
class SealInfo:
    """What the maker of a seal of version 4 or 5 signs (SES_SealInfo).

    Checked when made: an error (invalid) says what is wrong.
    """

    vendor_id: str
    """ASCII; who made the seal system."""
    seal_id: str
    """ASCII; unique for the maker."""
    owner_kind: OwnerKind
    name: str
    certificates: Sequence[bytes]
    """DER of every certificate that may use the seal."""
    created: datetime
    valid_from: datetime
    valid_until: datetime
    picture: SealPicture
    version: Version = Version.GBT_38540_2020
    certificate_list: CertificateListKind = CertificateListKind.CERTIFICATES
    """Whether the certificates are written themselves, or their SM3 digests."""

    def __post_init__(self) -> None:
        for text in (self.vendor_id, self.seal_id, self.picture.kind):
            if not (text and text.isascii() and text.isprintable()):
                raise self._refusal(_("“{text}” must be printable ASCII and not empty").format(text=text))
        if not self.name:
            raise self._refusal(_("a seal needs a name"))
        if not self.certificates:
            raise self._refusal(_("a seal needs at least one certificate that may use it"))
        if not self.valid_from < self.valid_until:
            raise self._refusal(_("the validity of the seal ends before it begins"))
        if not self.picture.data or self.picture.width_mm < 1 or self.picture.height_mm < 1:
            raise self._refusal(_("the picture of the seal is empty or has no size"))

    def _refusal(self, what: str) -> YinxinError:
        return YinxinError(Kind.INVALID, what, subject=self.name or self.seal_id)

    def encoded(self) -> bytes:
        """SES_SealInfo in DER: the bytes that the maker signs."""
        return der.sequence(
            der.sequence(der.ia5(HEADER_ID), der.integer(self.version), der.ia5(self.vendor_id)),
            der.ia5(self.seal_id),
            der.sequence(
                der.integer(self.owner_kind),
                der.utf8(self.name),
                der.integer(self.certificate_list),
                der.sequence(*map(self._certificate, self.certificates)),
                der.generalized_time(self.created),
                der.generalized_time(self.valid_from),
                der.generalized_time(self.valid_until),
            ),
            der.sequence(
                der.ia5(self.picture.kind),
                der.octet_string(self.picture.data),
                der.integer(self.picture.width_mm),
                der.integer(self.picture.height_mm),
            ),
        )

    def _certificate(self, certificate: bytes) -> bytes:
        if self.certificate_list is CertificateListKind.CERTIFICATES:
            return der.octet_string(certificate)
        return der.sequence(der.printable("SM3"), der.octet_string(SM3.of(certificate)))


def assemble_seal(
    seal_info: bytes, maker_certificate: bytes, algorithm: str, signature: bytes, timestamp: bytes | None = None
) -> bytes:
    """SESeal of version 4 or 5: SES_SealInfo and the maker's certificate in DER, a dotted OID, the signature.

    `timestamp`: the token over the signature, in version 5.
    """
    return der.sequence(
        seal_info,
        der.octet_string(maker_certificate),
        der.oid(algorithm),
        der.bit_string(signature),
        b"" if timestamp is None else der.explicit(0, der.bit_string(timestamp)),
    )
