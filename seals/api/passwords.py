"""The header in which an encrypted document's password comes: addresses end in logs, and headers do not."""

import base64
import binascii

from werkzeug.wrappers import Request

from core.errors import Kind, YinxinError
from core.i18n import _

HEADER = "Document-Password"
_LONGEST = 1024
SCHEMA = {"type": "string", "contentEncoding": "base64", "pattern": "^[A-Za-z0-9+/]+={0,2}$", "maxLength": _LONGEST}
HEADERS = {HEADER: SCHEMA}


def as_header(password: str | None) -> dict[str, str]:
    """The header that says it: UTF-8 in base64, since passwords are in any script."""
    return {} if password is None else {HEADER: base64.b64encode(password.encode()).decode()}


def in_header(request: Request) -> str | None:
    """The password; None if none was sent. `YinxinError` (invalid) if the header is something else."""
    given = request.headers.get(HEADER)
    if given is None:
        return None
    try:
        if not 0 < len(given) <= _LONGEST:
            raise ValueError
        return base64.b64decode(given, validate=True).decode()
    except (binascii.Error, ValueError):
        raise YinxinError(
            Kind.INVALID,
            _("the password of the document is not UTF-8 in base64"),
            subject=HEADER,
            remedy=_("encode it: printf %s PASSWORD | base64"),
        ) from None
