"""A PKCS#11 module that does SM2 by a vendor's mechanisms, compiled from `sm2_token.c`; it fails as it is told."""

import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from cffi import FFI

from core.keys.hsm.settings import Sm2Mechanisms
from core.keys.hsm.uri import Pkcs11Uri

PIN = "2468"
KEY_TYPE, MAKE, SIGN_DIGEST, SIGN_MESSAGE = 0x80000101, 0x80000201, 0x80000202, 0x80000203
BY_DIGEST = Sm2Mechanisms(KEY_TYPE, MAKE, SIGN_DIGEST, "digest", b"")
BY_MESSAGE = Sm2Mechanisms(KEY_TYPE, MAKE, SIGN_MESSAGE, "message", b"1234567812345678")
GENERAL_ERROR, DEVICE_ERROR, DEVICE_REMOVED, SESSION_HANDLE_INVALID = 0x05, 0x30, 0x32, 0xB3
TOKEN_NOT_PRESENT, NOT_LOGGED_IN, NOT_INITIALIZED, VENDORS_OWN = 0xE0, 0x101, 0x190, 0x80000042


@dataclass(frozen=True)
class Sm2Token:
    """The token of the module, in this process."""

    uri: Pkcs11Uri
    control: Any
    """`token_…` of sm2_token.c: `token_fail(b"sign", DEVICE_REMOVED, 1)`."""


@cache
def sm2_token(folder: Path) -> Sm2Token:
    """Compile it, once in a process."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler (Debian: gcc libc6-dev libssl-dev)")
    module = folder / "sm2_token.so"
    source = Path(__file__).with_suffix(".c")
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", str(module), str(source), "-lcrypto"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    if "openssl/" in done.stderr and "No such file" in done.stderr:
        pytest.skip("there are no headers of OpenSSL (Debian: libssl-dev)")
    assert done.returncode == 0, done.stderr
    ffi = FFI()
    ffi.cdef("""
        void token_fail(const char *name, unsigned long result, unsigned long times);
        void token_present(unsigned long is); void token_restart(void); void token_limit(unsigned long most);
        void token_leak(unsigned long is); void token_flags(unsigned long now); void token_empty(void);
        void token_bare_points(unsigned long is);
        void token_swap(unsigned long one, unsigned long other); unsigned long token_logins(void);
        unsigned long token_left(void);
        unsigned long token_peeks(void); unsigned long token_locking(void); unsigned long token_sessions(void);
    """)
    return Sm2Token(Pkcs11Uri(token="sm2", module_path=str(module)), ffi.dlopen(str(module)))
