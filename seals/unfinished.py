"""A sealed copy on its way to its place: on the disk before its use is recorded, at its place after it.

Whoever is killed in between leaves it beside the place, and whoever comes next finds in the book of uses whether the
seal was used for it: then it is finished, else it is forgotten. Its name is `.NAME.sealing`.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from core import files
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.documents import size_and_sha256
from seals.records import seal_uses
from seals.sealing import SealedDocument

_PIECE = 1024 * 1024


@dataclass
class Unfinished:
    """The copy. Nobody else works on it meanwhile."""

    out: Path
    _path: Path
    _file: IO[bytes]
    sha256: str | None = None
    """Of the sealed document, hexadecimal, if it was made, and its use recorded, before."""

    def keep(self, _connection: sa.Connection, sealed: SealedDocument) -> None:
        """Have the document on the disk; to be called in the transaction that records its use."""
        try:
            self._file.truncate(0)
            self._file.seek(0)
            sealed.file.seek(0)
            shutil.copyfileobj(sealed.file, self._file, _PIECE)
            self._file.flush()
            os.fsync(self._file.fileno())
            files.flush_folder(self.out.parent)
        except OSError as error:
            raise files.unwritable(self.out, error) from error

    def finish(self) -> str:
        """Put it in its place; its SHA-256, hexadecimal. `YinxinError` (conflict) if something is there."""
        found = self.sha256 or size_and_sha256(self._file)[1]
        try:
            files.give_name(self._path, self.out)
            self._path.unlink()
            files.flush_folder(self.out.parent)
        except OSError as error:
            raise files.unwritable(self.out, error) from error
        return found


@contextmanager
def unfinished(context: Context, out: Path) -> Iterator[Unfinished]:
    """The copy that goes to `out`, as somebody left it, or a new one.

    `YinxinError` (conflict) if another process is at it, (unavailable) if the folder cannot be written.
    """
    path = out.with_name(f".{out.name}.sealing")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        file = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+b")
    except OSError as error:
        raise files.unwritable(out, error) from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            what = _("another process is sealing this document")
            raise YinxinError(Kind.CONFLICT, what, subject=str(out), remedy=_("wait for it")) from None
        try:
            if out.exists():  # by whom held the lock until now
                raise YinxinError(Kind.CONFLICT, _("the file exists already"), subject=str(out))
            digest = size_and_sha256(file)[1]
            yield Unfinished(out, path, file, digest if _is_recorded(context, digest) else None)
        finally:
            if not os.fstat(file.fileno()).st_size:
                path.unlink(missing_ok=True)


def _is_recorded(context: Context, digest: str) -> bool:
    with context.storage.reading() as connection:
        used = sa.select(seal_uses.c.id).where(seal_uses.c.sha256_after == digest).limit(1)
        return connection.scalar(used) is not None
