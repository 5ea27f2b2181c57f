"""SM2 in OpenSSL's libcrypto 3, through cffi's ABI mode: no compiler needed, and the GIL is released in every call.

Every signature is over SM3(Z ‖ M) with the default identity (GM/T 0009); libcrypto's own default is the empty identity.
"""

import ctypes.util
from functools import lru_cache
from typing import Any

from cffi import FFI

from core.sm2 import cipher, curve

ffi = FFI()
ffi.cdef("""
typedef struct evp_pkey_st EVP_PKEY;
typedef struct evp_pkey_ctx_st EVP_PKEY_CTX;
typedef struct evp_md_ctx_st EVP_MD_CTX;
typedef struct evp_md_st EVP_MD;
typedef struct bignum_st BIGNUM;
typedef struct x509_st X509;
typedef struct stack_st OPENSSL_STACK;
typedef struct pkcs12_st PKCS12;
typedef struct pkcs8_priv_key_info_st PKCS8_PRIV_KEY_INFO;

EVP_PKEY_CTX *EVP_PKEY_CTX_new_from_name(void *library, const char *name, const char *properties);
EVP_PKEY_CTX *EVP_PKEY_CTX_new(EVP_PKEY *key, void *engine);
void EVP_PKEY_CTX_free(EVP_PKEY_CTX *context);
int EVP_PKEY_CTX_set1_id(EVP_PKEY_CTX *context, const void *id, int size);
int EVP_PKEY_keygen_init(EVP_PKEY_CTX *context);
int EVP_PKEY_generate(EVP_PKEY_CTX *context, EVP_PKEY **key);
int EVP_PKEY_check(EVP_PKEY_CTX *context);
int EVP_PKEY_get_bn_param(const EVP_PKEY *key, const char *name, BIGNUM **number);
int EVP_PKEY_get_octet_string_param(const EVP_PKEY *key, const char *name, unsigned char *out, size_t room,
                                    size_t *size);
void EVP_PKEY_free(EVP_PKEY *key);
EVP_PKEY *d2i_AutoPrivateKey(EVP_PKEY **key, const unsigned char **input, long size);
EVP_PKEY *d2i_PUBKEY(EVP_PKEY **key, const unsigned char **input, long size);
int BN_bn2binpad(const BIGNUM *number, unsigned char *out, int size);
void BN_clear_free(BIGNUM *number);

EVP_MD_CTX *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(EVP_MD_CTX *context);
void EVP_MD_CTX_set_pkey_ctx(EVP_MD_CTX *context, EVP_PKEY_CTX *key_context);
const EVP_MD *EVP_sm3(void);
int EVP_DigestSignInit(EVP_MD_CTX *context, EVP_PKEY_CTX **key_context, const EVP_MD *digest, void *engine,
                       EVP_PKEY *key);
int EVP_DigestSign(EVP_MD_CTX *context, unsigned char *signature, size_t *size, const unsigned char *data,
                   size_t length);
int EVP_DigestVerifyInit(EVP_MD_CTX *context, EVP_PKEY_CTX **key_context, const EVP_MD *digest, void *engine,
                         EVP_PKEY *key);
int EVP_DigestVerify(EVP_MD_CTX *context, const unsigned char *signature, size_t size, const unsigned char *data,
                     size_t length);

int EVP_PKEY_sign_init(EVP_PKEY_CTX *context);
int EVP_PKEY_sign(EVP_PKEY_CTX *context, unsigned char *signature, size_t *size, const unsigned char *digest,
                  size_t length);
int EVP_PKEY_verify_init(EVP_PKEY_CTX *context);
int EVP_PKEY_verify(EVP_PKEY_CTX *context, const unsigned char *signature, size_t size, const unsigned char *digest,
                    size_t length);

int EVP_PKEY_encrypt_init(EVP_PKEY_CTX *context);
int EVP_PKEY_encrypt(EVP_PKEY_CTX *context, unsigned char *out, size_t *size, const unsigned char *in, size_t length);
int EVP_PKEY_decrypt_init(EVP_PKEY_CTX *context);
int EVP_PKEY_decrypt(EVP_PKEY_CTX *context, unsigned char *out, size_t *size, const unsigned char *in, size_t length);

unsigned long ERR_get_error(void);
void ERR_error_string_n(unsigned long code, char *out, size_t room);
void ERR_clear_error(void);

X509 *d2i_X509(X509 **certificate, const unsigned char **input, long size);
void X509_free(X509 *certificate);
OPENSSL_STACK *OPENSSL_sk_new_null(void);
int OPENSSL_sk_push(OPENSSL_STACK *stack, const void *item);
void OPENSSL_sk_free(OPENSSL_STACK *stack);
PKCS12 *PKCS12_create(const char *passphrase, const char *name, EVP_PKEY *key, X509 *certificate, OPENSSL_STACK *others,
                      int key_cipher, int certificate_cipher, int iterations, int mac_iterations, int key_type);
int i2d_PKCS12(PKCS12 *store, unsigned char **out);
PKCS12 *d2i_PKCS12(PKCS12 **store, const unsigned char **input, long size);
int PKCS12_parse(PKCS12 *store, const char *passphrase, EVP_PKEY **key, X509 **certificate, OPENSSL_STACK **others);
int OPENSSL_sk_num(const OPENSSL_STACK *stack);
void *OPENSSL_sk_value(const OPENSSL_STACK *stack, int place);
int i2d_X509(const X509 *certificate, unsigned char **out);
PKCS8_PRIV_KEY_INFO *EVP_PKEY2PKCS8(const EVP_PKEY *key);
int i2d_PKCS8_PRIV_KEY_INFO(const PKCS8_PRIV_KEY_INFO *info, unsigned char **out);
void PKCS8_PRIV_KEY_INFO_free(PKCS8_PRIV_KEY_INFO *info);
void PKCS12_free(PKCS12 *store);
""")

