"""What the facts about a signature mean: findings in words, the level reached, the verdict. No cryptography here."""

from collections.abc import Iterator
from datetime import datetime

from core.errors import Kind
from core.i18n import _
from seals.electronic.seal_check import CheckedSeal
from seals.levels import Level
from seals.pades.assessment import Assessment, JudgedTimestamp
from seals.pades.certificates import Outcome
from seals.pades.changes import Change, Changes
from seals.pades.examination import Examined, ExaminedSignature, ExaminedTimestamp, FieldFacts, Unreadable
from seals.verification import checks
from seals.verification.change_words import change_facts
from seals.verification.facts import CertificateFacts, ChangeFacts, Claims, ElectronicSealFacts, Place, TimestampFacts
from seals.verification.report import Finding, SignatureReport, Verdict


def report_of(examined: Examined, now: datetime) -> SignatureReport:
    """The report on one signature, judged as of that moment."""
    match examined:
        case Unreadable():
            return _unreadable(examined)
        case ExaminedTimestamp():
            return _document_timestamp(examined)
        case ExaminedSignature():
            return _seal(examined, now)


def _unreadable(examined: Unreadable) -> SignatureReport:
    unsupported = examined.error.kind is Kind.UNSUPPORTED
    finding = Finding(
        "unsupported" if unsupported else "malformed-signature",
        examined.error.what,
        Verdict.INDETERMINATE if unsupported else Verdict.INVALID,
    )
    facts = examined.facts
    return SignatureReport(
        facts.name,
        "seal",
        finding.verdict,
        [finding],
        facts.sub_filter,
        claims=_claims(facts),
        revision=facts.revision,
        places=_places(facts),
    )


def _document_timestamp(examined: ExaminedTimestamp) -> SignatureReport:
    stamp = examined.timestamp
    changes = change_facts(examined.changes)
    findings = [*_about_changes(examined.changes, changes)]
    if not stamp.intact:
        findings.append(
            Finding("timestamp-wrong", _("the document timestamp is not over this document"), Verdict.INVALID)
        )
    elif stamp.outcome is not Outcome.PASSED:
        findings.append(timestamp_not_trusted(stamp))
    if stamp.old_status:
        findings.append(old_status())
    return SignatureReport(
        examined.facts.name,
        "document-timestamp",
        _verdict(findings),
        findings,
        examined.facts.sub_filter,
        intact=stamp.intact,
        whole_document=examined.whole_file,
        changes=changes,
        algorithm=examined.algorithm.name,
        signer=CertificateFacts.of(stamp.authority) if stamp.authority else None,
        chain=_subjects(stamp.chain),
        anchor=_anchor(stamp.chain),
        issuers=_issuers(stamp.chain),
        proven_time=stamp.at if stamp.outcome is Outcome.PASSED else None,
        timestamps=[timestamp_facts(stamp)],
        proven_by=timestamp_facts(stamp) if stamp.outcome is Outcome.PASSED else None,
        checks=checks.of_timestamp(examined, changes),
        revision=examined.facts.revision,
        places=_places(examined.facts),
    )


def _seal(examined: ExaminedSignature, now: datetime) -> SignatureReport:
    assessment = examined.assessment
    changes = change_facts(examined.changes) if examined.changes else None
    # Where the signed octets themselves are others, what was added to them does not matter any more.
    of_changes = _about_changes(examined.changes, changes) if assessment.intact and examined.changes and changes else ()
    findings = [*of_changes, *_about_signature(examined)]
    stamp = assessment.timestamp
    return SignatureReport(
        examined.facts.name,
        "seal",
        _verdict(findings),
        findings,
        examined.facts.sub_filter,
        intact=assessment.intact,
        whole_document=examined.whole_file,
        changes=changes,
        algorithm=examined.algorithm.name,
        level=_level(examined),
        signer=CertificateFacts.of(assessment.signer) if assessment.signer else None,
        chain=_subjects(assessment.chain),
        anchor=_anchor(assessment.chain),
        issuers=_issuers(assessment.chain),
        claimed_time=examined.claimed_time,
        proven_time=assessment.proven_time,
        revoked_at=assessment.revoked_at,
        timestamps=[timestamp_facts(stamp)] if stamp else [],
        claims=_claims(examined.facts),
        electronic_seal=_electronic_seal(examined.seal) if examined.seal else None,
        proven_by=timestamp_facts(assessment.proof) if assessment.proof else None,
        checks=checks.of_signature(examined, changes, now),
        revision=examined.facts.revision,
        places=_places(examined.facts),
    )


