"""Encrypted documents (ISO 32000-2 7.6): opened by their password, and what their permissions let be done to them."""

from collections.abc import Iterator
from contextlib import suppress

from pyhanko.pdf_utils.crypt import AuthStatus, PubKeySecurityHandler, StandardSecurityHandler
from pyhanko.pdf_utils.crypt import StandardSecuritySettingsRevision as Revision
from pyhanko.pdf_utils.crypt.permissions import StandardPermissions as Permissions
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader

from core.errors import Kind, YinxinError
from core.i18n import _

_REVISION_WITH_FORM_FILLING = 3
"""Before it, bit 9 of the permissions means nothing (ISO 32000-2 table 22)."""


def unlock(reader: PdfFileReader, password: str | None) -> None:
    """Make an encrypted document readable; without a password, if it was encrypted with an empty one.

    `YinxinError`: unsupported if there is no password or another kind of encryption, forbidden if it is a wrong one.
    """
    handler = _standard(reader)
    if handler is not None and _authenticate(reader, handler, password) is AuthStatus.FAILED:
        raise no_password(password)


def no_password(password: str | None) -> YinxinError:
    """What is said of a document that the password, or the lack of one, does not open."""
    if password is None:
        return YinxinError(
            Kind.UNSUPPORTED,
            _("the PDF is encrypted, and no password was given"),
            remedy=_("give its password: --password-file FILE, or the header Document-Password"),
        )
    return YinxinError(
        Kind.FORBIDDEN,
        _("the password does not open the PDF"),
        remedy=_("check the password; upper and lower case differ"),
    )


def require_permission_to_change(
    reader: PdfFileReader, password: str | None, *, new_field: bool, annotations: bool
) -> None:
    """Return if a seal may be added by whoever knows this password; `YinxinError` (forbidden, unsupported) otherwise.

    `new_field`: a signature field has to be made; `annotations`: there are stamps beside the field.
    """
    handler = _standard(reader)
    if handler is None:
        return
    if handler.pdf_mac_enabled:
        # ISO/TS 32004: what is added would need a new code, which few programs check and we do not write.
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("the encrypted PDF has an integrity code (ISO/TS 32004), which a seal would break"),
            remedy=_("save it without the code first"),
        )
    if _authenticate(reader, handler, password) is AuthStatus.OWNER:
        return
    allowed = handler.perms
    annotating = Permissions.ALLOW_ANNOTS_FORM_FILLING in allowed
    filling = handler.revision.value >= _REVISION_WITH_FORM_FILLING and Permissions.ALLOW_FORM_FILLING in allowed
    making = annotating and Permissions.ALLOW_MODIFICATION_GENERIC in allowed
    if (making if new_field else annotating or filling) and (annotating or not annotations):
        return
    raise YinxinError(
        Kind.FORBIDDEN,
        _("the permissions of the encrypted PDF forbid a seal"),
        remedy=_("give the owner password, or ask the author for a copy that permits it"),
    )


def _standard(reader: PdfFileReader) -> StandardSecurityHandler | None:
    """What the password is asked by; None if the document is not encrypted."""
    try:
        handler = reader.security_handler
    except PdfError:
        handler = ...
    if handler is None:
        return None
    if isinstance(handler, StandardSecurityHandler) and handler.revision is not Revision.OTHER:
        return handler
    if isinstance(handler, PubKeySecurityHandler):
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("the PDF is encrypted to certificates; only encryption with a password is supported"),
            remedy=_("save it without encryption, or with a password, first"),
        )
    raise YinxinError(
        Kind.UNSUPPORTED,
        _("the PDF is encrypted in a way that is not supported"),
        remedy=_("encrypt it anew, for example with: qpdf --encrypt … 256 --"),
    )


def _authenticate(reader: PdfFileReader, handler: StandardSecurityHandler, password: str | None) -> AuthStatus:
    for spelling in spellings(password or "", handler.revision):
        with suppress(UnicodeError, ValueError):  # no password has such characters
            status = handler.authenticate(spelling, id1=reader.document_id[0]).status
            if status is not AuthStatus.FAILED:
                return status
    return AuthStatus.FAILED


def spellings(password: str, revision: Revision = Revision.OTHER) -> Iterator[str | bytes]:
    """What a password can be: Unicode since AES-256; before, whatever octets the author's system made of it."""
    yield password
    if not password.isascii() and revision not in (Revision.AES256, Revision.AES_GCM):
        yield password.encode()
        yield password.encode("gb18030")
