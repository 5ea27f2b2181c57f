"""What was changed after a signature, in words: the rule, and each thing with its page."""

from collections.abc import Callable

from core.i18n import _
from seals.pades.changes import Changes
from seals.pades.differences import Difference
from seals.verification.facts import ChangeFacts, LaterChange


def change_facts(changes: Changes) -> ChangeFacts:
    """The changes after a signature, told."""
    text = {
        "whole-file": _("nothing was added after it"),
        "nothing-visible": _("only what nobody sees was added after it"),
        "validation-material": _("only validation material and timestamps were added after it"),
        "later-signatures": _("only further seals were added after it"),
        "form-filling": _("form fields were filled in after it: {detail}").format(detail=changes.detail),
        "coverage": _("it does not cover the document from the beginning to the end of a revision"),
        "appended-data": _("data was appended to the file after it"),
        "unsigned-field": _("an empty signature field was added after it: {detail}").format(detail=changes.detail),
        "permissions": _("the document was changed after it in a way that it does not permit"),
        "field-locked": _("form fields that it locks were changed after it: {detail}").format(detail=changes.detail),
        "hidden-objects": _("objects that only some programs see were added after it: {detail}").format(
            detail=changes.detail
        ),
        "content": _("the document was changed after it"),
    }[changes.rule]
    items = [LaterChange(one.what, _told(one), one.permitted, one.page, one.revision) for one in changes.items]
    blamed = list(dict.fromkeys(item.text for item in items if not item.permitted))
    if blamed and changes.level == "suspicious":
        text = f"{text}: {'; '.join(blamed[:5])}" if changes.rule in ("content", "permissions") else text
    return ChangeFacts(changes.level.value, changes.rule, text, items)


def _told(one: Difference) -> str:
    what = _what(one)
    return _("page {page}: {what}").format(page=one.page, what=what) if one.page else what


# A text is looked up when it is asked for: many seals bring many items.
_WORDS: dict[str, Callable[[], str]] = {
    "document-timestamp": lambda: _("document timestamp {detail}"),
    "signature": lambda: _("further signature {detail}"),
    "signature-field": lambda: _("empty signature field {detail}"),
    "form-field": lambda: _("form field {detail} filled in"),
    "validation-material": lambda: _("validation material or remarks about the document"),
    "page-content": lambda: _("what is written on the page is other"),
    "page-geometry": lambda: _("size or rotation of the page is other"),
    "page-replaced": lambda: _("another page"),
    "page": lambda: _("the page is other"),
    "pages-added": lambda: _("pages were added ({detail})"),
    "pages-removed": lambda: _("pages were removed ({detail})"),
    "font": lambda: _("another font, so that the same text may read otherwise"),
    "picture": lambda: _("another picture"),
    "annotation-added": lambda: _("annotation added ({detail})"),
    "annotation-changed": lambda: _("annotation changed ({detail})"),
    "annotation-removed": lambda: _("annotation removed ({detail})"),
    "action": lambda: _("an action that runs by itself ({detail})"),
    "layers": lambda: _("which layers are seen is other"),
    "signature-removed": lambda: _("signature {detail} removed"),
    "catalog": lambda: _("{detail} of the document is other"),
    "hidden-objects": lambda: _("objects that only some programs see: {detail}"),
    "objects": lambda: _("objects {detail}"),
}


def _what(one: Difference) -> str:
    return _WORDS[one.what]().format(detail=one.detail)
