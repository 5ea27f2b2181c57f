"""Certificate status for the OCSP responder: the only part of the CA that it knows, and one that cannot write.

Read live, one indexed query for each answer, on a held connection: beside the query itself, SQLAlchemy's Core would
cost four times as much (measured: 8 µs for the query, 30 µs and more with it).
"""

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import sqlalchemy as sa

from ca.books import CERTIFICATES, Books
from ca.records import authorities, crls, serial_octets
from ca.state import Reason, State
from core.errors import Kind, YinxinError
from core.i18n import _
from core.storage import Storage, UtcDateTime

__all__ = ["CertificateStatus", "Issuer", "Reason", "State", "StatusReader"]


@dataclass(frozen=True)
class Issuer:
    """An authority whose certificates can be asked about."""

    id: int
    name: str
    certificate: bytes
    """DER."""
    subject: bytes
    """Name DER, as certificates name their issuer: what CertID.issuerNameHash is over (RFC 6960 4.1.1)."""
    public_key_info: bytes
    """SPKI DER."""
    certifier: "Issuer | None" = None
    """Of an attribute authority: the CA that certified it."""

    @property
    def delegator(self) -> "Issuer":
        """Who certifies responders for it (RFC 6960 4.2.2.2): for an attribute authority, which cannot, its CA."""
        return self.certifier or self


@dataclass(frozen=True)
class CertificateStatus:
    """What holds for a certificate that was issued, or that may have been."""

    state: State
    """VALID, HELD or REVOKED."""
    revoked_at: datetime | None = None
    """When it was held or revoked."""
    reason: Reason | None = None
    not_after: datetime | None = None
    """When the certificate ends, or ended: status is kept for ever."""


def _issuer(row: sa.Row[Any], certifier: Issuer | None = None) -> Issuer:
    return Issuer(row.id, row.name, row.certificate, row.subject, row.public_key_info, certifier)


