"""A document's signatures, one after the other: everything that can be found out about each, as plain records."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from typing import BinaryIO

from pyhanko.pdf_utils.reader import PdfFileReader

from core.algorithms import Algorithm
from core.asn1.ses import Seal
from core.errors import YinxinError
from core.i18n import _
from seals.electronic.seal_check import CheckedSeal, check_seal
from seals.pades import reading
from seals.pades.assessment import Assessment, Judge, JudgedTimestamp
from seals.pades.binding import bound_seal
from seals.pades.boundary import translated_errors
from seals.pades.certificates import Outcome, Use
from seals.pades.changes import Change, Changes, History
from seals.pades.differences import field_pages
from seals.pades.embedded import PrefixDigests
from seals.pades.evidence import Knowledge, covers, security_store
from seals.pades.gm import GM_SUB_FILTER
from seals.pades.gm_reading import StoredGmSignature, read_gm_signature
from seals.pades.limits import MOST_SIGNATURES, LimitError
from seals.pades.moving_parts import MovingPart, moving_parts
from seals.pades.picture_check import shows_picture
from seals.pades.reading import FilledField
from seals.pades.signatures import CADES_SUB_FILTER, StoredSignature, read_signature
from seals.pades.stray import StraySignature, stray_signatures

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class FieldFacts:
    """What the signature dictionary says; nothing of it is proven by being said."""

    name: str
    sub_filter: str
    signer_name: str | None
    reason: str | None
    location: str | None
    revision: int = 0
    """The first is 1."""
    page: int | None = None
    """Where it is seen; the first is 1."""
    boxes: Sequence[Box] = ()


@dataclass(frozen=True)
class Unreadable:
    """A signature that cannot be judged."""

    facts: FieldFacts
    error: YinxinError


@dataclass(frozen=True)
class ExaminedTimestamp:
    """A document timestamp."""

    facts: FieldFacts
    algorithm: Algorithm
    whole_file: bool
    changes: Changes
    timestamp: JudgedTimestamp


@dataclass(frozen=True)
class ExaminedSignature:
    """An ordinary signature."""

    facts: FieldFacts
    algorithm: Algorithm
    whole_file: bool
    changes: Changes | None
    """None outside a PDF, where nothing can be added."""
    assessment: Assessment
    claimed_time: datetime | None
    names_its_certificate: bool
    """It is bound to its certificate: by an attribute (EN 319 122-1 5.2.2), or by the form itself."""
    has_evidence: bool
    """The document holds the certificate status of every certificate below the trust anchors."""
    archived: bool
    """A sound document timestamp protects that evidence."""
    seal: CheckedSeal | None = None
    """The electronic seal that the signature was made with."""


Examined = Unreadable | ExaminedTimestamp | ExaminedSignature


@dataclass(frozen=True)
class ExaminedDocument:
    """A document as a whole."""

    signatures: Sequence[Examined]
    """In the order of signing."""
    revisions: int
    stray: Sequence[StraySignature] = ()
    """Signatures that stand in no field."""
    moving: Sequence[MovingPart] = ()
    """What can make it look other although nothing was changed."""


def examine(stream: BinaryIO, judge: Judge, password: str | None = None) -> ExaminedDocument:
    """Every signature of a document; `YinxinError` if the document as a whole cannot be read."""
    reader = reading.open_pdf(stream, password)
    with translated_errors():
        return _Examination(reader, judge).whole(password)


Stored = StoredSignature | StoredGmSignature


class _Examination:
    def __init__(self, reader: PdfFileReader, judge: Judge) -> None:
        self._reader = reader
        self._judge = judge
        self._fields = reading.filled_fields(reader)
        if len(self._fields) > MOST_SIGNATURES:
            raise LimitError(_("the PDF has more than {limit} signatures").format(limit=MOST_SIGNATURES))
        self._history = History(reader, self._fields, reading.empty_fields(reader))
        self._archives: list[tuple[int, JudgedTimestamp]] = []
        """The trusted document timestamps so far, with their revisions."""
        self._past_stores: dict[int, Knowledge] = {}

    def whole(self, password: str | None) -> ExaminedDocument:
        # Read from the oldest to the newest, since what one covers begins with what the one before it covered.
        digests = PrefixDigests(self._reader.stream)
        stored = [(filled, _facts(filled, self._pages), self._read(filled, digests)) for filled in self._fields]
        # Judged from the newest to the oldest: a timestamp vouches for the time of the one before it.
        judged = [self._one(*one) for one in reversed(stored)]
        stray = stray_signatures(self._reader, {filled.reference for filled in self._fields})
        moving = moving_parts(self._reader.stream, password) if judged else ()
        return ExaminedDocument(judged[::-1], int(self._reader.xrefs.total_revisions), stray, moving)

    @cached_property
    def _pages(self) -> dict[str, int]:
        return field_pages(self._reader)

    @cached_property
    def _store(self) -> Knowledge:
        return security_store(self._reader)

    def _past_store(self, revision: int) -> Knowledge:
        if revision not in self._past_stores:
            self._past_stores[revision] = security_store(self._reader.get_historical_resolver(revision))
        return self._past_stores[revision]

    def _read(self, filled: FilledField, digests: PrefixDigests) -> Stored | YinxinError:
        try:
            with translated_errors():
                if filled.value.get("/SubFilter") == GM_SUB_FILTER:
                    return read_gm_signature(self._reader, filled, digests)
                return read_signature(self._reader, filled, digests, self._judge.given + self._store)
        except YinxinError as error:
            return error

    def _one(self, filled: FilledField, facts: FieldFacts, stored: Stored | YinxinError) -> Examined:
        try:
            if isinstance(stored, YinxinError):
                raise stored
            with translated_errors():
                if isinstance(stored, StoredSignature) and stored.is_timestamp:
                    return self._timestamp(filled, facts, stored)
                return self._signature(filled, facts, stored)
        except YinxinError as error:
            return Unreadable(facts, error)

    def _timestamp(self, filled: FilledField, facts: FieldFacts, stored: StoredSignature) -> ExaminedTimestamp:
        changes = self._history.after(stored.embedded)
        archive = self._archive(filled.revision)
        known = self._judge.given + self._store
        judged = self._judge.timestamp(stored.document_token, known, archive.at if archive else self._judge.now)
        judged = replace(judged, field=filled.name)
        if judged.outcome is Outcome.PASSED and changes.covers_revision:
            self._archives.append((filled.revision, judged))
        return ExaminedTimestamp(facts, stored.algorithm, changes.level is Change.NONE, changes, judged)

    def _signature(self, filled: FilledField, facts: FieldFacts, stored: Stored) -> ExaminedSignature:
        assessment = self._judge.signature(stored, self._store, self._archive(filled.revision))
        seal: Seal | None
        if isinstance(stored, StoredGmSignature):
            names_its_certificate, seal = True, stored.signature.seal
        else:
            names_its_certificate = stored.sub_filter == CADES_SUB_FILTER and stored.message.names_its_certificate
            seal = bound_seal(filled.field, stored.message.signer_info)
        return self._examined(filled, facts, stored, assessment, names_its_certificate, seal)

    def _examined(
        self,
        filled: FilledField,
        facts: FieldFacts,
        stored: Stored,
        assessment: Assessment,
        names_its_certificate: bool,
        seal: Seal | None,
    ) -> ExaminedSignature:
        certificates = [assessment.signer, *assessment.chain[:-1]]
        complete = bool(assessment.chain)
        if assessment.timestamp:
            certificates += [assessment.timestamp.authority, *assessment.timestamp.chain[:-1]]
            complete = complete and bool(assessment.timestamp.chain)
        archives = [revision for revision, _judged in self._archives if revision > filled.revision]
        at = assessment.proven_time or stored.claimed_time
        changes = self._history.after(stored.embedded)
        return ExaminedSignature(
            facts,
            stored.algorithm,
            changes.level is Change.NONE,
            changes,
            assessment,
            stored.claimed_time,
            names_its_certificate,
            has_evidence=complete and covers(self._store, certificates),
            archived=complete and any(covers(self._past_store(revision), certificates) for revision in archives),
            seal=self._checked(seal, filled, stored, at) if seal else None,
        )

    def _checked(self, seal: Seal, filled: FilledField, stored: Stored, at: datetime | None) -> CheckedSeal:
        known = self._judge.given + self._store + stored.carried
        made = seal.structure["seal_info"]["property"]["create_date"].native
        maker = self._judge.certificates.judge(seal.maker_certificate, known, made, Use.SIGNING)
        checked = check_seal(
            seal,
            stored.signer,
            at,
            known.certificates,
            self._judge.anchors,
            maker.revoked_at,
            makers=self._judge.makers,
        )
        visible = bool(filled.boxes)
        return replace(
            checked, is_visible=visible, picture_on_page=shows_picture(filled.widgets[0], seal) if visible else None
        )

    def _archive(self, revision: int) -> JudgedTimestamp | None:
        """The oldest trusted document timestamp over this revision."""
        later = [judged for archive, judged in self._archives if archive > revision]
        return min(later, key=lambda judged: judged.at, default=None)


def _facts(filled: FilledField, pages: dict[str, int]) -> FieldFacts:
    def text(key: str) -> str | None:
        try:
            value = reading.entry(filled.value, key, None)
        except Exception:  # noqa: BLE001 - a broken remark breaks nothing else
            return None
        return str(value) if isinstance(value, str) else None

    return FieldFacts(
        filled.name,
        (text("/SubFilter") or "").removeprefix("/"),
        text("/Name"),
        text("/Reason"),
        text("/Location"),
        filled.revision + 1,
        pages.get(filled.name),
        filled.boxes,
    )
