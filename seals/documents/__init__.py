"""Documents as they are handed in, whatever they come from, and one file for each format that can be sealed.

`pdf` seals PDF; another format goes beside it, with a function like `pdf.seal_pdf`, and is told apart in `formats`.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, BinaryIO, cast

from core import files
from core.algorithms import Hash

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


def working_copy(stream: IO[bytes], *hashing: Hash) -> BinaryIO:
    """A copy that can be written to, gone when it is closed; a long one does not lie in memory.

    `hashing` takes in the octets on their way, so that a long document need not be read again for that.
    """
    size = stream.seek(0, 2)
    stream.seek(0)
    copy = BytesIO() if size < _IN_MEMORY else cast(BinaryIO, TemporaryFile())  # noqa: SIM115 - the caller's, to close
    while chunk := stream.read(_CHUNK):
        copy.write(chunk)
        for one in hashing:
            one.update(chunk)
    return copy


def begins_with(copy: IO[bytes], stream: IO[bytes]) -> bool:
    """Whether the first octets of the copy are those of the stream, all of them."""
    copy.seek(0)
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        if copy.read(len(chunk)) != chunk:
            return False
    return True


def size_and_sha256(stream: IO[bytes]) -> tuple[int, str]:
    """Octets, and the SHA-256 digest in hexadecimal."""
    digest = hashlib.sha256()
    size = 0
    stream.seek(0)
    while chunk := stream.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()
