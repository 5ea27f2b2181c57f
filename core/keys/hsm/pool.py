"""Sessions with a token: one login for the process, shared by its threads, opened again when the token went away."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import TypeVar

from pkcs11 import Attribute, ObjectClass, Session, SignMixin, Token, TokenFlag
from pkcs11 import exceptions as refused
from pkcs11.exceptions import PKCS11Error

from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.hsm.mechanisms import attribute_mapper
from core.keys.hsm.module import Module, TokenMissingError, module_of
from core.keys.hsm.uri import Pkcs11Uri

MOST_SESSIONS = 16
"""Of one process with one token."""
PAUSE_SECONDS = 1.0
"""After a failure, so long no other attempt is made: who waits is answered at once, and the token is left in peace."""

OURS = (
    refused.ArgumentsBad,
    refused.AttributeTypeInvalid,
    refused.AttributeValueInvalid,
    refused.DataInvalid,
    refused.DataLenRange,
    refused.DomainParamsInvalid,
    refused.FunctionNotSupported,
    refused.KeySizeRange,
    refused.KeyTypeInconsistent,
    refused.MechanismInvalid,
    refused.MechanismParamInvalid,
    refused.TemplateIncomplete,
    refused.TemplateInconsistent,
    refused.TokenWriteProtected,
)
"""What the token says of a question that it will not answer otherwise when it is asked again."""


class _KeyMissingError(Exception):
    """No such key, or its token has forgotten that we are logged in: tokens show private keys to users only."""


_AWAY = (PKCS11Error, TokenMissingError, _KeyMissingError)
_PIN = (refused.PinIncorrect, refused.PinInvalid, refused.PinLenRange)

Result = TypeVar("Result")


@dataclass(frozen=True)
class Access:
    """A token, and where its PIN comes from."""

    uri: Pkcs11Uri
    """Module and token; what it says of an object has no meaning here."""
    pin: Callable[[], bytes] = field(compare=False)


@dataclass
class Place:
    """One session, and the keys that were found in it."""

    session: Session
    keys: dict[tuple[Pkcs11Uri, bytes], SignMixin] = field(default_factory=dict)
    """By URI and public half (SPKI)."""

    def key(self, uri: Pkcs11Uri, public_key_info: bytes) -> tuple[SignMixin, bool]:
        """The private key that the URI names, and whether it was known; `YinxinError` unless there is just one."""
        known = self.keys.get((uri, public_key_info))
        if known is not None:
            return known, True
        wanted: dict[Attribute, object] = {Attribute.CLASS: ObjectClass.PRIVATE_KEY}
        wanted |= {Attribute.LABEL: uri.object} if uri.object is not None else {}
        wanted |= {Attribute.ID: uri.id} if uri.id is not None else {}
        found = list(self.session.get_objects(wanted))
        if not found:
            raise _KeyMissingError(str(uri))
        if len(found) > 1:
            raise YinxinError(
                Kind.INVALID,
                _("several private keys in the token fit the PKCS#11 URI"),
                subject=str(uri),
                remedy=_("see: yinxin keys token"),
            )
        (key,) = found
        if not isinstance(key, SignMixin):
            raise YinxinError(
                Kind.UNSUPPORTED,
                _("this private key is not allowed to sign (CKA_SIGN)"),
                subject=str(uri),
                remedy=_("use another key"),
            )
        self.keys[uri, public_key_info] = key
        return key, False


class _Login:
    """The sessions of one login, until the token goes away."""

    def __init__(self, module: Module, token: Token, first: Session) -> None:
        self.beginnings = module.beginnings
        self.token = token
        self._condition = threading.Condition()
        self._free = [Place(first)]
        self._made, self._most = 1, MOST_SESSIONS

    def take(self) -> Place:
        """A session that nobody else uses; waits for one if there are as many as may be."""
        while True:
            with self._condition:
                self._condition.wait_for(lambda: self._free or self._made < self._most)
                if self._free:
                    return self._free.pop()
                self._made += 1
            try:
                return Place(self.token.open(attribute_mapper=attribute_mapper()))
            except refused.SessionCount:
                with self._condition:
                    self._made -= 1
                    self._most = max(1, self._made)
            except BaseException:
                with self._condition:
                    self._made -= 1
                raise

    def give_back(self, place: Place) -> None:
        """The one used last is taken next: its keys are found already."""
        with self._condition:
            self._free.append(place)
            self._condition.notify()


class Pool:
    """The sessions of this process with one token."""

    def __init__(self, access: Access) -> None:
        self.access = access
        self._lock = threading.Lock()
        self._login: _Login | None = None
        self._refused: bytes | None = None
        self._pause_until, self._reason = 0.0, ""

    def use(self, work: Callable[[Place], Result]) -> Result:
        """What the work gives, done in a session of its own for the time; done once more if the token was away.

        `YinxinError`: unavailable (the token is away or out of order), forbidden (its PIN), unsupported (what it does
        not do). Nothing needs a restart: the next use begins anew.
        """
        module = module_of(self.access.uri)
        if self._login is None and time.monotonic() < self._pause_until:
            raise self._away(self._reason)
        seen = module.beginnings
        try:
            return self._attempt(module, work)
        except _AWAY:
            # Some modules find a token that has come back only when they begin anew.
            try:
                module.begin_anew(seen)
                return self._attempt(module, work)
            except _KeyMissingError as error:
                raise YinxinError(
                    Kind.NOT_FOUND,
                    _("there is no such private key in the token"),
                    subject=str(error),
                    remedy=_("see: yinxin keys token"),
                ) from error
            except _AWAY as error:
                self._pause_until, self._reason = time.monotonic() + PAUSE_SECONDS, _words(error)
                raise self._away(self._reason) from error

    def _attempt(self, module: Module, work: Callable[[Place], Result]) -> Result:
        try:
            with module.inside(), self._place(module) as place:
                return work(place)
        except OURS as error:
            raise YinxinError(
                Kind.UNSUPPORTED,
                _("the token does not do this: {reason}").format(reason=_words(error)),
                subject=self._subject,
                remedy=_("see in its manual which kinds of keys and mechanisms it has"),
            ) from error

    @property
    def _subject(self) -> str:
        return str(self.access.uri.of_token)

    def _away(self, reason: str) -> YinxinError:
        return YinxinError(
            Kind.UNAVAILABLE,
            _("the token is not there, or is out of order: {reason}").format(reason=reason),
            subject=self._subject,
            remedy=_("connect it, or start its service; it is taken up again without a restart"),
        )

    @contextmanager
    def _place(self, module: Module) -> Iterator[Place]:
        login = self._logged_in(module)
        try:
            place = login.take()
            try:
                yield place
            finally:
                login.give_back(place)
        except OURS:
            raise
        except (PKCS11Error, _KeyMissingError):
            # Its sessions are closed when the module begins anew.
            with self._lock:
                if self._login is login:
                    self._login = None
            raise

    def _logged_in(self, module: Module) -> _Login:
        with self._lock:
            if self._login is None or self._login.beginnings != module.beginnings:
                self._login = None
                self._login = self._log_in(module)
            return self._login

    def _log_in(self, module: Module) -> _Login:
        """Once: wrong attempts are counted by the token, which locks itself after some."""
        token = module.token(self.access.uri)
        if token.flags & (TokenFlag.USER_PIN_LOCKED | TokenFlag.USER_PIN_FINAL_TRY):
            raise self._pin_refusal(
                _("the token is locked, or one wrong PIN away from it"),
                _("log in once with the vendor's program, or have its security officer unlock it"),
            )
        pin = self.access.pin()
        if pin == self._refused:
            raise self._pin_refusal(_("the token has refused this PIN before, and is not asked again"))
        try:
            text = pin.decode()
            with suppress(refused.UserAlreadyLoggedIn):
                return _Login(module, token, token.open(user_pin=text, attribute_mapper=attribute_mapper()))
            return _Login(module, token, token.open(attribute_mapper=attribute_mapper()))
        except (*_PIN, UnicodeDecodeError):
            self._refused = pin
            raise self._pin_refusal(_("the token refuses the PIN")) from None
        except refused.PinLocked:
            raise self._pin_refusal(
                _("the token is locked"), _("have the token's security officer set a new PIN")
            ) from None

    def _pin_refusal(self, what: str, remedy: str = "") -> YinxinError:
        return YinxinError(
            Kind.FORBIDDEN,
            what,
            subject=self._subject,
            remedy=remedy or _("correct the PIN before the token locks itself"),
        )


def _words(error: Exception) -> str:
    """A return code by its name; `python-pkcs11` makes a class of each, mostly with nothing to say."""
    return str(error) or type(error).__name__


_pools: dict[Pkcs11Uri, Pool] = {}
_opening = threading.Lock()


def pool_of(access: Access) -> Pool:
    """The sessions of this process with this token."""
    key = replace(access.uri.of_token, pin_source=None)
    with _opening:
        pool = _pools.setdefault(key, Pool(access))
        pool.access = access  # where the PIN is, says whoever asks
        return pool


def _forget() -> None:
    """In a forked process nothing of the parent's holds."""
    global _opening
    _opening = threading.Lock()
    _pools.clear()


os.register_at_fork(after_in_child=_forget)
