"""Who is at the other end: an operator, by a signed request (RFC 9421) or by the certificate shown to the TLS edge.

This admits to looking things up. Whatever changes something is a signed statement besides, which is checked as if
nobody had been admitted; and it must be the caller's own.
"""

from dataclasses import dataclass
from typing import NoReturn
from urllib.parse import quote

import sqlalchemy as sa
from asn1crypto import x509
from werkzeug.datastructures import WWWAuthenticate
from werkzeug.exceptions import Unauthorized
from werkzeug.wrappers import Request

from ca.key_quality import examine_key
from ca.profiles import KeyType
from core.algorithms import ECDSA_P256_SHA256, ECDSA_P384_SHA384, RSA_SHA256, SM2_SM3, Algorithm
from core.api.address import TAG
from core.api.edge import shown_certificate
from core.context import Context
from core.errors import YinxinError
from core.http_signatures import CLOCK_SKEW, MAXIMUM_AGE, Message, claimed_key_id, verify_request
from core.i18n import _
from ra import records
from ra.operators import Operator, OperatorSession, find_operator, require_fit
from ra.refusals import RefusedError
from ra.statements import Statement

_PATH_SAFE = "/:@!$&'()*+,;=~-._"
_MAXIMUM_NONCE = 64
_REMEMBERED = MAXIMUM_AGE + 2 * CLOCK_SKEW
_ALGORITHMS = {
    KeyType.SM2: SM2_SM3,
    KeyType.RSA: RSA_SHA256,
    KeyType.P256: ECDSA_P256_SHA256,
    KeyType.P384: ECDSA_P384_SHA384,
}


@dataclass(frozen=True)
class _AbsentKey:
    """The key that an operator at a distance keeps at home."""

    certificate: bytes

    @property
    def algorithm(self) -> Algorithm:
        """What such keys sign with."""
        return _ALGORITHMS[examine_key(self.public_key_info).type]

    @property
    def public_key_info(self) -> bytes:
        """SubjectPublicKeyInfo, DER."""
        return _public_key_info(self.certificate)

    def sign(self, data: bytes) -> NoReturn:  # noqa: ARG002
        """Never."""
        raise RefusedError("absent-key", _("the key of an operator at a distance is not here"))


def admit_caller(context: Context, request: Request, body: bytes, edge_addresses: tuple[str, ...]) -> Operator:
    """The operator who asks, fit to act now; `Unauthorized` if nobody proves to be one, `RefusedError` if unfit."""
    if request.headers.get("Signature-Input"):
        operator = _by_signature(context, request, body)
    else:
        operator = _by_certificate(context, request, edge_addresses)
    with context.storage.reading() as connection:
        require_fit(context, connection, operator)
    return operator


def session_of(operator: Operator) -> OperatorSession:
    """For verbs that only look something up."""
    return OperatorSession(operator.name, operator.certificate, _AbsentKey(operator.certificate))


def require_own(operator: Operator, statement: Statement) -> None:
    """Return if the statement that the caller hands in is the caller's; else `RefusedError`."""
    if statement.operator != operator.name:
        raise RefusedError(
            "other-caller",
            _("the statement is not by the operator who hands it in"),
            subject=statement.subject,
            remedy=_("have it handed in by the operator who signed it"),
        )


def _by_signature(context: Context, request: Request, body: bytes) -> Operator:
    message = Message(request.method, _url(request), dict(request.headers.items()))
    try:
        name = claimed_key_id(message, TAG)
        with context.storage.reading() as connection:
            operator = find_operator(connection, name)
        algorithm = _ALGORITHMS[examine_key(_public_key_info(operator.certificate)).type]
        now = context.clock.now()
        proof = verify_request(message, body, algorithm, _public_key_info(operator.certificate), tag=TAG, now=now)
    except YinxinError as error:
        # Whether the name or the signature is wrong is nobody's business who has neither.
        raise _unauthorized(_("The request is not signed by an operator's key, or not just now.")) from error
    _take_nonce(context, operator.name, proof.nonce)
    return operator


def _take_nonce(context: Context, operator: str, nonce: str) -> None:
    table, now = records.http_nonces, context.clock.now()
    if len(nonce) > _MAXIMUM_NONCE:
        raise _unauthorized(_("The request's nonce is too long."))
    try:
        with context.storage.transaction() as connection:
            connection.execute(sa.delete(table).where(table.c.at < now - _REMEMBERED))
            connection.execute(sa.insert(table).values(operator=operator, nonce=nonce, at=now))
    except sa.exc.IntegrityError:
        raise _unauthorized(_("The request was sent before: each is signed with a nonce of its own.")) from None


def _by_certificate(context: Context, request: Request, edge_addresses: tuple[str, ...]) -> Operator:
    try:
        certificate = shown_certificate(request, edge_addresses)
        if certificate is None:
            raise _unauthorized(_("Sign the request with an operator's key, or show an operator's certificate."))
        name = x509.Certificate.load(certificate).subject.native["common_name"]
        with context.storage.reading() as connection:
            operator = find_operator(connection, name)
    except (TypeError, KeyError, YinxinError) as error:
        raise _unauthorized(_("The certificate is not an operator's.")) from error
    if operator.certificate != certificate:
        raise _unauthorized(_("The certificate is not an operator's."))
    return operator


def _url(request: Request) -> str:
    """As the caller wrote it: servers hand the path over decoded."""
    path = quote(request.environ.get("PATH_INFO", "").encode("latin-1"), safe=_PATH_SAFE)
    query = request.environ.get("QUERY_STRING", "")
    return f"{request.scheme}://{request.host}{path}" + (f"?{query}" if query else "")


def _unauthorized(description: str) -> Unauthorized:
    return Unauthorized(description, www_authenticate=WWWAuthenticate("signature", {"realm": TAG}))


def _public_key_info(certificate: bytes) -> bytes:
    encoded: bytes = x509.Certificate.load(certificate).public_key.dump()
    return encoded
