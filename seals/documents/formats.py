"""Which format a document has, and so who seals it."""

from typing import Any

from core.errors import Kind, YinxinError
from core.i18n import _
from seals.documents import Document, opened
from seals.documents.pdf import seal_pdf
from seals.placement.placement import Place
from seals.sealing import Seal, SealedDocument

_ZIP = b"PK\x03\x04"


def seal_document(document: Document, seal: Seal, place: Place, **options: Any) -> SealedDocument:
    """The sealed document; the options are those of `documents.pdf.seal_pdf`."""
    with opened(document) as stream:
        stream.seek(0)
        if stream.read(len(_ZIP)) == _ZIP:
            # An OFD document (GB/T 33190) is a ZIP file: it would be sealed here.
            raise YinxinError(
                Kind.UNSUPPORTED, _("not a PDF document; OFD is not sealed yet"), remedy=_("save it as PDF first")
            )
        return seal_pdf(stream, seal, place, **options)
