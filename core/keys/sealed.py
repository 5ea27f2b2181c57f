"""A few octets for the holder of one certificate alone: as SM2Cipher (GM/T 0009), or by RSA-OAEP (RFC 8017 7.1).

`openssl pkeyutl -decrypt` opens both, RSA with `rsa_padding_mode:oaep` and `rsa_oaep_md:sha256`.
"""

from asn1crypto import pem
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key

from core.certificates import public_key_info
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.envelope import encrypt_to
from core.keys.private_key import PrivateKey, PycaKey, Sm2Key
from core.sm2 import curve

LABEL = "YINXIN SEALED"
_OAEP = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


def seal(message: bytes, certificate: bytes) -> bytes:
    """PEM, for the holder of this certificate (DER). At most 190 octets: what RSA-2048 takes.

    `YinxinError` (unsupported) for keys that nothing is encrypted to.
    """
    recipient = public_key_info(certificate)
    if curve.point_of(recipient) is not None:
        return _armour(encrypt_to(recipient, message))
    key = load_der_public_key(recipient)
    if not isinstance(key, rsa.RSAPublicKey):
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("nothing can be encrypted to this certificate's key"),
            remedy=_("name a certificate with an SM2 or RSA key"),
        )
    return _armour(key.encrypt(message, _OAEP))


def is_sealed(data: bytes) -> bool:
    """Whether a file holds what `seal` gives."""
    return data.lstrip().startswith(f"-----BEGIN {LABEL}-----".encode())


def unseal(data: bytes, key: PrivateKey) -> bytes:
    """The message; `YinxinError` (invalid) if it is for another key, or was changed."""
    try:
        content = pem.unarmor(data)[2]
        if isinstance(key, Sm2Key):
            return key.decrypt(content)
        if isinstance(key, PycaKey) and isinstance(key.key, rsa.RSAPrivateKey):
            return key.key.decrypt(content, _OAEP)
    except (ValueError, YinxinError):
        pass
    # Not chained: the message of the cause may speak of the decrypted bytes.
    raise YinxinError(
        Kind.INVALID,
        _("this was encrypted to another key, or was changed"),
        remedy=_("give the key of the certificate that it was encrypted to"),
    )


def _armour(content: bytes) -> bytes:
    armoured: bytes = pem.armor(LABEL, content)
    return armoured
