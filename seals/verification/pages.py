"""Pictures of a document's pages, drawn by PDFium in a process that holds no key, and has bounded memory and time.

Strangers' documents are drawn here, by much code in C++: what it may come to, stays in that process.
"""

import base64
import json
import resource
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any, BinaryIO

from seals.verification.facts import Place

WIDTH = 900
"""Pixels."""
MOST_PAGES = 12
"""Pictures in a report: of the pages with seals first."""
SECONDS = 30
"""Of processor time, and on the clock."""
MEMORY = 1 << 30
"""Octets of address space."""
_TALLEST = 4
"""So many times as high as it is wide; of a longer page, a smaller picture."""
_QUALITY = 82

Box = tuple[float, float, float, float]


@dataclass(frozen=True)
class Outline:
    """Where a signature is seen on a picture."""

    signature: int
    """Which of the report's signatures; the first is 0."""
    box: Box
    """Left, top, width, height in pixels."""


@dataclass(frozen=True)
class PagePicture:
    """A page as people see it."""

    number: int
    """The first is 1."""
    width: int
    height: int
    """Pixels."""
    jpeg: bytes
    outlines: Sequence[Outline] = field(default=())

    @property
    def address(self) -> str:
        """A `data:` URL."""
        return "data:image/jpeg;base64," + base64.b64encode(self.jpeg).decode()


@dataclass(frozen=True)
class Pictures:
    """The pictures, and how many pages there are."""

    pages: Sequence[PagePicture]
    count: int


def draw_pages(document: bytes, places: Sequence[Sequence[Place]], password: str | None = None) -> Pictures | None:
    """The pages with their outlines; `places`: of each signature. None if PDFium cannot draw the document."""
    order = json.dumps([password, [[[place.page, place.box] for place in one] for one in places]])
    command = [sys.executable, "-m", __name__]
    try:
        drawn = subprocess.run(
            command, input=order.encode() + b"\n" + document, capture_output=True, timeout=SECONDS, check=True
        ).stdout
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return None
    answer = json.loads(drawn)
    pages = [
        PagePicture(
            one["number"],
            one["width"],
            one["height"],
            base64.b64decode(one["jpeg"]),
            [Outline(signature, tuple(box)) for signature, box in one["outlines"]],
        )
        for one in answer["pages"]
    ]
    return Pictures(pages, answer["count"])


def _chosen(count: int, places: Sequence[Sequence[Any]]) -> list[int]:
    """The pages to draw, in their order: those with seals, then from the first on."""
    sealed = dict.fromkeys(page for one in places for page, _box in one if 1 <= page <= count)
    return sorted(list(dict.fromkeys([*sealed, *range(1, count + 1)]))[:MOST_PAGES])


def _draw(password: str | None, order: Sequence[Sequence[Any]], document: bytes) -> dict[str, Any]:
    import pypdfium2

    opened = pypdfium2.PdfDocument(document, password)
    opened.init_forms()
    count = len(opened)
    pages = [_page(opened[number - 1], number, order) for number in _chosen(count, order)]
    return {"count": count, "pages": pages}


def _page(page: Any, number: int, order: Sequence[Sequence[Any]]) -> dict[str, Any]:
    width, height = page.get_size()
    scale = min(WIDTH / width, WIDTH * _TALLEST / height)
    image = page.render(scale=scale, may_draw_forms=True).to_pil().convert("RGB")
    encoded = BytesIO()
    image.save(encoded, "JPEG", quality=_QUALITY)
    outlines = [
        [signature, _on_picture(page, box, image.size)]
        for signature, places in enumerate(order)
        for on_page, box in places
        if on_page == number
    ]
    return {
        "number": number,
        "width": image.width,
        "height": image.height,
        "jpeg": base64.b64encode(encoded.getvalue()).decode(),
        "outlines": outlines,
    }


def _on_picture(page: Any, box: Iterable[float], size: tuple[int, int]) -> list[float]:
    """Left, top, width and height of a box in user space, as the page is cropped and turned."""
    left, bottom, right, top = box
    corners = [_device(page, size, x, y) for x, y in ((left, bottom), (right, top))]
    (x1, y1), (x2, y2) = corners
    return [min(x1, x2), min(y1, y2), abs(x2 - x1), abs(y2 - y1)]


def _device(page: Any, size: tuple[int, int], x: float, y: float) -> tuple[int, int]:
    import ctypes

    import pypdfium2.raw as pdfium

    across, down = ctypes.c_int(), ctypes.c_int()
    pdfium.FPDF_PageToDevice(page, 0, 0, *size, 0, x, y, ctypes.byref(across), ctypes.byref(down))
    return across.value, down.value


def _main(source: BinaryIO, target: BinaryIO) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    password, order = json.loads(source.readline())
    target.write(json.dumps(_draw(password, order, source.read())).encode())


if __name__ == "__main__":
    _main(sys.stdin.buffer, sys.stdout.buffer)
