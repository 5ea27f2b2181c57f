"""Documents as they are handed in, whatever they come from."""

import hashlib
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

from core import files

Document = bytes | Path | BinaryIO
"""Its content, where it lies, or an open file that can be read from any place."""

_CHUNK = 1 << 20


def opened(document: Document) -> BinaryIO:
    """The document as a file that can be read from any place; `YinxinError` if there is none."""
    if isinstance(document, Path):
        return BytesIO(files.read(document))
    return BytesIO(document) if isinstance(document, bytes) else document


def size_and_sha256(stream: BinaryIO) -> tuple[int, str]:
    """Octets, and the SHA-256 digest in hexadecimal."""
    digest = hashlib.sha256()
    size = 0
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()
