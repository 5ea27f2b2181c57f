"""How a private key travels in GM formats: SM2EnvelopedKey (GM/T 0009, GB/T 35276), SignedAndEnvelopedData (GM/T 0010),
ENVELOPEDKEYBLOB (GM/T 0016), and the CSRResponse of GM/T 0092 that carries it.

Wider than the standards where the field is.
"""

import struct
from collections.abc import Sequence
from dataclasses import dataclass

from asn1crypto import cms, core, x509

from core.asn1 import der
from core.errors import Kind, YinxinError
from core.i18n import _

SM4 = "1.2.156.10197.1.104"
SM4_ECB = "1.2.156.10197.1.104.1"
SM4_CBC = "1.2.156.10197.1.104.2"
SM2_ENCRYPTION = "1.2.156.10197.1.301.3"
GM_DATA = "1.2.156.10197.6.1.4.2.1"
GM_SIGNED_AND_ENVELOPED_DATA = "1.2.156.10197.6.1.4.2.4"


class AlgorithmIdentifier(core.Sequence):
    """AlgorithmIdentifier without a table of names."""

    _fields = [("algorithm", core.ObjectIdentifier), ("parameters", core.Any, {"optional": True})]


class EnvelopedKey(core.Sequence):
    """SM2EnvelopedKey; the encrypted parts may be of any type, since some write raw octets for SM2Cipher."""

    _fields = [
        ("symmetric_algorithm", AlgorithmIdentifier),
        ("encrypted_symmetric_key", core.Any),
        ("public_key", core.OctetBitString),
        ("encrypted_private_key", core.Any),
    ]


class RecipientInfo(core.Sequence):
    """RecipientInfo of GM/T 0010; the recipient by issuer and serial number, or by SubjectKeyIdentifier (CFCA)."""

    _fields = [
        ("version", core.Integer),
        ("recipient", cms.RecipientIdentifier),
        ("algorithm", AlgorithmIdentifier),
        ("encrypted_key", core.OctetString),
    ]


class RecipientInfos(core.SetOf):
    """SET OF RecipientInfo."""

    _child_spec = RecipientInfo


class EncryptedContentInfo(core.Sequence):
    """EncryptedContentInfo; GM/T 0010 adds two fields of shared information."""

    _fields = [
        ("content_type", core.ObjectIdentifier),
        ("algorithm", AlgorithmIdentifier),
        ("content", core.OctetString, {"implicit": 0, "optional": True}),
        ("shared_info_1", core.OctetString, {"implicit": 1, "optional": True}),
        ("shared_info_2", core.OctetString, {"implicit": 2, "optional": True}),
    ]


class SignerInfo(core.Sequence):
    """SignerInfo of PKCS#7 without attributes, as SignedAndEnvelopedData has it."""

    _fields = [
        ("version", core.Integer),
        ("signer", cms.SignerIdentifier),
        ("digest_algorithm", AlgorithmIdentifier),
        ("algorithm", AlgorithmIdentifier),
        ("signature", core.OctetString),
    ]


class SignerInfos(core.SetOf):
    """SET OF SignerInfo."""

    _child_spec = SignerInfo


class AlgorithmIdentifiers(core.SetOf):
    """SET OF AlgorithmIdentifier."""

    _child_spec = AlgorithmIdentifier


class CertificateSet(core.SetOf):
    """SET OF Certificate."""

    _child_spec = x509.Certificate


class RevocationLists(core.SetOf):
    """SET OF CertificateList, not looked into."""

    _child_spec = core.Any


class SignedAndEnvelopedData(core.Sequence):
    """SignedAndEnvelopedData."""

    _fields = [
        ("version", core.Integer),
        ("recipient_infos", RecipientInfos),
        ("digest_algorithms", AlgorithmIdentifiers),
        ("encrypted_content_info", EncryptedContentInfo),
        ("certificates", CertificateSet, {"implicit": 0, "optional": True}),
        ("crls", RevocationLists, {"implicit": 1, "optional": True}),
        ("signer_infos", SignerInfos),
    ]


