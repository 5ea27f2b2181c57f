"""Writing files so that a crash leaves the old one or the new one, never half of one; reading with clear errors."""

import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from core.algorithms import Digest
from core.errors import Kind, YinxinError
from core.i18n import _

_PIECE = 1024 * 1024


def write(path: Path, data: bytes, *, mode: int = 0o644, replace: bool = True) -> None:
    """Write durably: a temporary file beside it, flushed, then moved into place.

    `YinxinError` (conflict) if it exists and may not be replaced.
    """
    with writing(path, mode=mode, replace=replace) as file:
        file.write(data)


@contextmanager
def writing(path: Path, *, mode: int = 0o644, replace: bool = True) -> Iterator[IO[bytes]]:
    """A file to write as `write` does, piece by piece. An exception in the block leaves everything as it was."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        if replace:
            temporary.replace(path)
        else:
            give_name(temporary, path)
    except OSError as error:
        raise unwritable(path, error) from error
    finally:
        temporary.unlink(missing_ok=True)
    flush_folder(path.parent)


def give_name(file: Path, path: Path) -> None:
    """Have what was written and flushed at its place too; `YinxinError` (conflict) if something is there."""
    try:
        os.link(file, path)
    except FileExistsError:
        raise YinxinError(
            Kind.CONFLICT, _("the file exists already"), subject=str(path), remedy=_("choose another name or remove it")
        ) from None


def flush_folder(folder: Path) -> None:
    """Have the names in a folder reach the disk, after something was moved there."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def unwritable(path: Path, error: OSError) -> YinxinError:
    """What is told where a file cannot be written."""
    return YinxinError(Kind.UNAVAILABLE, _("cannot write: {reason}").format(reason=error.strerror), subject=str(path))


def read(path: Path) -> bytes:
    """The file's content; `YinxinError` (not found, unavailable) in words."""
    with _reading(path):
        return path.read_bytes()


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file, to be read from any place. Errors as of `read`."""
    with _reading(path), path.open("rb") as file:
        yield file


def digests(path: Path, algorithms: Iterable[Digest]) -> dict[Digest, bytes]:
    """The file's digests, in one reading and however large it is. Errors as of `read`."""
    contexts = {digest: digest.new() for digest in algorithms}
    with _reading(path), path.open("rb") as file:
        while piece := file.read(_PIECE):
            for context in contexts.values():
                context.update(piece)
    return {digest: context.digest() for digest, context in contexts.items()}


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise YinxinError(Kind.NOT_FOUND, _("no such file"), subject=str(path), remedy=_("check the path")) from None
    except OSError as error:
        raise YinxinError(
            Kind.UNAVAILABLE, _("cannot read: {reason}").format(reason=error.strerror), subject=str(path)
        ) from error
