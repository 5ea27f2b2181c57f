"""Making findable what was recorded before it could be found, or under another key: batch by batch, resumable.

What waits is told by an empty column; a batch fills the column in the transaction that does the work.
"""

from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa
from cryptography import x509

from core.audit import Event
from core.context import Context
from core.errors import YinxinError
from ra import identities
from ra.applications import Application, parse_application
from ra.records import certificate_identities, request_certificates, requests
from ra.search import index_columns

BATCH = 1000


def waiting(context: Context) -> int:
    """How many requests and certificates are still to be made findable."""
    with context.storage.reading() as connection:
        return sum(
            connection.scalar(sa.select(sa.func.count()).where(column.is_(None))) or 0
            for column in (requests.c.unit, request_certificates.c.sha1)
        )


def forget(context: Context) -> None:
    """Let everything wait, as when there is a new key."""
    with context.storage.transaction() as connection:
        connection.execute(sa.delete(certificate_identities))
        connection.execute(sa.update(request_certificates).values(sha1=None))


def reindex(context: Context, *, actor: str) -> Iterator[int]:
    """Do what waits; after each batch, how many it was. Interrupted, it goes on where it was when it is run again."""
    done = 0
    for batch in (_requests, _certificates):
        last: int | None = 0
        while last is not None:
            with context.storage.transaction() as connection:
                last, count = batch(context, connection, last)
                done += count
                if last is None and batch is _certificates and done:
                    event = Event("ra.reindex", actor, "requests and certificates", {"count": done})
                    context.audit.append(connection, event)
            if count:
                yield count


def _requests(_context: Context, connection: sa.Connection, after: int) -> tuple[int | None, int]:
    query = sa.select(requests.c.id, requests.c.content).where(requests.c.id > after, requests.c.unit.is_(None))
    rows = connection.execute(query.order_by(requests.c.id).limit(BATCH)).all()
    if not rows:
        return None, 0
    found = [{"of": row.id, "found": _unit(_read(row.content))} for row in rows]
    update = sa.update(requests).where(requests.c.id == sa.bindparam("of")).values(unit=sa.bindparam("found"))
    connection.execute(update, found)
    return rows[-1].id, len(rows)


def _certificates(context: Context, connection: sa.Connection, after: int) -> tuple[int | None, int]:
    table = request_certificates
    query = (
        sa.select(table.c.id, table.c.certificate, requests.c.content, requests.c.branch)
        .join(requests, requests.c.id == table.c.request_id)
        .where(table.c.id > after, table.c.sha1.is_(None))
    )
    rows = connection.execute(query.order_by(table.c.id).limit(BATCH)).all()
    if not rows:
        return None, 0
    found, numbers = [], []
    for row in rows:
        application = _read(row.content)
        if application is None:
            # Altered in the database, which `ra show` says; there is nothing to find it by.
            continue
        columns = index_columns(row.certificate, application.subject, row.branch, _expiry(row.certificate))
        found.append({"of": row.id, **{f"new_{name}": value for name, value in columns.items()}})
        numbers.append((row.id, application.subject.identity))
    if found:
        names = [name.removeprefix("new_") for name in found[0] if name != "of"]
        values = {name: sa.bindparam(f"new_{name}", type_=table.c[name].type) for name in names}
        connection.execute(sa.update(table).where(table.c.id == sa.bindparam("of")).values(values), found)
        ids = [identifier for identifier, _identity in numbers]
        connection.execute(sa.delete(certificate_identities).where(certificate_identities.c.certificate_id.in_(ids)))
        identities.record(context, connection, numbers)
    return rows[-1].id, len(rows)


def _read(content: bytes) -> Application | None:
    try:
        return parse_application(content)
    except YinxinError:
        return None


def _unit(application: Application | None) -> str:
    return application.subject.organization or "" if application else ""


def _expiry(certificate: bytes) -> datetime:
    return x509.load_der_x509_certificate(certificate).not_valid_after_utc
