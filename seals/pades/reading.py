"""Opening PDF documents, and finding in them what bears on seals: pages, signature fields, permissions."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.rw_common import PdfHandler
from pyhanko.sign.fields import MDPPerm, enumerate_sig_fields
from pyhanko.sign.validation.pdf_embedded import _extract_docmdp_for_sig as docmdp_of

from core.errors import Kind, YinxinError
from core.i18n import _
from seals.pades import encryption, hybrid, tolerance  # noqa: F401 - pyHanko learns tolerance
from seals.pades.boundary import translated_errors
from seals.pades.limits import counted_objects, require_bearable
from seals.pades.quick_reading import remember_references
from seals.placement.placement import PageGeometry

_DEEPEST_PAGE_TREE = 64


def open_pdf(stream: BinaryIO, password: str | None = None) -> PdfFileReader:
    """The document, read strictly, whose objects can be read.

    `YinxinError` if it is no PDF, damaged, encrypted with another password, or not the same to everybody.
    """
    stream.seek(0)
    if not stream.read(5).startswith(b"%PDF-"):
        raise YinxinError(Kind.INVALID, _("not a PDF document"), remedy=_("check the file"))
    stream.seek(0)
    with translated_errors():
        with counted_objects() as objects:
            reader = PdfFileReader(stream)
            reader.xrefs  # noqa: B018 - they are read when they are asked for
        remember_references(reader.xrefs)
        require_bearable(reader, objects.taken)
        encryption.unlock(reader, password)
        if reader.xrefs.hybrid_xrefs_present:
            if not hybrid.is_unambiguous(reader.xrefs):
                raise YinxinError(
                    Kind.UNSUPPORTED,
                    _("the PDF has two cross-references that differ, so that programs may show different documents"),
                    remedy=_("save it again, for example with: qpdf --object-streams=generate"),
                )
            # All that pyHanko's strictness means from here on is that it refuses such files.
            reader.strict = False
        if not isinstance(reader.root["/Pages"], generic.DictionaryObject):
            raise YinxinError(Kind.INVALID, _("the PDF has no pages"))
    return reader


@dataclass(frozen=True)
class FilledField:
    """A signature field that has a value, whatever that value is."""

    name: str
    field: generic.DictionaryObject
    """As it was in that revision: what became of it later is not the signer's."""
    value: generic.DictionaryObject
    reference: generic.Reference
    """Of the value."""
    revision: int
    """In which revision of the file the value was last written; the first is 0."""

    @property
    def widgets(self) -> list[generic.DictionaryObject]:
        """The annotations that show it."""
        kids = entry(self.field, "/Kids", None)
        return [self.field] if kids is None else [kid.get_object() for kid in kids]

    @property
    def boxes(self) -> list[tuple[float, float, float, float]]:
        """Left, bottom, right and top of the annotations that are seen."""
        found = []
        for widget in self.widgets:
            try:
                left, bottom, right, top = rectangle(entry(widget, "/Rect", None))
            except (YinxinError, TypeError, ValueError):
                continue
            if right > left and top > bottom:
                found.append((left, bottom, right, top))
        return found


def filled_fields(reader: PdfFileReader) -> list[FilledField]:
    """Every signature field with a value, in the order of signing. pyHanko's own list drops unknown SubFilters."""
    fields = []
    for name, _value, reference in enumerate_sig_fields(reader, filled_status=True):
        field = reference.get_object()
        value = field.raw_get("/V")
        if not isinstance(value, generic.IndirectObject) or not isinstance(
            value.get_object(), generic.DictionaryObject
        ):
            raise YinxinError(Kind.INVALID, _("signature field {name} has no signature dictionary").format(name=name))
        revision = reader.xrefs.get_last_change(value.reference)
        if revision < reader.xrefs.total_revisions - 1:
            field = reader.get_historical_resolver(revision).get_object(reference.reference)
        fields.append(FilledField(name, field, value.get_object(), value.reference, revision))
    return sorted(fields, key=lambda field: field.revision)


def empty_fields(reader: PdfFileReader) -> set[str]:
    """The names of the signature fields that have no value."""
    return {name for name, _value, _reference in enumerate_sig_fields(reader, filled_status=False)}


def require_permission_to_seal(reader: PdfFileReader, *, certify: bool = False) -> None:
    """Return if the signatures in the document let one more be added; `YinxinError` (forbidden, conflict) otherwise."""
    filled = filled_fields(reader)
    if certify and filled:
        raise YinxinError(
            Kind.CONFLICT,
            _("only the first signature can certify a document, and there is one in field {name}").format(
                name=filled[0].name
            ),
            remedy=_("seal it without certifying it"),
        )
    for name, permission in _permissions(filled):
        if permission <= MDPPerm.NO_CHANGES.value:
            raise YinxinError(
                Kind.FORBIDDEN,
                _("the signature in field {name} forbids every further change, a seal included").format(name=name),
                remedy=_("seal before the document is locked"),
            )


def require_permission_to_annotate(reader: PdfFileReader) -> None:
    """Return if the signatures in the document permit annotations (DocMDP 3); `YinxinError` (forbidden) otherwise."""
    for name, permission in _permissions(filled_fields(reader)):
        if permission < MDPPerm.ANNOTATE.value:
            raise YinxinError(
                Kind.FORBIDDEN,
                _("the signature in field {name} permits further seals in one place only").format(name=name),
                remedy=_("seal one page, or have the document certified with permission for annotations"),
            )


