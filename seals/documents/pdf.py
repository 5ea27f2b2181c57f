"""Sealing of PDF documents: one signature, seen wherever the seal was asked for, at the level asked or not at all."""

from collections.abc import Callable
from contextlib import closing, nullcontext
from dataclasses import replace
from datetime import datetime

from pyhanko.pdf_utils.reader import PdfFileReader

from core.clock import Clock, FixedClock
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.contracts import Evidence, EvidenceSource, SealingSupport
from seals.documents import Document, opened, working_copy
from seals.documents.pdf_made import Work
from seals.documents.pdf_pages import PdfPages
from seals.documents.pdf_proof import require_level
from seals.documents.pdf_repair import repaired
from seals.forms import Form, Permission
from seals.levels import Level
from seals.pades import reading, writing
from seals.pades.boundary import translated_errors
from seals.pades.encryption import require_permission_to_change
from seals.pades.gm import GmValue
from seals.pades.order import Remarks, SignatureOrder
from seals.pades.pdfa import archival
from seals.pades.timestamper import CheckedTimeStamper
from seals.pades.values import PadesValue, SignatureValue
from seals.pictures.ink import FULL_INK, Ink
from seals.pictures.samples import read_picture
from seals.placement.marks import marks
from seals.placement.placement import InField, Place
from seals.sealing import Seal, SealedDocument, require_support, require_usable

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
    password: str | None = None,
    value: ValueMaker | None = None,
) -> SealedDocument:
    """The sealed document: the original bytes and one or two increments. `field` names the new signature field.

    A damaged document is sealed as it was repaired if `repair` is asked for; else it is refused. An encrypted one stays
    encrypted; `password` opens it, and is the owner's where its permissions forbid a seal.

    `YinxinError` says what is wrong with the document, the seal or its surroundings; a level that cannot be reached is
    an error, never a lower level (EN 319 142-1 for what each level holds). `value`: what makes the signature
    value, if not the seal itself.
    """
    now = clock.now()
    require_usable(seal, FixedClock(now))
    require_support(level, support)
    remarks = Remarks(seal.name, reason, location, now, certify)
    with opened(document) as original, translated_errors():
        stamper = None
        if support.timestamper and level >= Level.B_T:
            stamper = CheckedTimeStamper(support.timestamper, seal.certificate)
        made_by = value(seal, stamper) if value else _value(seal, now, stamper)
        whole = repaired(original, password) if repair else None
        with whole or nullcontext(original) as stream:
            begun = made_by.digest.new()
            copy = working_copy(stream, begun)
            try:
                reader = reading.open_pdf(copy, password)
                order = _order(reader, seal, place, field, remarks, ink, password)
                made = writing.sign(copy, order, made_by, begun, reader)
                tokens = stamper.taken() if stamper else []
                work = Work(copy, stream, begun, made_by, made, order.manner, tokens, password=password)
                if level >= Level.B_LT and support.evidence is not None:
                    work = _with_evidence(work, seal, stamper, level, support.evidence)
                require_level(work, seal, level, clock)
            except BaseException:
                copy.close()
                raise
    return SealedDocument(copy, order.field, order.marks, whole is not None, order.archival.forbids_transparency)


def _value(seal: Seal, now: datetime, stamper: CheckedTimeStamper | None) -> SignatureValue:
    return GmValue(seal, now, stamper) if seal.form is Form.GM else PadesValue(seal, stamper)


def _order(
    reader: PdfFileReader,
    seal: Seal,
    place: Place,
    field: str | None,
    remarks: Remarks,
    ink: Ink,
    password: str | None,
) -> SignatureOrder:
    picture = seal.drawing or read_picture(seal.picture)
    width, height = picture.size
    height_mm = seal.width_mm * height / width
    asks = archival(reader)
    if asks.forbids_transparency and ink.opacity < 1:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("the document is PDF/A-1, which knows no transparency: the seal cannot be paler"),
            remedy=_("seal it with full opacity"),
        )
    reading.require_permission_to_seal(reader, certify=remarks.certify is not None)
    if isinstance(place, InField) and not place.name:
        place = InField(reading.waiting_field(reader))
    with closing(PdfPages(reader, password)) as pages:
        on_pages = marks(place, pages, seal.width_mm, height_mm)
    is_new, is_several = not isinstance(place, InField), len(on_pages) > 1
    require_permission_to_change(reader, password, new_field=is_new, annotations=is_several)
    if is_several:
        reading.require_permission_to_annotate(reader)
    if isinstance(place, InField):
        name = place.name
    else:
        taken = {filled.name for filled in reading.filled_fields(reader)} | reading.empty_fields(reader)
        name = writing.free_field_name(field, taken)
    return SignatureOrder(name, is_new, on_pages, picture, ink, remarks, asks, password)


def _with_evidence(
    work: Work, seal: Seal, stamper: CheckedTimeStamper | None, level: Level, source: EvidenceSource
) -> Work:
    """What B-LT and above need is added to the document."""
    copy = work.copy
    chain = [seal.certificate, *seal.chain]
    found = source.evidence([*chain, *(one for token in work.tokens for one in token.certificates)])
    evidence = Evidence(
        tuple(dict.fromkeys([*chain, *found.certificates])),
        tuple(dict.fromkeys(found.crls)),
        tuple(dict.fromkeys(found.ocsp_responses)),
    )
    if level < Level.B_LTA or stamper is None:
        unsigned = writing.add_evidence(copy, evidence, work.password, work.made.reader)
        return replace(work, evidence=evidence, unsigned=unsigned)
    hashing = work.begun.copy()
    copy.seek(work.original.seek(0, 2))
    hashing.update(copy.read())
    archive = writing.add_archive(
        copy, evidence, seal.signer.algorithm.digest, stamper, hashing, work.password, work.made.reader
    )
    return replace(work, evidence=evidence, archive=archive, tokens=[*work.tokens, *stamper.taken()])