SIGNATURE_ROOM = 80
"""Octets that hold any DER SM2Signature (at most 72)."""


def _open() -> Any:
    """libcrypto 3, or OSError where there is none."""
    for name in ("libcrypto.so.3", ctypes.util.find_library("crypto")):
        if name is None:
            continue
        try:
            library = ffi.dlopen(name)
            context = library.EVP_PKEY_CTX_new_from_name(ffi.NULL, b"SM2", ffi.NULL)
        except (OSError, AttributeError):  # an older libcrypto opens, and lacks this
            continue
        if context != ffi.NULL:  # some distributions build OpenSSL without the GM algorithms
            library.EVP_PKEY_CTX_free(context)
            return library
    raise OSError("libcrypto 3 (OpenSSL) with SM2 is not on this machine")


lib = _open()


def _failure(doing: str) -> RuntimeError:
    """What libcrypto says of its last error; its error queue is left empty."""
    reason = ffi.new("char[256]")
    lib.ERR_error_string_n(lib.ERR_get_error(), reason, 256)
    lib.ERR_clear_error()
    return RuntimeError(f"libcrypto: {doing}: {ffi.string(reason).decode(errors='replace')}")


def own(pointer: Any, free: Any, doing: str) -> Any:
    """The pointer, freed when Python lets go of it; RuntimeError if it is NULL."""
    if pointer == ffi.NULL:
        raise _failure(doing)
    return ffi.gc(pointer, free)


def private_key(pkcs8: bytes) -> Any:
    """An EVP_PKEY from PrivateKeyInfo DER, of any algorithm."""
    data = ffi.new("unsigned char[]", pkcs8)
    try:
        pointer = ffi.new("const unsigned char **", data)
        key = lib.d2i_AutoPrivateKey(ffi.NULL, pointer, len(pkcs8))
        return own(key, lib.EVP_PKEY_free, "private key")
    finally:
        ffi.memmove(data, bytes(len(pkcs8)), len(pkcs8))


