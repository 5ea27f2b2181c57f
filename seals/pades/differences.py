"""What is other in a later revision, told so that people find it: the page, and whether it is text, picture or form."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import HistoricalResolver
from pyhanko.pdf_utils.rw_common import PdfHandler
from pyhanko.sign.fields import enumerate_sig_fields

from seals.pades.later_seals import pages_of
from seals.pades.reading import entry

_GEOMETRY = {"/MediaBox", "/CropBox", "/Rotate", "/UserUnit", "/TrimBox", "/BleedBox", "/ArtBox"}
_ACTIONS = {"/OpenAction", "/AA"}
_FOLLOWED_ELSEWHERE = {"/Annots", "/Parent"}


@dataclass(frozen=True)
class Difference:
    """One thing that a revision brought, or changed."""

    what: str
    detail: str = ""
    page: int | None = None
    """The first is 1."""
    revision: int | None = None
    """The first is 1."""
    permitted: bool = False


def differences(old: HistoricalResolver, new: HistoricalResolver) -> Iterator[Difference]:
    """Where two revisions of a document differ; at least one difference."""
    changed = set(new.explicit_refs_in_revision())
    found = [*_on_pages(old, new, changed), *_in_catalog(old, new, changed)]
    revision = new.revision + 1
    if not found:
        numbers = ", ".join(str(reference.idnum) for reference in sorted(changed, key=lambda one: one.idnum)[:10])
        found = [Difference("objects", numbers)]
    seen = set()
    for one in found:
        if (one.what, one.detail, one.page) not in seen:
            seen.add((one.what, one.detail, one.page))
            yield Difference(one.what, one.detail, one.page, revision, one.permitted)


def field_pages(handler: PdfHandler) -> dict[str, int]:
    """The page of each signature and form field, by its name; the first is 1."""
    pages: dict[generic.Reference, int] = {}
    for number, page in enumerate(pages_of(handler.root["/Pages"]), start=1):
        for annotation in entry(page, "/Annots", ()):
            if isinstance(annotation, generic.IndirectObject):
                pages.setdefault(annotation.reference, number)
    found: dict[str, int] = {}
    for name, reference in _fields(entry(entry(handler.root, "/AcroForm", {}), "/Fields", ())):
        kids = [kid.reference for kid in entry(reference.get_object(), "/Kids", ()) if hasattr(kid, "reference")]
        for one in (reference.reference, *kids):
            if one in pages:
                found.setdefault(name, pages[one])
    return found


def written_fields(new: HistoricalResolver, names: Iterable[str]) -> Iterator[str]:
    """Those of the form fields that the revision wrote something of: pyHanko names every one that it has looked at."""
    changed = set(new.explicit_refs_in_revision())
    listed = dict(_fields(entry(entry(new.root, "/AcroForm", {}), "/Fields", ())))
    for name in map(str, names):
        if name not in listed:
            yield name
            continue
        field = listed[name].get_object()
        parts = {listed[name].reference}
        for part in (field, *(kid.get_object() for kid in entry(field, "/Kids", ()))):
            for key in ("/AP", "/V"):
                parts |= new.collect_dependencies(_raw(part, key))
        parts |= {kid.reference for kid in entry(field, "/Kids", ()) if isinstance(kid, generic.IndirectObject)}
        if parts & changed:
            yield name


def _fields(references: Any) -> Iterator[tuple[str, generic.IndirectObject]]:
    """Every field with its full name (ISO 32000-2 12.7.4.2), each once, however the form refers to it."""
    seen: set[generic.Reference] = set()
    waiting = [("", one) for one in references]
    while waiting:
        prefix, reference = waiting.pop()
        field = reference.get_object()
        if (
            not isinstance(reference, generic.IndirectObject)
            or not isinstance(field, generic.DictionaryObject)
            or reference.reference in seen
        ):
            continue
        seen.add(reference.reference)
        name = f"{prefix}.{field['/T']}" if prefix and "/T" in field else str(entry(field, "/T", prefix))
        yield name, reference
        waiting += [(name, kid) for kid in entry(field, "/Kids", ())]


def _on_pages(
    old: HistoricalResolver, new: HistoricalResolver, changed: set[generic.Reference]
) -> Iterator[Difference]:
    before, after = list(pages_of(old.root["/Pages"])), list(pages_of(new.root["/Pages"]))
    if len(before) != len(after):
        yield Difference(
            "pages-added" if len(after) > len(before) else "pages-removed", f"{len(before)} → {len(after)}"
        )
    for number, (one, other) in enumerate(zip(before, after, strict=False), start=1):
        if one.container_ref != other.container_ref:
            yield Difference("page-replaced", page=number)
            continue
        yield from _on_page(one, other, new, changed, number)


def _on_page(
    old: generic.DictionaryObject,
    new: generic.DictionaryObject,
    resolver: HistoricalResolver,
    changed: set[generic.Reference],
    page: int,
) -> Iterator[Difference]:
    for key in sorted((old.keys() | new.keys()) - _FOLLOWED_ELSEWHERE):
        value = _raw(new, key)
        if _raw(old, key) != value or resolver.collect_dependencies(value) & changed:
            yield Difference(_kind(key, value, resolver, changed), page=page)
    before, after = _annotations(old), _annotations(new)
    for reference in before.keys() - after.keys():
        yield Difference("annotation-removed", _subtype(before[reference]), page)
    for reference, annotation in after.items():
        if reference not in before:
            is_seal = entry(annotation, "/FT", None) == "/Sig" and "/V" in annotation
            yield Difference("annotation-added", _subtype(annotation), page, permitted=is_seal)
        elif reference in changed or resolver.collect_dependencies(_raw(annotation, "/AP")) & changed:
            yield Difference("annotation-changed", _subtype(annotation), page)


def _kind(key: str, value: Any, resolver: HistoricalResolver, changed: set[generic.Reference]) -> str:
    if key == "/Contents":
        return "page-content"
    if key in _GEOMETRY:
        return "page-geometry"
    if key in _ACTIONS:
        return "action"
    if key == "/Resources":
        resources = value.get_object() if isinstance(value, generic.IndirectObject) else value
        for part, what in (("/Font", "font"), ("/XObject", "picture")):
            if isinstance(resources, generic.DictionaryObject) and (
                resolver.collect_dependencies(_raw(resources, part)) & changed
            ):
                return what
    return "page"


def _in_catalog(
    old: HistoricalResolver, new: HistoricalResolver, changed: set[generic.Reference]
) -> Iterator[Difference]:
    for key in sorted((old.root.keys() | new.root.keys()) - {"/Pages", "/DSS", "/Metadata"}):
        value = _raw(new.root, key)
        if _raw(old.root, key) == value and not (
            isinstance(value, generic.IndirectObject) and value.reference in changed
        ):
            continue
        if key in _ACTIONS or (key == "/Names" and "/JavaScript" in entry(new.root, "/Names", {})):
            yield Difference("action", key)
        elif key == "/OCProperties":
            yield Difference("layers")
        elif key == "/AcroForm":
            yield from _lost_signatures(old, new)
        else:
            yield Difference("catalog", key)


def _lost_signatures(old: HistoricalResolver, new: HistoricalResolver) -> Iterator[Difference]:
    before = {name for name, _value, _field in enumerate_sig_fields(old, filled_status=True)}
    for name in sorted(before - {name for name, _value, _field in enumerate_sig_fields(new, filled_status=True)}):
        yield Difference("signature-removed", name)


def _raw(dictionary: generic.DictionaryObject, key: str) -> Any:
    return dictionary.raw_get(key) if key in dictionary else None


def _annotations(page: generic.DictionaryObject) -> dict[generic.Reference, Any]:
    return {
        one.reference: one.get_object() for one in entry(page, "/Annots", ()) if isinstance(one, generic.IndirectObject)
    }


def _subtype(annotation: Any) -> str:
    kind = str(entry(annotation, "/Subtype", "")).removeprefix("/")
    name = entry(annotation, "/T", "")
    return f"{kind} {name}".strip() if kind == "Widget" else kind
