"""One increment of a PDF, as pyHanko writes it, with objects written as `serial` does."""

from operator import itemgetter
from typing import Any, BinaryIO

from pyhanko.pdf_utils.generic import NumberObject
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from seals.pades import serial
from seals.pades.mentions import numbers_mentioned
from seals.pades.reading import open_pdf

_TAIL = 64
"""Octets, in which `startxref` is followed by a number and the end of the file."""


class Increment(IncrementalPdfFileWriter):
    """An increment that says nothing about the document: its XMP and Info stay as they are (ISO 19005-1 6.7.3)."""

    def __init__(self, document: BinaryIO, password: str | None = None, reader: PdfFileReader | None = None) -> None:
        """`reader`: has the document open as it is; what it read is changed by writing."""
        previous = reader or open_pdf(document, password)
        self._mentioned = numbers_mentioned(previous)
        super().__init__(document, prev=previous)

    @property
    def _lastobj_id(self) -> int:
        """The number after which the next object is numbered: never by one that the document mentions already."""
        return self._last

    @_lastobj_id.setter
    def _lastobj_id(self, number: int) -> None:
        while number + 1 in self._mentioned:
            number += 1
        self._last = number

    def known(self) -> PdfFileReader | None:
        """What has the document open as it was written, and knows it without reading it again; None if it does not.

        An encrypted document is read again: what was written is not what is kept.
        """
        if self.security_handler is not None:
            return None
        for (generation, number), written in self.objects.items():
            self.prev.cache_indirect_object(generation, number, written)
        self.input_stream.seek(-_TAIL, 2)
        self.prev.last_startxref = int(self.input_stream.read().split()[-2])
        # A cross-reference stream is an object as well.
        self.prev.trailer["/Size"] = NumberObject(self._lastobj_id + 2)
        return self.prev

    def _update_meta(self) -> None:
        return

    def _write_objects(self, stream: BinaryIO, object_position_dict: dict[tuple[int, int], Any]) -> None:
        if self.security_handler is not None or self.object_streams:
            super()._write_objects(stream, object_position_dict)
            return
        for (generation, number), written in sorted(self.objects.items(), key=itemgetter(0)):
            object_position_dict[(generation, number)] = stream.tell()
            stream.write(b"%d %d obj\n" % (number, generation))
            serial.write(stream, written)
            stream.write(b"\nendobj\n")
