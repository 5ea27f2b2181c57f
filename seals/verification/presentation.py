"""What people are told of a report: labels and values, the same at a terminal and on a page."""

from core.i18n import _
from seals.verification.facts import ElectronicSealFacts
from seals.verification.report import Report, SignatureReport

Facts = list[tuple[str, object]]
"""Label and value, in the order of importance; what is not known is left out."""


def document_facts(report: Report) -> Facts:
    """About the document as a whole."""
    return _known(
        (_("Document"), report.document),
        (_("Verdict"), report.verdict.words),
        (_("Because"), "; ".join(dict.fromkeys(finding.text for finding in report.all_findings()))),
        (_("SHA-256"), report.sha256),
        (_("As of"), report.checked_at),
    )


def signature_facts(signature: SignatureReport) -> Facts:
    """About one seal or document timestamp."""
    return _known(
        (_("Seal") if signature.kind == "seal" else _("Document timestamp"), signature.field),
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


def _electronic_seal(seal: ElectronicSealFacts) -> str:
    trust = _("trusted") if seal.maker_trusted else _("not known to be trusted")
    return _("{name}, number {number}; made by {maker} ({trust})").format(
        name=seal.name, number=seal.identifier, maker=seal.maker.subject, trust=trust
    )


def _known(*facts: tuple[str, object]) -> Facts:
    return [(label, value) for label, value in facts if value]