@lru_cache(maxsize=4096)
def _public_key(point: bytes) -> Any:
    data = ffi.new("unsigned char[]", curve.public_key_info(point))
    pointer = ffi.new("const unsigned char **", data)
    return own(lib.d2i_PUBKEY(ffi.NULL, pointer, len(curve.public_key_info(point))), lib.EVP_PKEY_free, "public key")


def _digest_context(key: Any) -> tuple[Any, Any]:
    """A digest context bound to the default identity, and the key context that must outlive it."""
    key_context = own(lib.EVP_PKEY_CTX_new(key, ffi.NULL), lib.EVP_PKEY_CTX_free, "key context")
    if lib.EVP_PKEY_CTX_set1_id(key_context, curve.DEFAULT_ID, len(curve.DEFAULT_ID)) != 1:
        raise _failure("identity")
    context = own(lib.EVP_MD_CTX_new(), lib.EVP_MD_CTX_free, "digest context")
    lib.EVP_MD_CTX_set_pkey_ctx(context, key_context)
    return context, key_context


class LibcryptoEngine:
    """The engine of production."""

    name = "libcrypto"

    def generate(self) -> curve.KeyPair:
        """A new key from libcrypto's random generator."""
        context = own(
            lib.EVP_PKEY_CTX_new_from_name(ffi.NULL, b"SM2", ffi.NULL), lib.EVP_PKEY_CTX_free, "SM2 key generation"
        )
        pointer = ffi.new("EVP_PKEY **")
        if lib.EVP_PKEY_keygen_init(context) != 1 or lib.EVP_PKEY_generate(context, pointer) != 1:
            raise _failure("SM2 key generation")
        key = own(pointer[0], lib.EVP_PKEY_free, "SM2 key generation")
        number = ffi.new("BIGNUM **")
        if lib.EVP_PKEY_get_bn_param(key, b"priv", number) != 1:
            raise _failure("SM2 private number")
        scalar, point, size = ffi.new("unsigned char[32]"), ffi.new("unsigned char[65]"), ffi.new("size_t *")
        lib.BN_bn2binpad(number[0], scalar, 32)
        lib.BN_clear_free(number[0])
        if lib.EVP_PKEY_get_octet_string_param(key, b"pub", point, 65, size) != 1 or size[0] != 65:
            raise _failure("SM2 public point")
        pair = curve.KeyPair(bytes(ffi.buffer(scalar)), bytes(ffi.buffer(point)))
        ffi.memmove(scalar, bytes(32), 32)
        return pair

    def signer(self, pair: curve.KeyPair) -> "LibcryptoSigner":
        """The key, prepared for many signatures; ValueError if the number and the point do not belong together."""
        try:
            key = private_key(pair.pkcs8())
        except RuntimeError:
            raise ValueError(curve.MISMATCH) from None
        context = own(lib.EVP_PKEY_CTX_new(key, ffi.NULL), lib.EVP_PKEY_CTX_free, "key context")
        if lib.EVP_PKEY_check(context) != 1:
            lib.ERR_clear_error()
            raise ValueError(curve.MISMATCH)
        return LibcryptoSigner(key)

    def verify(self, point: bytes, signature: bytes, message: bytes) -> bool:
        """Whether the DER signature over the message is this key's."""
        try:
            key = _public_key(point)
        except (RuntimeError, ValueError):
            return False
        context, _key_context = _digest_context(key)
        if lib.EVP_DigestVerifyInit(context, ffi.NULL, lib.EVP_sm3(), ffi.NULL, key) != 1:
            raise _failure("SM2 verification")
        valid: bool = lib.EVP_DigestVerify(context, signature, len(signature), message, len(message)) == 1
        lib.ERR_clear_error()
        return valid

    def verify_digest(self, point: bytes, signature: bytes, digest: bytes) -> bool:
        """Whether the DER signature over e = SM3(Z ‖ M) is this key's."""
        try:
            key = _public_key(point)
        except (RuntimeError, ValueError):
            return False
        context = own(lib.EVP_PKEY_CTX_new(key, ffi.NULL), lib.EVP_PKEY_CTX_free, "key context")
        if lib.EVP_PKEY_verify_init(context) != 1:
            raise _failure("SM2 verification")
        valid: bool = lib.EVP_PKEY_verify(context, signature, len(signature), digest, len(digest)) == 1
        lib.ERR_clear_error()
        return valid

    def encrypt(self, point: bytes, message: bytes) -> bytes:
        """DER SM2Cipher of the message (one octet at least) to a public point; ValueError if it is none."""
        if not message or not curve.on_curve(point):
            raise ValueError("nothing to encrypt, or not a public key to encrypt to")
        key = _public_key(point)
        context = own(lib.EVP_PKEY_CTX_new(key, ffi.NULL), lib.EVP_PKEY_CTX_free, "key context")
        size = ffi.new("size_t *")
        if (
            lib.EVP_PKEY_encrypt_init(context) != 1
            or lib.EVP_PKEY_encrypt(context, ffi.NULL, size, message, len(message)) != 1
        ):
            raise _failure("SM2 encryption")
        out = ffi.new("unsigned char[]", size[0])
        if lib.EVP_PKEY_encrypt(context, out, size, message, len(message)) != 1:
            raise _failure("SM2 encryption")
        return bytes(ffi.buffer(out, size[0]))


