"""What was added to a document after each of its signatures, and whether it is permitted: one look at each revision.

Every revision is compared with the one before it, once, by the rules of `later_seals`; what a signature permits of that
(DocMDP, FieldMDP, field locks; ISO 32000-2 12.8.2) is asked for each signature. A revision that no rule explains is
described by `differences`: what is other, and on which page.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel, SuspiciousModification
from pyhanko.sign.validation.status import SignatureCoverageLevel

from core.errors import YinxinError
from seals.pades import later_seals, revision_octets
from seals.pades.boundary import first_line, translated_errors
from seals.pades.differences import Difference, differences, field_pages, written_fields
from seals.pades.embedded import Embedded
from seals.pades.limits import LimitError
from seals.pades.reading import FilledField

_POINTS_OF_A_LARGE_SEAL = 200
"""No seal is larger than 6 cm (国发〔1999〕25号), which are 170 points."""


class Change(StrEnum):
    """What happened to the document after a signature."""

    NONE = "none"
    PERMITTED = "permitted"
    SUSPICIOUS = "suspicious"


@dataclass(frozen=True)
class Changes:
    """The changes after a signature, and the rule that permits or forbids them."""

    level: Change
    rule: str
    """`whole-file`, `validation-material`, `later-signatures`, `form-filling`, `coverage`, `content` …"""
    detail: str = ""
    items: Sequence[Difference] = ()
    covering: Sequence[str] = ()
    """Later signatures whose appearance is larger than any seal, so that they may hide what is below."""

    @property
    def covers_revision(self) -> bool:
        """Whether the signature covers a whole revision of the file, the first octet to the last."""
        return self.rule != "coverage"


@dataclass(frozen=True)
class _Step:
    """What one revision changed."""

    level: ModificationLevel
    fields: frozenset[str] = frozenset()
    """Form fields that it changed, those excepted that may change even when they are locked."""
    rule: str = ""
    """Why it is suspicious."""
    detail: str = ""
    items: tuple[Difference, ...] = ()


class History:
    """The revisions of a document."""

    def __init__(self, reader: PdfFileReader, filled: Sequence[FilledField], unsigned: set[str]) -> None:
        self._reader = reader
        self._filled = filled
        self._unsigned = unsigned
        self._steps: dict[int, _Step] = {}
        self._places: dict[str, int] | None = None
        self._ends_well: bool | None = None

    def after(self, embedded: Embedded) -> Changes:
        """What was added to the file after a signature."""
        coverage = embedded.evaluate_signature_coverage()
        if coverage == SignatureCoverageLevel.ENTIRE_FILE:
            return Changes(Change.NONE, "whole-file")
        if coverage < SignatureCoverageLevel.ENTIRE_REVISION:
            return Changes(Change.SUSPICIOUS, "coverage")
        if not self._nothing_follows():
            return Changes(Change.SUSPICIOUS, "appended-data")
        steps = [self._step(revision) for revision in range(embedded.signed_revision + 1, self._total)]
        items = [item for step in steps for item in step.items]
        suspicious = next((step for step in steps if step.rule), None)
        if suspicious:
            return Changes(Change.SUSPICIOUS, suspicious.rule, suspicious.detail, items)
        return self._permitted(embedded, steps, items)

    def _permitted(self, embedded: Embedded, steps: Sequence[_Step], items: list[Difference]) -> Changes:
        """By what the signature itself permits."""
        level = max((step.level for step in steps), default=ModificationLevel.NONE)
        changed = frozenset[str]().union(*(step.fields for step in steps))
        locked = sorted(name for name in changed if embedded.locks(name))
        if locked:
            blamed = [replace(item, permitted=item.permitted and item.detail not in locked) for item in items]
            return Changes(Change.SUSPICIOUS, "field-locked", ", ".join(locked), blamed)
        permission = embedded.docmdp_level
        if level is ModificationLevel.OTHER or (permission is not None and level.value > permission.value):
            return Changes(Change.SUSPICIOUS, "permissions", "", [replace(item, permitted=False) for item in items])
        if level is ModificationLevel.NONE:
            return Changes(Change.PERMITTED, "nothing-visible", items=items)
        if level is ModificationLevel.LTA_UPDATES:
            return Changes(Change.PERMITTED, "validation-material", items=items)
        others = changed - {filled.name for filled in self._filled}
        if others & self._unsigned:
            # An empty signature field can look like anything, and cover anything.
            names = ", ".join(sorted(others & self._unsigned))
            return Changes(Change.SUSPICIOUS, "unsigned-field", names, items)
        covering = sorted(self._covering(embedded.signed_revision))
        if others:
            return Changes(Change.PERMITTED, "form-filling", ", ".join(sorted(others)), items, covering)
        # Of annotations, only the marks of later seals come so far.
        return Changes(Change.PERMITTED, "later-signatures", items=items, covering=covering)

    @property
    def _total(self) -> int:
        return int(self._reader.xrefs.total_revisions)

    def _nothing_follows(self) -> bool:
        if self._ends_well is None:
            self._ends_well = revision_octets.ends_with_last_revision(self._reader)
        return self._ends_well

    def _step(self, revision: int) -> _Step:
        if revision not in self._steps:
            self._steps[revision] = self._compared(revision)
        return self._steps[revision]

    def _compared(self, revision: int) -> _Step:
        old = self._reader.get_historical_resolver(revision - 1)
        new = self._reader.get_historical_resolver(revision)
        try:
            with translated_errors():
                try:
                    hidden = revision_octets.unlisted_objects(self._reader, revision)
                    if hidden:
                        numbers = ", ".join(map(str, hidden))
                        item = Difference("hidden-objects", numbers, revision=revision + 1)
                        return _Step(ModificationLevel.OTHER, rule="hidden-objects", detail=numbers, items=(item,))
                    result = later_seals.POLICY.apply(old, new)
                except SuspiciousModification as error:
                    found = tuple(differences(old, new))
                    return _Step(ModificationLevel.OTHER, rule="content", detail=first_line(error), items=found)
                fields = frozenset(written_fields(new, result.changed_form_fields))
                items = tuple(self._described(revision, fields))
                return _Step(result.modification_level, fields, items=items)
        except LimitError:
            raise
        except YinxinError as error:
            # Then at least the signature itself can be judged; often its digest tells what happened.
            return _Step(ModificationLevel.OTHER, rule="content", detail=error.what)

    def _described(self, revision: int, changed: frozenset[str]) -> Iterator[Difference]:
        """What a permitted revision brought."""
        signatures = {filled.name: filled for filled in self._filled if filled.revision == revision}
        for name in sorted(signatures):
            is_timestamp = signatures[name].value.get("/Type") == "/DocTimeStamp"
            what = "document-timestamp" if is_timestamp else "signature"
            yield Difference(what, name, self._page(name), revision + 1, permitted=True)
        for name in sorted(changed - signatures.keys()):
            what = "signature-field" if name in self._unsigned else "form-field"
            yield Difference(what, name, self._page(name), revision + 1, permitted=True)
        if not signatures and not changed:
            yield Difference("validation-material", revision=revision + 1, permitted=True)

    def _page(self, field: str) -> int | None:
        """Where a field is seen; None if it is not."""
        if any(filled.name == field and not filled.boxes for filled in self._filled):
            return None
        if self._places is None:
            self._places = field_pages(self._reader)
        return self._places.get(field)

    def _covering(self, revision: int) -> Iterator[str]:
        for filled in self._filled:
            if filled.revision > revision and any(
                min(right - left, top - bottom) > _POINTS_OF_A_LARGE_SEAL for left, bottom, right, top in filled.boxes
            ):
                yield filled.name