def _permissions(fields: list[FilledField]) -> Iterator[tuple[str, int]]:
    for filled in fields:
        permission = docmdp_of(filled.value)
        if permission is not None:
            yield filled.name, permission.value
        locked = entry(entry(filled.field, "/Lock", {}), "/P", None)
        if isinstance(locked, int):
            yield filled.name, int(locked)


def waiting_field(reader: PdfFileReader) -> str:
    """The name of the only empty signature field; `YinxinError` (invalid) if there is none, or more than one."""
    names = sorted(empty_fields(reader))
    if len(names) == 1:
        return names[0]
    ways = _("say it: --at X,Y, --keyword TEXT, --field NAME or --straddle EDGE")
    if not names:
        what = _("nobody said where the seal goes, and the document has no empty signature field that waits for it")
        raise YinxinError(Kind.INVALID, what, remedy=ways)
    what = _("nobody said where the seal goes, and several signature fields wait for one: {names}")
    raise YinxinError(Kind.INVALID, what.format(names=", ".join(names)), remedy=ways)


def empty_field(reader: PdfFileReader, name: str) -> generic.DictionaryObject:
    """The annotation of an empty signature field; `YinxinError` if there is none."""
    names = empty_fields(reader)
    if name not in names:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("the document has no empty signature field of this name"),
            subject=name,
            remedy=_("its empty signature fields: {names}").format(names=", ".join(sorted(names)) or "-"),
        )
    (field,) = (reference.get_object() for found, _value, reference in enumerate_sig_fields(reader) if found == name)
    return field["/Kids"][0] if "/Kids" in field else field


class PageTree:
    """The pages of a document; the tree is walked once, and no further than it has to be."""

    def __init__(self, handler: PdfHandler) -> None:
        self._found: list[generic.IndirectObject] = []
        self._root = handler.root["/Pages"]
        self._rest = _leaves(self._root, _DEEPEST_PAGE_TREE)
        self.count = int(self._root["/Count"])

    def reference(self, page: int) -> generic.IndirectObject:
        """The page object of a page (the first is 1); `YinxinError` if the document has no such page."""
        if not 1 <= page <= self.count:
            raise YinxinError(
                Kind.INVALID, _("there is no page {page}: the document has {count}").format(page=page, count=self.count)
            )
        self._found.extend(islice(self._rest, max(0, page - len(self._found))))
        if page > len(self._found):
            raise YinxinError(Kind.INVALID, _("the page tree of the PDF is damaged"))
        return self._found[page - 1]

    def geometry(self, page: int) -> PageGeometry:
        """How the page is seen; `YinxinError` if the document has no such page, or the page no size."""
        leaf = self.reference(page).get_object()
        media = rectangle(_inherited(leaf, "/MediaBox"))
        crop = _inherited(leaf, "/CropBox")
        visible = media if crop is None else _intersection(rectangle(crop), media)
        rotate = _inherited(leaf, "/Rotate")
        return PageGeometry(visible, _number(rotate, 0) // 90 % 4, float(entry(leaf, "/UserUnit", 1)))

    def page_of(self, widget: generic.DictionaryObject) -> int:
        """The page that an annotation is on."""
        for page in range(1, self.count + 1):
            annotations = entry(self.reference(page).get_object(), "/Annots", ())
            if any(getattr(one, "reference", None) == widget.container_ref for one in annotations):
                return page
        raise YinxinError(Kind.INVALID, _("the signature field is on no page of the document"))


def entry(dictionary: Any, key: str, default: Any) -> Any:
    """The value of a key, wherever it lies: `get` of pyHanko's dictionaries does not follow references."""
    try:
        return dictionary[key]
    except KeyError:
        return default


def written(dictionary: generic.DictionaryObject, key: str) -> Any:
    """The value of a key as it stands in the dictionary itself, or None: `get` does not decrypt."""
    return dictionary.raw_get(key) if key in dictionary else None


def _leaves(node: generic.DictionaryObject, depth: int) -> Iterator[generic.IndirectObject]:
    for reference in node.raw_get("/Kids").get_object():
        kid = reference.get_object()
        if "/Kids" not in kid:
            yield reference
        elif depth:
            yield from _leaves(kid, depth - 1)


def _inherited(page: generic.DictionaryObject, key: str) -> generic.PdfObject | None:
    """An attribute of the page or of the nearest node above it (ISO 32000-2 7.7.3.4)."""
    node = page
    for _level in range(_DEEPEST_PAGE_TREE):
        if key in node:
            value: generic.PdfObject = node[key]
            return value
        if "/Parent" not in node:
            break
        node = node["/Parent"]
    return None


def _number(value: generic.PdfObject | None, default: int) -> int:
    return int(value) if isinstance(value, int) else default


def rectangle(array: generic.PdfObject | None) -> tuple[float, float, float, float]:
    """Left, bottom, right, top, in whatever order they were written."""
    if not isinstance(array, generic.ArrayObject) or len(array) != 4:
        raise YinxinError(Kind.INVALID, _("the page of the PDF has no size"))
    x1, y1, x2, y2 = (float(number.get_object()) for number in array)
    return min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)


def _intersection(
    one: tuple[float, float, float, float], other: tuple[float, float, float, float]
) -> tuple[float, float, float, float]:
    left, bottom = max(one[0], other[0]), max(one[1], other[1])
    right, top = min(one[2], other[2]), min(one[3], other[3])
    return (left, bottom, right, top) if left < right and bottom < top else other
