"""One share of a secret as people keep it: on paper in ten groups of five characters, or as a QR code.

A share says of which set it is, how many of how many are needed and which it is, so that a wrong one is told from a
mistyped one. Each group ends with a character that checks it and its place; two octets check the whole.
"""

import base64
import binascii
from dataclasses import dataclass

from core.algorithms import SM3
from core.errors import Kind, YinxinError
from core.i18n import _

VALUE_OCTETS = 16
SET_OCTETS = 4
GROUPS, GROUP = 10, 5
"""Characters on paper; the last of each group is its check."""

_VERSION = 1
_CHECK_OCTETS = 2
_WEIGHTS = (7, 5, 3, 1)
_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"  # RFC 4648 6
_LOOK_ALIKES = str.maketrans("018", "OIB")
_FILLING = str.maketrans("", "", " -\t\r\n")


@dataclass(frozen=True, repr=False)
class Share:
    """One of the shares of a set."""

    set_id: str
    """Hexadecimal; drawn for each splitting."""
    needed: int
    total: int
    number: int
    """From 1."""
    value: bytes

    @property
    def payload(self) -> bytes:
        """What the text says, in octets."""
        head = bytes((_VERSION,)) + bytes.fromhex(self.set_id)
        return head + bytes((self.needed << 4 | self.total, self.number)) + self.value

    @property
    def digest(self) -> str:
        """SM3, hexadecimal: tells the share again, and tells nobody its value, of which 128 bits are random."""
        return SM3.of(self.payload).hex()

    @property
    def groups(self) -> list[str]:
        """As it stands on paper."""
        whole = self.payload + SM3.of(self.payload)[:_CHECK_OCTETS]
        text = base64.b32encode(whole).decode()
        size = GROUP - 1
        parts = [text[place : place + size] for place in range(0, len(text), size)]
        return [part + _check(place, part) for place, part in enumerate(parts)]

    @property
    def text(self) -> str:
        """The groups in one line."""
        return "-".join(self.groups)


def parse_share(text: str) -> Share:
    """The share in what somebody typed or scanned; `YinxinError` (invalid) says what of it is wrong, never what it is.

    Spaces, dashes and small letters do not matter, nor do the digits 0, 1 and 8, which stand for the letters O, I, B.
    """
    typed = text.translate(_FILLING).upper().translate(_LOOK_ALIKES)
    if not set(typed) <= set(_ALPHABET):
        raise _wrong(_("a share is made of the letters A-Z and the digits 2-7 only"))
    if len(typed) != GROUPS * GROUP:
        raise _wrong(
            _("a share has {expected} characters in {groups} groups, and these are {count}").format(
                expected=GROUPS * GROUP, groups=GROUPS, count=len(typed)
            )
        )
    parts = [typed[place : place + GROUP] for place in range(0, len(typed), GROUP)]
    wrong = [str(place + 1) for place, part in enumerate(parts) if _check(place, part[:-1]) != part[-1]]
    if wrong:
        raise _wrong(_("mistyped in group {groups}").format(groups=", ".join(wrong)))
    return _read("".join(part[:-1] for part in parts))


def _read(text: str) -> Share:
    try:
        whole = base64.b32decode(text)
    except binascii.Error:  # pragma: no cover - the alphabet and the length were looked at
        raise _wrong(_("the share is damaged")) from None
    payload, check = whole[:-_CHECK_OCTETS], whole[-_CHECK_OCTETS:]
    if SM3.of(payload)[:_CHECK_OCTETS] != check:
        raise _wrong(_("the share is damaged: its groups do not belong together"))
    if payload[0] != _VERSION:
        raise YinxinError(Kind.UNSUPPORTED, _("a share of a form that this version does not know"))
    rest = payload[1 + SET_OCTETS :]
    needed, total, number = rest[0] >> 4, rest[0] & 15, rest[1]
    if not 2 <= needed <= total or not 1 <= number <= total:
        raise _wrong(_("the share is damaged: its numbers contradict each other"))
    return Share(payload[1 : 1 + SET_OCTETS].hex(), needed, total, number, rest[2:])


def _check(place: int, part: str) -> str:
    """Odd weights have inverses modulo 32: no single wrong character, and no group in another's place, passes."""
    weighted = zip(_WEIGHTS, part, strict=True)
    return _ALPHABET[(place + sum(weight * _ALPHABET.index(character) for weight, character in weighted)) % 32]


def _wrong(what: str) -> YinxinError:
    return YinxinError(Kind.INVALID, what, remedy=_("look at the sheet and enter it again"))
