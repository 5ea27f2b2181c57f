"""Whether to believe a code: its signature, whose certificate it is, the seal's standing then, and the fields."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from asn1crypto import x509

from core.asn1.names import describe_name
from core.clock import Clock
from core.errors import YinxinError
from core.i18n import _
from core.path import build_path
from seals.codes.known import NO_OWNERS
from seals.codes.statement import Code, Fields, Statement, normal, read_code
from seals.electronic.makers import revocations
from seals.verification.report import Finding, Verdict
from seals.verification.trust import Trust


@dataclass(frozen=True)
class CodeReport:
    """A code, checked."""

    verdict: Verdict
    findings: Sequence[Finding]
    statement: Statement | None = None
    signer: str = ""
    """The name in the certificate."""
    algorithm: str = ""
    fields_checked: bool = False
    """Whether all fields were compared with the statement."""


def verify_code(
    text: str,
    trust: Trust,
    clock: Clock,
    fields: Fields | None = None,
    owners: Mapping[str, Collection[bytes]] = NO_OWNERS,
) -> CodeReport:
    """The report on the text of a code. The signer's certificate is one of those in `trust`.

    `fields`: those on the paper, all of them; without them, only what the code shows can be compared by eye. `owners`:
    the certificates (DER) with which the seal of each name is used, as far as they are known.
    """
    try:
        code = read_code(text)
    except YinxinError as error:
        return CodeReport(Verdict.INVALID, [Finding("not-a-code", error.what, Verdict.INVALID)])
    findings = [*_about_fields(code, fields)]
    candidates = [*trust.certificates, *trust.anchors]
    certificate = next((one for one in candidates if code.is_signed_with(one)), None)
    if certificate is None:
        findings.append(_not_signed(code, candidates))
    else:
        findings += _about_signer(code, certificate, trust, clock)
        if not _may_name(code.statement.seal, certificate, owners):
            text = _("the code names a seal that is not the signer's")
            findings.append(Finding("seal-not-the-signers", text, Verdict.INVALID))
    subject = describe_name(x509.Certificate.load(certificate).subject.dump()) if certificate else ""
    verdict = max((one.verdict for one in findings), default=Verdict.VALID)
    return CodeReport(verdict, findings, code.statement, subject, code.algorithm.name, fields is not None)


def _about_fields(code: Code, fields: Fields | None) -> Iterator[Finding]:
    if fields is None:
        # What it shows is signed too, but a field that it does not show may have been altered on the paper.
        if not code.statement.shown or not code.has_fields(code.statement.shown):
            text = _("the fields on the paper were not compared")
            yield Finding("fields-not-compared", text, Verdict.REMARKS)
        return
    altered = [name for name, text in code.statement.shown.items() if normal(fields).get(name) != text]
    if altered:
        text = _("on the paper, these fields are others: {names}").format(names=", ".join(altered))
        yield Finding("fields-altered", text, Verdict.INVALID)
    elif not code.has_fields(fields):
        text = _("the fields on the paper are not those that the code was made for")
        yield Finding("fields-altered", text, Verdict.INVALID)


def _not_signed(code: Code, candidates: Sequence[bytes]) -> Finding:
    if any(code.names(one) for one in candidates):
        text = _("the code is forged: the key that it names has not signed it")
        return Finding("code-forged", text, Verdict.INVALID)
    text = _("the certificate that the code names is not at hand; give it with --certificate")
    return Finding("certificate-missing", text, Verdict.INDETERMINATE)


def _may_name(seal: str, certificate: bytes, owners: Mapping[str, Collection[bytes]]) -> bool:
    """Whether the holder may speak in the name of the seal. Of others' seals, a register knows nothing."""
    if seal in owners:
        return certificate in owners[seal]
    return not any(certificate in certificates for certificates in owners.values())


def _about_signer(code: Code, certificate: bytes, trust: Trust, clock: Clock) -> Iterator[Finding]:
    at = code.statement.at
    if at > clock.now():
        yield Finding("future", _("the code says a time that is yet to come"), Verdict.INVALID)
        return
    try:
        path = build_path(certificate, trust.certificates, trust.anchors, at)
    except YinxinError as error:
        yield Finding("untrusted-issuer", str(error), Verdict.INDETERMINATE)
        return
    for one, issuer in pairwise(path):
        known, revoked_at = revocations(one, issuer, trust.crls)
        if revoked_at is not None:
            # Its time is only its issuer's word, and whoever has a stolen key writes any time.
            text = _("the certificate was revoked ({date}), and nothing proves that the code was made before")
            yield Finding("revoked", text.format(date=revoked_at.isoformat()), Verdict.INDETERMINATE)
        elif not known:
            text = _("whether the certificate was revoked is not known; give the revocation list of its issuer")
            yield Finding("status-unknown", text, Verdict.REMARKS)
            return
