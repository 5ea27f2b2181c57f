"""Making a list: its number reserved with the event up to which it knows, its entries streamed, signed and kept.

Events are numbered in the order of their commits (`ca.history`), and numbers of lists are given one at a time: so a
list knows every event up to its last, and a list with a higher number never knows less.
"""

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from ca.authorities import Authority
from ca.books import AuthorityKind, books_of
from ca.crl.entries import Selection
from ca.crl.keeping import keep
from ca.crl.writing import CrlFacts, Draft, Scope, draft
from ca.lint.crl import lint_crl
from ca.records import authorities, crls
from ca.signing import AuthorityKey
from core.asn1 import der
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _


@dataclass(frozen=True)
class Terms:
    """How long lists hold, and what stays on them."""

    hours: int
    """Of a full list."""
    delta_hours: int = 1
    keeps_expired: bool = False
    """Certificates that expired stay on the lists (X.509 expiredCertsOnCRL)."""


@dataclass(frozen=True)
class Reserved:
    """A list that has a number, and is not in force."""

    id: int
    issuer: Authority
    shard: int
    facts: CrlFacts
    selection: Selection


def reserve(
    connection: sa.Connection, issuer: Authority, shard: int, terms: Terms, now: datetime, *, full: bool
) -> list[Reserved]:
    """The next number, for a delta and, if asked, the full list of the same moment (RFC 5280 5.2.3)."""
    # One reservation at a time for each authority; SQLite's write transactions are so by themselves.
    row = sa.select(authorities.c.id).where(authorities.c.id == issuer.id)
    connection.execute(row.with_for_update(key_share=True))
    this_update = now.replace(microsecond=0)
    number = _next_number(connection, issuer, shard, this_update)
    books = books_of(issuer.kind)
    last_event = connection.scalar(sa.select(sa.func.max(books.events.c.id))) or 0
    horizon = None if terms.keeps_expired else _horizon(connection, issuer.id, shard, this_update)
    reserved = []
    if full:
        until = this_update + timedelta(hours=terms.hours)
        facts = facts_of(issuer, shard, number, this_update, until, None, keeps_expired=terms.keeps_expired)
        reserved.append(
            _enter(connection, issuer, shard, facts, Selection(issuer.id, shard, last_event, None, horizon, books))
        )
    if issuer.distribution.deltas:
        base, after = _base(connection, issuer.id, shard, this_update) or (number, last_event)
        until = this_update + timedelta(hours=terms.delta_hours)
        facts = facts_of(issuer, shard, number, this_update, until, base, keeps_expired=terms.keeps_expired)
        reserved.append(
            _enter(connection, issuer, shard, facts, Selection(issuer.id, shard, last_event, after, horizon, books))
        )
    return reserved


def facts_of(
    issuer: Authority,
    shard: int,
    number: int,
    this_update: datetime,
    next_update: datetime,
    base: int | None,
    *,
    keeps_expired: bool,
) -> CrlFacts:
    """What a list of this authority says."""
    split = issuer.distribution
    return CrlFacts(
        number,
        this_update,
        next_update,
        Scope(
            split.location(issuer.name, shard) if split.shards > 1 else "",
            attributes=issuer.kind is AuthorityKind.ATTRIBUTES,
        ),
        base,
        split.location(issuer.name, shard, delta=True) if split.deltas and base is None else "",
        issuer.limits.not_before if keeps_expired else None,
    )


def make(context: Context, key: AuthorityKey, reserved: Reserved) -> None:
    """Write, lint, sign and keep the list. It is not in force before `ca.crl.publisher` has looked at it."""
    with tempfile.TemporaryFile() as file:
        with context.storage.reading() as connection:
            written = draft(reserved.issuer, reserved.facts, reserved.selection.entries(connection), file)
        token = lint_crl(written.chunks, reserved.issuer, reserved.facts, written.entries, context.clock.now())
        signature = key.sign_list(token, written.chunks())
        kept = keep(context.storage, reserved.id, assembled(reserved.issuer, written, signature))
    with context.storage.transaction() as connection:
        connection.execute(
            sa.update(crls)
            .where(crls.c.id == reserved.id)
            .values(entries=written.entries, size=kept.size, packed_size=kept.packed_size, digest=kept.digest)
        )


def assembled(issuer: Authority, written: Draft, signature: bytes) -> Iterator[bytes]:
    """CertificateList, piece by piece."""
    tail = issuer.algorithm.identifier + der.bit_string(signature)
    yield der.header(der.SEQUENCE, written.size + len(tail))
    yield from written.chunks()
    yield tail


def _next_number(connection: sa.Connection, issuer: Authority, shard: int, this_update: datetime) -> int:
    highest = connection.execute(
        sa.select(crls.c.number, crls.c.this_update)
        .where(crls.c.authority_id == issuer.id, crls.c.shard == shard)
        .order_by(crls.c.number.desc())
        .limit(1)
    ).one_or_none()
    if highest and highest.this_update > this_update:
        raise YinxinError(
            Kind.CONFLICT,
            _("the clock is behind the last CRL, of {moment}").format(moment=highest.this_update.isoformat()),
            subject=issuer.name,
            remedy=_("correct the clock"),
        )
    return highest.number + 1 if highest else 1


def _enter(connection: sa.Connection, issuer: Authority, shard: int, facts: CrlFacts, selection: Selection) -> Reserved:
    number = connection.scalar(
        sa.insert(crls)
        .values(
            authority_id=issuer.id,
            shard=shard,
            number=facts.number,
            base=facts.base,
            last_event=selection.last_event,
            this_update=facts.this_update,
            next_update=facts.next_update,
            entries=0,
            size=0,
            packed_size=0,
        )
        .returning(crls.c.id)
    )
    assert number is not None  # noqa: S101 - the database gives every row one
    return Reserved(number, issuer, shard, facts, selection)


def _horizon(connection: sa.Connection, authority_id: int, shard: int, this_update: datetime) -> datetime:
    """What expired before this need not be listed: an entry stays for one list after its certificate's expiry (3.3)."""
    last = connection.scalar(sa.select(sa.func.max(crls.c.this_update)).where(*full_in_force(authority_id, shard)))
    return min(last, this_update) if last else this_update


def _base(connection: sa.Connection, authority_id: int, shard: int, now: datetime) -> tuple[int, int] | None:
    """Number and last event of the oldest full list that still holds: whoever has any that holds can go on from it."""
    row = connection.execute(
        sa.select(crls.c.number, crls.c.last_event)
        .where(*full_in_force(authority_id, shard), crls.c.next_update >= now)
        .order_by(crls.c.number)
        .limit(1)
    ).one_or_none()
    return (row.number, row.last_event) if row else None


def full_in_force(authority_id: int, shard: int) -> tuple[sa.ColumnElement[bool], ...]:
    """The full lists that were published."""
    return (
        crls.c.authority_id == authority_id,
        crls.c.shard == shard,
        crls.c.base.is_(None),
        crls.c.published_at.is_not(None),
    )
