"""The ASN.1 structures of electronic seals: GM/T 0031-2014 (version 1), GB/T 38540-2020 (4) and GM/T 0031-2025 (5).

Wider than the standards where real seals are: times may be UTCTime or GeneralizedTime in every version.
"""

from enum import IntEnum

from asn1crypto import core, x509


class Version(IntEnum):
    """The standard that a structure follows, as its header counts them."""

    GMT_0031_2014 = 1
    GBT_38540_2020 = 4
    GMT_0031_2025 = 5


class CertificateListKind(IntEnum):
    """How a seal of version 4 or 5 names the certificates that may use it (certListType)."""

    CERTIFICATES = 1
    DIGESTS = 2


HEADER_ID = "ES"


# Structures common to all versions


class Header(core.Sequence):
    """SES_Header."""

    _fields = [("id", core.IA5String), ("version", core.Integer), ("vendor_id", core.IA5String)]


class Picture(core.Sequence):
    """SES_ESPictrueInfo: kind (PNG, GIF, BMP, JPG, SVG, OFD), data, and size in millimetres."""

    _fields = [
        ("type", core.IA5String),
        ("data", core.OctetString),
        ("width", core.Integer),
        ("height", core.Integer),
    ]


class Extension(core.Sequence):
    """ExtData."""

    _fields = [
        ("extn_id", core.ObjectIdentifier),
        ("critical", core.Boolean, {"default": False}),
        ("extn_value", core.OctetString),
    ]


class Extensions(core.SequenceOf):
    """ExtensionDatas."""

    _child_spec = Extension


class CertificateList(core.SequenceOf):
    """CertInfoList: the certificates in DER."""

    _child_spec = core.OctetString


class CertificateDigest(core.Sequence):
    """CertDigestObj: name of the digest algorithm, digest of the certificate."""

    _fields = [("type", core.PrintableString), ("value", core.OctetString)]


class CertificateDigestList(core.SequenceOf):
    """CertDigestList."""

    _child_spec = CertificateDigest


# GM/T 0031-2014


class PropertyV1(core.Sequence):
    """SES_ESPropertyInfo of version 1."""

    _fields = [
        ("type", core.Integer),
        ("name", core.UTF8String),
        ("cert_list", CertificateList),
        ("create_date", x509.Time),
        ("valid_start", x509.Time),
        ("valid_end", x509.Time),
    ]


class SealInfoV1(core.Sequence):
    """SES_SealInfo of version 1."""

    _fields = [
        ("header", Header),
        ("es_id", core.IA5String),
        ("property", PropertyV1),
        ("picture", Picture),
        ("ext_datas", Extensions, {"explicit": 0, "optional": True}),
    ]


class SignInfoV1(core.Sequence):
    """SES_SignInfo."""

    _fields = [
        ("cert", core.OctetString),
        ("signature_algorithm", core.ObjectIdentifier),
        ("sign_data", core.OctetBitString),
    ]


class SealV1(core.Sequence):
    """SESeal of version 1."""

    _fields = [("seal_info", SealInfoV1), ("sign_info", SignInfoV1)]


class ToSignV1(core.Sequence):
    """TBS_Sign of version 1; its time is a UTCTime or a timestamp, in a BIT STRING."""

    _fields = [
        ("version", core.Integer),
        ("seal", SealV1),
        ("time_info", core.OctetBitString),
        ("data_hash", core.OctetBitString),
        ("property_info", core.IA5String),
        ("cert", core.OctetString),
        ("signature_algorithm", core.ObjectIdentifier),
    ]


class SignatureV1(core.Sequence):
    """SES_Signature of version 1."""

    _fields = [("to_sign", ToSignV1), ("signature", core.OctetBitString)]


# GB/T 38540-2020 and GM/T 0031-2025


def _certificate_list_of(property_info: core.Sequence) -> type[core.SequenceOf]:
    kind = property_info["cert_list_type"].native
    if kind == CertificateListKind.CERTIFICATES:
        return CertificateList
    if kind == CertificateListKind.DIGESTS:
        return CertificateDigestList
    raise ValueError(f"certListType {kind}")


class PropertyV4(core.Sequence):
    """SES_ESPropertyInfo of versions 4 and 5."""

    _fields = [
        ("type", core.Integer),
        ("name", core.UTF8String),
        ("cert_list_type", core.Integer),
        ("cert_list", core.Any),
        ("create_date", x509.Time),
        ("valid_start", x509.Time),
        ("valid_end", x509.Time),
    ]
    # Both alternatives of SES_CertList are bare SEQUENCEs: only the type before it tells them apart.
    _spec_callbacks = {"cert_list": _certificate_list_of}


class SealInfoV4(core.Sequence):
    """SES_SealInfo of versions 4 and 5; the extensions carry no context tag."""

    _fields = [
        ("header", Header),
        ("es_id", core.IA5String),
        ("property", PropertyV4),
        ("picture", Picture),
        ("ext_datas", Extensions, {"optional": True}),
    ]


class SealV4(core.Sequence):
    """SESeal of versions 4 and 5; only version 5 has the timestamp."""

    _fields = [
        ("seal_info", SealInfoV4),
        ("cert", core.OctetString),
        ("sign_alg_id", core.ObjectIdentifier),
        ("signed_value", core.OctetBitString),
        ("time_stamp", core.OctetBitString, {"explicit": 0, "optional": True}),
    ]


class ToSignV4(core.Sequence):
    """TBS_Sign of versions 4 and 5."""

    _fields = [
        ("version", core.Integer),
        ("seal", SealV4),
        ("time_info", x509.Time),
        ("data_hash", core.OctetBitString),
        ("property_info", core.IA5String),
        ("ext_datas", Extensions, {"explicit": 0, "optional": True}),
    ]


class SignatureV4(core.Sequence):
    """SES_Signature of versions 4 and 5."""

    _fields = [
        ("to_sign", ToSignV4),
        ("cert", core.OctetString),
        ("signature_alg_id", core.ObjectIdentifier),
        ("signature", core.OctetBitString),
        ("time_stamp", core.OctetBitString, {"explicit": 0, "optional": True}),
    ]