class LibcryptoSigner:
    """A prepared SM2 key. Threads may share it: contexts are made anew for each signature."""

    def __init__(self, key: Any) -> None:
        self._key = key

    def sign(self, message: bytes) -> bytes:
        """DER SM2Signature over the message, with Z of the default identity."""
        context, _key_context = _digest_context(self._key)
        if lib.EVP_DigestSignInit(context, ffi.NULL, lib.EVP_sm3(), ffi.NULL, self._key) != 1:
            raise _failure("SM2 signature")
        signature, size = ffi.new(f"unsigned char[{SIGNATURE_ROOM}]"), ffi.new("size_t *", SIGNATURE_ROOM)
        if lib.EVP_DigestSign(context, signature, size, message, len(message)) != 1:
            raise _failure("SM2 signature")
        return bytes(ffi.buffer(signature, size[0]))

    def sign_digest(self, digest: bytes) -> bytes:
        """DER SM2Signature over e = SM3(Z ‖ M)."""
        context = own(lib.EVP_PKEY_CTX_new(self._key, ffi.NULL), lib.EVP_PKEY_CTX_free, "key context")
        signature, size = ffi.new(f"unsigned char[{SIGNATURE_ROOM}]"), ffi.new("size_t *", SIGNATURE_ROOM)
        if (
            lib.EVP_PKEY_sign_init(context) != 1
            or lib.EVP_PKEY_sign(context, signature, size, digest, len(digest)) != 1
        ):
            raise _failure("SM2 signature")
        return bytes(ffi.buffer(signature, size[0]))

    def decrypt(self, ciphertext: bytes) -> bytes:
        """The message in a DER SM2Cipher; ValueError if it is malformed, altered or encrypted to another key."""
        encoded = cipher.parse(ciphertext).encoded()
        context = own(lib.EVP_PKEY_CTX_new(self._key, ffi.NULL), lib.EVP_PKEY_CTX_free, "key context")
        if lib.EVP_PKEY_decrypt_init(context) != 1:
            raise _failure("SM2 decryption")
        out, size = ffi.new("unsigned char[]", len(encoded)), ffi.new("size_t *", len(encoded))
        try:
            if lib.EVP_PKEY_decrypt(context, out, size, encoded, len(encoded)) != 1:
                lib.ERR_clear_error()
                raise ValueError(cipher.NOT_OURS)
            return bytes(ffi.buffer(out, size[0]))
        finally:
            ffi.memmove(out, bytes(len(encoded)), len(encoded))
