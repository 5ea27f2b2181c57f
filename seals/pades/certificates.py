"""Whether a certificate held at a moment: its chain, status and use, with ETSI's indications (EN 319 102-1 5.2.6)."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

from asn1crypto import crl, ocsp, x509
from pyhanko.sign.validation.generic_cms import CertvalidatorOperationResult, validate_cert_usage
from pyhanko.sign.validation.policy_decl import (
    CertificateFetchingRule,
    LocalKnowledge,
    RevinfoOnlineFetchingRule,
    RevocationInfoGatheringSpec,
    SignatureValidationSpec,
    bootstrap_validation_data_handlers,
)
from pyhanko.sign.validation.settings import KeyUsageConstraints
from pyhanko_certvalidator.context import CertValidationPolicySpec
from pyhanko_certvalidator.fetchers import FetcherBackend
from pyhanko_certvalidator.ltv.types import ValidationTimingInfo
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import REQUIRE_REVINFO, CertRevTrustPolicy
from pyhanko_certvalidator.registry import SimpleTrustManager
from pyhanko_certvalidator.revinfo.archival import CRLContainer, OCSPContainer, sort_freshest_first

from seals.pades import boundary
from seals.pades.evidence import Knowledge, in_time
from seals.pades.policy import AllowedAlgorithms
from seals.pades.remembered import Remembered
from seals.pades.turning import interval
from seals.pades.validator import RegistryValidator


class Outcome(Enum):
    """ETSI's main indication."""

    PASSED = "passed"
    INDETERMINATE = "indeterminate"
    FAILED = "failed"


class Use(Enum):
    """What a certificate is to be good for."""

    # Either makes a signer; which one, and what else, differs among issuers (GM/T 0015, RFC 5280 4.2.1.3).
    SIGNING = KeyUsageConstraints(key_usage={"digital_signature", "non_repudiation"})
    TIME_STAMPING = KeyUsageConstraints(extd_key_usage={"time_stamping"})


@dataclass(frozen=True)
class CertificateVerdict:
    """Whether a certificate held, and by which chain."""

    outcome: Outcome
    indication: str
    """ETSI's sub-indication: REVOKED_NO_POE, NO_CERTIFICATE_CHAIN_FOUND …; `PASSED` if it held."""
    chain: tuple[bytes, ...] = ()
    """From the issuer to the trust anchor, DER; empty if no anchor was reached."""
    revoked_at: datetime | None = None


_earlier: Remembered[CertificateVerdict] = Remembered(256)
"""Verdicts of this process by all that they depend on."""


@dataclass(frozen=True)
class CertificateJudge:
    """Judges certificates; each question is answered once, since the signatures of a document ask the same ones."""

    anchors: tuple[bytes, ...]
    """DER."""
    asked: dict[bytes, Knowledge] | None = field(default=None, compare=False, repr=False)
    """Notes every certificate that is judged, with what was known then."""
    _answers: dict[tuple[bytes, bytes, datetime, Use], CertificateVerdict] = field(
        default_factory=dict, compare=False, repr=False
    )

    def judge(self, certificate: bytes, known: Knowledge, moment: datetime, use: Use) -> CertificateVerdict:
        """The verdict as of a moment, from what is known; nothing is fetched."""
        if self.asked is not None:
            self.asked[certificate] = known
        question = (certificate, known.fingerprint, moment, use)
        if question not in self._answers:
            self._answers[question] = self._judged_before(certificate, known, moment, use)
        return self._answers[question]

    def _judged_before(self, certificate: bytes, known: Knowledge, moment: datetime, use: Use) -> CertificateVerdict:
        """The verdict of an earlier document, if none of the dates that matter lies between the two moments."""
        between = interval(self.anchors, certificate, known, moment)
        question = (self.anchors, certificate, known.fingerprint, use, moment if between is None else between)
        return _earlier.result(
            question, lambda: self._by_all_status(certificate, in_time(known, certificate), moment, use)
        )

    def _by_all_status(self, certificate: bytes, known: Knowledge, moment: datetime, use: Use) -> CertificateVerdict:
        """The verdict; where an OCSP response is content, the CRLs are asked as well, which pyHanko would not do."""
        verdict = self._judge(certificate, known, moment, use)
        if verdict.outcome is Outcome.PASSED and known.ocsp_responses and known.crls:
            by_lists = self._judge(certificate, replace(known, ocsp_responses=()), moment, use)
            if "REVOKED" in by_lists.indication:
                return by_lists
        return verdict

    def _judge(self, certificate: bytes, known: Knowledge, moment: datetime, use: Use) -> CertificateVerdict:
        timing = ValidationTimingInfo(moment, moment, point_in_time_validation=True)
        specification = self._specification(known)
        context = specification.cert_validation_policy.build_validation_context(
            timing_info=timing,
            handlers=bootstrap_validation_data_handlers(spec=specification, timing_info=timing),
        )
        subject = _certificate(certificate)
        result: CertvalidatorOperationResult[ValidationPath] = boundary.run(
            validate_cert_usage(
                subject,
                context,
                key_usage_settings=use.value,
                paths=context.path_builder.async_build_paths_lazy(subject),
            )
        )
        chain = _chain(result.success_result or result.error_path)
        if result.error_subindic is None:
            return CertificateVerdict(Outcome.PASSED, "PASSED", chain)
        details = result.revo_details
        return CertificateVerdict(
            Outcome.INDETERMINATE,
            result.error_subindic.standard_name,
            chain,
            details.revocation_date if details else None,
        )

    def _specification(self, known: Knowledge) -> SignatureValidationSpec:
        return SignatureValidationSpec(
            cert_validation_policy=CertValidationPolicySpec(
                trust_manager=SimpleTrustManager.build([_certificate(der) for der in self.anchors]),
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
                known_certs=[_certificate(der) for der in known.certificates],
            ),
        )


class _NoNetwork(FetcherBackend):
    """Keeps pyHanko from preparing a web client that must never be used."""


_certificate: Callable[[bytes], x509.Certificate] = x509.Certificate.load


def _chain(path: ValidationPath | None) -> tuple[bytes, ...]:
    if path is None:
        return ()
    certificates = [certificate.dump() for certificate in path.iter_certs(include_root=True)]
    return tuple(reversed(certificates))[1:]
