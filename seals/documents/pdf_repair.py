"""Repairing damaged PDF documents, by qpdf: only when it is asked for, and never where it would break a signature."""

from tempfile import SpooledTemporaryFile
from typing import BinaryIO, cast

import pikepdf

from core.errors import Kind, YinxinError
from core.i18n import _
from seals.pades.encryption import no_password

_IN_MEMORY = 8 << 20


def repaired(stream: BinaryIO, password: str | None = None) -> BinaryIO | None:
    """A repaired copy, encrypted as the document is, the caller's to close; None if nothing is damaged.

    `YinxinError`: invalid if it cannot be repaired, conflict if it holds signatures.
    """
    stream.seek(0)
    try:
        with pikepdf.open(stream, password=password or "") as document:
            if not document.get_warnings() and not document.check_pdf_syntax():
                return None
            if is_signed(document):
                raise YinxinError(
                    Kind.CONFLICT,
                    _("the PDF is damaged and holds signatures, which repairing it would break"),
                    remedy=_("ask for the document as it was when it was signed"),
                )
            copy = cast(BinaryIO, SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 - the caller's
            document.save(copy, encryption=document.is_encrypted)
            return copy
    except pikepdf.PasswordError as error:
        raise no_password(password) from error
    except pikepdf.PdfError as error:
        raise YinxinError(
            Kind.INVALID,
            _("the PDF is damaged beyond repair: {reason}").format(reason=str(error).partition("\n")[0][:200]),
            remedy=_("save it again with the program that made it"),
        ) from error


def require_undamaged(stream: BinaryIO, password: str | None = None) -> None:
    """Return unless qpdf would have to mend the document; `YinxinError` (invalid) says what is wrong with it."""
    stream.seek(0)
    try:
        with pikepdf.open(stream, password=password or "", attempt_recovery=False) as document:
            problems = [*document.check_pdf_syntax(), *map(str, document.get_warnings())]
    except pikepdf.PdfError as error:
        problems = [str(error)]
    if problems:
        raise YinxinError(
            Kind.INVALID,
            _("the PDF is damaged: {reason}").format(reason=problems[0].partition("\n")[0][:200]),
            remedy=_("save it again with the program that made it, or have it repaired with --repair"),
        )


def is_signed(document: pikepdf.Pdf) -> bool:
    """Whether anything in the document looks like a signature."""
    return any(
        isinstance(one, pikepdf.Dictionary) and "/ByteRange" in one and "/Contents" in one for one in document.objects
    )
