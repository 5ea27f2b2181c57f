"""Reading electronic seals and the signatures made with them, of GM/T 0031-2014, GB/T 38540-2020 and GM/T 0031-2025.

What was signed is handed out as the bytes that were read, never as a re-encoding: real seals write defaults explicitly
(`critical FALSE` as 01 01 00), and a tidy encoder would break their signatures. Signatures are not checked here.
"""

from dataclasses import dataclass

from asn1crypto import core, parser

from core.asn1 import der
from core.asn1.ses_structures import SealV1, SealV4, SignatureV1, SignatureV4, Version
from core.asn1.unreadable import UNREADABLE
from core.errors import Kind, YinxinError
from core.i18n import _

# What asn1crypto raises on bytes that are not the structure asked for.


@dataclass(frozen=True)
class Seal:
    """An electronic seal (SESeal) as it was read."""

    version: Version
    structure: core.Sequence
    """`SealV1`, or `SealV4` for versions 4 and 5; its `seal_info` has the same field names in every version."""
    original: bytes
    """The whole seal."""
    signed: bytes
    """What the maker signed: SES_SealInfo; in version 1 followed by the maker's certificate and algorithm."""
    maker_certificate: bytes
    """DER."""
    algorithm: str
    """Dotted OID of the maker's signature algorithm, as written."""
    signature: bytes
    """As written: mostly a DER SM2Signature, with some vendors r and s in 64 octets."""
    timestamp: bytes | None
    """Timestamp token over the maker's signature; only in version 5."""


@dataclass(frozen=True)
class SealSignature:
    """A signature made with an electronic seal (SES_Signature) as it was read."""

    version: Version
    structure: core.Sequence
    """`SignatureV1`, or `SignatureV4` for versions 4 and 5."""
    seal: Seal
    signed: bytes
    """TBS_Sign: what the signer signed."""
    certificate: bytes
    """The signer's, DER."""
    algorithm: str
    """Dotted OID of the signer's signature algorithm, as written."""
    signature: bytes
    """As written: mostly a DER SM2Signature, with some vendors r and s in 64 octets."""
    data_hash: bytes
    """SM3 of the protected original, without Z."""
    property_info: str
    """What is protected; its form is the format's affair (OFD: a path; PDF: the byte range)."""
    timestamp: bytes | None
    """Timestamp token over the signature; never in version 1, where time_info may hold one."""


def parse_seal(data: bytes) -> Seal:
    """Reads a seal of any version; an error (invalid) when it is none."""
    try:
        return _seal(data)
    except UNREADABLE as error:
        raise YinxinError(
            Kind.INVALID,
            _("this is not an electronic seal of GM/T 0031-2014, GB/T 38540-2020 or GM/T 0031-2025: {reason}").format(
                reason=_first_line(error)
            ),
            remedy=_("check that the file is a DER-encoded SESeal (.esl) and complete"),
        ) from error


def parse_signature(data: bytes) -> SealSignature:
    """Reads a signature made with a seal, of any version; an error (invalid) when it is none.

    The data must end where the structure ends: whoever takes it from a PDF cuts off the padding.
    """
    try:
        return _signature(data)
    except UNREADABLE as error:
        raise YinxinError(
            Kind.INVALID,
            _("this is not an electronic seal signature (SES_Signature): {reason}").format(reason=_first_line(error)),
            remedy=_("check that the data is a DER-encoded SES_Signature and complete"),
        ) from error


def _seal(data: bytes) -> Seal:
    elements = _elements(data)
    if len(elements) == 2:
        structure = _loaded(SealV1, data)
        sign_info = structure["sign_info"]
        certificate, algorithm, _value = _elements(elements[1])
        return Seal(
            version=Version.GMT_0031_2014,
            structure=structure,
            original=data,
            signed=der.sequence(elements[0], certificate, algorithm),
            maker_certificate=sign_info["cert"].native,
            algorithm=sign_info["signature_algorithm"].dotted,
            signature=sign_info["sign_data"].native,
            timestamp=None,
        )
    structure = _loaded(SealV4, data)
    timestamp: bytes | None = structure["time_stamp"].native
    is_v5 = timestamp is not None or structure["seal_info"]["header"]["version"].native == Version.GMT_0031_2025
    return Seal(
        version=Version.GMT_0031_2025 if is_v5 else Version.GBT_38540_2020,
        structure=structure,
        original=data,
        signed=elements[0],
        maker_certificate=structure["cert"].native,
        algorithm=structure["sign_alg_id"].dotted,
        signature=structure["signed_value"].native,
        timestamp=timestamp,
    )


def _signature(data: bytes) -> SealSignature:
    elements = _elements(data)
    to_sign = elements[0]
    seal = _seal(_elements(to_sign)[1])
    if len(elements) == 2:
        structure = _loaded(SignatureV1, data)
        version = Version.GMT_0031_2014
        signer, algorithm = structure["to_sign"], structure["to_sign"]["signature_algorithm"]
        timestamp = None
    else:
        structure = _loaded(SignatureV4, data)
        is_v5 = structure["to_sign"]["version"].native == Version.GMT_0031_2025
        version = Version.GMT_0031_2025 if is_v5 else Version.GBT_38540_2020
        signer, algorithm = structure, structure["signature_alg_id"]
        timestamp = structure["time_stamp"].native
    return SealSignature(
        version=version,
        structure=structure,
        seal=seal,
        signed=to_sign,
        certificate=signer["cert"].native,
        algorithm=algorithm.dotted,
        signature=structure["signature"].native,
        data_hash=structure["to_sign"]["data_hash"].native,
        property_info=structure["to_sign"]["property_info"].native,
        timestamp=timestamp,
    )


def _loaded(structure: type[core.Sequence], data: bytes) -> core.Sequence:
    """The structure with every field decoded now, lest asn1crypto fail later, in the caller's hands."""
    value = structure.load(data, strict=True)
    value.native  # noqa: B018
    return value


def _elements(data: bytes) -> list[bytes]:
    """The elements of a SEQUENCE, each in its original bytes."""
    class_, method, tag, _header, content, _trailer = parser.parse(data, strict=True)
    if (class_, method, tag) != (0, 1, 16):
        raise ValueError("not a SEQUENCE")
    elements = []
    while content:
        size = parser.peek(content)
        elements.append(content[:size])
        content = content[size:]
    return elements


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0]
