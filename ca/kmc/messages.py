"""GM/T 0014 messages made, signed and checked: CARequest to the key-management centre, KMRespond back."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from asn1crypto import core as asn1
from asn1crypto import x509

from core.algorithms import SM2_SM3, SM3, KeyKind, algorithm_by_identifier
from core.asn1 import der
from core.asn1 import key_management as structures
from core.asn1.enveloped_key import SM2_ENCRYPTION, SM4_ECB, encode_enveloped_key
from core.asn1.unreadable import UNREADABLE
from core.cms import issuer_and_serial
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.cms_envelope import (
    AES256_CBC,
    RSA_ENCRYPTION,
    RSA_IDENTIFIER,
    Parts,
    encrypt_parts,
    enveloped_data,
    is_rsa,
)
from core.keys.envelope import wrap_parts
from core.keys.private_key import PrivateKey, Sm2Key
from core.keys.signer import Signer
from core.keys.verification import InvalidSignature, verify
from core.sm2 import curve

MAXIMUM_SIZE = 1024 * 1024
_SM2_SIGNING = "1.2.156.10197.1.301.1"
_SM4 = der.sequence(der.oid(SM4_ECB))
_GM_DATA = "1.2.156.10197.6.1.4.2.1"
_ALGORITHMS = der.sequence(der.oid(SM2_ENCRYPTION)) + der.sequence(der.oid(SM4_ECB)) + SM3.identifier
_RSA_ALGORITHMS = RSA_IDENTIFIER + der.sequence(der.oid(AES256_CBC)) + SM3.identifier
_RSA_SIZES = {KeyKind.RSA_2048: 2048, KeyKind.RSA_3072: 3072, KeyKind.RSA_4096: 4096}

Message = TypeVar("Message", structures.KsRequest, structures.KsRespond)


@dataclass(frozen=True)
class Correspondent:
    """One end of the line: a certificate, and how messages name it."""

    certificate: bytes

    @property
    def public_key_info(self) -> bytes:
        """SPKI, DER."""
        key: bytes = x509.Certificate.load(self.certificate).public_key.dump()
        return key

    def entity_name(self) -> bytes:
        """EntName; the digest is over the key's BIT STRING value, as OCSP's issuerKeyHash."""
        certificate = x509.Certificate.load(self.certificate)
        key = bytes(certificate.public_key["public_key"])
        return der.sequence(
            SM3.identifier,
            der.explicit(4, certificate.subject.dump()),
            der.octet_string(SM3.of(key)),
            der.integer(certificate.serial_number),
        )


def apply_request(
    *,
    certificate_number: int,
    signing_key: bytes,
    holder: bytes,
    begin: datetime,
    end: datetime,
    kind: KeyKind = KeyKind.SM2,
) -> bytes:
    """Request for a new key pair for the holder (Name DER) of a signing key (SPKI DER); kinds: SM2 and RSA."""
    user = der.sequence(
        der.integer(certificate_number),
        signing_key,
        der.generalized_time(begin),
        der.generalized_time(end),
        der.implicit(0, der.octet_string(holder)),
    )
    if kind in _RSA_SIZES:
        asked = (RSA_IDENTIFIER, der.integer(_RSA_SIZES[kind]), _RSA_ALGORITHMS)
    else:
        asked = (curve.KEY_ALGORITHM, der.integer(256), _ALGORITHMS)
    return der.implicit(structures.APPLY, der.sequence(*asked, user))


def kind_asked_for(asked: structures.ApplyKeyReq) -> KeyKind:
    """Which kind of key; `YinxinError` (unsupported) if there is none of this size here."""
    size = asked["app_key_length"].native
    if asked["app_key_type"]["algorithm"].native != RSA_ENCRYPTION:
        return KeyKind.SM2
    for kind, bits in _RSA_SIZES.items():
        if bits == size:
            return kind
    raise YinxinError(Kind.UNSUPPORTED, _("no RSA keys of this size are kept here"), subject=str(size))


def restore_request(*, certificate_number: int, signing_key: bytes) -> bytes:
    """Request for a key back, to a signing key (SPKI DER) that officers approved."""
    algorithms = _RSA_ALGORITHMS if is_rsa(signing_key) else _ALGORITHMS
    return der.implicit(structures.RESTORE, der.sequence(algorithms, der.integer(certificate_number), signing_key))


def revoke_message(certificate_number: int) -> bytes:
    """RevokeKeyReq, and the RevokeKeyRespond that answers it."""
    return der.implicit(structures.REVOKE, der.sequence(der.integer(certificate_number)))


def error_respond(number: int, description: str) -> bytes:
    """ErrorPkgRespond."""
    return der.implicit(structures.ERROR, der.sequence(der.integer(number), der.implicit(0, der.utf8(description))))


def key_respond(
    tag: int, *, certificate_number: int, key: PrivateKey, recipient: bytes, signer: Signer, certificate: bytes
) -> bytes:
    """RetKeyRespond: the private key as SignedAndEnvelopedData to the recipient's key (SPKI DER) of the same family.

    Signed by the centre over what is enveloped, as GM/T 0010 has it without attributes: an SM2 key's private number,
    an RSA key's PrivateKeyInfo.
    """
    if isinstance(key, Sm2Key):
        clear, key_encryption, cipher = key.private_number(), der.sequence(der.oid(SM2_ENCRYPTION)), _SM4
        encrypted_key, content = wrap_parts(key, recipient)
    else:
        clear, key_encryption = key.pkcs8(), RSA_IDENTIFIER
        parts = encrypt_parts(clear, recipient)
        encrypted_key, cipher, content = parts.encrypted_key, parts.algorithm, parts.content
    recipient_info = der.sequence(
        der.integer(1),
        der.sequence(der.sequence(), der.integer(certificate_number)),
        key_encryption,
        der.octet_string(encrypted_key),
    )
    signer_info = der.sequence(
        der.integer(1),
        issuer_and_serial(certificate),
        SM3.identifier,
        der.sequence(der.oid(_SM2_SIGNING)),
        der.octet_string(signer.sign(clear)),
    )
    encrypted = der.sequence(der.oid(_GM_DATA), cipher, der.implicit(0, der.octet_string(content)))
    enveloped = der.sequence(
        der.integer(1),
        der.set_of(recipient_info),
        der.set_of(SM3.identifier),
        encrypted,
        der.set_of(signer_info),
    )
    return der.implicit(tag, der.sequence(der.integer(certificate_number), key.public_key_info, enveloped))


def envelope_of(respond: structures.RetKeyRespond, centre: "Correspondent", certificate: bytes | None = None) -> bytes:
    """SM2EnvelopedKey of the same parts; for RSA holders CMS EnvelopedData to the certificate (DER), nothing without.

    Whoever passes the key on re-packs it and cannot read it. The signature inside is over what is encrypted, so here
    only its signer can be checked: `YinxinError` (invalid) unless it is the centre, whose signature is on the message.
    """
    data = respond["private_key"]
    if [one["signer"].chosen.dump() for one in data["signer_infos"]] != [issuer_and_serial(centre.certificate)]:
        raise YinxinError(Kind.INVALID, _("the envelope from the key-management centre names another signer"))
    public_key_info = respond["public_key"].dump()
    content, recipients = data["encrypted_content_info"], list(data["recipient_infos"])
    cipher, encrypted = content["algorithm"]["algorithm"].native, content["content"].native or b""
    if len(recipients) == 1 and is_rsa(public_key_info) and cipher == AES256_CBC and encrypted:
        parts = Parts(recipients[0]["encrypted_key"].native, content["algorithm"].dump(), encrypted)
        return enveloped_data(parts, certificate) if certificate is not None else b""
    point = curve.point_of(public_key_info)
    if len(recipients) != 1 or cipher != SM4_ECB or len(encrypted) != 32 or point is None:
        raise YinxinError(Kind.UNSUPPORTED, _("the key-management centre sent a key that cannot be passed on"))
    return encode_enveloped_key(recipients[0]["encrypted_key"].native, point, encrypted)


def sign_message(
    parts: Sequence[bytes], signer: Signer, sender: Correspondent, *, at: datetime, task_number: int
) -> bytes:
    """CARequest or KMRespond: the signed list of requests or responds."""
    content = der.sequence(
        der.integer(structures.VERSION),
        sender.entity_name(),
        der.sequence(*parts),
        der.generalized_time(at),
        der.integer(task_number),
    )
    return der.sequence(content, signer.algorithm.identifier, der.octet_string(signer.sign(content)))


def parse_message(data: bytes, structure: type[Message]) -> tuple[Message, structures.SignedMessage]:
    """What a message says, its signature not yet checked; `YinxinError` (invalid) if it is none."""
    try:
        if len(data) > MAXIMUM_SIZE:
            raise ValueError("too large")
        signed = structures.SignedMessage.load(data, strict=True)
        content = structure.load(signed["content"].dump(), strict=True)
        if content["version"].native != structures.VERSION:
            raise ValueError("another version")
        _force(content)
        return content, signed
    except UNREADABLE as error:
        raise YinxinError(Kind.INVALID, _("not a message of GM/T 0014 that can be read")) from error


def check_signature(signed: structures.SignedMessage, sender: Correspondent) -> None:
    """Return if the message is signed by this correspondent, over its original bytes; else `YinxinError`."""
    try:
        algorithm = algorithm_by_identifier(signed["algorithm"].dump())
        if algorithm is not SM2_SM3:
            raise InvalidSignature
        verify(sender.public_key_info, algorithm, signed["signature"].native, signed["content"].dump())
    except (InvalidSignature, ValueError, TypeError):
        raise YinxinError(Kind.FORBIDDEN, _("the message is not signed by whom it names")) from None


def _force(value: asn1.Asn1Value) -> None:
    """asn1crypto reads lazily; here everything is read, so that rubbish shows at once."""
    value.native  # noqa: B018
