"""Keys at rest: EncryptedPrivateKeyInfo (RFC 5958) with PBES2 (RFC 8018), as OpenSSL reads and writes it.

We write scrypt with AES-256-CBC: the function is memory-hard, so that a short PIN costs a thief something.
PBKDF2 is read as well, for keys that others made.
"""

import math
import secrets

from asn1crypto import core as asn1
from asn1crypto import keys as asn1_keys
from asn1crypto import pem
from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

from core.asn1 import der
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import PrivateKey, from_pkcs8

PBES2, SCRYPT, PBKDF2 = "1.2.840.113549.1.5.13", "1.3.6.1.4.1.11591.4.11", "1.2.840.113549.1.5.12"
AES_256_CBC, AES_128_CBC = "2.16.840.1.101.3.4.1.42", "2.16.840.1.101.3.4.1.2"
_KEY_SIZES = {AES_256_CBC: 32, AES_128_CBC: 16}
# HMAC with SHA-1 is the default of RFC 8018, and still sound as a PRF; for reading only.
_PRF: dict[str, hashes.HashAlgorithm] = {"1.2.840.113549.2.7": hashes.SHA1(), "1.2.840.113549.2.9": hashes.SHA256()}

COST, BLOCK, LANES = 2**14, 8, 1
"""scrypt parameters, those of `openssl pkcs8 -scrypt`: 16 MiB and some 40 ms."""
MOST_SCRYPT_WORK = 2**20
"""N · r · p at most, eight times ours: a file must not be able to stop the machine that opens it."""
MOST_ITERATIONS = 10_000_000
"""Of PBKDF2: some five seconds."""


class WrongPassphraseError(YinxinError):
    """The key did not open."""

    def __init__(self, subject: str = "") -> None:
        remedy = _("check the passphrase and try again")
        super().__init__(Kind.INVALID, _("wrong passphrase or PIN"), subject=subject, remedy=remedy)


class _Parameters(asn1.Sequence):  # type: ignore[misc]
    """AlgorithmIdentifier, read without asn1crypto's table of names, which lacks scrypt."""

    _fields = [("algorithm", asn1.ObjectIdentifier), ("parameters", asn1.Any)]  # noqa: RUF012


class _Pbes2(asn1.Sequence):  # type: ignore[misc]
    _fields = [("derivation", _Parameters), ("cipher", _Parameters)]  # noqa: RUF012


class _Encrypted(asn1.Sequence):  # type: ignore[misc]
    _fields = [("algorithm", _Parameters), ("data", asn1.OctetString)]  # noqa: RUF012


class _ScryptParameters(asn1.Sequence):  # type: ignore[misc]
    """RFC 7914 7."""

    _fields = [  # noqa: RUF012
        ("salt", asn1.OctetString),
        ("cost", asn1.Integer),
        ("block", asn1.Integer),
        ("lanes", asn1.Integer),
        ("length", asn1.Integer, {"optional": True}),
    ]


class _Pbkdf2Parameters(asn1.Sequence):  # type: ignore[misc]
    """RFC 8018 A.2."""

    _fields = [  # noqa: RUF012
        ("salt", asn1.OctetString),
        ("iterations", asn1.Integer),
        ("length", asn1.Integer, {"optional": True}),
        ("prf", _Parameters, {"optional": True}),
    ]


def encrypt_private_key(key: PrivateKey, passphrase: bytes) -> bytes:
    """PEM `ENCRYPTED PRIVATE KEY`."""
    if not passphrase:
        raise YinxinError(Kind.INVALID, _("a key is never written without a passphrase"))
    salt, vector = secrets.token_bytes(16), secrets.token_bytes(16)
    derived = Scrypt(salt, 32, COST, BLOCK, LANES).derive(passphrase)
    padder = padding.PKCS7(128).padder()
    encryptor = Cipher(algorithms.AES(derived), modes.CBC(vector)).encryptor()
    data = encryptor.update(padder.update(key.pkcs8()) + padder.finalize()) + encryptor.finalize()
    derivation = der.sequence(
        der.oid(SCRYPT),
        der.sequence(der.octet_string(salt), der.integer(COST), der.integer(BLOCK), der.integer(LANES)),
    )
    cipher = der.sequence(der.oid(AES_256_CBC), der.octet_string(vector))
    algorithm = der.sequence(der.oid(PBES2), der.sequence(derivation, cipher))
    armoured: bytes = pem.armor("ENCRYPTED PRIVATE KEY", der.sequence(algorithm, der.octet_string(data)))
    return armoured


def decrypt_private_key(armoured: bytes, passphrase: bytes) -> PrivateKey:
    """The key of a PEM `ENCRYPTED PRIVATE KEY`; `YinxinError` on a wrong passphrase and on what is no such key."""
    try:
        label, _headers, data = pem.unarmor(armoured)
        if label != "ENCRYPTED PRIVATE KEY":
            raise YinxinError(
                Kind.INVALID,
                _("not an encrypted private key but {label}").format(label=label),
                remedy=_("encrypt it with: openssl pkcs8 -topk8 -scrypt"),
            )
        encrypted = _Encrypted.load(data, strict=True)
        if encrypted["algorithm"]["algorithm"].native != PBES2:
            raise YinxinError(Kind.UNSUPPORTED, _("the key is not encrypted with PBES2"))
        scheme = encrypted["algorithm"]["parameters"].parse(_Pbes2)
        cipher_oid = scheme["cipher"]["algorithm"].native
        vector = scheme["cipher"]["parameters"].parse(asn1.OctetString).native
        derived = _derive(scheme["derivation"], passphrase, _KEY_SIZES[cipher_oid])
        content = encrypted["data"].native
    except KeyError as error:
        raise YinxinError(Kind.UNSUPPORTED, _("the key is encrypted with an unknown algorithm")) from error
    except (ValueError, TypeError) as error:
        raise YinxinError(Kind.INVALID, _("not an encrypted private key (PEM)")) from error
    try:
        decryptor = Cipher(algorithms.AES(derived), modes.CBC(vector)).decryptor()
        unpadder = padding.PKCS7(128).unpadder()
        clear = unpadder.update(decryptor.update(content) + decryptor.finalize()) + unpadder.finalize()
        asn1_keys.PrivateKeyInfo.load(clear, strict=True)
    except ValueError:
        # Not chained: the message of the cause may speak of the decrypted bytes.
        raise WrongPassphraseError from None
    return from_pkcs8(clear)


def _derive(derivation: asn1.Sequence, passphrase: bytes, size: int) -> bytes:
    match derivation["algorithm"].native:
        case name if name == SCRYPT:
            given = derivation["parameters"].parse(_ScryptParameters).native
            costs = given["cost"], given["block"], given["lanes"]
            if min(costs) < 1 or math.prod(costs) > MOST_SCRYPT_WORK:
                raise ValueError("scrypt parameters out of range")
            return Scrypt(given["salt"], size, *costs).derive(passphrase)
        case name if name == PBKDF2:
            parameters = derivation["parameters"].parse(_Pbkdf2Parameters)
            given = parameters.native
            prf = given["prf"]["algorithm"] if given["prf"] else "1.2.840.113549.2.7"
            if not 0 < given["iterations"] <= MOST_ITERATIONS:
                raise ValueError("iterations out of range")
            return PBKDF2HMAC(_PRF[prf], size, given["salt"], given["iterations"]).derive(passphrase)
        case other:
            raise KeyError(other)
