"""What was changed after a signature, in words: the rule, and each thing with its page."""

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


def _what(one: Difference) -> str:
    detail = one.detail
    return {
        "document-timestamp": _("document timestamp {detail}").format(detail=detail),
        "signature": _("further signature {detail}").format(detail=detail),
        "signature-field": _("empty signature field {detail}").format(detail=detail),
        "form-field": _("form field {detail} filled in").format(detail=detail),
        "validation-material": _("validation material or remarks about the document"),
        "page-content": _("what is written on the page is other"),
        "page-geometry": _("size or rotation of the page is other"),
        "page-replaced": _("another page"),
        "page": _("the page is other"),
        "pages-added": _("pages were added ({detail})").format(detail=detail),
        "pages-removed": _("pages were removed ({detail})").format(detail=detail),
        "font": _("another font, so that the same text may read otherwise"),
        "picture": _("another picture"),
        "annotation-added": _("annotation added ({detail})").format(detail=detail),
        "annotation-changed": _("annotation changed ({detail})").format(detail=detail),
        "annotation-removed": _("annotation removed ({detail})").format(detail=detail),
        "action": _("an action that runs by itself ({detail})").format(detail=detail),
        "layers": _("which layers are seen is other"),
        "signature-removed": _("signature {detail} removed").format(detail=detail),
        "catalog": _("{detail} of the document is other").format(detail=detail),
        "hidden-objects": _("objects that only some programs see: {detail}").format(detail=detail),
        "objects": _("objects {detail}").format(detail=detail),
    }[one.what]
