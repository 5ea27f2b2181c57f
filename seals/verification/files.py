"""Verification of whatever it is: a sealed PDF, an electronic seal, a signature or a time stamp beside its file."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import BinaryIO

from core.algorithms import Digest
from core.asn1.ses import parse_seal
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.documents import Document, opened, size_and_sha256
from seals.electronic.inspection import inspect
from seals.pades import bare
from seals.pades.assessment import Judge, JudgedTimestamp
from seals.pades.certificates import Outcome
from seals.pades.limits import MOST_OCTETS, LimitError
from seals.verification import checks
from seals.verification.facts import CertificateFacts, ElectronicSealFacts
from seals.verification.judgement import old_status, report_of, timestamp_facts, timestamp_not_trusted
from seals.verification.kinds import FileKind, recognised
from seals.verification.questions import Answer, Check, Question
from seals.verification.report import Finding, Report, SignatureReport, Verdict
from seals.verification.trust import Trust
from seals.verification.verification import verify_pdf

LARGEST = MOST_OCTETS
"""Octets of what is not a PDF: a CMS message may enclose what it signs."""
PICTURES = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")
"""How JPEG and PNG begin."""
_CHUNK = 1 << 20


def verify_file(
    document: Document,
    trust: Trust,
    clock: Clock,
    *,
    name: str = "",
    content: Document | None = None,
    password: str | None = None,
) -> Report:
    """The report on a file as of the clock's time, whatever the file is: that is recognised from its octets.

    `content`: the file that a detached signature or a time stamp is about; `password`: that opens an encrypted PDF.
    Nothing is fetched.
    """
    with opened(document) as stream:
        stream.seek(0)
        if stream.read(5) == b"%PDF-":
            return verify_pdf(stream, trust, clock, name=name, password=password)
        size, sha256 = size_and_sha256(stream)
        stream.seek(0)
        data = stream.read(LARGEST) if size <= LARGEST else b""
    kind, octets = recognised(data)
    now = clock.now()
    findings: list[Finding] = []
    signatures: list[SignatureReport] = []
    try:
        signatures = _Bare(trust, now, content).signatures(kind, octets)
        if not signatures:
            findings.append(_nothing(kind, data, size))
    except YinxinError as error:
        verdict = Verdict.INDETERMINATE if error.kind is Kind.UNSUPPORTED else Verdict.INVALID
        findings.append(Finding("unreadable-document", error.what, verdict))
    verdict = max([Verdict.VALID, *(one.verdict for one in findings), *(one.verdict for one in signatures)])
    return Report(name, sha256, size, now, verdict, findings, signatures, kind)


def _nothing(kind: FileKind, data: bytes, size: int) -> Finding:
    """Why there is nothing to judge in a file."""
    if kind is FileKind.CMS:
        return Finding("no-signature", _("the message holds certificates, but no signature"), Verdict.INDETERMINATE)
    if kind is FileKind.EVIDENCE_RECORD:
        text = _("an evidence record (RFC 4998); verify it together with its file: yinxin tsa verify")
        return Finding("unsupported", text, Verdict.INDETERMINATE)
    return Finding("unknown-kind", _unknown(data, size), Verdict.INDETERMINATE)


def _unknown(data: bytes, size: int) -> str:
    """What can be said of a file that is nothing of what is verified."""
    if not data:
        return _("more than {limit} MiB, and not a PDF").format(limit=LARGEST >> 20) if size else _("the file is empty")
    if data.startswith(PICTURES):
        return _("a picture: nothing but a QR code in it can be verified (yinxin seals verify-code)")
    if data.startswith(b"PK\x03\x04"):
        return _("a ZIP file, such as an office document or OFD, which is not read here")
    return _("neither a PDF nor an electronic seal, a signature (CMS, SES_Signature) or a time stamp")


@dataclass(frozen=True)
class _Bare:
    """Judges what is not a PDF."""

    trust: Trust
    now: datetime
    beside: Document | None

    def signatures(self, kind: FileKind, data: bytes) -> list[SignatureReport]:
        judge = self.trust.judge(self.now)
        match kind:
            case FileKind.CMS:
                found = bare.examine_cms(data, self._content, judge)
                return [replace(report_of(one, self.now), kind="signature") for one in found]
            case FileKind.SEAL_SIGNATURE:
                return [report_of(bare.examine_seal_signature(data, self._content, judge), self.now)]
            case FileKind.SEAL:
                return [self._seal(data, judge)]
            case FileKind.TIMESTAMP:
                return [self._timestamp(data, judge)]
            case _:
                return []

    @property
    def _content(self) -> bare.Content | None:
        return None if self.beside is None else bare.Content(self._digest, self._octets)

    def _digest(self, digest: Digest) -> bytes:
        state = digest.new()
        with opened(self._given) as stream:
            stream.seek(0)
            while chunk := stream.read(_CHUNK):
                state.update(chunk)
        return state.digest()

    def _octets(self) -> bytes:
        with opened(self._given) as stream:
            stream.seek(0)
            return _all(stream)

    @property
    def _given(self) -> Document:
        if self.beside is None:
            raise YinxinError(
                Kind.UNSUPPORTED, _("what it is about is another file, which is not at hand; name it with --content")
            )
        return self.beside

    def _seal(self, data: bytes, judge: Judge) -> SignatureReport:
        if judge.asked is not None:
            judge.asked[parse_seal(data).maker_certificate] = self.trust.knowledge
        found = inspect(data, self.trust, self.now)
        codes = {finding.code for finding in found.findings}
        facts = ElectronicSealFacts(
            found.seal_id,
            found.name,
            found.version,
            found.maker,
            not codes & {"maker-untrusted", "maker-validity", "maker-usage"},
            found.created,
            found.valid_from,
            found.valid_until,
        )
        questions = (
            (Question.SEAL_MADE, {"maker-signature"}, _("the maker's signature on the seal is good")),
            (
                Question.SEAL_MAKER,
                {"maker-untrusted", "maker-not-named", "maker-validity", "maker-usage", "maker-revoked"},
                _("{name}, whose certificate was valid when the seal was made").format(name=found.maker.subject),
            ),
            (Question.SEAL_VALIDITY, {"not-yet-valid", "expired"}, _("the seal is valid now")),
        )
        answered = []
        for question, against, good in questions:
            wrong = [finding for finding in found.findings if finding.code in against]
            bad = Answer.NO if any(finding.verdict is Verdict.INVALID for finding in wrong) else Answer.UNKNOWN
            words = "; ".join(finding.text for finding in wrong) or good
            answered.append(Check(question, bad if wrong else Answer.YES, words))
        return SignatureReport(
            "",
            "electronic-seal",
            found.verdict,
            found.findings,
            sub_filter="SESeal",
            intact="maker-signature" not in codes,
            algorithm=found.algorithm,
            signer=found.maker,
            electronic_seal=facts,
            checks=answered,
        )

    def _timestamp(self, data: bytes, judge: Judge) -> SignatureReport:
        if self.beside is None:
            text = _("what it is about is another file, which is not at hand; name it with --content")
            missing = Finding("content-missing", text, Verdict.INDETERMINATE)
            return SignatureReport("", "timestamp", missing.verdict, [missing], sub_filter="RFC3161")
        stamp = bare.examine_token(data, bare.Content(self._digest, self._octets), judge)
        findings = list(_about(stamp))
        proof = timestamp_facts(stamp) if stamp.outcome is Outcome.PASSED else None
        issuers = [CertificateFacts.of(one) for one in stamp.chain]
        good, bad = _("the file is as it was time-stamped"), _("the time stamp is not over this file")
        whole = Check(Question.WHOLE, Answer.YES if stamp.intact else Answer.NO, good if stamp.intact else bad)
        return SignatureReport(
            "",
            "timestamp",
            max([Verdict.VALID, *(finding.verdict for finding in findings)]),
            findings,
            sub_filter="RFC3161",
            intact=stamp.intact,
            signer=CertificateFacts.of(stamp.authority) if stamp.authority else None,
            chain=[one.subject for one in issuers],
            anchor=issuers[-1].subject if issuers else None,
            issuers=issuers,
            proven_time=proof.at if proof else None,
            timestamps=[timestamp_facts(stamp)],
            proven_by=proof,
            checks=[whole, checks.signer(stamp.authority, stamp.chain), checks.time_of(stamp)],
        )


def _about(stamp: JudgedTimestamp) -> list[Finding]:
    if not stamp.intact:
        return [Finding("timestamp-wrong", _("the time stamp is not over this file"), Verdict.INVALID)]
    if stamp.outcome is not Outcome.PASSED:
        return [timestamp_not_trusted(stamp)]
    return [old_status()] if stamp.old_status else []


def _all(stream: BinaryIO) -> bytes:
    data = stream.read(LARGEST + 1)
    if len(data) > LARGEST:
        raise LimitError(
            _("a signature without signed attributes over more than {limit} MiB is not judged").format(
                limit=LARGEST >> 20
            )
        )
    return data
