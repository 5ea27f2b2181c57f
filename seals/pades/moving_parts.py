"""What can make a document look other than when it was signed, without one octet of it being changed.

Scripts, actions, XFA forms, layers and content from elsewhere are signed like all the rest, and yet what a reader sees
depends on the program, the day, the printer. A signature over such a document holds; the reader has to be told.
"""

from collections.abc import Iterator
from contextlib import closing, suppress
from enum import StrEnum
from typing import Any, BinaryIO

import pikepdf

from seals.pades.encryption import spellings

_NOT_FOUND = (pikepdf.PdfError, AttributeError, KeyError, IndexError, TypeError, ValueError)


class MovingPart(StrEnum):
    """What it is that moves."""

    SCRIPT = "script"
    """JavaScript (ISO 32000-2 12.6.4.17)."""
    ACTION = "action"
    """Something that happens by itself, when the document or a page is opened, a field is left … (12.6.3)."""
    XFA = "xfa"
    """A second form beside the pages (12.7.8 of ISO 32000-1), which some programs show instead of them."""
    LAYERS = "layers"
    """Optional content that is hidden, or not the same on the screen and on paper (8.11)."""
    EXTERNAL = "external"
    """Content that lies outside of the file (7.11.5, 8.10.4)."""
    MEDIA = "media"
    """Video, sound, 3D (13)."""
    FORM = "form"
    """Whoever opens it shall draw the filled form anew (NeedAppearances, 12.7.3)."""
    UNREAD = "unread"
    """What could not be looked into."""


_HARMLESS = {"/GoTo", "/Named", "/GoToDp"}
"""Actions that only move to another place of the document."""
_CLICKED = {"/URI", "/GoToR", "/GoToE", "/Thread", "/ResetForm", "/SubmitForm", *_HARMLESS}
"""Actions that change nothing that is seen when somebody clicks on them."""
_MEDIA = {"/RichMedia", "/Screen", "/Movie", "/Sound", "/3D"}
_DEEPEST = 32
_MOST = 100_000
"""Pages, annotations and form fields that are looked at."""


def moving_parts(stream: BinaryIO, password: str | None = None) -> list[MovingPart]:
    """What moves in a document as it is now, each kind once."""
    for spelling in spellings(password or ""):
        stream.seek(0)
        with suppress(pikepdf.PasswordError, *_NOT_FOUND):
            document = pikepdf.open(stream, password=spelling, inherit_page_attributes=False)
            with closing(document):
                return sorted(set(_found(document)))
    # Whoever judges the signatures could read it; qpdf cannot.
    return [MovingPart.UNREAD]


def _found(document: pikepdf.Pdf) -> Iterator[MovingPart]:
    root = document.Root
    yield from _by_itself(root.get("/OpenAction"))
    yield from _additional(root)
    with suppress(*_NOT_FOUND):
        if "/JavaScript" in root.Names:
            yield MovingPart.SCRIPT
    with suppress(*_NOT_FOUND):
        yield from _in_form(root.AcroForm)
    with suppress(*_NOT_FOUND):
        yield from _in_layers(root.OCProperties)
    for page in document.pages:
        with suppress(*_NOT_FOUND):
            yield from _on_page(page.obj)


def _on_page(page: Any) -> Iterator[MovingPart]:
    yield from _additional(page)
    contents = page.get("/Contents", ())
    if any("/F" in one for one in ([contents] if isinstance(contents, pikepdf.Stream) else contents)):
        yield MovingPart.EXTERNAL
    for annotation in list(page.get("/Annots", ()))[:_MOST]:
        if annotation.get("/Subtype") in _MEDIA:
            yield MovingPart.MEDIA
        yield from _additional(annotation)
        yield from _clicked(annotation.get("/A"))
    for picture in dict(_inherited(page, "/Resources").get("/XObject", {})).values():
        # Reference XObjects (8.10.4), pictures whose octets lie in another file (7.3.8.2).
        if "/Ref" in picture or "/F" in picture:
            yield MovingPart.EXTERNAL
        if "/Alternates" in picture:
            yield MovingPart.LAYERS


def _inherited(page: Any, key: str) -> Any:
    """An attribute of the page or of the nearest node above it (ISO 32000-2 7.7.3.4)."""
    for _level in range(_DEEPEST):
        if key in page or "/Parent" not in page:
            break
        page = page["/Parent"]
    return page.get(key, {})


def _in_form(form: Any) -> Iterator[MovingPart]:
    if "/XFA" in form:
        yield MovingPart.XFA
    waiting = [(field, 0) for field in form.get("/Fields", ())]
    written = False
    for _number in range(_MOST):
        if not waiting:
            break
        field, depth = waiting.pop()
        yield from _additional(field)
        written = written or (field.get("/FT") in ("/Tx", "/Ch") and "/V" in field)
        if depth < _DEEPEST:
            waiting += [(kid, depth + 1) for kid in field.get("/Kids", ())]
    if written and bool(form.get("/NeedAppearances", False)):
        yield MovingPart.FORM


def _in_layers(layers: Any) -> Iterator[MovingPart]:
    shown = layers.get("/D", {})
    if len(shown.get("/OFF", ())) or shown.get("/BaseState", "/ON") != "/ON":
        yield MovingPart.LAYERS
    # Automatic states: what is seen follows from printing, zoom, language or user (8.11.4.5).
    for group in layers.get("/OCGs", ()) if "/AS" in shown else ():
        states = {usage.get(state) for usage, state in _usages(group)}
        if len(states) > 1 or {"/Zoom", "/Language", "/User"} & set(group.get("/Usage", {})):
            yield MovingPart.LAYERS


def _usages(group: Any) -> Iterator[tuple[Any, str]]:
    usage = group.get("/Usage", {})
    for event in ("View", "Print", "Export"):
        if f"/{event}" in usage:
            yield usage[f"/{event}"], f"/{event}State"


def _additional(holder: Any) -> Iterator[MovingPart]:
    """The actions that something triggers (AA)."""
    with suppress(*_NOT_FOUND):
        for action in dict(holder.get("/AA", {})).values():
            yield from _by_itself(action)


def _by_itself(action: Any) -> Iterator[MovingPart]:
    for kind in _kinds(action):
        if kind in ("/JavaScript", "/Rendition"):
            yield MovingPart.SCRIPT
        elif kind not in _HARMLESS:
            yield MovingPart.ACTION


def _clicked(action: Any) -> Iterator[MovingPart]:
    for kind in _kinds(action):
        if kind == "/JavaScript":
            yield MovingPart.SCRIPT
        elif kind not in _CLICKED:
            yield MovingPart.ACTION


def _kinds(action: Any) -> Iterator[str]:
    """Of an action and those that follow it; a place to go to is none."""
    waiting, seen = [action], 0
    while waiting and seen < _DEEPEST:
        one, seen = waiting.pop(), seen + 1
        if not isinstance(one, pikepdf.Dictionary) or "/S" not in one:
            continue
        yield str(one["/S"])
        following = one.get("/Next", ())
        waiting += [following] if isinstance(following, pikepdf.Dictionary) else list(following)
