"""A PKCS#11 module in this process: loaded once, initialised in each process, begun anew when its tokens went away."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pkcs11
from cffi import FFI
from pkcs11 import Token
from pkcs11.exceptions import PKCS11Error, TokenNotPresent, TokenNotRecognised

from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.hsm.uri import Pkcs11Uri

LEAVING_SECONDS = 10
"""How long beginning anew waits for calls that are under way: PKCS#11 2.40 5.4 has none beside C_Finalize."""

_ffi = FFI()
# The beginning of CK_FUNCTION_LIST is all that is called here.
_ffi.cdef("""
typedef struct { void *create, *destroy, *lock, *unlock; unsigned long flags; void *reserved; } InitializeArgs;
typedef struct {
    unsigned char version[2];
    unsigned long (*initialize)(InitializeArgs *);
    unsigned long (*finalize)(void *);
} FunctionList;
unsigned long C_GetFunctionList(FunctionList **functions);
""")
_OS_LOCKING_OK = 2
_ALREADY_INITIALIZED = 0x191


class TokenMissingError(Exception):
    """No token that is there fits the URI."""

    def __str__(self) -> str:
        return _("no token that is there has this name")


class Module:
    """One module. Whoever calls it is inside (`inside`), so that nobody finalises it meanwhile."""

    def __init__(self, path: str) -> None:
        """Load and initialise. `YinxinError` (unavailable) if there is no such module, or it does not start."""
        self._path = path
        self._condition = threading.Condition()
        self._callers = 0
        self._closed = False
        self.beginnings = 0
        """How often it was begun anew: sessions and handles from before are void."""
        try:
            self._library: Any = pkcs11.lib(path)
            pointer = _ffi.new("FunctionList **")
            self._shared_object = _ffi.dlopen(path)
            self._shared_object.C_GetFunctionList(pointer)
            self._functions = pointer[0]
            self._initialize()
        except (PKCS11Error, OSError) as error:
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("the PKCS#11 module cannot be used: {reason}").format(reason=_words(error)),
                subject=path,
                remedy=_("check the path of the module, and what it needs (configuration, device, rights)"),
            ) from error

    def _initialize(self) -> None:
        """Again, for many threads: `python-pkcs11` says nothing about threads, so that modules do not lock.

        A forked process initialises, and finalises only what says that it is initialised already (PKCS#11 2.40 5.4).
        """
        arguments = _ffi.new("InitializeArgs *", {"flags": _OS_LOCKING_OK})
        result = self._functions.initialize(arguments)
        if result == _ALREADY_INITIALIZED:
            self._functions.finalize(_ffi.NULL)
            result = self._functions.initialize(arguments)
        if result:
            raise PKCS11Error(f"C_Initialize: 0x{result:08X}")

    @contextmanager
    def inside(self) -> Iterator[None]:
        """Calls of the module are made in here."""
        with self._condition:
            self._condition.wait_for(lambda: not self._closed)
            self._callers += 1
        try:
            yield
        finally:
            with self._condition:
                self._callers -= 1
                self._condition.notify_all()

    def begin_anew(self, seen: int) -> None:
        """Finalise and initialise, unless somebody did since `beginnings` was `seen`. Not from inside."""
        with self._condition:
            self._condition.wait_for(lambda: not self._closed)
            if self.beginnings != seen:
                return
            self._closed = True
            try:
                if not self._condition.wait_for(lambda: not self._callers, LEAVING_SECONDS):
                    raise PKCS11Error("a call does not return")
                self.beginnings += 1
                self._initialize()
            finally:
                self._closed = False
                self._condition.notify_all()

    def token(self, uri: Pkcs11Uri) -> Token:
        """The one token that the URI names; `TokenMissingError` if there is none, `YinxinError` if several."""
        found = [token for token in self.tokens() if _fits(token, uri)]
        if len(found) == 1:
            return found[0]
        if found:
            raise YinxinError(
                Kind.INVALID,
                _("several tokens fit the PKCS#11 URI"),
                subject=str(uri.of_token),
                remedy=_("name one of them by its serial: {serials}").format(
                    serials=", ".join(token.serial.decode(errors="replace") for token in found)
                ),
            )
        raise TokenMissingError

    def tokens(self) -> list[Token]:
        """All tokens that are there."""
        found = []
        for slot in self._library.get_slots(token_present=True):
            try:
                found.append(slot.get_token())
            except (TokenNotPresent, TokenNotRecognised):
                continue
        return found


def _fits(token: Token, uri: Pkcs11Uri) -> bool:
    pairs = (
        (uri.token, token.label),
        (uri.manufacturer, token.manufacturer_id),
        (uri.serial, token.serial.decode(errors="replace")),
        (uri.model, token.model),
        (uri.slot_id, token.slot.slot_id),
    )
    return all(wanted in (None, present) for wanted, present in pairs)


def _words(error: Exception) -> str:
    """What a module's error says; its name where it says nothing."""
    return str(error) or type(error).__name__


_modules: dict[str, Module] = {}
_opening = threading.Lock()


def module_of(uri: Pkcs11Uri) -> Module:
    """The module that the URI names, opened once in this process. Errors as of `Module`."""
    # One file has one state in a process, by whatever name it is called.
    path = str(Path(uri.module).resolve())
    with _opening:
        if path not in _modules:
            if not Path(path).is_file():
                raise YinxinError(
                    Kind.NOT_FOUND, _("there is no such PKCS#11 module"), subject=path, remedy=_("check the path")
                )
            _modules[path] = Module(path)
        return _modules[path]


def _forget() -> None:
    """In a forked process nothing of the parent's holds: neither sessions nor locks."""
    global _opening
    _opening = threading.Lock()
    _modules.clear()


os.register_at_fork(after_in_child=_forget)
