"""The checker: opens the books after somebody died, and says what is not as it should be."""

from collections import Counter
from collections.abc import Callable, Iterator
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

import sqlalchemy as sa

import ca.kmc.records as kmc
from audit.bundle import opened
from audit.checkpoints import Notary
from audit.export import export
from audit.findings import is_broken
from audit.key import public_keys
from audit.rotation import open_key
from audit.verification import verify_log
from ca.attributes.records import attribute_certificates, attribute_events
from ca.records import certificates, crls, events, keys, pairs
from core.audit import entries
from core.home import Home
from ra.attribute_records import attribute_moves, attribute_requests
from ra.records import operators, request_certificates, request_moves, requests
from seals import records as seal_books
from seals.batches.records import batch_documents, batches
from tests.faults.kills import Told
from tsa.records import ledger, tokens
from yinxin.audited import OBJECTS, check_token

Findings = Iterator[str]


def lost(connection: sa.Connection, told: Told) -> Findings:
    """Of what somebody was told, whatever is not in the books."""
    for what, value in told.items():
        if not _KEPT[what](connection, value):
            yield f"lost: {what} {value}"


def half_done(connection: sa.Connection) -> Findings:
    """Whatever was begun and is in the books by half; numbers with gaps."""
    yield from _certificates(connection)
    yield from _attribute_certificates(connection)
    yield from _requests(connection)
    yield from _numbers(connection)
    yield from _seals(connection)
    yield from _escrow(connection)


def audit_findings(home: Home, scratch: Path, notes: dict[int, str]) -> list[str]:
    """The whole log, exported and verified as an outsider does, against every checkpoint that somebody was told."""
    Notary.of(home.context, partial(open_key, home), home.configuration.audit, None).checkpoint()
    file = scratch / "audit.zip"
    file.unlink(missing_ok=True)
    keys = public_keys(home)
    export(home.context, file, keys[0], OBJECTS)
    with opened(file) as bundle:
        verified = verify_log(bundle, keys, [note.encode() for note in notes.values()], check_token=check_token)
    broken = [str(one) for one in verified.findings if is_broken([one])]
    return [f"audit: {one}" for one in broken] + ([] if verified.chain.entries else ["audit: the log is empty"])


