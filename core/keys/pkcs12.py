"""PKCS#12 (RFC 7292): a key and its certificates in one file, as OpenSSL and browsers have it."""

from dataclasses import dataclass
from typing import Any

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.hazmat.primitives.serialization import pkcs12 as pyca

from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import PrivateKey, PycaKey, from_pkcs8

ITERATIONS = 100_000
MAXIMUM_SIZE = 1 << 20
"""Octets of a file that is read."""


@dataclass(frozen=True, repr=False)
class Unpacked:
    """What a PKCS#12 file holds."""

    key: PrivateKey
    certificates: tuple[bytes, ...]
    """DER; that of the key among them, if the file has it."""


def unpack(data: bytes, passphrase: bytes) -> Unpacked:
    """The key and the certificates; `YinxinError` (invalid) if it is damaged, holds no key, or the passphrase is wrong.

    (unsupported) for a kind of key that is not used here.
    """
    if len(data) > MAXIMUM_SIZE:
        raise YinxinError(Kind.INVALID, _("this PKCS#12 file is too long"))
    try:
        key, certificate, others = pyca.load_key_and_certificates(data, passphrase)
        clear = None if key is None else key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
        found = [one.public_bytes(Encoding.DER) for one in (*([certificate] if certificate else []), *others)]
    except (ValueError, TypeError, UnsupportedAlgorithm):
        clear, found = _unpack_with_libcrypto(data, passphrase)
    if clear is None:
        raise YinxinError(Kind.INVALID, _("this PKCS#12 file holds no private key"))
    return Unpacked(from_pkcs8(clear), tuple(found))


def pack(key: PrivateKey, certificate: bytes, chain: list[bytes], *, name: str, passphrase: bytes) -> bytes:
    """PFX DER: the key, its certificate and the issuers' (DER), encrypted with PBES2 and AES-256.

    `YinxinError` (invalid) if the certificate is for another key, or the passphrase (UTF-8) is empty or holds a NUL.
    """
    if not passphrase:
        raise YinxinError(Kind.INVALID, _("a key is never written without a passphrase"))
    if b"\x00" in passphrase:  # it would end there without a word
        raise YinxinError(Kind.INVALID, _("a passphrase cannot hold a NUL character"))
    if asn1_x509.Certificate.load(certificate).public_key.dump() != key.public_key_info:
        raise YinxinError(Kind.INVALID, _("the certificate is for another key"), subject=name)
    if isinstance(key, PycaKey):
        return pyca.serialize_key_and_certificates(
            name.encode(),
            key.key,
            x509.load_der_x509_certificate(certificate),
            [x509.load_der_x509_certificate(issuer) for issuer in chain],
            BestAvailableEncryption(passphrase),
        )
    return _pack_with_libcrypto(key.pkcs8(), certificate, chain, name, passphrase)


def _pack_with_libcrypto(pkcs8: bytes, certificate: bytes, chain: list[bytes], name: str, passphrase: bytes) -> bytes:
    """SM2 keys are beyond `cryptography`; libcrypto writes them."""
    try:
        from core.sm2 import libcrypto
    except OSError as error:
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("PKCS#12 with an SM2 key needs libcrypto 3"),
            remedy=_("install OpenSSL 3 (Debian: libssl3)"),
        ) from error
    ffi, lib = libcrypto.ffi, libcrypto.lib

    def load(der: bytes) -> Any:
        data = ffi.new("unsigned char[]", der)
        return libcrypto.own(
            lib.d2i_X509(ffi.NULL, ffi.new("const unsigned char **", data), len(der)), lib.X509_free, "certificate"
        )

    others = [load(issuer) for issuer in chain]
    stack = libcrypto.own(lib.OPENSSL_sk_new_null(), lib.OPENSSL_sk_free, "stack")
    for other in others:
        lib.OPENSSL_sk_push(stack, other)
    store = libcrypto.own(
        lib.PKCS12_create(
            passphrase,
            name.encode(),
            libcrypto.private_key(pkcs8),
            load(certificate),
            stack,
            0,  # 0: libcrypto 3's own choice, PBES2 with AES-256-CBC
            0,
            ITERATIONS,
            ITERATIONS,
            0,
        ),
        lib.PKCS12_free,
        "PKCS#12",
    )
    out = ffi.new("unsigned char[]", lib.i2d_PKCS12(store, ffi.NULL))
    lib.i2d_PKCS12(store, ffi.new("unsigned char **", out))
    return bytes(ffi.buffer(out))


def _unpack_with_libcrypto(data: bytes, passphrase: bytes) -> tuple[bytes | None, list[bytes]]:
    """PrivateKeyInfo, in clear, and certificates. SM2 keys are beyond `cryptography`."""
    unreadable = YinxinError(
        Kind.INVALID,
        _("this is no PKCS#12 file, or the passphrase is wrong"),
        remedy=_("check the file and the passphrase"),
    )
    try:
        from core.sm2 import libcrypto
    except OSError:
        raise unreadable from None
    ffi, lib = libcrypto.ffi, libcrypto.lib
    octets = ffi.new("unsigned char[]", data)
    key, certificate, others = ffi.new("EVP_PKEY **"), ffi.new("X509 **"), ffi.new("OPENSSL_STACK **")
    try:
        store = libcrypto.own(
            lib.d2i_PKCS12(ffi.NULL, ffi.new("const unsigned char **", octets), len(data)), lib.PKCS12_free, "PKCS#12"
        )
    except RuntimeError:
        raise unreadable from None
    if b"\x00" in passphrase or lib.PKCS12_parse(store, passphrase, key, certificate, others) != 1:
        lib.ERR_clear_error()
        raise unreadable
    found = [certificate[0]] if certificate[0] != ffi.NULL else []
    if others[0] != ffi.NULL:
        stack = ffi.gc(others[0], lib.OPENSSL_sk_free)
        found += [lib.OPENSSL_sk_value(stack, place) for place in range(lib.OPENSSL_sk_num(stack))]
    owned = [ffi.gc(one, lib.X509_free) for one in found]
    certificates = [_encoded(ffi, lib.i2d_X509, one) for one in owned]
    if key[0] == ffi.NULL:
        return None, certificates
    pair = ffi.gc(key[0], lib.EVP_PKEY_free)
    info = libcrypto.own(lib.EVP_PKEY2PKCS8(pair), lib.PKCS8_PRIV_KEY_INFO_free, "PKCS#8")
    return _encoded(ffi, lib.i2d_PKCS8_PRIV_KEY_INFO, info), certificates


def _encoded(ffi: Any, encode: Any, value: Any) -> bytes:
    """DER of one of libcrypto's structures; its own copy is overwritten."""
    size = encode(value, ffi.NULL)
    out = ffi.new("unsigned char[]", size)
    encode(value, ffi.new("unsigned char **", out))
    copied = bytes(ffi.buffer(out))
    ffi.memmove(out, bytes(size), size)
    return copied
