"""PKCS#12 (RFC 7292): a key and its certificates in one file for delivery, as OpenSSL and browsers read it."""

from typing import Any

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption
from cryptography.hazmat.primitives.serialization import pkcs12 as pyca

from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import PrivateKey, PycaKey

ITERATIONS = 100_000


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
