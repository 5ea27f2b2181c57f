"""CMS EnvelopedData (RFC 5652 6) in two steps: whoever holds the key encrypts it to an RSA key, whoever passes it on
names the recipient by a certificate, which may not exist before, and cannot read it.
"""

import secrets
from dataclasses import dataclass

from asn1crypto import keys as asn1_keys
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.padding import PKCS7
from cryptography.hazmat.primitives.serialization import load_der_public_key

from core.asn1 import der
from core.cms import DATA, issuer_and_serial
from core.errors import Kind, YinxinError
from core.i18n import _

RSA_ENCRYPTION = "1.2.840.113549.1.1.1"
AES256_CBC = "2.16.840.1.101.3.4.1.42"
ENVELOPED_DATA = "1.2.840.113549.1.7.3"
RSA_IDENTIFIER = der.sequence(der.oid(RSA_ENCRYPTION), der.NULL)


@dataclass(frozen=True, repr=False)
class Parts:
    """What of an EnvelopedData does not depend on the recipient's certificate."""

    encrypted_key: bytes
    """The AES key under the recipient's RSA key, PKCS#1 v1.5."""
    algorithm: bytes
    """AlgorithmIdentifier of the content's encryption, DER."""
    content: bytes
    """Encrypted."""


def encrypt_parts(content: bytes, recipient: bytes) -> Parts:
    """The content to an RSA key (SPKI DER); `YinxinError` (unsupported) if it is another kind of key."""
    try:
        key = load_der_public_key(recipient)
    except ValueError:
        key = None
    if not isinstance(key, rsa.RSAPublicKey):
        raise YinxinError(
            Kind.UNSUPPORTED, _("there is no envelope for such a key to this recipient"), remedy=_("name an RSA key")
        )
    symmetric_key, vector = secrets.token_bytes(32), secrets.token_bytes(16)
    padder = PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES256(symmetric_key), modes.CBC(vector)).encryptor()
    encrypted = encryptor.update(padder.update(content) + padder.finalize()) + encryptor.finalize()
    algorithm = der.sequence(der.oid(AES256_CBC), der.octet_string(vector))
    return Parts(key.encrypt(symmetric_key, rsa_padding.PKCS1v15()), algorithm, encrypted)


def enveloped_data(parts: Parts, certificate: bytes) -> bytes:
    """ContentInfo with EnvelopedData, DER, for the holder of this certificate (DER)."""
    recipient = der.sequence(
        der.integer(0), issuer_and_serial(certificate), RSA_IDENTIFIER, der.octet_string(parts.encrypted_key)
    )
    encrypted = der.sequence(der.oid(DATA), parts.algorithm, der.implicit(0, der.octet_string(parts.content)))
    body = der.sequence(der.integer(0), der.set_of(recipient), encrypted)
    return der.sequence(der.oid(ENVELOPED_DATA), der.explicit(0, body))


def is_rsa(public_key_info: bytes) -> bool:
    """Whether a public key (SPKI DER) is an RSA key."""
    return str(asn1_keys.PublicKeyInfo.load(public_key_info)["algorithm"]["algorithm"].dotted) == RSA_ENCRYPTION
