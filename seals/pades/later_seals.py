"""What may be added after a signature: pyHanko's rules, and the further marks of later seals.

pyHanko knows no annotations but those of signature fields, and lets no visible field follow a certification. Seals are
seen on several pages, and DocMDP 2 permits signing (ISO 32000-2 12.8.2.2).
"""

from collections.abc import Iterable, Iterator

from pyhanko.pdf_utils import generic
from pyhanko.sign.diff_analysis import (
    DEFAULT_DIFF_POLICY,
    ModificationLevel,
    StandardDiffPolicy,
    SuspiciousModification,
)
from pyhanko.sign.diff_analysis.form_rules_api import (
    FieldComparisonContext,
    FieldComparisonSpec,
    FormUpdate,
    FormUpdatingRule,
)
from pyhanko.sign.diff_analysis.rules.form_field_rules import (
    GenericFieldModificationRule,
    SigFieldCreationRule,
    SigFieldModificationRule,
)
from pyhanko.sign.diff_analysis.rules.form_field_rules import (
    _walk_page_tree_annots as changed_annotations,
)
from pyhanko.sign.fields import enumerate_sig_fields

from core.i18n import _
from seals.pades import usages  # noqa: F401 - whom pyHanko asks
from seals.pades.limits import MOST_PAGES, LimitError
from seals.pades.reading import entry

MARK = "/Stamp"
_DEEPEST = 64
_WRITTEN = ("/Tx", "/Ch")
"""Fields whose look shows their value; buttons choose among looks instead (ISO 32000-2 12.7.5)."""
_Update = tuple[ModificationLevel, FormUpdate]


class LaterSeals(SigFieldCreationRule):
    """New signature fields, and stamp annotations that were added in the revision of a signature and so are signed."""

    def __init__(self) -> None:
        super().__init__(approve_widget_bindings=False, allow_new_visible_after_certify=True)

    def apply(self, context: FieldComparisonContext) -> Iterable[_Update]:
        """The updates that are cleared."""
        yield from super().apply(context)
        fields = dict(_widgets(context))
        sealed = _sealed_revisions(context)
        marks = dict(_marks(context, sealed))
        if not fields and not marks:
            return
        old, new = context.old.root["/Pages"], context.new.root["/Pages"]
        for update in changed_annotations(
            old, new, {**fields, **marks}, context.old, valid_when_locked=True, refs_seen=set()
        ):
            yield ModificationLevel.LTA_UPDATES, update
        for reference, name in marks.items():
            for part in context.new.collect_dependencies(
                generic.IndirectObject(reference.idnum, reference.generation, context.new),
                since_revision=context.old.revision + 1,
            ):
                if context.new.reader.xrefs.get_last_change(part) in sealed:
                    yield ModificationLevel.ANNOTATIONS, FormUpdate(part, field_name=name, valid_when_locked=True)


class Signed(SigFieldModificationRule):
    """Values of signature fields; a field that the revision does not write is as it was, and answers for nothing."""

    def apply(self, context: FieldComparisonContext) -> Iterable[_Update]:
        """The updates that are cleared."""
        written = context.new.explicit_refs_in_revision()
        for name, spec in context.field_specs.items():
            if spec.old_field_ref != spec.new_field_ref or spec.new_field_ref in written:
                yield from self.check_form_field(name, spec, context)


class FilledIn(GenericFieldModificationRule):
    """Values of form fields, and their looks; but no look that changes by itself, for it can show anything."""

    def check_form_field(
        self, fq_name: str, spec: FieldComparisonSpec, context: FieldComparisonContext
    ) -> Iterable[_Update]:
        """The updates that are cleared."""
        old, new = spec.old_field, spec.new_field
        if spec.field_type in _WRITTEN and old is not None and new is not None:
            same_value = entry(old, "/V", None) == entry(new, "/V", None)
            if same_value and any(_redrawn(one, other, context) for one, other in _shown(old, new)):
                raise SuspiciousModification(f"The look of form field {fq_name} was changed, but not its value.")
        yield from super().check_form_field(fq_name, spec, context)


def _shown(
    old: generic.DictionaryObject, new: generic.DictionaryObject
) -> Iterator[tuple[generic.DictionaryObject, generic.DictionaryObject]]:
    """The annotations of a field, before and after."""
    yield old, new
    for one, other in zip(entry(old, "/Kids", ()), entry(new, "/Kids", ()), strict=False):
        yield one.get_object(), other.get_object()


def _redrawn(old: generic.DictionaryObject, new: generic.DictionaryObject, context: FieldComparisonContext) -> bool:
    looks = new.raw_get("/AP") if "/AP" in new else None
    if looks is None:
        return False
    since = context.old.revision
    parts = context.new.collect_dependencies(looks)
    last_change = context.new.reader.xrefs.get_last_change
    return ("/AP" not in old or old.raw_get("/AP") != looks) or any(last_change(part) > since for part in parts)


def _widgets(context: FieldComparisonContext) -> Iterator[tuple[generic.Reference, str]]:
    """The annotations of new signature fields."""
    for name, field in context.field_specs.items():
        if field.field_type != "/Sig" or field.old_field_ref or field.new_field is None or field.new_field_ref is None:
            continue
        yield field.new_field_ref, name
        for kid in entry(field.new_field, "/Kids", ()):
            yield kid.reference, name


def _sealed_revisions(context: FieldComparisonContext) -> dict[int, str]:
    """The later revisions in which a signature field was given its value, and the name of the field."""
    xrefs, sealed = context.new.reader.xrefs, {}
    for name, _value, field in enumerate_sig_fields(context.new, filled_status=True):
        value = field.get_object().raw_get("/V")
        if isinstance(value, generic.IndirectObject):
            sealed[xrefs.get_last_change(value.reference)] = name
    return {revision: name for revision, name in sealed.items() if revision > context.old.revision}


def _marks(context: FieldComparisonContext, sealed: dict[int, str]) -> Iterator[tuple[generic.Reference, str]]:
    """New stamp annotations that were last written together with the value of a signature field."""
    xrefs = context.new.reader.xrefs
    for page in pages_of(context.new.root["/Pages"]) if sealed else ():
        for annotation in entry(page, "/Annots", ()):
            if not isinstance(annotation, generic.IndirectObject):
                continue
            revision = xrefs.get_last_change(annotation.reference)
            if revision in sealed and context.new(annotation.reference).get("/Subtype") == MARK:
                yield annotation.reference, sealed[revision]


def pages_of(node: generic.DictionaryObject) -> Iterator[generic.DictionaryObject]:
    """The pages below a node of the page tree; `LimitError` if they are without number."""
    waiting, seen = [iter(node["/Kids"])], 0
    while waiting:
        reference = next(waiting[-1], None)
        if reference is None:
            waiting.pop()
            continue
        seen += 1
        if seen > MOST_PAGES or len(waiting) > _DEEPEST:
            raise LimitError(_("the page tree of the PDF is too large or leads back to itself"))
        kid = reference.get_object()
        if "/Kids" in kid:
            waiting.append(iter(kid["/Kids"]))
        else:
            yield kid


POLICY = StandardDiffPolicy(
    global_rules=DEFAULT_DIFF_POLICY.global_rules,
    form_rule=FormUpdatingRule([LaterSeals(), Signed(), FilledIn()]),
)
"""Marks are changes of the level of annotations, so that only DocMDP 3 or no certification permits them."""
