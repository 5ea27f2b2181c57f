"""A code on a page of a PDF, before anybody has signed it: page content may not change afterwards."""

from io import BytesIO

import pikepdf

from core.errors import Kind, YinxinError
from core.i18n import _
from seals.codes.picture import code_file
from seals.documents.pdf_repair import is_signed
from seals.pades import reading
from seals.placement.placement import Origin

SIZE_MM = 30.0


def with_code(
    document: bytes, text: str, page: int, x_mm: float, y_mm: float, *, size_mm: float = SIZE_MM, origin: Origin
) -> bytes:
    """The document with the code's middle at this place on the page as people see it; the first page is 1.

    `YinxinError`: conflict if the document is signed, invalid if it cannot be read or has no such page.
    """
    geometry = reading.PageTree(reading.open_pdf(BytesIO(document))).geometry(page)
    box = geometry.box(*geometry.from_lower_left(x_mm, y_mm, origin), size_mm, size_mm)
    with pikepdf.open(BytesIO(document)) as pdf, pikepdf.open(BytesIO(code_file(text, "pdf"))) as code:
        if is_signed(pdf):
            raise YinxinError(
                Kind.CONFLICT,
                _("the document is signed, and a code on its page would break that"),
                remedy=_("put the code on it before it is sealed for the first time"),
            )
        pdf.pages[page - 1].add_overlay(code.pages[0], pikepdf.Rectangle(*box))
        target = BytesIO()
        pdf.save(target)
        return target.getvalue()
