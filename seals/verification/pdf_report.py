"""The report as a PDF, typeset by Typst: to be sealed, filed and printed."""

import json
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import typst
from pylopdf_fonts_zh_cn import sans_path

from core.i18n import _, current_language
from core.output import for_people
from seals.verification.pages import PagePicture, Pictures
from seals.verification.presentation import Facts, mark_of, told
from seals.verification.report import Report

SEAL_KEYWORD = "印信 YINXIN"
"""The text that the seal of the house goes on; on the first page."""


def pdf_report(report: Report, pictures: Pictures | None, *, to_be_sealed: bool = False) -> bytes:
    """The PDF. What nobody will seal says so in a line that cannot be missed."""
    return typeset(pdf_words(report, pictures), pictures.pages if pictures else (), to_be_sealed)


def pdf_words(report: Report, pictures: Pictures | None) -> dict[str, Any]:
    """What the PDF says, as JSON values."""
    words = told(report)
    pages = pictures.pages if pictures else ()
    count = pictures.count if pictures else 0
    return {
        "title": words.title,
        "language": current_language()[:2],
        "verdict": {"kind": words.verdict.name.lower(), "text": f"{mark_of(words.verdict)} {words.verdict.words}"},
        "sentence": words.sentence,
        "facts": [*_plain(words.facts), *([(_("Fetched online"), "\n".join(words.fetched))] if words.fetched else [])],
        "signatures": [
            {
                "kind": one.verdict.name.lower(),
                "heading": f"{one.heading} – {one.verdict.words}",
                "checks": [
                    {"answer": check.answer.value, "mark": check.mark, "text": f"{check.question}: {check.text}"}
                    for check in one.checks
                ],
                "facts": _plain(one.facts),
                "changes": list(one.changes),
            }
            for one in words.signatures
        ],
        "pages": [
            {
                "file": f"{page.number}.jpg",
                "width": page.width,
                "height": page.height,
                "caption": _("Page {number} of {count}").format(number=page.number, count=count),
                "outlines": [
                    {
                        "number": str(outline.signature + 1),
                        "box": outline.box,
                        "kind": report.signatures[outline.signature].verdict.name.lower(),
                    }
                    for outline in page.outlines
                ],
            }
            for page in pages
        ],
        "at": int(report.checked_at.timestamp()),
    }


def typeset(words: dict[str, Any], pages: Sequence[PagePicture], to_be_sealed: bool) -> bytes:
    """The PDF of these words, with the pictures of the pages that they speak of."""
    standing = {
        "standing": _("Sealed by the authority that verified the document:")
        if to_be_sealed
        else _("NOT SEALED: this report was made without a seal; anybody could have written it."),
        "keyword": SEAL_KEYWORD if to_be_sealed else "",
    }
    with tempfile.TemporaryDirectory(prefix="yinxin-report-") as folder:
        root = Path(folder)
        source = resources.files("seals") / "templates" / "report.typ"
        (root / "report.typ").write_bytes(source.read_bytes())
        (root / "report.json").write_text(json.dumps(words | standing), encoding="utf-8")
        for page in pages:
            (root / f"{page.number}.jpg").write_bytes(page.jpeg)
        return typst.compile(
            root / "report.typ",
            root=root,
            format="pdf",
            font_paths=[sans_path().parent],
            ignore_system_fonts=True,
            timestamp=words["at"],
        )


def _plain(facts: Facts) -> list[tuple[str, str]]:
    return [(label, for_people(value)) for label, value in facts]
