"""Reading an exported file: nothing in it is believed, and whatever cannot be read is said in words."""

import base64
import binascii
import io
import json
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit import export
from audit.notes import MAXIMUM_NOTE
from core import files
from core.errors import Kind, YinxinError
from core.i18n import _

BUFFER = 1 << 20
MAXIMUM_LINE = 64 << 20
"""Octets of an entry or an object; longer ones nobody writes."""


@dataclass(frozen=True)
class SignedNote:
    """A checkpoint as the file has it."""

    note: bytes
    token: bytes | None


class Bundle:
    """An exported file that is open."""

    def __init__(self, archive: zipfile.ZipFile, name: str) -> None:
        self._archive, self.name = archive, name
        if any(member.flag_bits & 1 for member in archive.infolist()):
            raise self._unreadable(_("it is encrypted"))
        manifest = self._json(self._whole(export.MANIFEST))
        if not isinstance(manifest, dict) or manifest.get("schema") != export.SCHEMA:
            raise self._unreadable(_("it is of another schema than {schema}").format(schema=export.SCHEMA))

    def key_file(self) -> bytes:
        """The public key that the file brings along."""
        return self._whole(export.KEY)

    def entries(self) -> Iterator[bytes]:
        """The entries, in the file's order."""
        return self._lines(export.ENTRIES)

    def checkpoints(self) -> Iterator[SignedNote]:
        """The checkpoints, in the file's order."""
        for line in self._lines(export.CHECKPOINTS):
            record = self._json(line)
            try:
                token = record["token"]
                yield SignedNote(record["note"].encode(), None if token is None else self._octets(token.encode()))
            except (KeyError, TypeError, AttributeError):
                raise self._unreadable(_("a line of {name} is none").format(name=export.CHECKPOINTS)) from None

    def objects(self, kind: str) -> Iterator[bytes]:
        """Octets of that kind; none, if the file was written without."""
        name = export.OBJECTS.format(kind=kind)
        if name in self._archive.namelist():
            yield from map(self._octets, self._lines(name))

    def _lines(self, name: str) -> Iterator[bytes]:
        try:
            with self._archive.open(name) as member, io.BufferedReader(member, BUFFER) as lines:  # type: ignore[type-var]
                while line := lines.readline(MAXIMUM_LINE):
                    if not line.endswith(b"\n"):
                        raise self._unreadable(_("a line of {name} is cut off").format(name=name))
                    yield line[:-1]
        except KeyError:
            raise self._unreadable(_("{name} is missing in it").format(name=name)) from None

    def _whole(self, name: str) -> bytes:
        try:
            with self._archive.open(name) as member:
                return member.read(MAXIMUM_NOTE)
        except KeyError:
            raise self._unreadable(_("{name} is missing in it").format(name=name)) from None

    def _octets(self, text: bytes) -> bytes:
        try:
            return base64.b64decode(text, validate=True)
        except binascii.Error:
            raise self._unreadable(_("what should be base64 is not")) from None

    def _json(self, text: bytes) -> Any:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            raise self._unreadable(_("what should be JSON is not")) from None

    def _unreadable(self, what: str) -> YinxinError:
        return YinxinError(
            Kind.INVALID, _("not a readable export of the audit log: {what}").format(what=what), subject=self.name
        )


@contextmanager
def opened(path: Path) -> Iterator[Bundle]:
    """An exported file; `YinxinError` if it cannot be read, whenever that turns out."""
    with files.opened(path) as file:
        try:
            with zipfile.ZipFile(file) as archive:
                yield Bundle(archive, str(path))
        except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, UnicodeError) as error:
            raise YinxinError(
                Kind.INVALID,
                _("not a readable export of the audit log: {what}").format(what=error),
                subject=str(path),
            ) from error
