"""What is in a backup: a gzipped tar of the home's files and the snapshot of its records, with a manifest at the end.

Passphrases and PINs are never among it: only the folders below are, none of which has any.
"""

import gzip
import json
import tarfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import IO, Any

from core import files
from core.algorithms import Digest, Hash
from core.config import FILE_NAME
from core.errors import Kind, YinxinError
from core.i18n import _

FOLDERS = ("profiles", "keys", "certificates", "trust")
RECORDS = "records"
"""The member with the snapshot of the database."""
MANIFEST = "manifest.json"
_COMPRESSION = 1
_PIECE = 1 << 20


def members_of(home: Path) -> Iterator[tuple[str, Path]]:
    """The files of a home that belong into a backup, with their names in it."""
    yield FILE_NAME, home / FILE_NAME
    for folder in FOLDERS:
        for path in sorted((home / folder).rglob("*")):
            if path.is_file() and not path.is_symlink() and not path.name.startswith("."):
                yield path.relative_to(home).as_posix(), path


def pack(stream: Any, members: Iterator[tuple[str, Path]], digest: Digest) -> int:
    """Write the members and their manifest to a stream; how many there were."""
    manifest: dict[str, dict[str, object]] = {}
    with (
        gzip.GzipFile("", "wb", _COMPRESSION, stream, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, path in members:
            try:
                file = path.open("rb")
            except FileNotFoundError:
                continue  # a key or a certificate that was replaced since the folder was listed
            with file:
                entry = archive.gettarinfo(arcname=name, fileobj=file)
                # Whose account a file belonged to is another machine's matter.
                entry.uid, entry.gid, entry.uname, entry.gname = 0, 0, "", ""
                hashed = _Reading(file, digest.new())
                archive.addfile(entry, hashed)
                manifest[name] = {"size": entry.size, digest.name: hashed.context.digest().hex()}
        encoded = json.dumps(manifest, indent=1, ensure_ascii=False).encode()
        entry = tarfile.TarInfo(MANIFEST)
        entry.size = len(encoded)
        archive.addfile(entry, BytesIO(encoded))
    return len(manifest)


@dataclass
class _Reading:
    """Hashes what is read."""

    file: IO[bytes]
    context: Hash

    def read(self, size: int = -1) -> bytes:
        """As files do."""
        piece = self.file.read(size)
        self.context.update(piece)
        return piece


def unpack(stream: Any, folder: Path, digest: Digest) -> list[str]:
    """Write what is in a stream into an empty folder, and compare it with its manifest; the names.

    `YinxinError` (invalid) if something is missing, is other than it says, or would lie elsewhere.
    """
    seen: dict[str, dict[str, object]] = {}
    manifest: dict[str, Any] | None = None
    try:
        with gzip.GzipFile(fileobj=stream) as packed, tarfile.open(fileobj=packed, mode="r|") as archive:
            for entry in archive:
                content = archive.extractfile(entry)
                if manifest is not None or not entry.isreg() or content is None:
                    raise _unusable(entry.name)
                if entry.name == MANIFEST:
                    manifest = json.loads(content.read())
                    continue
                place = _place(folder, entry.name)
                hashed = _Reading(content, digest.new())
                with files.writing(place, mode=entry.mode & 0o666, replace=False) as file:
                    while piece := hashed.read(_PIECE):
                        file.write(piece)
                seen[entry.name] = {"size": entry.size, digest.name: hashed.context.digest().hex()}
    except (tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
        raise _unusable(str(error)) from error
    if seen != manifest:
        raise _unusable(MANIFEST)
    return list(seen)


def _place(folder: Path, name: str) -> Path:
    top, *rest = name.split("/")
    known = name in (FILE_NAME, RECORDS) or (top in FOLDERS and rest)
    if not known or any(part in ("", ".", "..") for part in rest) or "\0" in name:
        raise _unusable(name)
    return folder / name


def _unusable(subject: str) -> YinxinError:
    return YinxinError(
        Kind.INVALID,
        _("what is in the backup is not as its manifest has it"),
        subject=subject,
        remedy=_("take another backup; nothing was changed"),
    )
