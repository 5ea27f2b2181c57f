"""What people are told of a report: the same words at a terminal, on a page and on paper."""

from collections.abc import Sequence
from dataclasses import dataclass

from core.i18n import _
from seals.verification.facts import ElectronicSealFacts, FetchedFacts
from seals.verification.kinds import FileKind
from seals.verification.questions import Answer
from seals.verification.report import Report, SignatureReport, Verdict

Facts = list[tuple[str, object]]
"""Label and value, in the order of importance; what is not known is left out."""


@dataclass(frozen=True)
class ToldCheck:
    """One question about a signature, as people read it."""

    answer: Answer
    mark: str
    """The answer without words: ✓, ✗ or ?."""
    question: str
    text: str


@dataclass(frozen=True)
class ToldSignature:
    """One signature, as people read it."""

    number: int
    """Beside its outline on the pages; the first is 1."""
    heading: str
    verdict: Verdict
    mark: str
    facts: Facts
    checks: Sequence[ToldCheck]
    changes: Sequence[str]
    """What was changed after it, one by one."""


@dataclass(frozen=True)
class Told:
    """A report, as people read it."""

    title: str
    verdict: Verdict
    sentence: str
    """What the verdict means for whoever holds the document."""
    facts: Facts
    fetched: Sequence[str]
    """What was asked for online, and what came of it."""
    signatures: Sequence[ToldSignature]


def told(report: Report) -> Told:
    """The whole report in the reader's language."""
    return Told(
        _("Verification report"),
        report.verdict,
        meaning(report),
        document_facts(report),
        [_fetched(one) for one in report.fetched],
        [_told_signature(number, one) for number, one in enumerate(report.signatures, 1)],
    )


def meaning(report: Report) -> str:
    """What the verdict means for whoever holds the document."""
    if report.verdict is Verdict.INVALID:
        return _("Do not rely on this document.")
    if report.verdict is Verdict.INDETERMINATE:
        return _("Whether it is genuine cannot be told from what is at hand.")
    remarks = report.verdict is Verdict.REMARKS
    kinds = {_of_what(one) for one in report.signatures}
    if kinds == {"timestamp"}:
        good = _("The time stamp is genuine, and the file is as it was time-stamped.")
        return _("The time stamp is genuine; mind the remarks.") if remarks else good
    if "seal" not in kinds:
        good = _("Every signature is genuine, and what was signed is as it was.")
        return _("Every signature is genuine; mind the remarks.") if remarks else good
    if report.kind is FileKind.SEAL:
        return (
            _("The electronic seal is genuine; mind the remarks.") if remarks else _("The electronic seal is genuine.")
        )
    good = _("Every seal is genuine, and the document is as it was sealed.")
    return _("Every seal is genuine; mind the remarks.") if remarks else good


def document_facts(report: Report) -> Facts:
    """About the document as a whole."""
    return _known(
        (_("Document"), report.document),
        (_("Verdict"), report.verdict.words),
        (_("Because"), "; ".join(dict.fromkeys(finding.text for finding in report.all_findings()))),
        (_("SHA-256"), report.sha256),
        (_("About the file"), report.content),
        (_("As of"), report.checked_at),
    )


def signature_facts(signature: SignatureReport) -> Facts:
    """About one seal or document timestamp."""
    return _known(
        (_kind(signature), signature.field),
        (_("Verdict"), signature.verdict.words),
        (_("Because"), "; ".join(finding.text for finding in signature.findings)),
        (_("Signer"), signature.signer.subject if signature.signer else None),
        (_("Trusted through"), signature.anchor),
        (_("Electronic seal"), _electronic_seal(signature.electronic_seal) if signature.electronic_seal else None),
        (_("Level"), signature.level),
        (_("Algorithm"), signature.algorithm),
        (_("Proven time"), signature.proven_time),
        (_("Claimed time"), signature.claimed_time),
        (_("Certificate revoked"), signature.revoked_at),
        (_("Afterwards"), signature.changes.text if signature.changes else None),
        (_("Reason"), signature.claims.reason),
        (_("Location"), signature.claims.location),
    )


def _told_signature(number: int, signature: SignatureReport) -> ToldSignature:
    seal = signature.electronic_seal
    name = signature.claims.name or (seal.name if seal else "")
    numbered = _("{kind} {number}").format(kind=_kind(signature), number=number)
    items = signature.changes.items if signature.changes else ()
    return ToldSignature(
        number,
        _("{numbered}: {name}").format(numbered=numbered, name=name) if name else numbered,
        signature.verdict,
        mark_of(signature.verdict),
        signature_facts(signature)[2:],
        [ToldCheck(one.answer, _ANSWERS[one.answer], one.question.words, one.text) for one in signature.checks],
        [f"{_MARKS[item.permitted]} {item.text}" for item in items],
    )


_ANSWERS = {Answer.YES: "✓", Answer.NO: "✗", Answer.UNKNOWN: "?"}
_MARKS = {True: "✓", False: "✗"}


def mark_of(verdict: Verdict) -> str:
    """The verdict without words, for those who do not tell green from red."""
    return {Verdict.VALID: "✓", Verdict.REMARKS: "✓", Verdict.INDETERMINATE: "?", Verdict.INVALID: "✗"}[verdict]


def _of_what(signature: SignatureReport) -> str:
    """What a signature is; one in a PDF that nobody sees, and no electronic seal belongs to, is just that."""
    if signature.kind == "seal":
        return "seal" if signature.electronic_seal or signature.places else "signature"
    return {"electronic-seal": "seal", "document-timestamp": "timestamp"}.get(signature.kind, signature.kind)


def _kind(signature: SignatureReport) -> str:
    named = {
        "document-timestamp": _("Document timestamp"),
        "timestamp": _("Time stamp"),
        "electronic-seal": _("Electronic seal"),
    }
    return named.get(signature.kind) or {"seal": _("Seal"), "signature": _("Signature")}[_of_what(signature)]


def _fetched(one: FetchedFacts) -> str:
    what = {
        "issuer": _("issuer of {name}"),
        "ocsp": _("status of {name} (OCSP)"),
        "crl": _("revocation list for {name}"),
    }
    asked = what[one.what].format(name=one.about)
    if one.problem:
        return _("{what}: not had from {url}: {problem}").format(what=asked, url=one.url, problem=one.problem)
    return _("{what}: {size} octets from {url}").format(what=asked, size=one.size, url=one.url)


def _electronic_seal(seal: ElectronicSealFacts) -> str:
    trust = _("trusted") if seal.maker_trusted else _("not known to be trusted")
    return _("{name}, number {number}; made by {maker} ({trust})").format(
        name=seal.name, number=seal.identifier, maker=seal.maker.subject, trust=trust
    )


def _known(*facts: tuple[str, object]) -> Facts:
    return [(label, value) for label, value in facts if value]
