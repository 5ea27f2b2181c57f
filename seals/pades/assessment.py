"""The judgement of signatures and timestamps by the rules of ETSI EN 319 102-1, without a network.

pyHanko judges a signature or a token at a moment (clauses 5.3 and 5.4); which moment that is, is decided here. A
timestamp that is trusted proves that what it covers existed at its time, so that everything below it is judged as of
then: the document timestamp as of now, the signature timestamp as of the document timestamp, the signature as of the
signature timestamp. pyHanko's own procedure for the past (`ades_lta_validation`) is not used: it asks the machine for
the time, and passes expired certificates without a look at their revocation.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum

from asn1crypto import crl, ocsp, x509
from pyhanko.sign.ades.report import AdESFailure, AdESIndeterminate, AdESStatus, AdESSubIndic
from pyhanko.sign.validation.ades import AdESBasicValidationResult, ades_basic_validation, ades_timestamp_validation
from pyhanko.sign.validation.policy_decl import (
    CertificateFetchingRule,
    LocalKnowledge,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko.sign.validation.status import SignatureStatus
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.fetchers import FetcherBackend
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer, sort_freshest_first

from seals.pades import boundary
from seals.pades.evidence import Knowledge, in_time
from seals.pades.policy import AllowedAlgorithms
from seals.pades.signatures import StoredSignature, Token, document_token, signature_tokens
from seals.pades.validator import RegistryValidator

Result = AdESBasicValidationResult[SignatureStatus]

CLOCK_TOLERANCE = timedelta(minutes=5)
"""By how much the clock of a time-stamping authority may be ahead of ours."""


class Outcome(Enum):
    """ETSI's main indication."""

    PASSED = "passed"
    INDETERMINATE = "indeterminate"
    FAILED = "failed"


@dataclass(frozen=True)
class JudgedTimestamp:
    """A time-stamp token and its judgement."""

    at: datetime
    authority: bytes
    """The certificate of the time-stamping authority, DER; empty if the token is not sound."""
    chain: tuple[bytes, ...]
    """From its issuer to the trust anchor; empty if none was found."""
    outcome: Outcome
    indication: str
    intact: bool
    """Whether the token is soundly signed, and over what it should be."""
    old_status: bool = False
    """That the authority was in good standing is only known as of the token's own time."""


@dataclass(frozen=True)
class Assessment:
    """The judgement of a signature."""

    outcome: Outcome
    indication: str
    """ETSI's sub-indication: REVOKED_NO_POE, NO_CERTIFICATE_CHAIN_FOUND …"""
    intact: bool
    """Whether the document digest and the signature value are right, whoever signed."""
    signer: bytes
    """DER."""
    chain: tuple[bytes, ...]
    """From the signer's issuer to the trust anchor; empty if none was found."""
    proven_time: datetime | None
    """The earliest moment at which a trusted timestamp shows the signature to exist."""
    timestamp: JudgedTimestamp | None
    revoked_at: datetime | None


