"""Sealing of PDF documents: one signature, seen wherever the seal was asked for, at the level asked or not at all."""

from collections.abc import Callable, Sequence
from contextlib import closing
from datetime import datetime
from typing import BinaryIO

from core.clock import Clock, FixedClock
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.contracts import Evidence, SealingSupport
from seals.documents import Document, opened, working_copy
from seals.documents.pdf_pages import PdfPages
from seals.documents.pdf_repair import repaired
from seals.forms import Form, Permission
from seals.ink import FULL_INK, Ink
from seals.levels import Level
from seals.marks import marks
from seals.pades import reading, writing
from seals.pades.appearance import read_picture
from seals.pades.boundary import translated_errors
from seals.pades.gm import GmValue
from seals.pades.pdfa import archival
from seals.pades.timestamper import CheckedTimeStamper
from seals.pades.values import PadesValue, SignatureValue
from seals.placement import InField, Place
from seals.report import Report, Verdict
from seals.sealing import Seal, SealedDocument, require_support, require_usable, self_issued
from seals.verification import Trust, verify_pdf

ValueMaker = Callable[[Seal, CheckedTimeStamper | None], SignatureValue]


def seal_pdf(
    document: Document,
    seal: Seal,
    place: Place,
    *,
    level: Level,
    support: SealingSupport,
    clock: Clock,
    reason: str | None = None,
    location: str | None = None,
    field: str | None = None,
    ink: Ink = FULL_INK,
    certify: Permission | None = None,
    repair: bool = False,
    value: ValueMaker | None = None,
) -> SealedDocument:
    """The sealed document: the original bytes and one or two increments. `field` names the new signature field.

    A damaged document is sealed as it was repaired if `repair` is asked for; else it is refused.

    `YinxinError` says what is wrong with the document, the seal or its surroundings; a level that cannot be reached is
    an error, never a lower level (EN 319 142-1 for what each level holds). `value`: what makes the signature
    value, if not the seal itself.
    """
    now = clock.now()
    require_usable(seal, FixedClock(now))
    require_support(level, support)
    with opened(document) as original, translated_errors():
        whole = repaired(original) if repair else None
        stream = whole or original
        order = _order(stream, seal, place, field, writing.Remarks(seal.name, reason, location, now, certify), ink)
        copy = whole or working_copy(stream)
    try:
        with translated_errors():
            stamper = CheckedTimeStamper(support.timestamper) if support.timestamper and level >= Level.B_T else None
            writing.sign(copy, order, value(seal, stamper) if value else _value(seal, now, stamper))
            evidence = _add_evidence(copy, seal, stamper.certificates if stamper else [], level, support)
        _require_level(copy, order.field, seal, level, evidence, clock)
    except BaseException:
        copy.close()
        raise
    return SealedDocument(copy, order.field, order.marks, whole is not None, order.flattened)


def _value(seal: Seal, now: datetime, stamper: CheckedTimeStamper | None) -> SignatureValue:
    return GmValue(seal, now, stamper) if seal.form is Form.GM else PadesValue(seal, stamper)


def _order(
    stream: BinaryIO, seal: Seal, place: Place, field: str | None, remarks: writing.Remarks, ink: Ink
) -> writing.SignatureOrder:
    picture = seal.drawing or read_picture(seal.picture)
    width, height = picture.size
    height_mm = seal.width_mm * height / width
    reader = reading.open_pdf(stream)
    flattened = archival(reader).forbids_transparency
    if flattened and ink.opacity < 1:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("the document is PDF/A-1, which knows no transparency: the seal cannot be paler"),
            remedy=_("seal it with full opacity"),
        )
    reading.require_permission_to_seal(reader, certify=remarks.certify is not None)
    with closing(PdfPages(reader)) as pages:
        on_pages = marks(place, pages, seal.width_mm, height_mm)
    if len(on_pages) > 1:
        reading.require_permission_to_annotate(reader)
    if isinstance(place, InField):
        name, is_new = place.name, False
    else:
        taken = {filled.name for filled in reading.filled_fields(reader)} | reading.empty_fields(reader)
        name, is_new = writing.free_field_name(field, taken), True
    return writing.SignatureOrder(name, is_new, on_pages, picture, ink, remarks, flattened)


def _add_evidence(
    copy: BinaryIO, seal: Seal, stampers: Sequence[bytes], level: Level, support: SealingSupport
) -> Evidence:
    if level < Level.B_LT or support.evidence is None:
        return Evidence()
    chain = [seal.certificate, *seal.chain]
    evidence = support.evidence.evidence([*chain, *stampers])
    archivist = support.timestamper if level >= Level.B_LTA else None
    writing.add_evidence(copy, chain, evidence, seal.signer.algorithm.digest, archivist)
    return evidence


def _require_level(copy: BinaryIO, field: str, seal: Seal, level: Level, evidence: Evidence, clock: Clock) -> None:
    """Return if the new seal has the level that was asked, verified as anybody would; else `YinxinError`."""
    known = [*seal.chain, *evidence.certificates]
    report = verify_pdf(copy, Trust(anchors=[der for der in known if self_issued(der)], certificates=known), clock)
    made = next((signature for signature in report.signatures if signature.field == field), None)
    # In a document that holds evidence already, the level may be higher than was asked.
    reached = made is not None and made.level is not None and made.level >= level
    if made is not None and reached and made.intact and made.verdict in _acceptable(level):
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
