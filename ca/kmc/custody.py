"""How private keys are kept: each under an SM4-GCM key of its own, that key under the centre's SM2 key.

The centre's two keys lie in the `kmc` key store: `wrapping` opens what is kept, `signing` vouches for what was written.
Encrypting to a public key proves nothing about who did it; without the voucher, whoever can write to the database
could put in a key that they know, and wait for it to be allotted.
"""

import secrets
from dataclasses import dataclass

from asn1crypto import core as asn1
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from core.algorithms import KeyKind
from core.asn1 import der
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.envelope import encrypt_to
from core.keys.private_key import PrivateKey, from_pkcs8
from core.keys.store import KeyStore
from core.keys.verification import InvalidSignature, verify

WRAPPING, SIGNING = "wrapping", "signing"
_NONCE_SIZE = 12
_TAG_SIZE = 16


@dataclass(frozen=True)
class KeptKey:
    """An escrowed key as the books have it."""

    number: str
    public_key_info: bytes
    wrapped: bytes
    voucher: bytes

    def identity(self) -> bytes:
        """What binds the wrapping to this key and no other row."""
        return der.sequence(der.utf8(self.number), self.public_key_info)

    def vouched(self) -> bytes:
        """What the centre signs."""
        return der.sequence(self.identity(), der.octet_string(self.wrapped))


class Custodian:
    """The centre's own keys at work."""

    def __init__(self, keys: KeyStore) -> None:
        self._keys = keys

    def found(self) -> None:
        """Make the centre's keys; `YinxinError` (conflict) if there are some already."""
        self._keys.create_decrypter(WRAPPING)
        self._keys.create(SIGNING, KeyKind.SM2)

    def keep(self, number: str, key: PrivateKey) -> KeptKey:
        """The key, wrapped and vouched for."""
        symmetric_key, nonce = secrets.token_bytes(16), secrets.token_bytes(_NONCE_SIZE)
        bare = KeptKey(number, key.public_key_info, b"", b"")
        encryptor = Cipher(algorithms.SM4(symmetric_key), modes.GCM(nonce)).encryptor()
        encryptor.authenticate_additional_data(bare.identity())
        content = encryptor.update(key.pkcs8()) + encryptor.finalize() + encryptor.tag
        encrypted_key = encrypt_to(self._keys.signer(WRAPPING).public_key_info, symmetric_key)
        wrapped = der.sequence(encrypted_key, der.octet_string(nonce), der.octet_string(content))
        kept = KeptKey(number, key.public_key_info, wrapped, b"")
        return KeptKey(number, key.public_key_info, wrapped, self.vouch(kept.vouched()))

    def open(self, kept: KeptKey) -> PrivateKey:
        """The key; `YinxinError` (invalid) if the centre does not vouch for it or the record was changed."""
        self.check(kept.vouched(), kept.voucher, subject=kept.number)
        encrypted_key, nonce, content = asn1.SequenceOf.load(kept.wrapped, spec=asn1.Any)
        symmetric_key = self._keys.decrypter(WRAPPING).decrypt(encrypted_key.dump())
        octets = content.parse(asn1.OctetString).native
        mode = modes.GCM(nonce.parse(asn1.OctetString).native, octets[-_TAG_SIZE:])
        decryptor = Cipher(algorithms.SM4(symmetric_key), mode).decryptor()
        decryptor.authenticate_additional_data(kept.identity())
        try:
            key = from_pkcs8(decryptor.update(octets[:-_TAG_SIZE]) + decryptor.finalize())
        except InvalidTag:
            raise _altered(kept.number) from None
        if key.public_key_info != kept.public_key_info:
            raise _altered(kept.number)
        return key

    def vouch(self, statement: bytes) -> bytes:
        """The centre's signature."""
        return self._keys.signer(SIGNING).sign(statement)

    def check(self, statement: bytes, voucher: bytes, *, subject: str) -> None:
        """Return if the centre signed this; else `YinxinError` (invalid)."""
        signer = self._keys.signer(SIGNING)
        try:
            verify(signer.public_key_info, signer.algorithm, voucher, statement)
        except InvalidSignature:
            raise _altered(subject) from None


def _altered(subject: str) -> YinxinError:
    return YinxinError(
        Kind.INVALID,
        _("the centre's books were changed by somebody else"),
        subject=subject,
        remedy=_("do not use this key; have the audit log and the database examined"),
    )