@dataclass(frozen=True)
class Judge:
    """Judges as of a moment, with anchors and material beside the document."""

    anchors: tuple[bytes, ...]
    """DER."""
    given: Knowledge
    now: datetime

    def signature(
        self, stored: StoredSignature, stored_knowledge: Knowledge, archived_at: datetime | None
    ) -> Assessment:
        """Judge an ordinary signature; `archived_at`: the time of the oldest trusted document timestamp after it."""
        known = self.given + stored_knowledge
        tokens = [self.timestamp(token, known, archived_at or self.now) for token in signature_tokens(stored)]
        timestamp = next((token for token in tokens if token.outcome is Outcome.PASSED), tokens[0] if tokens else None)
        proofs = [archived_at] if archived_at else []
        if timestamp and timestamp.outcome is Outcome.PASSED:
            proofs.append(timestamp.at)
        proven_time = min(proofs, default=None)
        result = self._basic(stored, known, proven_time or self.now)
        if proven_time and _outcome(result) is Outcome.PASSED and not self.given.says_nothing_of_status:
            # Not for the verdict: what became of the certificate later belongs in the report.
            revoked_at = _revoked_at(self._basic(stored, known, self.now))
        else:
            revoked_at = _revoked_at(result)
        status = result.api_status
        return Assessment(
            outcome=_outcome(result),
            indication=result.ades_subindic.standard_name,
            intact=bool(status and status.intact and status.valid),
            signer=stored.embedded.signer_cert.dump(),
            chain=_chain(status),
            proven_time=proven_time,
            timestamp=timestamp,
            revoked_at=revoked_at,
        )

    def document_timestamp(
        self, stored: StoredSignature, stored_knowledge: Knowledge, archived_at: datetime | None
    ) -> JudgedTimestamp:
        """Judge a document timestamp; `archived_at`: the time of the next trusted one."""
        return self.timestamp(document_token(stored), self.given + stored_knowledge, archived_at or self.now)

    def timestamp(self, token: Token, known: Knowledge, moment: datetime) -> JudgedTimestamp:
        """Judge a token as of a moment at which it is known to exist."""
        if not token.intact:
            failure = AdESFailure.SIG_CRYPTO_FAILURE
            return JudgedTimestamp(token.at, token.authority, (), Outcome.FAILED, failure.standard_name, intact=False)
        if token.at > moment + CLOCK_TOLERANCE:
            order = AdESIndeterminate.TIMESTAMP_ORDER_FAILURE
            return JudgedTimestamp(token.at, token.authority, (), Outcome.FAILED, order.standard_name, intact=True)
        judged = self._timestamp(token, known, max(moment, token.at))
        expired = moment > x509.Certificate.load(token.authority).not_valid_after
        if judged.indication != AdESIndeterminate.TRY_LATER.standard_name or expired:
            return judged
        # The evidence inside a document grows old. That the authority was in good standing when it stamped is what
        # an auditor without a network can know; it counts, and is told.
        then = self._timestamp(token, known, token.at)
        return replace(then, old_status=True) if then.outcome is Outcome.PASSED else judged

    def _basic(self, stored: StoredSignature, known: Knowledge, moment: datetime) -> Result:
        def judge(specification: SignatureValidationSpec) -> Result:
            return boundary.run(
                ades_basic_validation(
                    stored.embedded.signed_data,
                    specification,
                    timing_info=_timing(moment),
                    raw_digest=stored.embedded.compute_digest(),
                )
            )

        return self._by_all_status(judge, in_time(known, stored.embedded.signer_cert.dump()))

    def _timestamp(self, token: Token, known: Knowledge, moment: datetime) -> JudgedTimestamp:
        def judge(specification: SignatureValidationSpec) -> Result:
            return boundary.run(
                ades_timestamp_validation(
                    token.signed_data,
                    specification,
                    lambda _digest: token.imprint,
                    timing_info=_timing(moment),
                )
            )

        result = self._by_all_status(judge, in_time(known, token.authority))
        return JudgedTimestamp(
            token.at,
            token.authority,
            _chain(result.api_status),
            _outcome(result),
            result.ades_subindic.standard_name,
            intact=True,
        )

    def _by_all_status(self, judge: Callable[[SignatureValidationSpec], Result], known: Knowledge) -> Result:
        """The judgement; where an OCSP response is content, the CRLs are asked as well, which pyHanko would not do."""
        result = judge(self._specification(known))
        if _outcome(result) is Outcome.PASSED and known.ocsp_responses and known.crls:
            by_lists = judge(self._specification(replace(known, ocsp_responses=())))
            if "REVOKED" in by_lists.ades_subindic.standard_name:
                return by_lists
        return result

    def _specification(self, known: Knowledge) -> SignatureValidationSpec:
        return SignatureValidationSpec(
            cert_validation_policy=CertValidationPolicySpec(
                trust_manager=SimpleTrustManager.build([x509.Certificate.load(der) for der in self.anchors]),
                # Status issued after the moment counts too; `in_time` has taken out what came too late to know.
                revinfo_policy=CertRevTrustPolicy(REQUIRE_REVINFO, retroactive_revinfo=True),
                algorithm_usage_policy=AllowedAlgorithms(),
                signature_validator=RegistryValidator(),
            ),
            revinfo_gathering_policy=RevocationInfoGatheringSpec(
                RevinfoOnlineFetchingRule.LOCAL_ONLY, _NoNetwork(), CertificateFetchingRule.NEVER_FETCH
            ),
            local_knowledge=LocalKnowledge(
                # The first response that is content settles it: so the newest must be the first.
                known_ocsps=sort_freshest_first(
                    container
                    for der in known.ocsp_responses
                    for container in OCSPContainer.load_multi(ocsp.OCSPResponse.load(der))
                ),
                known_crls=[CRLContainer(crl.CertificateList.load(der)) for der in known.crls],
                known_certs=[x509.Certificate.load(der) for der in known.certificates],
            ),
            # Either makes a signer; which one, and what else, differs among issuers (GM/T 0015, RFC 5280 4.2.1.3).
            key_usage_settings=KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"}),
            signature_algorithm_policy=AllowedAlgorithms(),
        )


class _NoNetwork(FetcherBackend):
    """Keeps pyHanko from preparing a web client that must never be used."""


def _timing(moment: datetime) -> ValidationTimingInfo:
    return ValidationTimingInfo(moment, moment, point_in_time_validation=True)


def _revoked_at(result: Result) -> datetime | None:
    details = result.api_status.revocation_details if result.api_status else None
    return details.revocation_date if details else None


def _chain(status: SignatureStatus | None) -> tuple[bytes, ...]:
    if status is None or status.validation_path is None:
        return ()
    certificates = [certificate.dump() for certificate in status.validation_path.iter_certs(include_root=True)]
    return tuple(reversed(certificates))[1:]


def _outcome(result: Result) -> Outcome:
    indication: AdESSubIndic = result.ades_subindic
    return {
        AdESStatus.PASSED: Outcome.PASSED,
        AdESStatus.INDETERMINATE: Outcome.INDETERMINATE,
        AdESStatus.FAILED: Outcome.FAILED,
    }[indication.status]
