"""What people are told of a code, on the page."""

from core.i18n import _
from seals.codes.judgement import CodeReport
from seals.verification.presentation import Facts
from seals.verification.report import Verdict


def code_facts(report: CodeReport) -> Facts:
    """Label and value, in the order of importance."""
    said = report.statement
    known: Facts = [(_("Because"), "; ".join(finding.text for finding in report.findings))]
    if said is not None:
        known += [(_("Document number"), said.number), *((name, text) for name, text in said.shown.items())]
        known += [(_("Signer"), report.signer), (_("Seal"), said.seal), (_("Claimed time"), said.at)]
    return [(label, value) for label, value in known if value]


def code_meaning(verdict: Verdict) -> str:
    """What a verdict means for whoever holds the paper."""
    return {
        Verdict.VALID: _("The code is genuine. Compare what is shown here with the paper."),
        Verdict.REMARKS: _("The code is genuine. Compare what is shown here with the paper."),
        Verdict.INDETERMINATE: _("Whether it is genuine cannot be told from what is at hand."),
        Verdict.INVALID: _("Do not rely on this paper."),
    }[verdict]
