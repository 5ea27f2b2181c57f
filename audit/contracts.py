"""What is handed in by the front door, which knows every room; keys of the command's meta."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from core.home import Home

if TYPE_CHECKING:
    import sqlalchemy as sa

Stamp = Callable[[bytes], bytes]
"""The TimeStampToken (DER) over octets; `YinxinError` if it cannot be had."""
CheckToken = Callable[[bytes, bytes, Sequence[bytes]], datetime]
"""The time that a token (DER) proves of the octets, by an authority under these anchors (DER; none: by any); else
`YinxinError`."""
Objects = Mapping[str, Callable[["sa.Connection"], Iterator[bytes]]]
"""By kind: gives the octets that entries refer to by digest (`certificates`, `statements`, `contents`), and what the
books say now of things whose history is in the log (`seals`)."""
IMPERSONAL = frozenset({"seals"})
"""Kinds in which nothing is said of persons that the entries do not say."""

STAMP, CHECK_TOKEN, OBJECTS = "audit.stamp", "audit.check-token", "audit.objects"
StampSource = Callable[[Home], Stamp]
ObjectSource = Callable[[], Objects]
