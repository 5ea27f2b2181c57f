"""A document to try the seals on: a notice laid out as an official document (GB/T 9704-2012), typeset by Typst."""

from dataclasses import dataclass
from pathlib import Path

import typst
from pylopdf_fonts_zh_cn import serif_path

SOURCE = Path(__file__).with_name("notice.typ")
SEAL_KEYWORD = "宝鸡市人民政府办公室"
"""The signature that the seal covers; its last occurrence on the page of `SEAL_PLACE`."""


@dataclass(frozen=True)
class Place:
    """The middle of a seal: the page (the first is 1) and millimetres from its left and lower edges."""

    page: int
    x_mm: float
    y_mm: float


SEAL_PLACE = Place(page=3, x_mm=142.5, y_mm=119.0)
"""Over the signature and the date, as 7.3.5.1 has it: the seal presses on the date and keeps off the body text."""


def typeset_notice() -> bytes:
    """The notice as a PDF of several A4 pages with its fonts embedded; the same bytes every time."""
    return typst.compile(SOURCE, format="pdf", font_paths=[serif_path().parent], ignore_system_fonts=True)