def _electronic_seal(seal: CheckedSeal) -> ElectronicSealFacts:
    return ElectronicSealFacts(
        seal.identifier,
        seal.name,
        seal.version,
        CertificateFacts.of(seal.maker),
        seal.maker_trusted,
        seal.created,
        seal.valid_from,
        seal.valid_until,
        seal.picture_on_page,
    )


def _level(examined: ExaminedSignature) -> Level | None:
    """The level by what is there and sound (EN 319 142-1 6); whether it is trusted is the verdict's business."""
    assessment = examined.assessment
    if not (assessment.intact and examined.names_its_certificate):
        return None
    if assessment.timestamp is None or not assessment.timestamp.intact:
        return Level.B_B
    if not examined.has_evidence:
        return Level.B_T
    return Level.B_LTA if examined.archived else Level.B_LT


def _about_changes(changes: Changes, facts: ChangeFacts) -> Iterator[Finding]:
    if changes.level is Change.SUSPICIOUS:
        yield Finding("changed-after-sealing", facts.text, Verdict.INVALID)
    elif changes.rule == "form-filling":
        yield Finding(changes.rule, facts.text, Verdict.REMARKS)
    if changes.covering:
        text = _("a later signature is larger than a seal and may cover what is below it: {names}").format(
            names=", ".join(changes.covering)
        )
        yield Finding("covered-later", text, Verdict.REMARKS)


def _about_signature(examined: ExaminedSignature) -> Iterator[Finding]:
    assessment = examined.assessment
    stamp = assessment.timestamp
    if stamp and not stamp.intact:
        yield Finding("timestamp-wrong", _("the time stamp is not over this signature"), Verdict.INVALID)
    elif stamp and stamp.outcome is not Outcome.PASSED:
        yield timestamp_not_trusted(stamp)
    elif stamp and stamp.old_status:
        yield old_status()
    if examined.seal and assessment.intact:
        yield from _about_seal(examined.seal)
    if assessment.outcome is Outcome.PASSED:
        if assessment.proven_time is None and stamp is None:
            yield Finding("time-unproven", _("when it was sealed is only the signer's own word"), Verdict.REMARKS)
    else:
        yield _failure(examined)


def _about_seal(seal: CheckedSeal) -> Iterator[Finding]:
    texts = {
        "seal-forged": _("the electronic seal was not made by the seal maker that it names"),
        "seal-not-the-signers": _("the electronic seal may not be used with the signer's certificate"),
        "seal-not-valid": _("the electronic seal was not valid when it was used"),
        "seal-maker-not-valid": _("the seal maker's certificate was not valid when the seal was made"),
        "seal-maker-revoked": _("the seal maker's certificate was revoked before the seal was made"),
    }
    for problem in seal.problems:
        yield Finding(problem, texts[problem], Verdict.INVALID)
    if not seal.maker_trusted and not seal.problems:
        text = _("the seal maker's certificate does not lead to a trusted authority")
        yield Finding("seal-maker-untrusted", text, Verdict.INDETERMINATE)
    elif not seal.maker_named and not seal.problems:
        text = _("whoever made the electronic seal is not among those who are trusted to make seals")
        yield Finding("seal-maker-not-named", text, Verdict.INDETERMINATE)
    if seal.picture_on_page is False:
        text = _("the picture on the page is not the one in the electronic seal")
        yield Finding("seal-picture-other", text, Verdict.INVALID)
    elif seal.picture_on_page is None and seal.is_visible:
        text = _("whether the picture on the page is the one in the seal cannot be told")
        yield Finding("seal-picture-unknown", text, Verdict.REMARKS)


