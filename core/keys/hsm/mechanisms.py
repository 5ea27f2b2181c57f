"""How tokens are asked for keys and signatures of each kind. Data are hashed here, the token signs the digest.

PKCS#11 2.40 has no SM2: vendors have mechanisms of their own, whose numbers are configured (`core.keys.hsm.settings`).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from asn1crypto import core as asn1
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from pkcs11 import MGF, Attribute, KeyType, Mechanism, MechanismFlag, PublicKey
from pkcs11.attributes import AttributeMapper

from core.algorithms import Algorithm, Digest, Family, KeyKind
from core.asn1 import der
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.hsm.settings import Sm2Mechanisms
from core.sm2 import curve

Number = TypeVar("Number", KeyType, Mechanism)

_RSA_BITS = {KeyKind.RSA_2048: 2048, KeyKind.RSA_3072: 3072, KeyKind.RSA_4096: 4096}
_CURVES = {
    KeyKind.P256: der.oid("1.2.840.10045.3.1.7"),
    KeyKind.P384: der.oid("1.3.132.0.34"),
    KeyKind.SM2: der.oid(curve.CURVE_OID),
}
_BARE = (64, 65, 97)
"""Octets of a point on a curve of 256 or 384 bits; in an OCTET STRING it has others."""
_MASKS = {"sha256": (Mechanism.SHA256, MGF.SHA256), "sha384": (Mechanism.SHA384, MGF.SHA384)}


@dataclass(frozen=True)
class Recipe:
    """How a token is asked for signatures of one algorithm."""

    mechanism: Mechanism
    parameter: Any
    prepare: Callable[[bytes], bytes]
    """From the digest (or the message, see `takes_digest`) to what the mechanism takes."""
    encode: Callable[[bytes], bytes]
    """From what the token gives to the signature as certificates have it."""
    takes_digest: bool = True


def numbered(kind: type[Number], number: int) -> Number:
    """A mechanism or type of key by its number, which `python-pkcs11` has a name for or not."""
    try:
        return kind(number)
    except ValueError:
        member = int.__new__(kind, number)
        member._name_, member._value_ = f"VENDOR_{number:#010x}", number
        return member


def attribute_mapper() -> AttributeMapper:
    """Reads attributes of keys whose type is a vendor's too."""
    mapper = AttributeMapper()
    pack, unpack = mapper.attribute_types[Attribute.MODULUS_BITS]
    mapper.register_handler(
        Attribute.KEY_TYPE, lambda value: pack(int(value)), lambda octets: numbered(KeyType, unpack(octets))
    )
    return mapper


def recipe(algorithm: Algorithm, sm2: Sm2Mechanisms | None) -> Recipe:
    """How a token signs by this algorithm; `YinxinError` (unsupported) for SM2 if its mechanisms are not configured."""
    match algorithm.family:
        case Family.RSA:
            # RFC 8017 9.2: CKM_RSA_PKCS pads what it is given, which is to be a DigestInfo.
            identifier = der.sequence(der.oid(algorithm.digest.oid), der.NULL)
            return Recipe(
                Mechanism.RSA_PKCS, None, lambda digest: der.sequence(identifier, der.octet_string(digest)), _as_it_is
            )
        case Family.RSA_PSS:
            return Recipe(Mechanism.RSA_PKCS_PSS, _pss(algorithm.digest), _as_it_is, _as_it_is)
        case Family.ECDSA:
            return Recipe(Mechanism.ECDSA, None, _as_it_is, _two_numbers)
    sm2 = require_sm2(sm2)
    mechanism, parameter = numbered(Mechanism, sm2.sign), sm2.parameter or None
    return Recipe(mechanism, parameter, _as_it_is, _two_numbers, takes_digest=sm2.takes == "digest")


def require_sm2(sm2: Sm2Mechanisms | None) -> Sm2Mechanisms:
    """The mechanisms; `YinxinError` if there are none."""
    if sm2 is None:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("it is not configured by which mechanisms tokens do SM2"),
            remedy=_("set keys.sm2 in yinxin.toml, by the numbers in the vendor's manual"),
        )
    return sm2


def making(kind: KeyKind, sm2: Sm2Mechanisms | None) -> tuple[KeyType, int | None, dict[str, Any]]:
    """Type, bits and other arguments for making a key pair of this kind."""
    if kind in _RSA_BITS:
        return KeyType.RSA, _RSA_BITS[kind], _only_signing()
    if kind is KeyKind.SM2:
        sm2 = require_sm2(sm2)
        mechanism = numbered(Mechanism, sm2.make)
        return numbered(KeyType, sm2.key_type), None, {"mechanism": mechanism, **_only_signing(_CURVES[kind])}
    return KeyType.EC, None, _only_signing(_CURVES[kind])


def _only_signing(parameters: bytes | None = None) -> dict[str, Any]:
    """Good for signatures alone, never to be taken out, hidden from whoever is not logged in."""
    return {
        "capabilities": MechanismFlag.SIGN | MechanismFlag.VERIFY,
        "public_template": {Attribute.EC_PARAMS: parameters} if parameters else {},
        "private_template": {Attribute.EXTRACTABLE: False},
    }


def public_key_info(key: PublicKey, sm2: Sm2Mechanisms | None) -> bytes:
    """SubjectPublicKeyInfo (DER) of a public key object; ValueError if it is of no kind that we know."""
    if key.key_type is KeyType.RSA:
        exponent, modulus = (int.from_bytes(key[one]) for one in (Attribute.PUBLIC_EXPONENT, Attribute.MODULUS))
        return _encode(rsa.RSAPublicNumbers(exponent, modulus).public_key())
    point = _point(key[Attribute.EC_POINT])
    of_vendor = sm2 is not None and key.key_type == sm2.key_type
    if of_vendor and (key.key_type is not KeyType.EC or key[Attribute.EC_PARAMS] == _CURVES[KeyKind.SM2]):
        point = point if len(point) == 65 else b"\x04" + point
        if not curve.on_curve(point):
            raise ValueError("not a point on the SM2 curve")
        return curve.public_key_info(point)
    if key.key_type is KeyType.EC:
        curves = {_CURVES[KeyKind.P256]: ec.SECP256R1(), _CURVES[KeyKind.P384]: ec.SECP384R1()}
        parameters = key[Attribute.EC_PARAMS]
        if parameters in curves:
            return _encode(ec.EllipticCurvePublicKey.from_encoded_point(curves[parameters], point))
    raise ValueError("a kind of key that is not used here")


def _encode(key: rsa.RSAPublicKey | ec.EllipticCurvePublicKey) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _point(attribute: bytes) -> bytes:
    """PKCS#11 2.40 6.3.3 has the point in an OCTET STRING; some tokens give it bare, and some without its 04."""
    if len(attribute) in _BARE:
        return attribute
    return bytes(asn1.OctetString.load(attribute, strict=True).native)


def _pss(digest: Digest) -> tuple[Mechanism, MGF, int]:
    return (*_MASKS[digest.name], digest.size)


def _as_it_is(octets: bytes) -> bytes:
    return octets


def _two_numbers(signature: bytes) -> bytes:
    """SEQUENCE of r and s, from r ‖ s (PKCS#11 2.40 6.3.1)."""
    half = len(signature) // 2
    return encode_dss_signature(int.from_bytes(signature[:half]), int.from_bytes(signature[half:]))
