"""Where a text stands on the pages of a PDF, by PDFium, which knows the place of every character."""

import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, BinaryIO

import pypdfium2
import pypdfium2.raw

from core.errors import Kind, YinxinError
from core.i18n import _
from seals.placement.placement import Box

PDFIUM = Lock()
"""PDFium may not be used by two threads at once."""

Character = tuple[str, Box, int]
"""A character as it is compared, its box, and the line it stands on."""


class PdfText:
    """The text of an open PDF."""

    def __init__(self, stream: BinaryIO, password: str | None = None) -> None:
        self._stream = stream
        self._password = password
        self._document: Any = None

    def find(self, text: str, page: int) -> list[Box]:
        """Where the text stands on the page (the first is 1), in user space and in reading order.

        Spaces and line ends do not count, and forms of a character that mean the same are the same (NFKC), so that
        text in pieces is found. Of an occurrence on two lines, the longer piece. `YinxinError` if there is no text to
        look for, or PDFium cannot read the document.
        """
        wanted = _comparable(text)
        if not wanted:
            raise YinxinError(Kind.INVALID, _("there is no text to look for"), remedy=_("give a keyword"))
        characters = list(self._characters(page))
        content = "".join(character for character, _box, _line in characters)
        found, start = [], content.find(wanted)
        while start >= 0:
            found.append(_box_of(characters[start : start + len(wanted)]))
            start = content.find(wanted, start + len(wanted))
        return found

    def close(self) -> None:
        """Let go of the document."""
        with PDFIUM:
            if self._document is not None:
                self._document.close()

    def _characters(self, page: int) -> Iterator[Character]:
        with PDFIUM, _readable():
            if self._document is None:
                self._document = pypdfium2.PdfDocument(self._stream, self._password)
            leaf = self._document[page - 1]
            text = leaf.get_textpage()
            line = 0
            for index in range(text.count_chars()):
                character = chr(pypdfium2.raw.FPDFText_GetUnicode(text, index))
                if character in "\r\n":
                    line += 1
                comparable = _comparable(character)
                if comparable:
                    box = text.get_charbox(index)
                    yield from ((one, box, line) for one in comparable)
            text.close()
            leaf.close()


def _comparable(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text)
    return "".join(one for one in folded if not one.isspace() and unicodedata.category(one) not in ("Cc", "Cf"))


def _box_of(characters: list[Character]) -> Box:
    lines = [line for _character, _box, line in characters]
    longest = max(dict.fromkeys(lines), key=lines.count)
    boxes = [box for _character, box, line in characters if line == longest]
    lefts, bottoms, rights, tops = zip(*boxes, strict=True)
    return min(lefts), min(bottoms), max(rights), max(tops)


@contextmanager
def _readable() -> Iterator[None]:
    try:
        yield
    except pypdfium2.PdfiumError as error:
        raise YinxinError(
            Kind.INVALID,
            _("the text of the PDF cannot be read: {reason}").format(reason=error),
            remedy=_("place the seal by coordinates"),
        ) from error
