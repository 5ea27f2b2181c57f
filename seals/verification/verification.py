"""Verification of sealed PDF documents, without a network: the truth about every signature, and one verdict."""

from datetime import datetime
from typing import BinaryIO

from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.documents import Document, opened, size_and_sha256
from seals.pades.assessment import Judge
from seals.pades.examination import ExaminedSignature, Unreadable, examine
from seals.verification.judgement import report_of
from seals.verification.kinds import FileKind
from seals.verification.report import Finding, Report, SignatureReport, Verdict
from seals.verification.trust import Trust


def verify_pdf(
    document: Document, trust: Trust, clock: Clock, *, name: str = "", password: str | None = None
) -> Report:
    """The report on the document as of the clock's time, whatever the document is. Nothing is fetched.

    `password`: that opens it, if it is encrypted.
    """
    with opened(document) as stream:
        return _report(stream, trust, clock.now(), name, password)


def _report(stream: BinaryIO, trust: Trust, now: datetime, name: str, password: str | None) -> Report:
    size, sha256 = size_and_sha256(stream)
    findings: list[Finding] = []
    signatures: list[SignatureReport] = []
    revisions = None
    try:
        judge = Judge(tuple(trust.anchors), trust.knowledge, now, tuple(trust.makers))
        document = examine(stream, judge, password)
        examined, revisions = document.signatures, document.revisions
        if not examined:
            findings.append(Finding("no-signature", _("the document is not sealed: no signature"), Verdict.INVALID))
        elif not any(isinstance(one, ExaminedSignature | Unreadable) for one in examined):
            findings.append(
                Finding("no-seal", _("the document is timestamped, but nobody sealed it"), Verdict.INDETERMINATE)
            )
        signatures = [report_of(one, now) for one in examined]
    except YinxinError as error:
        # What cannot be opened may be sealed well: another kind of document, or another password.
        unread = error.kind in (Kind.UNSUPPORTED, Kind.FORBIDDEN)
        verdict = Verdict.INDETERMINATE if unread else Verdict.INVALID
        findings.append(Finding("unreadable-document", error.what, verdict))
    verdict = max([Verdict.VALID, *(one.verdict for one in findings), *(one.verdict for one in signatures)])
    return Report(name, sha256, size, now, verdict, findings, signatures, FileKind.PDF, revisions)