def _count(connection: sa.Connection, table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
    return connection.scalar(sa.select(sa.func.count()).select_from(table).where(*where)) or 0


def _is_there(table: sa.Table, *columns: str) -> Callable[[sa.Connection, Any], bool]:
    """One row with these values in these columns."""

    def look(connection: sa.Connection, value: Any) -> bool:
        values = value if isinstance(value, list) else [value]
        where = [table.c[column] == one for column, one in zip(columns, values, strict=True)]
        return _count(connection, table, *where) == 1

    return look


def _issued(connection: sa.Connection, value: Any) -> bool:
    number, told = value
    rows = connection.execute(
        sa.select(requests.c.state, request_certificates.c.certificate, certificates.c.certificate.label("booked"))
        .join(request_certificates, request_certificates.c.request_id == requests.c.id)
        .join(certificates, certificates.c.serial == request_certificates.c.serial)
        .where(requests.c.number == number)
    ).all()
    given = {sha256(row.certificate).hexdigest() for row in rows}
    return given == {digest for _serial, digest in told} and all(
        row.state == "issued" and row.certificate == row.booked for row in rows
    )


def _moved(connection: sa.Connection, value: Any) -> bool:
    serial, state = value
    where = events.c.serial == int(serial, 16), events.c.state == state
    return _count(connection, events, *where) >= (2 if state == "valid" else 1)


def _listed(connection: sa.Connection, value: Any) -> bool:
    _authority, number, digest = value
    where = crls.c.number == number, crls.c.digest == bytes.fromhex(digest), crls.c.published_at.is_not(None)
    return _count(connection, crls, *where) == 1


def _role(connection: sa.Connection, value: Any) -> bool:
    number, digest = value
    row = connection.execute(sa.select(attribute_requests.c.state).where(attribute_requests.c.number == number)).one()
    kept = connection.scalars(
        sa.select(attribute_certificates.c.certificate).where(attribute_certificates.c.approval_reference == number)
    )
    return bool(row.state == "issued" and digest in {sha256(one).hexdigest() for one in kept if one})


def _statements_of(of: sa.Table, table: sa.Table, reference: str, name: str) -> Callable[[sa.Connection, Any], bool]:
    """At least so many statements about it."""

    def look(connection: sa.Connection, value: Any) -> bool:
        called, count = value
        joined = sa.select(sa.func.count()).select_from(table.join(of, of.c.id == table.c[reference]))
        return bool((connection.scalar(joined.where(of.c[name] == called)) or 0) >= count)

    return look


def _recovered(connection: sa.Connection, value: Any) -> bool:
    number, digest = value
    envelope = connection.scalar(sa.select(kmc.recoveries.c.envelope).where(kmc.recoveries.c.number == number))
    return bool(envelope is not None and sha256(envelope).hexdigest() == digest)


def _allotted(connection: sa.Connection, value: Any) -> bool:
    reference, number = value
    joined = kmc.allotments.join(kmc.keys, kmc.keys.c.id == kmc.allotments.c.key_id)
    where = kmc.allotments.c.reference == reference, kmc.keys.c.number == number
    return connection.scalar(sa.select(sa.func.count()).select_from(joined).where(*where)) == 1


def _in_batch(connection: sa.Connection, value: Any) -> bool:
    number, position, digest = value
    query = (
        sa.select(batch_documents.c.sealed)
        .join(batches, batches.c.id == batch_documents.c.batch_id)
        .where(batches.c.number == number, batch_documents.c.position == position)
    )
    sealed = connection.scalar(query)
    return bool(sealed is not None and sha256(sealed).hexdigest() == digest and _used(connection, digest))


def _state_of(table: sa.Table, *states: str) -> Callable[[sa.Connection, Any], bool]:
    def look(connection: sa.Connection, value: Any) -> bool:
        return _count(connection, table, table.c.number == value, table.c.state.in_(states)) == 1

    return look


def _token(connection: sa.Connection, value: Any) -> bool:
    return _count(connection, tokens, tokens.c.token_digest == bytes.fromhex(value)) == 1


_used = _is_there(seal_books.seal_uses, "sha256_after")

_KEPT: dict[str, Callable[[sa.Connection, Any], bool]] = {
    "entered": _is_there(requests, "number"),
    "approved": _state_of(requests, "approved", "issued"),
    "issued": _issued,
    "appointed": _is_there(operators, "name"),
    "moved": _moved,
    "listed": _listed,
    "attributes_entered": _is_there(attribute_requests, "number"),
    "role": _role,
    "allotted": _allotted,
    "recovery": _statements_of(kmc.recoveries, kmc.recovery_statements, "recovery_id", "number"),
    "recovered": _recovered,
    "token": _token,
    "seal": _statements_of(seal_books.seals, seal_books.statements, "seal_id", "name"),
    "sealed": _used,
    "started": _state_of(batches, "started", "finished"),
    "in_batch": _in_batch,
    "checkpoint": lambda _connection, _value: True,  # compared with the whole log, by `audit_findings`
    "house": lambda _connection, _value: True,  # about files: see the act
}


def _certificates(connection: sa.Connection) -> Findings:
    without_event = (
        sa.select(sa.func.count())
        .select_from(certificates)
        .where(
            certificates.c.certificate.is_not(None),
            ~sa.exists().where(
                events.c.authority_id == certificates.c.authority_id, events.c.serial == certificates.c.serial
            ),
        )
    )
    if count := connection.scalar(without_event):
        yield f"half: {count} certificates have a result and no history"
    if count := _count(connection, certificates, certificates.c.certificate.is_(None), ~_has_event()):
        yield f"half: {count} intents were not presumed issued"
    unknown_key = ~sa.exists().where(keys.c.digest == certificates.c.key_digest)
    if count := _count(connection, certificates, unknown_key):
        yield f"half: {count} certificates whose key is nobody's"
    for serial in (pairs.c.signing_serial, pairs.c.encryption_serial):
        whole = sa.exists().where(certificates.c.serial == serial, certificates.c.certificate.is_not(None))
        if count := _count(connection, pairs, ~whole):
            yield f"half: {count} pairs lack a certificate ({serial.name})"
    twice = sa.select(events.c.serial).where(events.c.state == "revoked").group_by(events.c.serial)
    if connection.execute(twice.having(sa.func.count() > 1)).all():
        yield "half: something was revoked twice"


def _attribute_certificates(connection: sa.Connection) -> Findings:
    ours, its = attribute_certificates.c, attribute_events.c
    known = sa.exists().where(its.authority_id == ours.authority_id, its.serial == ours.serial)
    if count := _count(connection, attribute_certificates, ~known):
        yield f"half: {count} attribute certificates have no history"
    issued = sa.select(attribute_requests.c.number).where(attribute_requests.c.state == "issued")
    whole = sa.select(ours.approval_reference).where(ours.certificate.is_not(None))
    if left := connection.execute(issued.where(attribute_requests.c.number.not_in(whole))).all():
        yield f"half: {len(left)} applications for attributes are issued and have no certificate"


def _has_event() -> sa.ColumnElement[bool]:
    return sa.exists().where(
        events.c.authority_id == certificates.c.authority_id, events.c.serial == certificates.c.serial
    )


def _requests(connection: sa.Connection) -> Findings:
    counted = sa.select(request_certificates.c.request_id, sa.func.count()).group_by(request_certificates.c.request_id)
    given: dict[int, int] = {row[0]: row[1] for row in connection.execute(counted)}
    moves = Counter[int]()
    last: dict[int, str] = {}
    for row in connection.execute(
        sa.select(request_moves.c.request_id, request_moves.c.sequence, request_moves.c.act).order_by(
            request_moves.c.request_id, request_moves.c.sequence
        )
    ):
        moves[row.request_id] += 1
        if row.sequence != moves[row.request_id]:
            yield f"gap: statement {row.sequence} of request {row.request_id}"
        last[row.request_id] = row.act
    columns = requests.c.id, requests.c.number, requests.c.state, requests.c.profile
    for key, number, state, profile in connection.execute(sa.select(*columns)):
        expected = 2 if profile in ("staff", "unit") else 1
        count = given.get(key, 0)
        if (state == "issued") != (count == expected) or count not in (0, expected):
            yield f"half: request {number} is {state} and has {count} certificates"
        if key not in last or (state == "issued") != (last[key] == "issue"):
            yield f"half: request {number} is {state}, its last statement {last.get(key)}"
    moved = sa.select(attribute_moves.c.request_id)
    if count := _count(connection, attribute_requests, attribute_requests.c.id.not_in(moved)):
        yield f"half: {count} applications for attributes without a statement"


def _numbers(connection: sa.Connection) -> Findings:
    issued = connection.scalar(sa.select(ledger.c.issued)) or 0
    row = connection.execute(
        sa.select(sa.func.count(), sa.func.min(tokens.c.number), sa.func.max(tokens.c.number))
    ).one()
    if tuple(row) != ((issued, 1, issued) if issued else (0, None, None)):
        yield f"gap: {issued} tokens were given, the books have {tuple(row)}"
    place = crls.c.authority_id, crls.c.shard
    query = sa.select(*place, sa.func.count(crls.c.number.distinct()), sa.func.max(crls.c.number)).group_by(*place)
    for authority, shard, count, most in connection.execute(query):
        if count != most:
            yield f"gap: {count} lists of authority {authority} shard {shard}, the last has number {most}"
    cut = sa.select(sa.func.count()).select_from(crls).where(crls.c.published_at.is_not(None), crls.c.digest.is_(None))
    if connection.scalar(cut):
        yield "half: a list is in force and not whole"


def _seals(connection: sa.Connection) -> Findings:
    uses = seal_books.seal_uses
    query = sa.select(uses.c.seal_id, sa.func.count(), sa.func.min(uses.c.ordinal), sa.func.max(uses.c.ordinal))
    for seal, count, least, most in connection.execute(query.group_by(uses.c.seal_id)):
        if (least, most) != (1, count):
            yield f"gap: seal {seal} has {count} uses, numbered {least} to {most}"
    twice = sa.select(uses.c.sha256_before).group_by(uses.c.sha256_before).having(sa.func.count() > 1)
    if repeated := connection.execute(twice).all():
        yield f"double: {len(repeated)} documents were sealed twice"
    noted = _count(connection, entries, entries.c.act == "seals.use")
    if noted not in (0, _count(connection, uses)):
        yield f"half: {noted} uses in the log, {_count(connection, uses)} in the books"
    sealed = sa.select(sa.func.count()).select_from(batch_documents).where(batch_documents.c.state == "sealed")
    recorded = sa.select(sa.func.count()).select_from(uses).where(uses.c.purpose == "campaign batch")
    if connection.scalar(sealed) != connection.scalar(recorded):
        yield f"half: {connection.scalar(sealed)} sealed in batches, {connection.scalar(recorded)} such uses"
    about = seal_books.statements
    counted = sa.select(about.c.seal_id, sa.func.count(), sa.func.max(about.c.sequence)).group_by(about.c.seal_id)
    for seal, count, most in connection.execute(counted):
        if count != most:
            yield f"gap: {count} statements about seal {seal}, the last is number {most}"


def _escrow(connection: sa.Connection) -> Findings:
    step = kmc.key_events
    query = sa.select(step.c.key_id, sa.func.count(), sa.func.max(step.c.sequence)).group_by(step.c.key_id)
    for key, count, most in connection.execute(query):
        if count != most:
            yield f"gap: {count} events of escrowed key {key}, the last is number {most}"
    active = _count(connection, kmc.keys, kmc.keys.c.pool.not_in(["spare", "destroyed"]))
    if (allotted := _count(connection, kmc.allotments)) > active:
        yield f"half: {allotted} allotments, {active} keys in use"
    delivered = sa.select(kmc.recovery_statements.c.recovery_id).where(kmc.recovery_statements.c.act == "deliver")
    has = kmc.recoveries.c.envelope.is_not(None)
    if _count(connection, kmc.recoveries, has != kmc.recoveries.c.id.in_(delivered)):
        yield "half: a recovery is delivered without an envelope, or has one and is not"
