"""Reports in words and tables, for people at a terminal; the same call prints JSON for programs."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict

from core.i18n import _
from core.output import Output
from seals.verification.folder import Row
from seals.verification.presentation import Facts, told
from seals.verification.report import Report, SignatureReport, Verdict


def print_report(output: Output, report: Report) -> None:
    """One document, in full."""
    if output.json:
        output.details(report.as_json(), {})
        return
    words = told(report)
    _print_facts(output, [*words.facts, (_("Meaning"), words.sentence)])
    if words.fetched:
        output.done("")
        output.done(_("Fetched online"))
        for line in words.fetched:
            output.done(f"- {line}")
    for signature in words.signatures:
        output.done("")
        checks: Facts = [(f"{check.mark} {check.question}", check.text) for check in signature.checks]
        _print_facts(output, [(signature.heading, signature.verdict.words), *signature.facts, *checks])
        for change in signature.changes:
            output.done(change)


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


def print_rows(output: Output, rows: Sequence[Row], counts: Mapping[str, int]) -> None:
    """A folder: a line for each document that is to be told of, and how many there are of each verdict."""
    ordered = sorted(rows, key=lambda row: (-Verdict(row.verdict).rank, row.document))
    lines = [{**asdict(row), "verdict_words": Verdict(row.verdict).words} for row in ordered]
    headings = {"document": _("Document"), "verdict_words": _("Verdict"), "seals": _("Seals"), "reasons": _("Because")}
    if lines or output.json:
        output.table(lines, headings)
    said = [f"{verdict.words} {counts.get(verdict.value, 0):,}" for verdict in Verdict]
    output.note(_("Documents: {total:,}. {counts}.").format(total=sum(counts.values()), counts=", ".join(said)))


def _print_facts(output: Output, facts: Facts) -> None:
    output.details(dict(facts), {label: label for label, _value in facts})


def _seals(report: Report) -> list[SignatureReport]:
    return [signature for signature in report.signatures if signature.kind == "seal"]