class GmContentInfo(core.Sequence):
    """ContentInfo around it."""

    _fields = [("content_type", core.ObjectIdentifier), ("content", SignedAndEnvelopedData, {"explicit": 0})]


def encode_enveloped_key(encrypted_symmetric_key: bytes, point: bytes, encrypted_private_key: bytes) -> bytes:
    """SM2EnvelopedKey in the one form that we write: SM4-ECB, SM2Cipher, 32 octets without padding."""
    return der.sequence(
        der.sequence(der.oid(SM4_ECB)),
        encrypted_symmetric_key,
        der.bit_string(point),
        der.bit_string(encrypted_private_key),
    )


_BLOB = struct.Struct("<III64sI64s64s64s64s32sI")


@dataclass(frozen=True)
class SkfBlob:
    """ENVELOPEDKEYBLOB of the SKF interface: little-endian, packed, numbers in fields of 64 octets."""

    algorithm: int
    """0x401 is SM4-ECB (GM/T 0006)."""
    encrypted_private_key: bytes
    public_x: bytes
    public_y: bytes
    cipher_x: bytes
    cipher_y: bytes
    digest: bytes
    content: bytes


def parse_skf_blob(data: bytes) -> SkfBlob | None:
    """The fields of an ENVELOPEDKEYBLOB, or None where the sizes are not those of one."""
    if len(data) <= _BLOB.size:
        return None
    _version, algorithm, bits, private, public_bits, x, y, cipher_x, cipher_y, digest, size = _BLOB.unpack_from(data)
    if bits != 256 or public_bits != 256 or size != 16 or not 0 <= len(data) - _BLOB.size - size < 4:
        return None
    content = data[_BLOB.size : _BLOB.size + size]
    return SkfBlob(algorithm, private, x, y, cipher_x, cipher_y, digest, content)


class _CsrResponse(core.Sequence):
    """CSRResponse."""

    _fields = [
        ("signing", CertificateSet),
        ("envelope", EnvelopedKey, {"implicit": 0, "optional": True}),
        ("encryption", CertificateSet, {"implicit": 1, "optional": True}),
    ]


@dataclass(frozen=True)
class CsrResponse:
    """What a holder is given (GM/T 0092): the signing certificate, and with double certificates the encryption pair."""

    signing_certificates: tuple[bytes, ...]
    """DER; the holder's own, and its issuers where they are sent along, in no meaningful order (SET)."""
    envelope: bytes | None = None
    """SM2EnvelopedKey, DER."""
    encryption_certificates: tuple[bytes, ...] = ()

    def encoded(self) -> bytes:
        """DER; ValueError unless envelope and encryption certificate come together, both or none."""
        if not self.signing_certificates or (self.envelope is None) != (not self.encryption_certificates):
            raise ValueError(
                "a CSRResponse has a signing certificate, and envelope and encryption certificate or neither"
            )
        optional = b""
        if self.envelope is not None:
            optional = der.implicit(0, self.envelope) + der.implicit(1, der.set_of(*self.encryption_certificates))
        return der.sequence(der.set_of(*self.signing_certificates), optional)


def parse_csr_response(data: bytes) -> CsrResponse:
    """Read a CSRResponse (DER); `YinxinError` (invalid) if it is none."""
    try:
        read = _CsrResponse.load(data, strict=True)
        envelope = read["envelope"].untag().dump() if read["envelope"] else None
        return CsrResponse(_certificates(read["signing"]), envelope, _certificates(read["encryption"]))
    except (ValueError, TypeError, KeyError) as error:
        raise YinxinError(
            Kind.INVALID,
            _("not a CSRResponse (GM/T 0092)"),
            remedy=_("check that the file is DER and complete"),
        ) from error


def _certificates(found: Sequence[x509.Certificate] | None) -> tuple[bytes, ...]:
    return tuple(certificate.dump() for certificate in found or ())
