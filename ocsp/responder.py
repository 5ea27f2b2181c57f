"""The responder's decisions: which certificate is meant, what is said of it, and who signs.

Both hashes of a CertID must fit an issuer, under the algorithm that it names; then the status is read from the CA's
records, at each request. An issuer that is not ours, and a serial number that was never issued, are *unknown* (RFC 6960
2.2). A response has one signature: that of the responder delegated by the issuer of the first question that has one,
else of the first responder. So an answer to questions about several issuers tells the truth about each, and a client
that does not trust the signer for one of them refuses that part, as RFC 6960 4.2.2.2 has it.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from core.algorithms import DIGESTS
from core.asn1.names import describe_name
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from ocsp import response
from ocsp.certificate import Certificate
from ocsp.delegation import Delegation
from ocsp.plain import read_plain
from ocsp.request import CertId, OcspRequest, cert_id, read_request
from ocsp.response import Letterhead, Reason, Refusal
from ocsp.status import CertificateStatus, Issuer, StatusSource

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Signatory:
    """A delegation, ready to sign."""

    delegation: Delegation
    letterhead: Letterhead


class Findings(NamedTuple):
    """What will be answered, before it is signed."""

    answers: tuple[tuple[CertId, bytes], ...]
    """CertID as sent, CertStatus DER."""
    signatory: Signatory
    nonce: bytes | None
    this_update: datetime
    next_update: datetime
    single_extensions: tuple[bytes, ...]
    """Of each answer, in the same order; b"" for none."""
    extensions: bytes
    """Of the response, beside the nonce's."""

    @property
    def is_plain(self) -> bool:
        """Whether it says nothing beyond CertIDs, status and times."""
        return not (self.extensions or any(self.single_extensions))

    def response(self) -> bytes:
        """OCSPResponse, signed now."""
        singles = (
            response.single_response(question.encoded, status, self.this_update, self.next_update, extensions)
            for (question, status), extensions in zip(self.answers, self.single_extensions, strict=True)
        )
        letterhead = self.signatory.letterhead
        return letterhead.sign(letterhead.response_data(self.this_update, singles, self.nonce, self.extensions))


class Responder:
    """Answers requests. Threads share it."""

    def __init__(
        self,
        source: StatusSource,
        delegations: Sequence[Delegation],
        clock: Clock,
        validity: timedelta,
        next_crl: Callable[[int], datetime | None] = lambda _issuer_id: None,
        *,
        archive_cutoff: bool = False,
        extended_revoked: bool = False,
    ) -> None:
        """`delegations`: where several answer for an issuer, the newest one that is valid signs.

        `validity`: how long an answer holds (nextUpdate). `next_crl`: the nextUpdate of an issuer's CRL; while that is
        in force, no answer holds for longer. `archive_cutoff`: say of an expired certificate that status is kept for
        all that its issuer ever issued (RFC 6960 4.4.4, by ETSI EN 319 411-2). `extended_revoked`: what an issuer of
        ours never issued is *revoked* (RFC 6960 2.2). `YinxinError` if there is nobody to sign, or a delegation is by
        none of the issuers.
        """
        self._source = source
        self._next_crl = next_crl
        self._clock = clock
        self.validity = validity
        issuers = source.issuers()
        self._issuers = {
            cert_id(issuer, 0, digest).issuer: issuer.id for issuer in issuers for digest in DIGESTS.values()
        }
        self._known = issuers
        self._archive_cutoffs = {
            issuer.id: response.archive_cutoff(Certificate.load(issuer.certificate).not_before)
            if archive_cutoff
            else b""
            for issuer in issuers
        }
        self._never_issued = response.NOT_ISSUED if extended_revoked else response.UNKNOWN
        self.delegate(delegations)

    def delegate(self, delegations: Sequence[Delegation]) -> None:
        """Sign by these delegations from now on, while requests are answered. `YinxinError` as at the beginning."""
        signatories = {issuer.id: _signatories(issuer, delegations) for issuer in self._known}
        _require_use(delegations, signatories.values())
        self._signatories = signatories

    def signs_quickly(self, question: CertId) -> bool:
        """Whether a signature about this certificate takes less time than handing it to another thread."""
        signatories = self._signatories.get(self._issuers.get(question.issuer, -1), ())
        return bool(signatories) and all(one.letterhead.is_quick for one in signatories)

    def respond(self, data: bytes) -> bytes:
        """OCSPResponse to an OCSPRequest, whatever the octets are."""
        try:
            return self.find(data).response()
        except Exception as error:  # noqa: BLE001 - the protocol has a word for every failure
            return response.refusal(refusal_for(error))

    def find(self, data: bytes) -> Findings:
        """What will be answered; `YinxinError` (invalid) if the octets are no OCSPRequest, (unavailable) otherwise."""
        return self.find_for(read_plain(data) or read_request(data))

    def find_for(self, request: OcspRequest) -> Findings:
        """What will be answered to a request that was read; `YinxinError` (unavailable) if nothing can be."""
        now = self._clock.now().replace(microsecond=0)
        signatory = self._signatory(request, now)
        said = [self._say(question, now) for question in request.questions]
        return Findings(
            tuple((question, status) for question, (status, _extensions) in zip(request.questions, said, strict=True)),
            signatory,
            request.nonce,
            now,
            # What is signed does not outlive the right to sign it.
            min(now + self.validity, signatory.delegation.certificate.not_after, *self._next_crls(request, now)),
            tuple(extensions for _status, extensions in said),
            # Its absence would say that "revoked" is never said of what was not issued (RFC 6960 4.4.8).
            response.EXTENDED_REVOKE if any(status == response.NOT_ISSUED for status, _extensions in said) else b"",
        )

    def _next_crls(self, request: OcspRequest, now: datetime) -> Iterable[datetime]:
        """Ends of the CRLs in force, of the issuers that are asked about."""
        issuer_ids = {self._issuers.get(question.issuer) for question in request.questions} - {None}
        ends = (self._next_crl(issuer_id) for issuer_id in issuer_ids if issuer_id is not None)
        return (end for end in ends if end is not None and end > now)

    def _say(self, question: CertId, now: datetime) -> tuple[bytes, bytes]:
        """CertStatus and the elements of singleExtensions, DER."""
        issuer_id = self._issuers.get(question.issuer)
        if issuer_id is None:
            return response.UNKNOWN, b""
        status = self._source.status(issuer_id, question.serial)
        if status is None:
            return self._never_issued, b""
        is_expired = status.not_after is not None and status.not_after < now
        return _cert_status(status), self._archive_cutoffs[issuer_id] if is_expired else b""

    def _signatory(self, request: OcspRequest, now: datetime) -> Signatory:
        signatories = self._signatories  # once: it may be exchanged meanwhile
        issuer_ids = (self._issuers.get(question.issuer, -1) for question in request.questions)
        entitled = filter(None, (signatories.get(issuer_id, ()) for issuer_id in issuer_ids))
        default = next(filter(None, signatories.values()), ())
        candidates = [one for one in next(entitled, default) if one.delegation.certificate.valid_at(now)]
        if not candidates:
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("no responder certificate is valid now"),
                remedy=_("see: yinxin ca service-certificates list"),
            )
        return max(candidates, key=lambda one: one.delegation.certificate.not_before)


