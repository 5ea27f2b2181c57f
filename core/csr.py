"""PKCS#10 requests (RFC 2986; GM/T 0092 for SM2): made by the holder, read only for the key and the proof."""

from dataclasses import dataclass

from asn1crypto import pem

from core.algorithms import Algorithm, algorithm_by_identifier
from core.asn1 import der
from core.asn1.elements import read_elements
from core.asn1.unreadable import UNREADABLE
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import kind_of
from core.keys.signer import Signer
from core.keys.verification import InvalidSignature, verify

MAXIMUM_SIZE = 64 * 1024
_TAGS = [der.SEQUENCE, der.SEQUENCE, der.SEQUENCE, der.BIT_STRING, der.SEQUENCE, der.SEQUENCE, 0xA0]
"""CertificationRequest, its info, algorithm and signature; subject, key and attributes, which some leave out."""


def build_csr(signer: Signer, name: bytes) -> bytes:
    """CertificationRequest DER for this key, naming its holder (Name DER), signed as proof of possession."""
    info = der.sequence(der.integer(0), name, signer.public_key_info, der.tlv(0xA0, b""))
    return der.sequence(info, signer.algorithm.identifier, der.bit_string(signer.sign(info)))


@dataclass(frozen=True)
class CertificationRequest:
    """What the authority takes from a request. Its subject and attributes are shown, and never used."""

    encoded: bytes
    """The whole request, DER."""
    public_key_info: bytes
    subject: bytes
    algorithm: Algorithm
    signed: bytes
    """The original bytes of CertificationRequestInfo."""
    signature: bytes

    def check_possession(self) -> None:
        """Return if the signature is by the key inside; else `YinxinError`."""
        try:
            verify(self.public_key_info, self.algorithm, self.signature, self.signed)
        except InvalidSignature:
            # A key of another kind has signed nothing that we can check: that is what is wrong.
            kind_of(self.public_key_info)
            raise YinxinError(
                Kind.INVALID,
                _("the request's signature is not by the key in it"),
                remedy=_("make the request again with the private key; for SM2 use the ID 1234567812345678"),
            ) from None


def parse_csr(data: bytes) -> CertificationRequest:
    """Read DER or PEM. `YinxinError` if it is no PKCS#10 request or is signed by an unknown algorithm."""
    if len(data) > MAXIMUM_SIZE:
        raise YinxinError(Kind.INVALID, _("larger than a certificate request can be"))
    try:
        if pem.detect(data):
            data = pem.unarmor(data)[2]
        (request,) = read_elements(data)
        info, identifier, signature = request.children()
        _version, subject, key, *attributes = info.children()
        parts = (request, info, identifier, signature, subject, key, *attributes)
        if [part.tag for part in parts] not in (_TAGS, _TAGS[:-1]) or signature.content[0] != 0:
            raise ValueError("other elements than those of a request")
    except UNREADABLE as error:
        raise YinxinError(
            Kind.INVALID, _("not a certificate request (PKCS#10, DER or PEM)"), remedy=_("check the file")
        ) from error
    algorithm = algorithm_by_identifier(identifier.raw)
    return CertificationRequest(request.raw, key.raw, subject.raw, algorithm, info.raw, signature.content[1:])
