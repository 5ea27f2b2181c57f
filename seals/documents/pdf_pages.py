"""What placing a seal asks of a PDF."""

from pyhanko.pdf_utils.reader import PdfFileReader

from seals.documents.pdf_text import PdfText
from seals.pades import reading
from seals.placement.placement import Box, PageGeometry


class PdfPages:
    """An open PDF as `marks.PagedDocument`."""

    def __init__(self, reader: PdfFileReader, password: str | None = None) -> None:
        self._reader = reader
        self._tree = reading.PageTree(reader)
        self._geometries: dict[int, PageGeometry] = {}
        self._text = PdfText(reader.stream, password)

    @property
    def page_count(self) -> int:
        """How many pages it has."""
        return self._tree.count

    def geometry(self, page: int) -> PageGeometry:
        """What of the page is seen, and how."""
        if page not in self._geometries:
            self._geometries[page] = self._tree.geometry(page)
        return self._geometries[page]

    def find_text(self, text: str, page: int) -> list[Box]:
        """Where the text stands on the page."""
        return self._text.find(text, page)

    def empty_field(self, name: str) -> tuple[int, Box]:
        """The page and the rectangle of the empty signature field."""
        widget = reading.empty_field(self._reader, name)
        return self._tree.page_of(widget), reading.rectangle(reading.entry(widget, "/Rect", None))

    def close(self) -> None:
        """Let go of the document."""
        self._text.close()
