"""Receipts: whoever got a document signs what it was, and a time-stamping authority says by when.

A receipt is CMS SignedData over canonical JSON, with the receiver's certificate and a signature timestamp
(id-aa-timeStampToken, RFC 3161 Appendix A): anybody checks it years later, and without whoever it was made for.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from typing import Annotated, Literal

import rfc8785
from asn1crypto import crl, x509
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from core import cms
from core.algorithms import algorithm_by_identifier
from core.asn1.names import describe_name
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from core.keys.verification import InvalidSignature, verify
from core.path import build_path
from seals.contracts import Timestamper
from seals.tokens import checked_stamp, time_of
from seals.verification.report import Finding, Verdict
from seals.verification.trust import Trust


class ReceiptWords(BaseModel):
    """What is signed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    kind: Literal["receipt"] = "receipt"
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """Of the document."""
    size: Annotated[int, Field(ge=0)]
    """Octets."""
    document: Annotated[str, Field(max_length=255)] = ""
    """As the receiver calls it."""
    note: Annotated[str, Field(max_length=1000)] = ""
    at: AwareDatetime
    """The receiver's own word; what counts is the time stamp."""

    def canonical(self) -> bytes:
        """Canonical JSON (RFC 8785); the moment in UTC to the microsecond."""
        at = self.at.astimezone(UTC).isoformat(timespec="microseconds")
        return rfc8785.dumps(self.model_dump(mode="json") | {"at": at})


@dataclass(frozen=True)
class ReceiptReport:
    """A receipt, checked."""

    verdict: Verdict
    findings: Sequence[Finding]
    receiver: str = ""
    """The common name in the certificate."""
    subject: str = ""
    """The whole name."""
    certificate: bytes = b""
    """DER."""
    words: ReceiptWords | None = None
    proven_at: datetime | None = None
    """By the time stamp, if its authority is trusted."""


def sign_receipt(
    document: bytes,
    signer: Signer,
    certificates: Sequence[bytes],
    timestamper: Timestamper,
    clock: Clock,
    *,
    name: str = "",
    note: str = "",
) -> bytes:
    """The receipt (DER). `certificates`: the receiver's, then its issuers; `YinxinError` if there is no time stamp."""
    certificate, *issuers = certificates
    if x509.Certificate.load(certificate).public_key.dump() != signer.public_key_info:
        raise YinxinError(Kind.INVALID, _("the key does not belong to the certificate"))
    now = clock.now()
    words = ReceiptWords(
        sha256=sha256(document).hexdigest(), size=len(document), document=name[:255], note=note[:1000], at=now
    )
    digest = signer.algorithm.digest

    def timestamp(signature: bytes) -> bytes:
        return checked_stamp(timestamper, digest, digest.of(signature))

    builder = cms.SignedDataBuilder(signer, certificate, certificates=[certificate, *issuers])
    return builder.build_timestamped(words.canonical(), timestamp, signed_at=now)


def verify_receipt(receipt: bytes, document: bytes | None, trust: Trust, clock: Clock) -> ReceiptReport:
    """What a receipt says and whether to believe it; with the document, whether it is the receipt for that."""
    try:
        signed = cms.check(receipt)
        words = ReceiptWords.model_validate(json.loads(signed.content))
        if words.canonical() != signed.content:
            raise ValueError("not canonical")
    except YinxinError as error:
        return ReceiptReport(Verdict.INVALID, [Finding("unreadable", str(error), Verdict.INVALID)])
    except (ValidationError, ValueError):
        text = _("a signed message, but not a receipt")
        return ReceiptReport(Verdict.INVALID, [Finding("no-receipt", text, Verdict.INVALID)])
    findings = list(_about_document(words, document))
    proven_at = _proven_time(signed, trust, findings)
    path = _path(signed.certificate, signed.certificates, trust, proven_at or clock.now(), findings, "untrusted-issuer")
    findings += _about_revocation(path, trust.crls, proven_at or clock.now())
    subject = x509.Certificate.load(signed.certificate).subject
    return ReceiptReport(
        max((one.verdict for one in findings), default=Verdict.VALID),
        findings,
        receiver_name(signed.certificate),
        describe_name(subject.dump()),
        signed.certificate,
        words,
        proven_at,
    )


def receiver_name(certificate: bytes) -> str:
    """The common name in a certificate (DER), else the whole name."""
    subject = x509.Certificate.load(certificate).subject
    name = subject.native.get("common_name")
    return name if isinstance(name, str) else describe_name(subject.dump())


def _about_document(words: ReceiptWords, document: bytes | None) -> Iterable[Finding]:
    if document is not None and words.sha256 != sha256(document).hexdigest():
        yield Finding("other-document", _("it is the receipt for another document"), Verdict.INVALID)


def _proven_time(signed: cms.Signed, trust: Trust, findings: list[Finding]) -> datetime | None:
    digest = signed.algorithm.digest
    for token in signed.timestamps:
        try:
            at, authority = time_of(token, digest, digest.of(signed.signature))
        except YinxinError as error:
            findings.append(Finding("timestamp-wrong", error.what, Verdict.INVALID))
            return None
        carried = cms.check(token).certificates
        before = len(findings)
        _path(authority, carried, trust, at, findings, "timestamp-not-trusted")
        return at if len(findings) == before else None
    text = _("nothing proves when it was signed: it has no time stamp")
    findings.append(Finding("time-unproven", text, Verdict.INDETERMINATE))
    return None


def _path(
    certificate: bytes, carried: Sequence[bytes], trust: Trust, at: datetime, findings: list[Finding], code: str
) -> tuple[bytes, ...]:
    candidates = [*carried, *trust.certificates]
    try:
        return build_path(certificate, candidates, list(trust.anchors), at)
    except YinxinError as error:
        findings.append(Finding(code, str(error), Verdict.INDETERMINATE))
        return ()


def _about_revocation(path: Sequence[bytes], crls: Sequence[bytes], at: datetime) -> Iterable[Finding]:
    """By the lists at hand, as of the proven moment; the root is trusted because it is."""
    for certificate, issuer in pairwise(path):
        body = x509.Certificate.load(certificate)
        lists = [one for one in crls if _is_list_of(one, x509.Certificate.load(issuer))]
        if not lists:
            text = _("whether the certificate was revoked is not known; give the revocation list of its issuer")
            yield Finding("status-unknown", text, Verdict.REMARKS)
            return
        for one in lists:
            revoked_at = _revoked_at(one, body.serial_number)
            if revoked_at is not None and revoked_at <= at:
                text = _("the certificate was revoked ({date})").format(date=revoked_at.isoformat())
                yield Finding("revoked", text, Verdict.INVALID)


def _is_list_of(data: bytes, issuer: x509.Certificate) -> bool:
    body = crl.CertificateList.load(data)
    if body.issuer.dump() != issuer.subject.dump():
        return False
    try:
        algorithm = algorithm_by_identifier(body["signature_algorithm"].dump())
        verify(issuer.public_key.dump(), algorithm, body["signature"].native, body["tbs_cert_list"].dump())
    except (YinxinError, InvalidSignature):
        return False
    return True


def _revoked_at(data: bytes, serial: int) -> datetime | None:
    for entry in crl.CertificateList.load(data)["tbs_cert_list"]["revoked_certificates"] or ():
        if entry["user_certificate"].native == serial:
            moment: datetime = entry["revocation_date"].native
            return moment
    return None
