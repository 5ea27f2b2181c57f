"""Judging an OCSPResponse as RFC 6960 3.2 has a client do, and believing nothing else. Any responder, any algorithm."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import chain

from asn1crypto import ocsp as asn1_ocsp

from core.algorithms import SHA1, algorithm_by_identifier, digest_by_oid
from core.asn1.names import describe_name
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.verification import InvalidSignature, verify
from ocsp.certificate import Certificate
from ocsp.request import NONCE, cert_id, subject_public_key
from ocsp.response import ARCHIVE_CUTOFF, BASIC, Reason, Refusal

CLOCK_TOLERANCE = timedelta(minutes=5)
NEVER = datetime(1970, 1, 1, tzinfo=UTC)


class Standing(StrEnum):
    """What a responder says of a certificate."""

    GOOD = "good"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Verdict:
    """An answer that can be believed."""

    standing: Standing
    revoked_at: datetime | None
    reason: Reason | None
    this_update: datetime
    next_update: datetime | None
    produced_at: datetime
    responder: str
    """The subject of the certificate that signed."""
    delegated: bool
    """Signed with a key that the issuer delegated for it; else with the issuer's own."""
    nonce_returned: bool
    """The answer was made for this very question."""

    @property
    def held(self) -> bool:
        """Revoked for the time being: it may be resumed."""
        return self.standing is Standing.REVOKED and self.reason is Reason.CERTIFICATE_HOLD

    @property
    def never_issued(self) -> bool:
        """Revoked by the extended definition (RFC 6960 2.2): the responder's word for what it does not know."""
        return self.held and self.revoked_at == NEVER


def judge(
    response: bytes,
    serial: int,
    issuer: Certificate,
    at: datetime,
    nonce: bytes | None,
    delegator: Certificate | None = None,
) -> Verdict:
    """What the response says of the issuer's certificate of this serial number.

    `delegator`: who certifies responders for an issuer that cannot, an attribute authority: the CA that certified it.
    `YinxinError` unless it is well formed, signed by who may answer for the issuer, about this certificate, timely, and
    made for this question where it returns a nonce.
    """
    try:
        basic = _successful(response)
        data = basic["tbs_response_data"]
        responder = _responder(basic, issuer, delegator or issuer, at)
        _check_signature(basic, responder)
        returned = _nonce(data)
        single = _about(data, serial, issuer)
        _require_known(data["response_extensions"], single["single_extensions"])
        status = single["cert_status"].chosen
        revoked = status.native if single["cert_status"].name == "revoked" else None
        verdict = Verdict(
            Standing(single["cert_status"].name),
            revoked["revocation_time"] if revoked else None,
            Reason(int(status["revocation_reason"])) if revoked and revoked["revocation_reason"] else None,
            single["this_update"].native,
            single["next_update"].native,
            data["produced_at"].native,
            describe_name(responder.subject),
            not responder.is_of(issuer),
            returned is not None and returned == nonce,
        )
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise _unbelievable(_("it is not an OCSP response that can be read")) from error
    if returned is not None and nonce is not None and returned != nonce:
        raise _unbelievable(_("it was made for another question (the nonce differs)"))
    _check_times(verdict, at)
    return verdict


def _unbelievable(why: str) -> YinxinError:
    return YinxinError(
        Kind.INVALID,
        _("the answer cannot be believed: {why}").format(why=why),
        remedy=_("ask again, or ask another responder; do not take the certificate for valid"),
    )


def _successful(response: bytes) -> asn1_ocsp.BasicOCSPResponse:
    outer = asn1_ocsp.OCSPResponse.load(response, strict=True)
    status = int(outer["response_status"])
    if status:
        name = Refusal(status).name.lower().replace("_", " ")
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("the responder gives no answer: {status}").format(status=name),
            remedy=_("ask again later, or ask the operator of the responder"),
        )
    if outer["response_bytes"]["response_type"].dotted != BASIC:
        raise ValueError("not a basic response")
    return asn1_ocsp.BasicOCSPResponse.load(bytes(outer["response_bytes"]["response"]), strict=True)


def _responder(
    basic: asn1_ocsp.BasicOCSPResponse, issuer: Certificate, delegator: Certificate, at: datetime
) -> Certificate:
    """The certificate that the response names as its signer's, if it may answer for the issuer."""
    identity = basic["tbs_response_data"]["responder_id"]
    enclosed = [Certificate.load(certificate.dump()) for certificate in basic["certs"] or ()]
    for candidate in (issuer, delegator, *enclosed):
        if identity.name == "by_key":
            named = identity.native == SHA1.of(subject_public_key(candidate.public_key_info))
        else:
            named = identity.chosen.untag().dump() == candidate.subject
        if named and (candidate.is_of(issuer) or candidate.answers_for(delegator)):
            if not candidate.valid_at(at):
                raise _unbelievable(_("the responder's certificate is not valid now"))
            return candidate
    raise _unbelievable(_("it is signed by somebody who may not answer for the issuer"))


def _check_signature(basic: asn1_ocsp.BasicOCSPResponse, responder: Certificate) -> None:
    algorithm = algorithm_by_identifier(basic["signature_algorithm"].dump())
    try:
        verify(responder.public_key_info, algorithm, basic["signature"].native, basic["tbs_response_data"].dump())
    except InvalidSignature:
        raise _unbelievable(_("its signature is not good")) from None


def _nonce(data: asn1_ocsp.ResponseData) -> bytes | None:
    for extension in data["response_extensions"] or ():
        if extension["extn_id"].dotted == NONCE:
            nonce: bytes = extension["extn_value"].parsed.native
            return nonce
    return None


def _require_known(*extensions: Iterable[asn1_ocsp.ResponseDataExtension]) -> None:
    """A critical extension that is not understood may turn round what is said (RFC 5280 4.2)."""
    for extension in chain.from_iterable(some or () for some in extensions):
        if extension["critical"].native and extension["extn_id"].dotted not in (NONCE, ARCHIVE_CUTOFF):
            raise _unbelievable(_("it has a critical extension that is not understood here"))


def _about(data: asn1_ocsp.ResponseData, serial: int, issuer: Certificate) -> asn1_ocsp.SingleResponse:
    """The part about this certificate. Its CertID is compared by what it says: its encoding may differ from ours."""
    for single in data["responses"]:
        given = single["cert_id"]
        if given["serial_number"].native != serial:
            continue
        ours = cert_id(issuer, serial, digest_by_oid(given["hash_algorithm"]["algorithm"].dotted))
        hashes = given["issuer_name_hash"].native, given["issuer_key_hash"].native
        if hashes == (ours.issuer_name_hash, ours.issuer_key_hash):
            return single
    raise _unbelievable(_("it is about another certificate"))


def _check_times(verdict: Verdict, at: datetime) -> None:
    """RFC 6960 3.2, 4.2.2.1: said in the past, and to be said anew in the future."""
    if max(verdict.this_update, verdict.produced_at) > at + CLOCK_TOLERANCE:
        raise _unbelievable(_("it comes from the future: check the clocks"))
    if verdict.next_update is not None and verdict.next_update < at - CLOCK_TOLERANCE:
        raise _unbelievable(_("it is outdated"))
