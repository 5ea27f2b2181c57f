"""Sealing of PDF documents: one visible PAdES signature, at the level that was asked or not at all."""

from collections.abc import Sequence
from dataclasses import dataclass

from asn1crypto import x509

from core.clock import Clock, FixedClock
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from seals.contracts import Evidence, SealingSupport
from seals.documents import Document, opened
from seals.levels import Level
from seals.pades import reading, writing
from seals.pades.appearance import read_picture
from seals.pades.boundary import translated_errors
from seals.placement import Placement
from seals.report import Report, Verdict
from seals.verification import Trust, verify_pdf


@dataclass(frozen=True)
class Seal:
    """A seal in use: whose it is, what it looks like, and the key that it signs with."""

    name: str
    """The owner's name, as the signature shows it."""
    signer: Signer
    certificate: bytes
    """The owner's, DER."""
    chain: Sequence[bytes]
    """The certificate's issuers, nearest first, the root included; DER."""
    picture: bytes
    """PNG with alpha."""
    width_mm: float
    """The height follows from the picture."""


def seal_pdf(
    document: Document,
    seal: Seal,
    placement: Placement,
    *,
    level: Level,
    support: SealingSupport,
    clock: Clock,
    reason: str | None = None,
    location: str | None = None,
    field: str | None = None,
) -> bytes:
    """The sealed document: the original bytes and one or two increments.

    `YinxinError` says what is wrong with the document, the seal or its surroundings; a level that cannot be reached is
    an error, never a lower level (EN 319 142-1 for what each level holds).
    """
    now = clock.now()
    _require_usable(seal, FixedClock(now))
    if level >= Level.B_T and support.timestamper is None:
        raise _lacking(level, _("a time-stamping authority"))
    if level >= Level.B_LT and support.evidence is None:
        raise _lacking(level, _("a source of certificate status"))
    stream = opened(document)
    picture = read_picture(seal.picture)
    reader = reading.open_pdf(stream)
    with translated_errors():
        reading.require_permission_to_seal(reader)
        geometry = reading.page_geometry(reader, placement.page)
        height_mm = seal.width_mm * picture.height / picture.width
        taken = {filled.name for filled in reading.filled_fields(reader)} | reading.empty_fields(reader)
        order = writing.SignatureOrder(
            field=writing.free_field_name(field, taken),
            page=placement.page,
            box=geometry.box(placement.x_mm, placement.y_mm, seal.width_mm, height_mm),
            quarter_turns=geometry.quarter_turns,
            picture=seal.picture,
            name=seal.name,
            reason=reason,
            location=location,
            at=now,
        )
        timestamper = support.timestamper if level >= Level.B_T else None
        sealed = writing.sign(stream, order, seal.signer, seal.certificate, seal.chain, timestamper)
        evidence = Evidence()
        if level >= Level.B_LT and support.evidence is not None:
            stampers = [] if support.timestamper is None else reading.timestamp_certificates(sealed, order.field)
            evidence = support.evidence.evidence([seal.certificate, *seal.chain, *stampers])
            digest = seal.signer.algorithm.digest
            archivist = support.timestamper if level >= Level.B_LTA else None
            sealed = writing.add_evidence(sealed, [seal.certificate, *seal.chain], evidence, digest, archivist)
    _require_level(sealed.getvalue(), order.field, seal, level, evidence, clock)
    return sealed.getvalue()


def _require_usable(seal: Seal, clock: Clock) -> None:
    """Return if the seal can sign now; `YinxinError` otherwise."""
    certificate = x509.Certificate.load(seal.certificate)
    if certificate.public_key.dump() != seal.signer.public_key_info:
        raise YinxinError(Kind.INVALID, _("the key of the seal does not belong to its certificate"), subject=seal.name)
    if clock.now() > certificate.not_valid_after:
        raise YinxinError(
            Kind.CONFLICT,
            _("the certificate of the seal expired on {date:%Y-%m-%d}").format(date=certificate.not_valid_after),
            subject=seal.name,
            remedy=_("have the certificate renewed"),
        )
    if clock.now() < certificate.not_valid_before:
        raise YinxinError(
            Kind.CONFLICT,
            _("the certificate of the seal is valid only from {date:%Y-%m-%d}").format(
                date=certificate.not_valid_before
            ),
            subject=seal.name,
            remedy=_("check the clock"),
        )
    usage = certificate.key_usage_value
    if usage is None or not usage.native & {"digital_signature", "non_repudiation"}:
        raise YinxinError(Kind.CONFLICT, _("the certificate of the seal is not for signing"), subject=seal.name)


def _lacking(level: Level, what: str) -> YinxinError:
    return YinxinError(
        Kind.UNAVAILABLE,
        _("level {level} needs {what}, and none is configured").format(level=level, what=what),
        remedy=_("configure it, or ask for a lower level"),
    )


def _require_level(sealed: bytes, field: str, seal: Seal, level: Level, evidence: Evidence, clock: Clock) -> None:
    """Return if the new seal has the level that was asked, verified as anybody would; else `YinxinError`."""
    known = [*seal.chain, *evidence.certificates]
    report = verify_pdf(sealed, Trust(anchors=[der for der in known if _self_issued(der)], certificates=known), clock)
    made = next((signature for signature in report.signatures if signature.field == field), None)
    if made is not None and made.level is level and made.intact and made.verdict in _acceptable(level):
        return
    raise YinxinError(
        Kind.UNAVAILABLE,
        _("the seal did not reach level {level}: {reasons}").format(level=level, reasons=_reasons(report, field)),
        remedy=_("check the certificates, their revocation lists and the time-stamping authority; nothing was sealed"),
    )


def _acceptable(level: Level) -> set[Verdict]:
    # Below B-LT the document holds no certificate status, so that nobody can call it valid without help.
    return {Verdict.VALID} if level >= Level.B_LT else {Verdict.VALID, Verdict.REMARKS, Verdict.INDETERMINATE}


def _reasons(report: Report, field: str) -> str:
    texts = [
        finding.text
        for signature in report.signatures
        if signature.field == field or signature.verdict > Verdict.REMARKS
        for finding in signature.findings
    ]
    return "; ".join([*(finding.text for finding in report.findings), *texts]) or _("its level is lower")


def _self_issued(certificate: bytes) -> bool:
    body = x509.Certificate.load(certificate)
    return bool(body.issuer.dump() == body.subject.dump())
