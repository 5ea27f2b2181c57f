"""A file that proves one entry, or that one checkpoint continues another, by itself: for whoever may not see the log.

JSON (schema `yinxin-audit-proof/1`): `checkpoint` (the signed note), `hashes` (RFC 9162 2.1.3 or 2.1.4, base64), and
either `entry` and `position`, or `former` (the earlier note). `keys`: the checkpoints by which audit keys succeeded
others.
"""

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from audit.merkle import consistency_proof, inclusion_proof, is_consistent, leaf_hash, root_by_inclusion
from audit.notes import Checkpoint
from audit.records import sequence
from audit.sequencer import key_notes, latest_checkpoint, read_log
from audit.succession import Succession
from audit.tiles import StoredTree
from core import files
from core.audit import entries
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _

SCHEMA = "yinxin-audit-proof/1"


class ProofFile(BaseModel):
    """What is in the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_: Annotated[Literal["yinxin-audit-proof/1"], Field(alias="schema")]
    checkpoint: str
    hashes: tuple[str, ...]
    entry: str | None = None
    position: Annotated[int, Field(ge=0)] | None = None
    former: str | None = None
    keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Proven:
    """What a proof file shows."""

    checkpoint: Checkpoint
    entry: bytes | None
    position: int | None
    former: Checkpoint | None


def prove_entry(context: Context, number: int) -> bytes:
    """A proof file: the entry of this number (`yinxin audit list`) is in the log of the newest checkpoint."""
    with context.storage.reading() as connection:
        row = connection.execute(
            sa.select(entries.c.entry, sequence.c.position)
            .outerjoin(sequence, sequence.c.entry_id == entries.c.id)
            .where(entries.c.id == number)
        ).one_or_none()
        if row is None:
            raise YinxinError(
                Kind.NOT_FOUND, _("no such entry"), subject=str(number), remedy=_("see: yinxin audit list")
            )
        newest = latest_checkpoint(connection)
        if newest is None or row.position is None or row.position >= newest.size:
            raise YinxinError(
                Kind.CONFLICT,
                _("no checkpoint covers the entry yet"),
                subject=str(number),
                remedy=_("run: yinxin audit checkpoint"),
            )
        tree = _tree(connection, newest)
        hashes = inclusion_proof(tree.digest, row.position, tree.size, tree.node)
        keys = key_notes(connection)
        return _written(newest.note, hashes, keys, entry=row.entry.decode(), position=row.position)


def prove_continuation(context: Context, former: Checkpoint, note: bytes) -> bytes:
    """A proof file: the log of the newest checkpoint begins with that of a former one, whose note this is."""
    with context.storage.reading() as connection:
        newest = latest_checkpoint(connection)
        if newest is None or not 0 < former.size <= newest.size:
            raise YinxinError(
                Kind.CONFLICT,
                _("the log has no checkpoint over so many entries as the former one"),
                subject=str(former.size),
                remedy=_("tell the auditor; the database was altered, or restored from an older backup"),
            )
        tree = _tree(connection, newest)
        hashes = consistency_proof(tree.digest, former.size, tree.size, tree.node)
        return _written(newest.note, hashes, key_notes(connection), former=note.decode())


def verify_proof(path: Path, trusted: Sequence[bytes]) -> Proven:
    """What the file proves to whoever trusts these keys (SPKI, DER); `YinxinError` (invalid) if it proves nothing."""
    try:
        proof = ProofFile.model_validate_json(files.read(path))
        hashes = [base64.b64decode(one, validate=True) for one in proof.hashes]
    except (ValidationError, binascii.Error):
        raise YinxinError(Kind.INVALID, _("this is not a proof file"), subject=str(path)) from None
    keys = Succession(trusted, [one.encode() for one in proof.keys])
    checkpoint = keys.open(proof.checkpoint.encode())
    if proof.entry is not None and proof.position is not None and proof.former is None:
        leaf = leaf_hash(checkpoint.digest, proof.entry.encode())
        root = root_by_inclusion(checkpoint.digest, leaf, proof.position, checkpoint.size, hashes)
        if root == checkpoint.root:
            return Proven(checkpoint, proof.entry.encode(), proof.position, None)
    if proof.former is not None and proof.entry is None and proof.position is None:
        former = keys.open(proof.former.encode())
        sizes = (former.size, former.root), (checkpoint.size, checkpoint.root)
        same_log = (former.origin, former.digest) == (checkpoint.origin, checkpoint.digest)
        if same_log and is_consistent(checkpoint.digest, *sizes, hashes):
            return Proven(checkpoint, None, None, former)
    raise YinxinError(
        Kind.INVALID, _("the file proves nothing: the hashes do not lead to the checkpoint"), subject=str(path)
    )


def _tree(connection: sa.Connection, newest: sa.Row[tuple[object, ...]]) -> StoredTree:
    return StoredTree(connection, read_log(connection).digest, newest.size)


def _written(
    note: bytes,
    hashes: list[bytes],
    keys: list[bytes],
    entry: str | None = None,
    position: int | None = None,
    former: str | None = None,
) -> bytes:
    proof = {
        "schema": SCHEMA,
        "checkpoint": note.decode(),
        "hashes": [base64.b64encode(one).decode() for one in hashes],
        "entry": entry,
        "position": position,
        "former": former,
        "keys": [one.decode() for one in keys] or None,
    }
    given = {name: value for name, value in proof.items() if value is not None}
    return (json.dumps(given, indent=2, ensure_ascii=False) + "\n").encode()
