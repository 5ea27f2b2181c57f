"""What clients of our interfaces have in common: a safe address, whom to trust, errors as the verbs say them."""

import ssl
from pathlib import Path
from urllib.parse import urlsplit

import httpx
from pydantic import ValidationError

from core.api.models import ProblemDocument
from core.errors import Kind, YinxinError
from core.i18n import _

TIMEOUT = httpx.Timeout(10, read=300)
"""Seconds; an answer may take long, because a batch is made in it."""
_KINDS = {401: Kind.FORBIDDEN, 403: Kind.FORBIDDEN, 404: Kind.NOT_FOUND, 409: Kind.CONFLICT, 412: Kind.CONFLICT}


def safe_address(url: str) -> str:
    """The address without a slash at its end; in clear only on this machine, because secrets travel."""
    parts = urlsplit(url)
    local = parts.hostname in ("127.0.0.1", "::1", "localhost")
    if not parts.hostname or parts.scheme not in ("https", "http") or parts.path not in ("", "/") or parts.query:
        raise YinxinError(
            Kind.INVALID, _("not the address of a service"), subject=url, remedy=_("write https://HOST:PORT")
        )
    if parts.scheme == "http" and not local:
        raise YinxinError(
            Kind.INVALID,
            _("without TLS only a service on this machine is asked"),
            subject=url,
            remedy=_("write https://HOST:PORT"),
        )
    return url.rstrip("/")


def trust(url: str, ca_file: Path | None) -> ssl.SSLContext:
    """The certificates in the file, or those that the machine trusts."""
    if url.startswith("http://") and ca_file is None:
        # Nobody's certificate will be asked for: those of the system take longer to read than the answer.
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        return ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError):
        raise YinxinError(Kind.INVALID, _("no certificates to trust can be read there"), subject=str(ca_file)) from None


def problem_of(response: httpx.Response) -> YinxinError | None:
    """What a problem document says; None if the answer is none."""
    try:
        problem = ProblemDocument.model_validate_json(response.content)
    except ValidationError:
        return None
    kind = problem.kind if problem.kind in set(Kind) else _KINDS.get(response.status_code, "")
    if not kind:
        kind = Kind.UNAVAILABLE if response.status_code >= 500 else Kind.INVALID
    return YinxinError(Kind(kind), problem.detail or problem.title, subject=problem.subject, remedy=problem.remedy)
