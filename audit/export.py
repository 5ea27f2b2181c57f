"""One file that says it all: the entries in their order, every checkpoint, the public key, and what entries refer to.

A ZIP file (schema `yinxin-audit-export/1`):

    manifest.json         schema, program, origin, size; for people, nothing rests on it
    entries.jsonl         an entry a line, as they were written (RFC 8785), from position 0 on
    checkpoints.jsonl     {"note": …, "token": base64 or null} a line, by size
    audit-log.pub         the audit key; whoever verifies has it, or its fingerprint, from elsewhere
    objects/KIND.base64   octets a line: certificates, statements, contents, which entries refer to by digest;
                          seals, as the books tell of them
"""

import base64
import json
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import sqlalchemy as sa

from audit.contracts import Objects
from audit.key import armour
from audit.records import checkpoints, sequence
from audit.sequencer import read_log
from core import files
from core.audit import entries
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _

SCHEMA = "yinxin-audit-export/1"
MANIFEST, ENTRIES, CHECKPOINTS, KEY, OBJECTS = (
    "manifest.json",
    "entries.jsonl",
    "checkpoints.jsonl",
    "audit-log.pub",
    "objects/{kind}.base64",
)
PAGE = 10_000
COMPRESSION = 1
"""Entries shrink to a fifth by the quickest; the slower ones take thrice as long to save a tenth."""


@dataclass(frozen=True)
class Exported:
    """What an export holds."""

    origin: str
    size: int
    checkpoints: int
    objects: Mapping[str, int]


def export(context: Context, destination: Path, public_key_info: bytes, objects: Objects) -> Exported:
    """Write everything up to the newest checkpoint; `YinxinError` (not found) before the first."""
    with context.storage.reading() as connection:
        present = read_log(connection)
        size = connection.scalar(sa.select(sa.func.max(checkpoints.c.size)))
        if not size:
            raise YinxinError(
                Kind.NOT_FOUND,
                _("there is no checkpoint of the audit log yet"),
                remedy=_("run: yinxin audit checkpoint"),
            )
        with (
            files.writing(destination) as file,
            zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION) as archive,
        ):
            manifest = {"schema": SCHEMA, "origin": present.origin, "size": size}
            archive.writestr(MANIFEST, json.dumps(manifest, indent=2) + "\n")
            archive.writestr(KEY, armour(public_key_info))
            with _member(archive, ENTRIES) as member:
                for entry in ordered_entries(connection, size):
                    member.write(entry + b"\n")
            with _member(archive, CHECKPOINTS) as member:
                count = _write_checkpoints(connection, size, member)
            written = {}
            for kind, source in objects.items():
                with _member(archive, OBJECTS.format(kind=kind)) as member:
                    written[kind] = 0
                    for octets in source(connection):
                        member.write(base64.b64encode(octets) + b"\n")
                        written[kind] += 1
    return Exported(present.origin, size, count, written)


def ordered_entries(connection: sa.Connection, size: int) -> Iterator[bytes]:
    """The entries before this position, in their order, page by page: their number may be large."""
    query = sa.select(entries.c.entry).join(sequence, sequence.c.entry_id == entries.c.id).order_by(sequence.c.position)
    for begin in range(0, size, PAGE):
        end = min(begin + PAGE, size)
        page = connection.scalars(query.where(sequence.c.position >= begin, sequence.c.position < end)).all()
        if len(page) != end - begin:
            raise YinxinError(
                Kind.CONFLICT,
                _("entries of the audit log are missing between {begin} and {end}").format(begin=begin, end=end),
                remedy=_("tell the auditor; the database was altered, or restored from an older backup"),
            )
        yield from page


def _write_checkpoints(connection: sa.Connection, size: int, member: IO[bytes]) -> int:
    count = 0
    query = sa.select(checkpoints).where(checkpoints.c.size <= size).order_by(checkpoints.c.size)
    for count, row in enumerate(connection.execute(query), 1):  # noqa: B007 - its last value is the number
        token = base64.b64encode(row.token).decode() if row.token else None
        line = json.dumps({"note": row.note.decode(), "token": token}, ensure_ascii=False)
        member.write(line.encode() + b"\n")
    return count


def _member(archive: zipfile.ZipFile, name: str) -> IO[bytes]:
    return archive.open(name, "w", force_zip64=True)
