"""The judgement of signatures and timestamps by the rules of ETSI EN 319 102-1, without a network.

A certificate is judged as of a moment (`certificates`); which moment that is, is decided here. A timestamp that is
trusted proves that what it covers existed at its time, so that everything below it is judged as of then: the document
timestamp as of now, the signature timestamp as of the document timestamp, the signature as of the signature timestamp.
pyHanko's own procedure for the past (`ades_lta_validation`) is not used: it asks the machine for the time, and passes
expired certificates without a look at their revocation.
"""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from core.certificates import validity
from seals.pades.certificates import CertificateJudge, Outcome, Use
from seals.pades.evidence import Knowledge
from seals.pades.policy import is_strong
from seals.pades.stored import INTACT, SIG_CRYPTO_FAILURE, SIGNED_DATA_NOT_FOUND, Stored, Token

CLOCK_TOLERANCE = timedelta(minutes=5)
"""By how much the clock of a time-stamping authority may be ahead of ours."""


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
    field: str | None = None
    """The form field of a document timestamp."""


@dataclass(frozen=True)
class Assessment:
    """The judgement of a signature."""

    outcome: Outcome
    indication: str
    """ETSI's sub-indication: REVOKED_NO_POE, NO_CERTIFICATE_CHAIN_FOUND …"""
    intact: bool
    """Whether the document digest and the signature value are right, whoever signed."""
    signer: bytes
    """DER; empty if the certificate is not at hand."""
    chain: tuple[bytes, ...]
    """From the signer's issuer to the trust anchor; empty if none was found."""
    proof: JudgedTimestamp | None
    """The trusted timestamp that shows the signature to exist earliest."""
    timestamp: JudgedTimestamp | None
    """The one over its value: the first that is trusted, else the first."""
    revoked_at: datetime | None
    in_force: bool = False
    """Whether the signer's certificate held at the proven moment, whatever else is wrong."""

    @property
    def proven_time(self) -> datetime | None:
        """The earliest moment at which a trusted timestamp shows the signature to exist."""
        return self.proof.at if self.proof else None


@dataclass(frozen=True)
class Judge:
    """Judges as of a moment, with anchors and material beside the document."""

    anchors: tuple[bytes, ...]
    """DER."""
    given: Knowledge
    now: datetime
    makers: tuple[bytes, ...] = ()
    """Who may make electronic seals, DER; if none is named, whoever has a certificate for signing."""
    asked: dict[bytes, Knowledge] | None = field(default=None, compare=False, repr=False)
    """Notes every certificate that is judged, with what was known then."""
    certificates: CertificateJudge = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "certificates", CertificateJudge(self.anchors, self.asked))

    def signature(self, stored: Stored, stored_knowledge: Knowledge, archive: JudgedTimestamp | None) -> Assessment:
        """Judge an ordinary signature; `archive`: the oldest trusted document timestamp after it."""
        known = self.given + stored_knowledge + stored.carried
        tokens = [self.timestamp(token, known, archive.at if archive else self.now) for token in stored.tokens]
        timestamp = next((token for token in tokens if token.outcome is Outcome.PASSED), tokens[0] if tokens else None)
        proofs = [proof for proof in (timestamp, archive) if proof and proof.outcome is Outcome.PASSED]
        proof = min(proofs, key=lambda one: one.at, default=None)
        if not stored.signer:
            missing = "NO_SIGNING_CERTIFICATE_FOUND"
            return Assessment(Outcome.INDETERMINATE, missing, False, b"", (), proof, timestamp, None)
        if stored.problem == SIG_CRYPTO_FAILURE:
            # Then nobody knows who signed.
            return Assessment(Outcome.FAILED, stored.problem, False, stored.signer, (), proof, timestamp, None)
        verdict = self.certificates.judge(stored.signer, known, proof.at if proof else self.now, Use.SIGNING)
        revoked_at = verdict.revoked_at
        if proof and revoked_at is None and not self.given.says_nothing_of_status:
            # Not for the verdict: what became of the certificate later belongs in the report.
            revoked_at = self.certificates.judge(stored.signer, known, self.now, Use.SIGNING).revoked_at
        outcome, indication = verdict.outcome, verdict.indication
        if stored.problem != INTACT:
            is_missing = stored.problem == SIGNED_DATA_NOT_FOUND
            outcome = Outcome.INDETERMINATE if is_missing else Outcome.FAILED
            indication = stored.problem
        elif not is_strong(stored.signer, stored.algorithm) or stored.weak:
            outcome, indication = Outcome.INDETERMINATE, "CRYPTO_CONSTRAINTS_FAILURE"
        elif outcome is not Outcome.PASSED and self._is_premature(stored.signer, proof):
            outcome, indication = Outcome.FAILED, "NOT_YET_VALID"
        intact = stored.problem == INTACT
        held = verdict.outcome is Outcome.PASSED
        return Assessment(outcome, indication, intact, stored.signer, verdict.chain, proof, timestamp, revoked_at, held)

    def _is_premature(self, certificate: bytes, proof: JudgedTimestamp | None) -> bool:
        """Whether the certificate became valid only after the moment."""
        begin, _end = validity(certificate)
        return begin > (proof.at if proof else self.now)

    def timestamp(self, token: Token, known: Knowledge, moment: datetime) -> JudgedTimestamp:
        """Judge a token as of a moment at which it is known to exist."""
        if not token.intact:
            return JudgedTimestamp(token.at, token.authority, (), Outcome.FAILED, SIG_CRYPTO_FAILURE, intact=False)
        if token.at > moment + CLOCK_TOLERANCE:
            order = "TIMESTAMP_ORDER_FAILURE"
            return JudgedTimestamp(token.at, token.authority, (), Outcome.FAILED, order, intact=True)
        known = known + token.carried
        judged = self._timestamp(token, known, max(moment, token.at))
        _begin, end = validity(token.authority)
        if judged.indication != "TRY_LATER" or moment > end:
            return judged
        # The evidence inside a document grows old. That the authority was in good standing when it stamped is what
        # an auditor without a network can know; it counts, and is told.
        then = self._timestamp(token, known, token.at)
        return replace(then, old_status=True) if then.outcome is Outcome.PASSED else judged

    def _timestamp(self, token: Token, known: Knowledge, moment: datetime) -> JudgedTimestamp:
        verdict = self.certificates.judge(token.authority, known, moment, Use.TIME_STAMPING)
        return JudgedTimestamp(
            token.at, token.authority, verdict.chain, verdict.outcome, verdict.indication, intact=True
        )
