"""What is found about a document as a whole, beside its signatures: findings in words."""

from collections.abc import Callable, Iterator

from core.i18n import _
from seals.pades.examination import ExaminedDocument, ExaminedSignature, Unreadable
from seals.pades.moving_parts import MovingPart
from seals.pades.stray import StraySignature
from seals.verification.report import Finding, Verdict


def about_document(document: ExaminedDocument) -> Iterator[Finding]:
    """What keeps the verdict on the document from being better."""
    if not document.signatures:
        yield Finding("no-signature", _("the document is not sealed: no signature"), Verdict.INVALID)
    elif not any(isinstance(one, ExaminedSignature | Unreadable) for one in document.signatures):
        yield Finding("no-seal", _("the document is timestamped, but nobody sealed it"), Verdict.INDETERMINATE)
    for stray in document.stray:
        yield _about_stray(stray)
    if document.moving:
        parts = "; ".join(_MOVING[one]() for one in document.moving)
        text = _("what is seen may change by itself, although nothing was changed: {parts}").format(parts=parts)
        yield Finding("moving-parts", text, Verdict.REMARKS)


def _about_stray(stray: StraySignature) -> Finding:
    if stray.gives_usage_rights:
        text = _("a signature in it gives one vendor's reader further rights; that says nothing about the document")
        return Finding("usage-rights", text, Verdict.REMARKS)
    text = _(
        "a signature in it stands in no form field: not every program shows it, and it is not judged (object {number})"
    )
    return Finding("stray-signature", text.format(number=stray.number), Verdict.INDETERMINATE)


# A text is looked up when it is asked for.
_MOVING: dict[MovingPart, Callable[[], str]] = {
    MovingPart.SCRIPT: lambda: _("scripts (JavaScript)"),
    MovingPart.ACTION: lambda: _("actions that run by themselves or start other programs"),
    MovingPart.XFA: lambda: _("an XFA form, which some programs show instead of the pages"),
    MovingPart.LAYERS: lambda: _("parts that are hidden, or other on paper than on the screen"),
    MovingPart.EXTERNAL: lambda: _("content that lies outside of the file"),
    MovingPart.MEDIA: lambda: _("video, sound or 3D"),
    MovingPart.FORM: lambda: _("form fields that each program draws anew"),
    MovingPart.UNREAD: lambda: _("parts that could not be looked into"),
}
