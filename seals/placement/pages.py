"""Which pages: words and numbers as people write them in a print dialogue."""

import re
from dataclasses import dataclass

from core.errors import Kind, YinxinError
from core.i18n import _

_PART = re.compile(r"(\d{1,6}|last)(?:-(\d{1,6}|last))?")
_STEPS = {"all": slice(0, None), "odd": slice(0, None, 2), "even": slice(1, None, 2)}


@dataclass(frozen=True)
class Pages:
    """`all`, `odd`, `even`, or numbers and ranges: `1,3-5`, `2-last`; the first page is 1. Checked when made."""

    text: str

    def __post_init__(self) -> None:
        if self.text not in _STEPS and not all(_PART.fullmatch(part) for part in self.text.split(",")):
            raise YinxinError(
                Kind.INVALID,
                _("these are no page numbers"),
                subject=self.text,
                remedy=_("write all, odd, even, or numbers such as 1,3-5 or 2-last"),
            )

    def of(self, count: int) -> list[int]:
        """The numbers of the pages in a document of so many, in order; `YinxinError` if it lacks one, or has none."""
        every = list(range(1, count + 1))
        if self.text in _STEPS:
            chosen = every[_STEPS[self.text]]
        else:
            chosen = sorted({page for part in self.text.split(",") for page in _range(part, count)})
        if not chosen:
            raise YinxinError(
                Kind.INVALID, _("the document has no such pages: it has {count}").format(count=count), subject=self.text
            )
        return chosen


ALL_PAGES = Pages("all")


def _range(part: str, count: int) -> range:
    first, _dash, last = part.partition("-")
    start, end = (count if text == "last" else int(text) for text in (first, last or first))
    for page in (start, end):
        if not 1 <= page <= count:
            raise YinxinError(
                Kind.INVALID, _("there is no page {page}: the document has {count}").format(page=page, count=count)
            )
    return range(min(start, end), max(start, end) + 1)