def refusal_for(error: Exception) -> Refusal:
    """The protocol's word for a failure. What is our own trouble is logged, and not told to strangers."""
    match error:
        case YinxinError(kind=Kind.INVALID):
            return Refusal.MALFORMED_REQUEST
        case YinxinError(kind=Kind.UNAVAILABLE):
            log.error("status requests cannot be answered now: %s", error)
            return Refusal.TRY_LATER
        case _:
            log.error("a status request could not be answered", exc_info=error)
            return Refusal.INTERNAL_ERROR


def _cert_status(status: CertificateStatus) -> bytes:
    """CertStatus of an issued certificate."""
    match status.state, status.revoked_at:
        case "valid", _:
            return response.GOOD
        case "held", datetime() as since:
            return response.revoked(since, Reason.CERTIFICATE_HOLD)
        case "revoked", datetime() as since:
            return response.revoked(since, None if status.reason is None else Reason(status.reason.code))
    raise ValueError(f"a status that cannot be: {status}")


def _signatories(issuer: Issuer, delegations: Iterable[Delegation]) -> tuple[Signatory, ...]:
    """Those that may answer for the issuer."""
    return tuple(
        Signatory(
            delegation,
            # The client has the issuer's own certificate already.
            Letterhead(
                delegation.signer,
                None if delegation.certificate.is_of(issuer) else delegation.certificate.encoded,
            ),
        )
        for delegation in delegations
        if delegation.certificate.answers_for(issuer.delegator)
    )


def _require_use(delegations: Iterable[Delegation], signatories: Iterable[tuple[Signatory, ...]]) -> None:
    """Return if there is a delegation, and each is by an issuer that we know; else `YinxinError`."""
    used = {signatory.delegation.certificate.encoded for entitled in signatories for signatory in entitled}
    if not used:
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("no valid responder certificate is installed"),
            remedy=_("run: yinxin renew ocsp, then have the authority approve: yinxin ca service-certificates list"),
        )
    for delegation in delegations:
        if delegation.certificate.encoded not in used:
            raise YinxinError(
                Kind.INVALID,
                _("the responder certificate was issued by none of our issuers for OCSP signing"),
                subject=describe_name(delegation.certificate.subject),
                remedy=_("install a certificate that the issuer of the certificates in question has issued"),
            )
