"""Opening the envelopes that escrowed SM2 keys arrive in, as certificate authorities in the field write them, and
saying what each of them is. One form is written (`core.keys.envelope`); several are read, and every departure is named.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from asn1crypto import core as asn1
from asn1crypto import keys as asn1_keys
from asn1crypto import x509
from cryptography.hazmat.primitives import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from core import sm2
from core.asn1 import der
from core.asn1 import enveloped_key as structures
from core.asn1.unreadable import UNREADABLE
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import PrivateKey, Sm2Key
from core.sm2 import cipher, curve

_SKF_SM4_ECB = 0x401
_ECB_NAMES = (structures.SM4_ECB, structures.SM4)


class Shape(StrEnum):
    """What sort of envelope it is."""

    SM2_ENVELOPED_KEY = "SM2EnvelopedKey"
    SKF = "ENVELOPEDKEYBLOB"
    SIGNED_AND_ENVELOPED = "SignedAndEnvelopedData"


@dataclass(frozen=True, repr=False)
class Inspection:
    """What an envelope turned out to be."""

    shape: Shape
    remarks: tuple[str, ...]
    """Where it departs from the form that we write, for people; none: it is that form."""
    public_key_info: bytes | None
    """The key that it says to be for, or that it was compared with (SPKI DER); None: neither said nor given."""
    key: Sm2Key | None
    """The key pair; None if private and public key do not belong together, or the public one is not known."""


def open_envelope(data: bytes, recipient: Sm2Key, public_key_info: bytes | None = None) -> Sm2Key:
    """The key in an envelope; `YinxinError` as for `inspect`, and if private and public key do not belong together."""
    found = inspect(data, recipient, public_key_info)
    if found.key is None:
        raise YinxinError(
            Kind.INVALID,
            _("the private key in the envelope does not belong to the public key"),
            remedy=_("do not use it; ask for the key again"),
        )
    return found.key


def envelope_in(data: bytes) -> tuple[bytes, bytes | None]:
    """The envelope in a CSRResponse and the key (SPKI DER) of the certificate beside it; other data as it is."""
    try:
        response = structures.parse_csr_response(data)
    except YinxinError:
        return data, None
    if response.envelope is None:
        raise YinxinError(Kind.INVALID, _("a response with a signing certificate only: there is no second key in it"))
    key: bytes = x509.Certificate.load(response.encryption_certificates[0]).public_key.dump()
    return response.envelope, key


def require_sm2(key: PrivateKey) -> Sm2Key:
    """The key, if these envelopes can be opened with it; else `YinxinError` (unsupported)."""
    if isinstance(key, Sm2Key):
        return key
    raise YinxinError(
        Kind.UNSUPPORTED,
        _("these envelopes are opened with SM2 keys"),
        remedy=_("open CMS envelopes with: openssl cms -decrypt -inform DER"),
    )


def inspect(data: bytes, recipient: Sm2Key, public_key_info: bytes | None = None) -> Inspection:
    """Open an envelope with the recipient's key and say what it is.

    `public_key_info` (SPKI DER): the key expected, needed where the envelope does not carry it. `YinxinError` (invalid)
    if it is no envelope that is known, or not for this recipient.
    """
    expected = curve.point_of(public_key_info) if public_key_info else None
    try:
        shape, symmetric_key, rest, remarks = _open(data, recipient)
    except UNREADABLE:
        raise YinxinError(
            Kind.INVALID,
            _("not an envelope of a key that is known here"),
            remedy=_("SM2EnvelopedKey, ENVELOPEDKEYBLOB and SignedAndEnvelopedData are read, not in PEM"),
        ) from None
    point = rest.point or expected
    if expected and rest.point and expected != rest.point:
        remarks.append(_("it is for another public key than the one expected"))
        return Inspection(shape, tuple(remarks), curve.public_key_info(rest.point), None)
    if point is None:
        remarks.append(_("it does not say for which public key; give the certificate to compare with"))
        return Inspection(shape, tuple(remarks), None, None)
    for number, remark in _numbers(symmetric_key, rest):
        try:
            key = Sm2Key(sm2.KeyPair(number, point))
        except ValueError:
            continue
        remarks += [remark] if remark else []
        return Inspection(shape, tuple(remarks), curve.public_key_info(point), key)
    remarks.append(_("private and public key do not belong together"))
    return Inspection(shape, tuple(remarks), curve.public_key_info(point), None)


@dataclass(frozen=True, repr=False)
class _Sealed:
    """The encrypted private key and how it is encrypted."""

    content: bytes
    vector: bytes | None
    """Of CBC; None: ECB."""
    point: bytes | None


def _open(data: bytes, recipient: Sm2Key) -> tuple[Shape, bytes, _Sealed, list[str]]:
    """Shape, SM4 key, what it opens, and remarks."""
    blob = structures.parse_skf_blob(data)
    if blob is not None and data[:1] != b"\x30":
        return _open_skf(blob, recipient)
    outer = asn1.Sequence.load(data, strict=True)
    first = asn1.load(outer.contents)
    if isinstance(first, asn1.ObjectIdentifier) and first.native.startswith(structures.SM4):
        rest = outer.contents[len(first.dump()) :]
        tidy = structures.EnvelopedKey.load(der.sequence(der.sequence(first.dump()), rest), strict=True)
        remark = _("the cipher is a bare OBJECT IDENTIFIER, not an AlgorithmIdentifier")
        return _open_enveloped_key(tidy, recipient, remark)
    if isinstance(first, asn1.ObjectIdentifier):
        info = structures.GmContentInfo.load(data, strict=True)
        if info["content_type"].native != structures.GM_SIGNED_AND_ENVELOPED_DATA:
            raise ValueError("another content type")
        return _open_signed_and_enveloped(info["content"], recipient, [])
    if isinstance(first, asn1.Integer):
        bare = structures.SignedAndEnvelopedData.load(data, strict=True)
        return _open_signed_and_enveloped(bare, recipient, [_("SignedAndEnvelopedData without ContentInfo around it")])
    return _open_enveloped_key(structures.EnvelopedKey.load(data, strict=True), recipient)


def _open_enveloped_key(
    envelope: structures.EnvelopedKey, recipient: Sm2Key, *known: str
) -> tuple[Shape, bytes, _Sealed, list[str]]:
    remarks = list(known)
    vector = _vector(envelope["symmetric_algorithm"], remarks)
    symmetric_key = _decrypt_key(_octets(envelope["encrypted_symmetric_key"].parse()), recipient, remarks)
    field = envelope["encrypted_private_key"].parse()
    if not isinstance(field, asn1.BitString):
        remarks.append(_("the encrypted private key is not in a BIT STRING"))
    sealed = _Sealed(_octets(field), vector, _point(envelope["public_key"].native, remarks))
    return Shape.SM2_ENVELOPED_KEY, symmetric_key, sealed, remarks


def _open_signed_and_enveloped(
    data: structures.SignedAndEnvelopedData, recipient: Sm2Key, remarks: list[str]
) -> tuple[Shape, bytes, _Sealed, list[str]]:
    content = data["encrypted_content_info"]
    vector = _vector(content["algorithm"], remarks)
    sealed = _Sealed(content["content"].native, vector, None)
    remarks.append(_("the signature inside was not checked here"))
    for information in data["recipient_infos"]:
        try:
            symmetric_key = _decrypt_key(information["encrypted_key"].native, recipient, remarks)
        except YinxinError:
            continue
        return Shape.SIGNED_AND_ENVELOPED, symmetric_key, sealed, remarks
    raise _not_for_this_key()


def _open_skf(blob: structures.SkfBlob, recipient: Sm2Key) -> tuple[Shape, bytes, _Sealed, list[str]]:
    if blob.algorithm != _SKF_SM4_ECB:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("the envelope uses cipher {number} of GM/T 0006; only SM4-ECB is read").format(
                number=hex(blob.algorithm)
            ),
        )
    (cipher_x, cipher_y), (x, y) = (
        [_number(field) for field in fields]
        for fields in ((blob.cipher_x, blob.cipher_y), (blob.public_x, blob.public_y))
    )
    given = cipher.Ciphertext(b"\x04" + cipher_x + cipher_y, blob.digest, blob.content)
    symmetric_key = recipient.decrypt(given.encoded())
    sealed = _Sealed(blob.encrypted_private_key, None, b"\x04" + x + y)
    return Shape.SKF, symmetric_key, sealed, []


def _number(field: bytes) -> bytes:
    """A number of 256 bits in a field of 64 octets: at its end, or with some makers at its beginning."""
    return field[32:] if not any(field[:32]) else field[:32]


def _vector(algorithm: structures.AlgorithmIdentifier, remarks: list[str]) -> bytes | None:
    name, parameters = algorithm["algorithm"].native, algorithm["parameters"].native
    if isinstance(parameters, bytes) and len(parameters) == 16:
        if name != structures.SM4_CBC:
            remarks.append(_("CBC with an initial vector, named {oid}").format(oid=name))
        return parameters
    if name not in _ECB_NAMES:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("the envelope uses cipher {oid}; SM4-ECB is read, and SM4-CBC with its initial vector").format(oid=name),
        )
    if name != structures.SM4_ECB:
        remarks.append(_("SM4 is named by its generic identifier {oid}").format(oid=name))
    return None


def _octets(value: asn1.Asn1Value) -> bytes:
    """The octets of a string type; of any other, its encoding."""
    match value:
        case asn1.BitString():
            return bytes(value.contents[1:])
        case asn1.OctetString():
            return bytes(value.native)
        case _:
            return bytes(value.dump())


def _decrypt_key(encrypted: bytes, recipient: Sm2Key, remarks: list[str]) -> bytes:
    """The SM4 key, whichever way the ciphertext is written."""
    for form in ("SM2Cipher", "C1C3C2", "C1C2C3"):
        try:
            encoded = encrypted if form == "SM2Cipher" else _reordered(encrypted, form)
            symmetric_key = recipient.decrypt(encoded)
        except (YinxinError, ValueError):
            continue
        if len(symmetric_key) == 16:
            if form != "SM2Cipher":
                remarks.append(_("the SM2 ciphertext is raw octets in the order {order}").format(order=form))
            return symmetric_key
    raise _not_for_this_key()


def _reordered(encrypted: bytes, order: str) -> bytes:
    return cipher.parse_raw(encrypted, "C1C3C2" if order == "C1C3C2" else "C1C2C3").encoded()


def _point(octets: bytes, remarks: list[str]) -> bytes:
    if len(octets) == 64:
        remarks.append(_("the public key lacks the octet 04"))
        octets = b"\x04" + octets
    if not curve.on_curve(octets):
        raise ValueError("no public key")
    return octets


def _numbers(symmetric_key: bytes, sealed: _Sealed) -> Iterator[tuple[bytes, str]]:
    """What the private number can be, each with a remark; whichever fits the public key is it."""
    clear = _sm4(symmetric_key, sealed.content, sealed.vector)
    yield from _numbers_in(clear, "")
    if len(clear) % 16 == 0:
        unpadder = padding.PKCS7(128).unpadder()
        try:
            unpadded = unpadder.update(clear) + unpadder.finalize()
        except ValueError:
            unpadded = b""
        yield from _numbers_in(unpadded, _("the private key was padded (PKCS#7)"))


def _numbers_in(clear: bytes, remark: str) -> Iterator[tuple[bytes, str]]:
    if len(clear) == 32:
        yield clear, remark
    elif len(clear) == 64:  # SKF; some encrypt only the half that holds the number, which is the same in ECB
        for half in (clear[32:], clear[:32]):
            yield half, remark or _("the private key fills 64 octets, zeros included")
    elif clear[:1] == b"\x02":
        try:
            yield asn1.Integer.load(clear, strict=True).native.to_bytes(32, "big"), _("the private key is an INTEGER")
        except (ValueError, OverflowError):
            return
    elif clear[:1] == b"\x30":
        yield from _numbers_in_structures(clear)


def _numbers_in_structures(clear: bytes) -> Iterator[tuple[bytes, str]]:
    try:
        key = asn1_keys.PrivateKeyInfo.load(clear, strict=True)["private_key"].parsed
        yield key["private_key"].native.to_bytes(32, "big"), _("the private key is a PrivateKeyInfo (PKCS#8)")
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        pass
    try:
        key = asn1_keys.ECPrivateKey.load(clear, strict=True)
        yield key["private_key"].native.to_bytes(32, "big"), _("the private key is an ECPrivateKey (RFC 5915)")
    except (ValueError, TypeError, KeyError, AttributeError, OverflowError):
        pass


def _sm4(key: bytes, content: bytes, vector: bytes | None) -> bytes:
    if not content or len(content) % 16:
        return b""
    mode = modes.CBC(vector) if vector else modes.ECB()  # noqa: S305 - what the standard prescribes
    decryptor = Cipher(algorithms.SM4(key), mode).decryptor()
    return decryptor.update(content) + decryptor.finalize()


def _not_for_this_key() -> YinxinError:
    return YinxinError(
        Kind.INVALID,
        _("the envelope is not for this key, or it was changed"),
        remedy=_("open it with the signing key that the certificates were applied for with"),
    )
