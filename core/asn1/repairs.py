"""A defect of asn1crypto 1.5.1, mended where it is: importing this module is what mends it.

`dump` takes every header that ends in 80 for one of indefinite length. A definite length may end so too (30 82 0C 80),
and one structure in a few dozen has one inside; it was then encoded anew with all that it holds, each level twice:
seconds for one seal, and other octets than those that were signed where they had not been DER.
"""

from collections.abc import Callable
from typing import Any

from asn1crypto import core

_Dump = Callable[..., bytes]


def _is_definite(value: Any) -> bool:
    header: bytes = value._header
    if value.explicit is None and value.tag < 31:
        return header[1] != 0x80
    identifier = value.class_ << 6 | value.method << 5 | value.tag
    return value.tag < 31 and not header.endswith(bytes((identifier, 0x80)))


def _mended(dump: _Dump) -> _Dump:
    def mended_dump(self: Any, force: bool = False) -> bytes:
        header: bytes | None = self._header
        if not force and header is not None and header[-1:] == b"\x80" and _is_definite(self):
            contents: bytes = self.contents
            if self._header is header:  # a change inside drops it
                encoded: bytes = header + contents + self._trailer
                return encoded
        return dump(self, force)

    return mended_dump


for _kind in (core.Sequence, core.SequenceOf):
    _kind.dump = _mended(_kind.dump)
