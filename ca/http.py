"""CRLs and CA certificates over HTTP (RFC 2585, RFC 5280 4.2.1.13, 4.2.2.1): a bare WSGI callable, made for caches."""

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from asn1crypto import pem
from cryptography import x509
from werkzeug.exceptions import HTTPException, MethodNotAllowed
from werkzeug.wrappers import Request, Response

from ca.authorities import certificate_of
from ca.crl.keeping import Form, pieces_of
from ca.crl.publication import latest_published
from ca.further import handed_out
from core.context import Context
from core.errors import Kind, YinxinError
from core.health import PATH, Health
from core.http import health_response, in_readers_language, problem_response
from core.i18n import _

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_ROUTE = re.compile(
    r"/(?:crl/(?P<crl>[a-z0-9._-]+)(?:/(?:(?P<shard>[0-9]{1,4})(?P<its_delta>-delta)?|(?P<delta>delta)))?\.crl"
    r"|ca/(?P<ca>[a-z0-9._-]+)\.(?P<form>cer|pem))"
)
FRESH = timedelta(minutes=5)
"""How long caches may keep an answer without asking: a new CRL is seen after this time at most."""


@dataclass(frozen=True)
class Document:
    """What is served."""

    body: Iterable[bytes]
    size: int
    """Octets."""
    etag: str
    content_type: str
    modified_at: datetime
    expires_at: datetime
    encoding: str = ""
    """Content-Encoding."""


def create_app(context: Context, health: Health | None = None) -> "WSGIApplication":
    """`/crl/AUTHORITY.crl`, `/ca/AUTHORITY.cer`, `/ca/AUTHORITY.pem` with the chain up to the root, and `/healthz`."""
    health = health or Health({})

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        try:
            request = Request(environ)
            is_health = request.path == PATH and request.method in ("GET", "HEAD")
            response = health_response(health) if is_health else _answer(context, request)
        except (YinxinError, HTTPException) as error:
            response = problem_response(error)
        return response(environ, start_response)

    return in_readers_language(application)


def _answer(context: Context, request: Request) -> Response:
    route = _ROUTE.fullmatch(request.path)
    if route is None:
        raise _nothing_here(request)
    if request.method not in ("GET", "HEAD"):
        raise MethodNotAllowed(["GET", "HEAD"])
    document = _list(context, request, route) if route["crl"] else _certificate(context, route)
    response = Response(document.body, HTTPStatus.OK, content_type=document.content_type)
    response.content_length = document.size
    response.set_etag(document.etag)
    response.last_modified = document.modified_at
    left = max(document.expires_at - context.clock.now(), timedelta(0))
    response.expires = context.clock.now() + left
    response.cache_control.public = True
    response.cache_control.max_age = int(min(left, FRESH).total_seconds())
    if route["crl"]:
        response.vary.add("Accept-Encoding")
    if document.encoding:
        response.content_encoding = document.encoding
    return response.make_conditional(request)


def _list(context: Context, request: Request, route: re.Match[str]) -> Document:
    delta = bool(route["delta"] or route["its_delta"])
    published = latest_published(context, route["crl"], shard=int(route["shard"] or 0), delta=delta)
    if request.path != f"/crl/{published.name}":
        raise _nothing_here(request)
    packed = request.accept_encodings.best_match(("gzip", "identity"), default="identity") == "gzip"
    form: Form = "packed" if packed else "octets"
    return Document(
        pieces_of(context.storage, published.id, form),
        published.packed_size if packed else published.size,
        published.digest.hex() + ("-gzip" if packed else ""),
        "application/pkix-crl",
        published.this_update,
        published.next_update,
        "gzip" if packed else "",
    )


def _certificate(context: Context, route: re.Match[str]) -> Document:
    own = certificate_of(context.storage, route["ca"])
    certificate = x509.load_der_x509_certificate(own)
    body, content_type = own, "application/pkix-cert"
    if route["form"] == "pem":
        body = b"".join(pem.armor("CERTIFICATE", one) for one in handed_out(context.storage, route["ca"]))
        content_type = "application/pem-certificate-chain"
    return Document(
        [body],
        len(body),
        hashlib.sha256(body).hexdigest(),
        content_type,
        certificate.not_valid_before_utc,
        certificate.not_valid_after_utc,
    )


def _nothing_here(request: Request) -> YinxinError:
    return YinxinError(
        Kind.NOT_FOUND,
        _("nothing is served here"),
        subject=request.path,
        remedy=_("ask for /crl/AUTHORITY.crl, /ca/AUTHORITY.cer or /ca/AUTHORITY.pem"),
    )
