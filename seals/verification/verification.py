"""Verification of sealed PDF documents, without a network: the truth about every signature, and one verdict."""

from datetime import datetime
from typing import BinaryIO

from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import current_language, speaking
from seals.documents import Document, opened, size_and_sha256
from seals.pades.examination import examine
from seals.verification.document_findings import about_document
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
    # The language is looked up once, and not for each word.
    with opened(document) as stream, speaking(current_language()):
        return _report(stream, trust, clock.now(), name, password)


def _report(stream: BinaryIO, trust: Trust, now: datetime, name: str, password: str | None) -> Report:
    size, sha256 = size_and_sha256(stream)
    findings: list[Finding] = []
    signatures: list[SignatureReport] = []
    revisions = None
    try:
        document = examine(stream, trust.judge(now), password)
        examined, revisions = document.signatures, document.revisions
        findings += about_document(document)
        signatures = [report_of(one, now) for one in examined]
    except YinxinError as error:
        # What cannot be opened may be sealed well: another kind of document, or another password.
        unread = error.kind in (Kind.UNSUPPORTED, Kind.FORBIDDEN)
        verdict = Verdict.INDETERMINATE if unread else Verdict.INVALID
        findings.append(Finding("unreadable-document", error.what, verdict))
    verdict = max([Verdict.VALID, *(one.verdict for one in findings), *(one.verdict for one in signatures)])
    return Report(name, sha256, size, now, verdict, findings, signatures, FileKind.PDF, revisions)
