"""A document's signatures, one after the other: everything that can be found out about each, as plain records."""

from dataclasses import dataclass
from datetime import datetime
from typing import BinaryIO

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.status import SignatureCoverageLevel

from core.algorithms import Algorithm
from core.asn1.ses import Seal
from core.errors import YinxinError
from seals.electronic.seal_check import CheckedSeal, check_seal
from seals.pades import reading
from seals.pades.assessment import Assessment, Judge, JudgedTimestamp, Outcome
from seals.pades.binding import bound_seal
from seals.pades.boundary import translated_errors
from seals.pades.evidence import covers, security_store
from seals.pades.gm import GM_SUB_FILTER
from seals.pades.gm_reading import StoredGmSignature, read_gm_signature
from seals.pades.gm_reading import judge as judge_gm
from seals.pades.reading import FilledField
from seals.pades.signatures import CADES_SUB_FILTER, Changes, StoredSignature, changes_after, read_signature


@dataclass(frozen=True)
class FieldFacts:
    """What the signature dictionary says; nothing of it is proven by being said."""

    name: str
    sub_filter: str
    signer_name: str | None
    reason: str | None
    location: str | None


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
    changes: Changes
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


def examine(stream: BinaryIO, judge: Judge, password: str | None = None) -> list[Examined]:
    """Every signature in the order of signing; `YinxinError` if the document as a whole cannot be read."""
    reader = reading.open_pdf(stream, password)
    with translated_errors():
        fields = reading.filled_fields(reader)
        unsigned = reading.empty_fields(reader)
    return _Examination(reader, judge, fields, unsigned).all()


class _Examination:
    def __init__(self, reader: PdfFileReader, judge: Judge, fields: list[FilledField], unsigned: set[str]) -> None:
        self._reader = reader
        self._judge = judge
        self._fields = fields
        self._signed = {filled.name for filled in fields}
        self._unsigned = unsigned
        self._archives: list[tuple[int, datetime]] = []
        """The trusted document timestamps so far: revision and time."""

    def all(self) -> list[Examined]:
        # From the newest to the oldest: a timestamp vouches for the time of the one before it.
        return [self._one(filled) for filled in reversed(self._fields)][::-1]

    def _one(self, filled: FilledField) -> Examined:
        facts = _facts(filled)
        try:
            with translated_errors():
                if filled.value.get("/SubFilter") == GM_SUB_FILTER:
                    return self._gm_signature(filled, facts, read_gm_signature(self._reader, filled))
                stored = read_signature(self._reader, filled)
                if stored.is_timestamp:
                    return self._timestamp(filled, facts, stored)
                return self._signature(filled, facts, stored)
        except YinxinError as error:
            return Unreadable(facts, error)

    def _timestamp(self, filled: FilledField, facts: FieldFacts, stored: StoredSignature) -> ExaminedTimestamp:
        changes = changes_after(stored.embedded, self._signed, self._unsigned)
        judged = self._judge.document_timestamp(
            stored, security_store(self._reader), self._archived_at(filled.revision)
        )
        if judged.outcome is Outcome.PASSED and changes.covers_revision:
            self._archives.append((filled.revision, judged.at))
        return ExaminedTimestamp(facts, stored.algorithm, stored.whole_file, changes, judged)

    def _signature(self, filled: FilledField, facts: FieldFacts, stored: StoredSignature) -> ExaminedSignature:
        store = security_store(self._reader)
        assessment = self._judge.signature(stored, store, self._archived_at(filled.revision))
        return self._examined(
            filled,
            facts,
            stored,
            assessment,
            filled.value.get("/SubFilter") == CADES_SUB_FILTER and stored.names_its_certificate,
            bound_seal(filled.field, stored.embedded.signer_info),
        )

    def _gm_signature(self, filled: FilledField, facts: FieldFacts, stored: StoredGmSignature) -> ExaminedSignature:
        store = security_store(self._reader)
        assessment = judge_gm(self._judge, stored, store, self._archived_at(filled.revision))
        return self._examined(filled, facts, stored, assessment, True, stored.signature.seal)

    def _examined(
        self,
        filled: FilledField,
        facts: FieldFacts,
        stored: StoredSignature | StoredGmSignature,
        assessment: Assessment,
        names_its_certificate: bool,
        seal: Seal | None,
    ) -> ExaminedSignature:
        changes = changes_after(stored.embedded, self._signed, self._unsigned)
        store = security_store(self._reader)
        certificates = [assessment.signer, *assessment.chain[:-1]]
        complete = bool(assessment.chain)
        if assessment.timestamp:
            certificates += [assessment.timestamp.authority, *assessment.timestamp.chain[:-1]]
            complete = complete and bool(assessment.timestamp.chain)
        archives = [revision for revision, _at in self._archives if revision > filled.revision]
        at = assessment.proven_time or stored.claimed_time
        known = (self._judge.given + store).certificates
        return ExaminedSignature(
            facts,
            stored.algorithm,
            stored.embedded.coverage is SignatureCoverageLevel.ENTIRE_FILE,
            changes,
            assessment,
            stored.claimed_time,
            names_its_certificate,
            has_evidence=complete and covers(store, certificates),
            archived=complete
            and any(
                covers(security_store(self._reader.get_historical_resolver(revision)), certificates)
                for revision in archives
            ),
            seal=check_seal(seal, assessment.signer, at, known, self._judge.anchors) if seal else None,
        )

    def _archived_at(self, revision: int) -> datetime | None:
        """The time of the oldest trusted document timestamp over this revision."""
        return min((at for archive, at in self._archives if archive > revision), default=None)


def _facts(filled: FilledField) -> FieldFacts:
    def text(key: str) -> str | None:
        try:
            value = reading.entry(filled.value, key, None)
        except Exception:  # noqa: BLE001 - a broken remark breaks nothing else
            return None
        return str(value) if isinstance(value, str) else None

    return FieldFacts(
        filled.name, (text("/SubFilter") or "").removeprefix("/"), text("/Name"), text("/Reason"), text("/Location")
    )
