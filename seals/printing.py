"""Reports in words and tables, for people at a terminal; the same call prints JSON for programs."""

from collections.abc import Sequence

from core.i18n import _
from core.output import Output
from seals.report import Report, SignatureReport


def print_report(output: Output, report: Report) -> None:
    """One document, in full."""
    labels = {
        "document": _("Document"),
        "verdict_words": _("Verdict"),
        "reasons": _("Because"),
        "sha256": _("SHA-256"),
        "checked_at": _("As of"),
    }
    if output.json:
        output.details(report.as_json(), {})
        return
    reasons = "; ".join(dict.fromkeys(finding.text for finding in report.all_findings())) or None
    facts = {
        "document": report.document,
        "verdict_words": report.verdict.words,
        "reasons": reasons,
        "sha256": report.sha256,
        "checked_at": report.checked_at,
    }
    output.details(facts, {key: label for key, label in labels.items() if facts[key]})
    for signature in report.signatures:
        output.done("")
        _print_signature(output, signature)


def print_summary(output: Output, reports: Sequence[Report]) -> None:
    """Many documents, a line for each."""
    rows = [
        {
            **report.as_json(),
            "verdict_words": report.verdict.words,
            "seals": [signature.claims.name or signature.field for signature in _seals(report)],
            "reasons": "; ".join(dict.fromkeys(finding.text for finding in report.all_findings())),
        }
        for report in reports
    ]
    headings = {"document": _("Document"), "verdict_words": _("Verdict"), "seals": _("Seals"), "reasons": _("Because")}
    output.table(rows, headings)


def _print_signature(output: Output, signature: SignatureReport) -> None:
    kind = _("Seal") if signature.kind == "seal" else _("Document timestamp")
    signer = signature.signer
    facts: dict[str, object] = {
        "field": signature.field,
        "verdict": signature.verdict.words,
        "because": "; ".join(finding.text for finding in signature.findings),
        "signer": signer.subject if signer else None,
        "chain": signature.anchor,
        "level": signature.level,
        "algorithm": signature.algorithm,
        "proven": signature.proven_time,
        "claimed": signature.claimed_time,
        "revoked": signature.revoked_at,
        "changes": signature.changes.text if signature.changes else None,
        "reason": signature.claims.reason,
        "location": signature.claims.location,
    }
    labels = {
        "field": kind,
        "verdict": _("Verdict"),
        "because": _("Because"),
        "signer": _("Signer"),
        "chain": _("Trusted through"),
        "level": _("Level"),
        "algorithm": _("Algorithm"),
        "proven": _("Proven time"),
        "claimed": _("Claimed time"),
        "revoked": _("Certificate revoked"),
        "changes": _("Afterwards"),
        "reason": _("Reason"),
        "location": _("Location"),
    }
    output.details(facts, {key: label for key, label in labels.items() if facts[key]})


def _seals(report: Report) -> list[SignatureReport]:
    return [signature for signature in report.signatures if signature.kind == "seal"]
