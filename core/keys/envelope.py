"""A private key on its way to one recipient: encrypted to the recipient's key, so that nobody between can read it.

SM2 keys go to SM2 keys as SM2EnvelopedKey (GM/T 0009, GB/T 35276); RSA recipients get CMS EnvelopedData around PKCS#8.
`core.keys.envelope_reading` opens what others write.
"""

import secrets

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import Encoding, pkcs7

from core import sm2
from core.asn1.enveloped_key import encode_enveloped_key
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import PrivateKey, PycaKey, Sm2Key, from_pkcs8
from core.sm2 import curve


def encrypt_to(public_key_info: bytes, message: bytes) -> bytes:
    """SM2Cipher, DER, of a message (one octet at least) to an SM2 key (SPKI); `YinxinError` if it is no such key."""
    point = curve.point_of(public_key_info)
    if point is None or not curve.on_curve(point):
        raise YinxinError(
            Kind.INVALID, _("not an SM2 public key to encrypt to"), remedy=_("give an SM2 key or certificate")
        )
    return sm2.engine().encrypt(point, message)


def wrap_parts(key: Sm2Key, recipient: bytes) -> tuple[bytes, bytes]:
    """An SM4 key as SM2Cipher to a recipient's SM2 key (SPKI DER), and the private number under it (SM4-ECB)."""
    symmetric_key = secrets.token_bytes(16)
    # ECB as the standard has it: under a key used once, over two blocks of a random number.
    encryptor = Cipher(algorithms.SM4(symmetric_key), modes.ECB()).encryptor()  # noqa: S305
    encrypted = encryptor.update(key.private_number()) + encryptor.finalize()
    return encrypt_to(recipient, symmetric_key), encrypted


def wrap_sm2_key(key: Sm2Key, recipient: bytes) -> bytes:
    """SM2EnvelopedKey, DER, of the key for a recipient's SM2 key (SPKI DER); `YinxinError` if it is of another kind."""
    encrypted_key, encrypted = wrap_parts(key, recipient)
    point = curve.point_of(key.public_key_info)
    return encode_enveloped_key(encrypted_key, point or b"", encrypted)


def wrap_for(key: PrivateKey, certificate: bytes) -> bytes:
    """The key for the holder of a certificate (DER): SM2EnvelopedKey, or for RSA certificates CMS EnvelopedData, DER.

    `YinxinError` (unsupported) where there is no envelope for such a key and such a certificate.
    """
    public_key_info = asn1_x509.Certificate.load(certificate).public_key.dump()
    if curve.point_of(public_key_info) is not None:
        if isinstance(key, Sm2Key):
            return wrap_sm2_key(key, public_key_info)
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("there is no envelope for such a key to an SM2 certificate"),
            remedy=_("name a recipient with an RSA certificate"),
        )
    recipient = x509.load_der_x509_certificate(certificate)
    if not isinstance(recipient.public_key(), rsa.RSAPublicKey):
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("keys are delivered to SM2 and RSA certificates only"),
            remedy=_("name a recipient with an SM2 or RSA certificate"),
        )
    builder = pkcs7.PKCS7EnvelopeBuilder().set_data(key.pkcs8()).add_recipient(recipient)
    algorithm = algorithms.AES256
    return builder.set_content_encryption_algorithm(algorithm).encrypt(Encoding.DER, [pkcs7.PKCS7Options.Binary])


def open_cms(data: bytes, certificate: bytes, recipient: PycaKey) -> PrivateKey:
    """The key in a CMS EnvelopedData for this RSA certificate; `YinxinError` if it is none, or for another."""
    if not isinstance(recipient.key, rsa.RSAPrivateKey):
        raise YinxinError(Kind.UNSUPPORTED, _("CMS envelopes are opened with RSA keys only"))
    try:
        holder = x509.load_der_x509_certificate(certificate)
        clear = pkcs7.pkcs7_decrypt_der(data, holder, recipient.key, [])
    except (ValueError, TypeError):
        # Not chained: the message of the cause may speak of the decrypted bytes.
        raise YinxinError(
            Kind.INVALID,
            _("not a CMS EnvelopedData for this certificate, or it was changed"),
            remedy=_("give the certificate and key of the recipient"),
        ) from None
    return from_pkcs8(clear)