class StatusReader:
    """Reads status. Threads share it; each holds a connection of its own."""

    def __init__(self, storage: Storage, books: Books = CERTIFICATES) -> None:
        self._storage = storage
        self._books, events, certificates = books, books.events, books.issued
        dialect = storage.engine.dialect
        self._status = _Prepared(
            dialect,
            sa.select(events.c.state, events.c.at, events.c.reason, certificates.c.not_after)
            .join(
                certificates,
                sa.and_(certificates.c.authority_id == events.c.authority_id, certificates.c.serial == events.c.serial),
            )
            .where(events.c.authority_id == sa.bindparam("issuer"), events.c.serial == sa.bindparam("number"))
            .order_by(events.c.sequence.desc()),
        )
        self._position = _Prepared(dialect, sa.select(sa.func.max(events.c.id)))
        self._changes = _Prepared(
            dialect,
            sa.select(events.c.id, events.c.authority_id, events.c.serial)
            .where(events.c.id > sa.bindparam("after"))
            .order_by(events.c.id),
        )
        self._shards = _Prepared(
            dialect, sa.select(authorities.c.crl_shards).where(authorities.c.id == sa.bindparam("issuer"))
        )
        self._next_crl = _Prepared(
            dialect,
            sa.select(crls.c.next_update)
            .where(
                crls.c.authority_id == sa.bindparam("issuer"),
                crls.c.shard == sa.bindparam("shard"),
                crls.c.base.is_(None),
                crls.c.published_at.is_not(None),
            )
            .order_by(crls.c.number.desc()),
        )
        self._moment = UtcDateTime().dialect_impl(dialect).result_processor(dialect, None)
        self._held = threading.local()

    @property
    def at_hand(self) -> bool:
        """Whether the books are a file on this machine: a few microseconds away, and not beyond a network."""
        return self._storage.engine.dialect.name == "sqlite"

    def issuers(self) -> tuple[Issuer, ...]:
        """Every authority that keeps these books and has a certificate."""
        with self._storage.reading() as connection:
            query = sa.select(authorities).where(authorities.c.certificate.is_not(None)).order_by(authorities.c.id)
            rows = {row.id: row for row in connection.execute(query)}
        wanted = [row for row in rows.values() if row.kind == self._books.kind]
        if self._books is CERTIFICATES:
            return tuple(_issuer(row) for row in wanted)
        return tuple(_issuer(row, certifier=_issuer(rows[row.issuer_id])) for row in wanted)

    def status(self, issuer_id: int, serial: int) -> CertificateStatus | None:
        """What holds now; None if this issuer never issued such a certificate."""
        row = self._cursor(self._status, issuer=issuer_id, number=serial_octets(serial)).fetchone()
        if row is None:
            return None
        state, at, reason, not_after = row
        end = self._utc(not_after)
        if state in (State.VALID, State.PRESUMED):
            return CertificateStatus(State.VALID, not_after=end)
        return CertificateStatus(State(state), self._utc(at), Reason(reason) if reason else None, end)

    def position(self) -> int:
        """The number of the newest event in the history of all certificates."""
        (newest,) = self._cursor(self._position).fetchone()
        return newest or 0

    def changes(self, after: int) -> tuple[int, list[tuple[int, int]]]:
        """The position now, and (issuer's id, serial number) of every event since an earlier position.

        Events are numbered in the order in which they are committed (`ca.history.advance`): none comes in between.
        """
        rows = self._cursor(self._changes, after=after).fetchall()
        position = rows[-1][0] if rows else after
        return position, [(issuer_id, int.from_bytes(serial, "big")) for _id, issuer_id, serial in rows]

    def next_crl(self, issuer_id: int) -> datetime | None:
        """nextUpdate of the CRL in force, of several that which ends first; None before the first is published."""
        (shards,) = self._cursor(self._shards, issuer=issuer_id).fetchone()
        rows = (self._cursor(self._next_crl, issuer=issuer_id, shard=shard).fetchone() for shard in range(shards))
        return min((self._utc(row[0]) for row in rows if row is not None), default=None)

    def _utc(self, value: Any) -> datetime:
        moment: Any = self._moment(value) if self._moment else value
        return cast(datetime, moment)

    def _cursor(self, prepared: "_Prepared", **given: Any) -> Any:
        dialect_error = self._storage.engine.dialect.loaded_dbapi.Error
        for attempt in (1, 2):
            try:
                return self._connection().execute(prepared.statement, prepared.values(given))
            except (dialect_error, sa.exc.DBAPIError) as error:
                # A server that was restarted has dropped the held connection; the second try opens a new one.
                self._forget()
                if attempt == 2:
                    raise YinxinError(
                        Kind.UNAVAILABLE,
                        _("the database does not answer: {reason}").format(reason=error),
                        remedy=_("check the storage setting and the database; nothing was changed"),
                    ) from error
        raise AssertionError

    def _connection(self) -> Any:
        held = getattr(self._held, "connection", None)
        if held is not None:
            return held
        pooled = self._storage.engine.raw_connection()
        connection: Any = pooled.driver_connection
        pooled.detach()  # ours for as long as the thread lives
        if self._storage.engine.dialect.name != "sqlite":
            connection.autocommit = True  # each query sees what was committed before it
        self._held.connection = connection
        return connection

    def _forget(self) -> None:
        if connection := getattr(self._held, "connection", None):
            connection.close()
        self._held.connection = None


class _Prepared:
    """A query compiled once."""

    def __init__(self, dialect: sa.Dialect, query: sa.Select[Any]) -> None:
        compiled = query.compile(dialect=dialect)
        self.statement = str(compiled)
        self._positions: Sequence[str] | None = compiled.positiontup

    def values(self, given: dict[str, Any]) -> Any:
        """Parameters as the driver takes them."""
        return given if self._positions is None else tuple(given[name] for name in self._positions)
