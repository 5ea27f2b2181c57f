"""The other side: asks any responder about a certificate, and says in words what it answered."""

from base64 import b64encode
from collections.abc import Callable
from http.client import HTTPException
from time import monotonic
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from core.algorithms import Digest
from core.asn1.names import describe_name
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from ocsp.certificate import Certificate
from ocsp.judgement import Standing, Verdict, judge
from ocsp.request import build_request, cert_id
from ocsp.response import Reason

TIMEOUT_SECONDS = 10
MAXIMUM_RESPONSE = 1024 * 1024
"""Octets."""

Transport = Callable[[bytes], bytes]
"""Brings an OCSPRequest to a responder, and back what it says."""


def ask(
    certificate: Certificate,
    issuer: Certificate,
    transport: Transport,
    clock: Clock,
    digest: Digest,
    nonce: bytes | None,
) -> Verdict:
    """What the responder says of the certificate now; the digest is that of the CertID.

    `YinxinError` if the certificate is not of this issuer, or there is no answer that can be believed.
    """
    if not certificate.issued_by(issuer):
        raise YinxinError(
            Kind.INVALID,
            _("the certificate was not issued by {issuer}").format(issuer=describe_name(issuer.subject)),
            subject=describe_name(certificate.subject),
            remedy=_("give the certificate of its issuer"),
        )
    response = transport(build_request([cert_id(issuer, certificate.serial, digest)], nonce))
    return judge(response, certificate.serial, issuer, clock.now(), nonce)


def over_http(url: str, *, get: bool = False) -> Transport:
    """A responder at an address, asked by POST or by GET (RFC 6960 A.1). `YinxinError` where it cannot be reached."""
    _require_address(url)

    def bring(request: bytes) -> bytes:
        headers = {"Accept": "application/ocsp-response"}
        if get:
            in_path = f"{url.rstrip('/')}/{quote(b64encode(request), safe='')}"
            return fetch(Request(in_path, headers=headers))  # noqa: S310 - checked above
        headers["Content-Type"] = "application/ocsp-request"
        return fetch(Request(url, request, headers))  # noqa: S310

    return bring


def fetch(request: Request | str) -> bytes:
    """What lies at an address of http or https: once, whole, soon, and nowhere else. `YinxinError` otherwise."""
    url = request if isinstance(request, str) else request.full_url
    _require_address(url)
    deadline = monotonic() + TIMEOUT_SECONDS
    content = bytearray()
    try:
        with _opener.open(request, timeout=TIMEOUT_SECONDS) as answer:
            while part := answer.read1(65536):
                content += part
                if len(content) > MAXIMUM_RESPONSE:
                    raise _unreachable(url, _("more than {size} octets").format(size=MAXIMUM_RESPONSE))
                if monotonic() > deadline:
                    raise _unreachable(url, _("it takes more than {seconds} s").format(seconds=TIMEOUT_SECONDS))
    except HTTPError as error:
        if 300 <= error.code < 400:
            reason = _("it sends on to {address}, which is not followed").format(address=error.headers["Location"])
            raise _unreachable(url, reason) from error
        raise _unreachable(url, f"HTTP {error.code} {error.reason}") from error
    except URLError as error:
        raise _unreachable(url, str(error.reason)) from error
    except (OSError, HTTPException, ValueError) as error:
        raise _unreachable(url, str(error) or type(error).__name__) from error
    return bytes(content)


class _NoRedirects(HTTPRedirectHandler):
    """Who is asked is decided by the certificate or by the person, not by whoever answers."""

    def redirect_request(self, *_arguments: Any) -> None:
        """None: the redirection is treated as an error."""


_opener = build_opener(_NoRedirects)


def _require_address(url: str) -> None:
    if urlsplit(url).scheme not in ("http", "https"):
        raise YinxinError(Kind.INVALID, _("not an address of a responder (http, https)"), subject=url)


def _unreachable(url: str, reason: str) -> YinxinError:
    return YinxinError(
        Kind.UNAVAILABLE,
        _("the responder cannot be asked: {reason}").format(reason=reason),
        subject=url,
        remedy=_("check the address and the network, or give another with --url"),
    )


def explain(verdict: Verdict) -> str:
    """The verdict in a sentence."""
    since = verdict.revoked_at.astimezone().isoformat(sep=" ", timespec="seconds") if verdict.revoked_at else ""
    match verdict.standing:
        case Standing.GOOD:
            return _("The certificate is good: it was issued, and is not revoked.")
        case Standing.UNKNOWN:
            return _("The responder does not know the certificate: it was never issued, or by somebody else.")
        case Standing.REVOKED if verdict.never_issued:
            return _("The certificate was never issued: so the responder calls it revoked since 1970.")
        case Standing.REVOKED if verdict.held:
            return _("The certificate has been on hold since {time}; it may be resumed.").format(time=since)
        case Standing.REVOKED:
            why = reason_in_words(verdict.reason)
            return _("The certificate has been revoked since {time}, for good: {reason}.").format(
                time=since, reason=why
            )


def reason_in_words(reason: Reason | None) -> str:
    """Why a certificate is revoked (RFC 5280 5.3.1)."""
    words = {
        Reason.KEY_COMPROMISE: _("the private key is or may be in other hands"),
        Reason.CA_COMPROMISE: _("the authority's key is or may be in other hands"),
        Reason.AFFILIATION_CHANGED: _("the holder's name or unit has changed"),
        Reason.SUPERSEDED: _("it was replaced by another"),
        Reason.CESSATION_OF_OPERATION: _("it is no longer needed"),
        Reason.CERTIFICATE_HOLD: _("on hold"),
        Reason.PRIVILEGE_WITHDRAWN: _("a right that it certifies was withdrawn"),
        Reason.AA_COMPROMISE: _("the attribute authority's key is or may be in other hands"),
    }
    return words.get(reason, _("no reason is given")) if reason else _("no reason is given")
