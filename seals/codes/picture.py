"""QR codes: drawn for paper, and read from photographs, scans and PDFs.

Strangers' pictures are decoded in a process that holds no key, and has bounded memory and time.
"""

import json
import resource
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from typing import Any, BinaryIO

import segno

from core.errors import Kind, YinxinError
from core.i18n import _

LARGEST_VERSION = 20
"""97 modules on a side: at 35 mm, a module is a third of a millimetre."""
_SCALE = 8
_QUIET = 4
"""Modules around the code (ISO/IEC 18004 9.1)."""
_MOST_PIXELS = 60_000_000
_MOST_PAGES = 20
_PDF_SCALE = 200 / 72
SECONDS = 30
MEMORY = 1 << 30


def qr_code(text: str) -> segno.QRCode:
    """The code at error correction level M; `YinxinError` (invalid) if paper could not carry it."""
    made = segno.make_qr(text, error="m", boost_error=False)
    if not isinstance(made.version, int) or made.version > LARGEST_VERSION:
        raise YinxinError(
            Kind.INVALID, _("this is more than a code holds"), remedy=_("show fewer fields, or a shorter number")
        )
    return made


def code_file(text: str, kind: str) -> bytes:
    """The code as `png`, `svg` or `pdf`."""
    target = BytesIO()
    qr_code(text).save(target, kind=kind, scale=_SCALE if kind == "png" else 1, border=_QUIET)
    return target.getvalue()


def read_codes(document: bytes) -> list[str]:
    """The texts of the QR codes in a picture (PNG, JPEG) or on the pages of a PDF; none if it cannot be read."""
    command = [sys.executable, "-m", __name__]
    try:
        done = subprocess.run(command, input=document, capture_output=True, timeout=SECONDS, check=True)
    except (subprocess.TimeoutExpired, subprocess.CalledProcessError):
        return []
    texts: list[str] = json.loads(done.stdout)
    return texts


def _pictures(document: bytes) -> Iterator[Any]:
    if document.startswith(b"%PDF-"):
        import pypdfium2

        opened = pypdfium2.PdfDocument(document)
        opened.init_forms()
        for number in range(min(len(opened), _MOST_PAGES)):
            page = opened[number]
            width, height = page.get_size()
            scale = min(_PDF_SCALE, (_MOST_PIXELS / (width * height)) ** 0.5)
            yield page.render(scale=scale, may_draw_forms=True).to_pil().convert("L")
    else:
        from PIL import Image, ImageOps

        with Image.open(BytesIO(document), formats=["PNG", "JPEG"]) as picture:
            if picture.width * picture.height <= _MOST_PIXELS:
                yield ImageOps.exif_transpose(picture).convert("L")


def _texts(document: bytes) -> list[str]:
    import zxingcpp

    found = [
        code.text
        for picture in _pictures(document)
        for code in zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode))
    ]
    return list(dict.fromkeys(found))


def _main(source: BinaryIO, target: BinaryIO) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    target.write(json.dumps(_texts(source.read())).encode())


if __name__ == "__main__":
    _main(sys.stdin.buffer, sys.stdout.buffer)