def _failure(examined: ExaminedSignature) -> Finding:
    assessment = examined.assessment
    if assessment.revoked_at is not None and "REVOKED" in assessment.indication:
        return _revoked(examined)
    code, text, verdict = {
        "HASH_FAILURE": ("content-changed", _("the document was changed after it was sealed"), Verdict.INVALID),
        "SIG_CRYPTO_FAILURE": (
            "signature-wrong",
            _("the signature was not made with the key in its certificate"),
            Verdict.INVALID,
        ),
        "SIGNED_DATA_NOT_FOUND": (
            "content-missing",
            _("what it signs is another file, which is not at hand; name it with --content"),
            Verdict.INDETERMINATE,
        ),
        "FORMAT_FAILURE": ("malformed-signature", _("the signature is malformed"), Verdict.INVALID),
        "NOT_YET_VALID": (
            "before-certificate",
            _("it was sealed before the signer's certificate became valid"),
            Verdict.INVALID,
        ),
        "TIMESTAMP_ORDER_FAILURE": ("timestamp-order", _("its time stamps contradict each other"), Verdict.INVALID),
        "NO_CERTIFICATE_CHAIN_FOUND": (
            "untrusted-issuer",
            _("the signer's certificate does not lead to a trusted authority"),
            Verdict.INDETERMINATE,
        ),
        "NO_SIGNING_CERTIFICATE_FOUND": (
            "certificate-missing",
            _("the signature does not hold the certificate that it names"),
            Verdict.INDETERMINATE,
        ),
        "OUT_OF_BOUNDS_NO_POE": (
            "expired",
            _("the signer's certificate has expired, and nothing proves that it was sealed before"),
            Verdict.INDETERMINATE,
        ),
        "TRY_LATER": (
            "status-old",
            _("the certificate status at hand is too old; give a current revocation list"),
            Verdict.INDETERMINATE,
        ),
        "CERTIFICATE_CHAIN_GENERAL_FAILURE": (
            "chain-not-verified",
            _("a certificate of the chain has no status at hand, or has expired; give the revocation lists"),
            Verdict.INDETERMINATE,
        ),
        "CHAIN_CONSTRAINTS_FAILURE": (
            "wrong-use",
            _("the signer's certificate is not meant for signing"),
            Verdict.INDETERMINATE,
        ),
        "CRYPTO_CONSTRAINTS_FAILURE": (
            "weak-algorithm",
            _("an algorithm or a key is not strong enough to be trusted"),
            Verdict.INDETERMINATE,
        ),
    }.get(
        assessment.indication,
        (
            "indeterminate",
            _("it cannot be verified ({indication})").format(indication=assessment.indication),
            Verdict.INDETERMINATE,
        ),
    )
    return Finding(code, text, verdict)


def _revoked(examined: ExaminedSignature) -> Finding:
    """Whether it was sealed before the revocation: by proof of time, else by the signer's own word against himself."""
    assessment = examined.assessment
    sealed = assessment.proven_time or examined.claimed_time
    if sealed is not None and assessment.revoked_at is not None and sealed >= assessment.revoked_at:
        return Finding(
            "sealed-after-revocation",
            _("it was sealed after the certificate was revoked ({date})").format(date=_moment(assessment)),
            Verdict.INVALID,
        )
    return Finding(
        "revoked",
        _("the certificate was revoked ({date}), and nothing proves that it was sealed before").format(
            date=_moment(assessment)
        ),
        Verdict.INDETERMINATE,
    )


def _moment(assessment: Assessment) -> str:
    return checks.moment_words(assessment.revoked_at) if assessment.revoked_at else "-"


def timestamp_not_trusted(stamp: JudgedTimestamp) -> Finding:
    """Why a sound time stamp does not count."""
    if stamp.indication == "TIMESTAMP_ORDER_FAILURE":
        return Finding("timestamp-order", _("the time stamp is of a time yet to come"), Verdict.INVALID)
    if "REVOKED" in stamp.indication:
        text = _("the time-stamping authority's certificate is revoked")
        return Finding("timestamp-authority-revoked", text, Verdict.INDETERMINATE)
    verdict = Verdict.INVALID if stamp.outcome is Outcome.FAILED else Verdict.INDETERMINATE
    text = _("the time stamp cannot be verified: its authority, or the status of its certificate, is not known")
    return Finding("timestamp-not-trusted", text, verdict)


def old_status() -> Finding:
    """That the authority's good standing is known only as of the token's own time."""
    return Finding(
        "old-status",
        _("whether the time-stamping authority was revoked later is not known; a current revocation list would tell"),
        Verdict.REMARKS,
    )


def timestamp_facts(stamp: JudgedTimestamp) -> TimestampFacts:
    """What is told of a time stamp."""
    authority = CertificateFacts.of(stamp.authority) if stamp.authority else None
    kind = "signature" if stamp.field is None else "document"
    return TimestampFacts(kind, stamp.at, authority, stamp.outcome is Outcome.PASSED, stamp.field)


def _places(facts: FieldFacts) -> list[Place]:
    return [Place(facts.page, box) for box in facts.boxes] if facts.page else []


def _claims(facts: FieldFacts) -> Claims:
    return Claims(facts.signer_name, facts.reason, facts.location)


def _subjects(chain: tuple[bytes, ...]) -> list[str]:
    return [CertificateFacts.of(certificate).subject for certificate in chain]


def _issuers(chain: tuple[bytes, ...]) -> list[CertificateFacts]:
    return [CertificateFacts.of(certificate) for certificate in chain]


def _anchor(chain: tuple[bytes, ...]) -> str | None:
    return CertificateFacts.of(chain[-1]).subject if chain else None


def _verdict(findings: list[Finding]) -> Verdict:
    return max((Verdict.VALID, *(finding.verdict for finding in findings)))
