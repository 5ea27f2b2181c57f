"""An independent reading of what was just sealed: by qpdf, which has no part in sealing.

What one library wrote and another finds as it was meant does not rest on a mistake of either. qpdf is strict here: for
a document that it would have to mend it does not vouch.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO

import pikepdf

ObjectNumber = tuple[int, int]

NotFound = (pikepdf.PdfError, pikepdf.PasswordError, AttributeError, KeyError, IndexError, TypeError, ValueError)
"""What comes of asking for what is not there."""


@dataclass(frozen=True)
class FoundSignature:
    """A signature field and its value."""

    field: str
    kind: str
    """The type of the value: `/Sig` or `/DocTimeStamp`."""
    sub_filter: str
    byte_range: tuple[int, ...]
    contents: bytes
    place: int
    """Where in the file the object begins that holds the value."""
    seal: bytes
    """What is kept with the picture: an SESeal in DER; empty if there is nothing."""


class Witness:
    """A document as qpdf reads it. What it looks for and does not find is one of `NotFound`."""

    def __init__(self, document: pikepdf.Pdf) -> None:
        self._document = document
        self._root: Any = document.Root
        self._places = document.get_xref_table()

    def signatures(self) -> list[FoundSignature]:
        """The fields of the form, all of which have to be signed, in its order."""
        return [self._signature(field) for field in self._root.AcroForm.Fields]

    def security_store(self) -> dict[str, list[bytes]]:
        """What verifies the signatures (DSS), by kind: `/Certs`, `/CRLs`, `/OCSPs`; empty if there is none."""
        store = self._root.get("/DSS", {})
        return {kind: [one.read_bytes() for one in entries] for kind, entries in store.items()}

    def only_adds_evidence(self, earlier: "Witness", size: int) -> bool:
        """Whether after the earlier document, so many octets, there came a security store and signature fields only."""
        new = list(self._root.AcroForm.Fields)[len(earlier._root.AcroForm.Fields) :]
        grown = {self._root.objgen: "/DSS", self._root.AcroForm.objgen: "/Fields"}
        for field in new:
            grown |= {field.P.objgen: "/Annots", field.P.Annots.objgen: ""}
        added = [_text(field) for field in new]
        for number, before in earlier._places.items():
            now = self._places[number]
            if _place(now) == _place(before):
                continue
            if number not in grown or now.offset is None or now.offset < size:
                return False
            old, later = (one._document.get_object(number) for one in (earlier, self))
            if not _is_grown(old, later, grown[number], added):
                return False
        return True

    def _signature(self, field: Any) -> FoundSignature:
        if pikepdf.Name.Sig != field.FT:
            raise ValueError("not a signature field")
        value = field.V
        appearance = field.get("/AP", {}).get("/N", {})
        kept = appearance.get("/PieceInfo")
        return FoundSignature(
            str(field.T),
            str(value.Type),
            str(value.SubFilter),
            tuple(map(int, value.ByteRange)),
            bytes(value.Contents),
            self._places[value.objgen].offset or 0,
            b"" if kept is None else kept.Yinxin.Private.read_bytes(),
        )


@contextmanager
def witnessed(document: BinaryIO, password: str | None = None) -> Iterator[Witness]:
    """The document as qpdf reads it; one of `NotFound` if it does not vouch for it."""
    document.seek(0)
    opening = pikepdf.open(document, password=password or "", attempt_recovery=False, inherit_page_attributes=False)
    with closing(opening) as opened:
        yield Witness(opened)
        if opened.get_warnings():
            raise ValueError("not quite in order")


def _place(entry: Any) -> tuple[int, int, int]:
    return entry.type, *((entry.offset, 0) if entry.type == 1 else (entry.obj_stream_number, entry.obj_stream_index))


def _is_grown(old: pikepdf.Object, new: pikepdf.Object, key: str, added: list[bytes]) -> bool:
    """Whether an array is longer by what was added, or a dictionary has such an array under the key, or a store."""
    if isinstance(old, pikepdf.Array):
        return _texts(new) == [*_texts(old), *added]
    others = [{name: _text(value) for name, value in one.items() if name != key} for one in (old, new)]
    if others[0] != others[1]:
        return False
    if key == "/DSS":
        return key not in old
    return _texts(new[key]) == [*_texts(old.get(key, [])), *added]


def _texts(array: Any) -> list[bytes]:
    return [_text(one) for one in array]


def _text(value: Any) -> bytes:
    """As PDF writes it; what has a number of its own, by that."""
    text: bytes = value.unparse() if isinstance(value, pikepdf.Object) else repr(value).encode()
    return text
