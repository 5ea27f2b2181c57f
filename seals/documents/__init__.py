"""Documents as they are handed in, whatever they come from, and one file for each format that can be sealed.

`pdf` seals PDF; another format goes beside it, with a function like `pdf.seal_pdf`, and is told apart in `formats`.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import SpooledTemporaryFile
from typing import IO, BinaryIO, cast

from core import files

Document = bytes | Path | BinaryIO
"""Its content, where it lies, or an open file that can be read from any place."""

_CHUNK = 1 << 20
_IN_MEMORY = 8 << 20
"""Octets: what is longer is worked on in a temporary file."""


@contextmanager
def opened(document: Document) -> Iterator[BinaryIO]:
    """The document as a file that can be read from any place; `YinxinError` if there is none."""
    if isinstance(document, Path):
        with files.opened(document) as file:
            yield file
    else:
        yield BytesIO(document) if isinstance(document, bytes) else document


def working_copy(stream: IO[bytes]) -> BinaryIO:
    """A copy that can be written to, gone when it is closed; a long one does not lie in memory."""
    copy = cast(BinaryIO, SpooledTemporaryFile(max_size=_IN_MEMORY))  # noqa: SIM115 - the caller's, to close
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        copy.write(chunk)
    return copy


def size_and_sha256(stream: IO[bytes]) -> tuple[int, str]:
    """Octets, and the SHA-256 digest in hexadecimal."""
    digest = hashlib.sha256()
    size = 0
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()
