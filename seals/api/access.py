"""Which calling system is at the other end: by its API key (RFC 6750), or by the certificate shown to the TLS edge."""

from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Request

from core.api.edge import shown_certificate
from core.context import Context
from core.errors import YinxinError
from core.i18n import _
from seals.api import api_keys
from seals.api.api_keys import CallingSystem


def calling_system(context: Context, request: Request, edge_addresses: tuple[str, ...]) -> CallingSystem:
    """Who asks; `Unauthorized` if nobody is known by what the request shows."""
    credentials = request.authorization
    if credentials is not None and credentials.type == "bearer" and credentials.token:
        system = api_keys.bearer(context, credentials.token)
    else:
        system = _by_certificate(context, request, edge_addresses)
    if system is None:
        description = _("Show an API key: Authorization: Bearer KEY.")
        raise Unauthorized(description, www_authenticate=WWWAuthenticate("bearer"))
    return system


def _by_certificate(context: Context, request: Request, edge_addresses: tuple[str, ...]) -> CallingSystem | None:
    try:
        certificate = shown_certificate(request, edge_addresses)
    except YinxinError:
        return None
    return None if certificate is None else api_keys.shower(context, certificate)
