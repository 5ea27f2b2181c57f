"""The key of something encrypted, to each of those who may open it: SM2Cipher (GM/T 0009) to SM2 certificates, CMS
EnvelopedData (RFC 5652) to RSA certificates. `core.keys.stream` encrypts the thing itself.
"""

from asn1crypto import x509

from core.asn1.names import describe_name
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.cms_envelope import encrypt_parts, enveloped_data, is_rsa
from core.keys.envelope import encrypt_to, open_cms_octets
from core.keys.private_key import PrivateKey, Sm2Key
from core.sm2 import curve


def wrap(key: bytes, certificate: bytes) -> bytes:
    """The key for the holder of a certificate (DER); `YinxinError` (unsupported) if its key cannot encrypt."""
    recipient = x509.Certificate.load(certificate).public_key.dump()
    if curve.point_of(recipient) is not None:
        return encrypt_to(recipient, key)
    if is_rsa(recipient):
        return enveloped_data(encrypt_parts(key, recipient), certificate)
    raise YinxinError(
        Kind.UNSUPPORTED,
        _("a certificate whose key cannot be encrypted to"),
        subject=describe_name(x509.Certificate.load(certificate).subject.dump()),
        remedy=_("name a recipient with an SM2 or RSA certificate"),
    )


def unwrap(envelope: bytes, certificate: bytes, recipient: PrivateKey) -> bytes:
    """The key in what `wrap` made; `YinxinError` (invalid) if it is for another, or was altered."""
    if isinstance(recipient, Sm2Key):
        return recipient.decrypt(envelope)
    return open_cms_octets(envelope, certificate, recipient)
