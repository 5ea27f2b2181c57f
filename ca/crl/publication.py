"""Which lists are in force, which are due, and the verb that publishes.

What is due follows from the books alone: a list of which half the time has gone, or a revocation after a compromise
that the list in force does not know. So nothing has to be remembered, and a crash forgets nothing.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ca.authorities import Authority, authority_of, list_authorities
from ca.books import books_of
from ca.crl.entries import in_shard
from ca.crl.issue import Terms, full_in_force, make, reserve
from ca.crl.keeping import pieces_of
from ca.crl.publisher import name_of, put_in_force
from ca.generations import is_retired
from ca.records import crls
from ca.signing import AuthorityKey
from ca.state import Reason
from core.audit import Event
from core.config import CaSettings
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.store import KeyStore

URGENT = (Reason.KEY_COMPROMISE, Reason.CA_COMPROMISE, Reason.AA_COMPROMISE)
"""A revocation for these reasons is published at once."""


@dataclass(frozen=True)
class PublishedCrl:
    """A list as it was published."""

    id: int
    authority: str
    name: str
    """In addresses: `NAME.crl`, `NAME/3.crl`, `NAME/3-delta.crl`."""
    shard: int
    number: int
    base: int | None
    """BaseCRLNumber of a delta; None: a full list."""
    last_event: int
    this_update: datetime
    next_update: datetime
    published_at: datetime
    entries: int
    size: int
    """Octets."""
    packed_size: int
    """Octets when compressed by gzip."""
    digest: bytes
    """SHA-256."""


@dataclass(frozen=True)
class Due:
    """A list that must be published again."""

    authority: Authority
    shard: int
    full: bool
    """The full list (and its delta, if there are deltas), or only the delta."""


def terms_of(settings: CaSettings, authority: Authority, hours: int | None = None) -> Terms:
    """How long the lists of this authority hold: a root revokes seldom, and its key is not at hand every day."""
    usual = settings.root_crl_hours if authority.issuer_id is None else settings.crl_hours
    return Terms(hours or usual, settings.crl_delta_hours, settings.crl_keeps_expired)


def publish(
    context: Context,
    keys: KeyStore,
    authority: str,
    terms: Terms | int,
    *,
    shards: Sequence[int] | None = None,
    full: bool = True,
    actor: str = "system",
) -> list[PublishedCrl]:
    """Sign and publish new lists, of all shards unless told which: full ones and deltas, or deltas alone.

    `terms` may be the hours that a full list holds. `YinxinError` (conflict) if a newer one was published meanwhile:
    then that one counts.
    """
    terms = Terms(terms) if isinstance(terms, int) else terms
    with context.storage.reading() as connection:
        issuer = authority_of(connection, authority)
    key = AuthorityKey(issuer, keys)
    _require_time_left(issuer, context.clock.now())
    published = []
    for shard in range(issuer.distribution.shards) if shards is None else shards:
        with context.storage.transaction() as connection:
            reserved = reserve(connection, issuer, shard, terms, context.clock.now(), full=full)
            number, names = reserved[0].facts.number, [name_of(one) for one in reserved]
            details = {"shard": shard, "number": number, "lists": names}
            context.audit.append(connection, Event("ca.crl.reserve", actor, issuer.name, details))
        for one in reserved:
            make(context, key, one)
            put_in_force(context, one, actor=actor)
            published.append(_in_force(context, issuer, shard, delta=one.facts.base is not None))
    return [one for one in published if one]


def publish_due(
    context: Context, keys: KeyStore, settings: CaSettings, *, only: str | None = None, actor: str = "system"
) -> Iterator[PublishedCrl | YinxinError]:
    """Publish what is due (of one authority, or of all); one that cannot be published does not hold up the others."""
    for one in due(context):
        if only is not None and one.authority.name != only:
            continue
        terms = terms_of(settings, one.authority)
        try:
            yield from publish(
                context, keys, one.authority.name, terms, shards=(one.shard,), full=one.full, actor=actor
            )
        except YinxinError as error:
            yield error


def due(context: Context) -> list[Due]:
    """The lists that are needed anew.

    An authority that has expired, was followed by another key with nothing left of it, or signs elsewhere, needs none.
    """
    now = context.clock.now()
    found = []
    for authority in list_authorities(context.storage):
        if not authority.key_is_here or (authority.limits.not_after and now > authority.limits.not_after):
            continue
        with context.storage.reading() as connection:
            if is_retired(connection, authority, now):
                continue
        for shard in range(authority.distribution.shards):
            full = _in_force(context, authority, shard)
            if full is None or _half_gone(full, now) or _urgent(context, authority, full):
                found.append(Due(authority, shard, full=True))
            elif authority.distribution.deltas:
                delta = _in_force(context, authority, shard, delta=True)
                if delta is None or _half_gone(delta, now):
                    found.append(Due(authority, shard, full=False))
    return found


def _half_gone(published: PublishedCrl, now: datetime) -> bool:
    return now - published.this_update >= (published.next_update - published.this_update) / 2


def _urgent(context: Context, authority: Authority, published: PublishedCrl) -> bool:
    books = books_of(authority.kind)
    issued, events = books.issued, books.events
    with context.storage.reading() as connection:
        found = connection.scalar(
            sa.select(events.c.id)
            .join(issued, (issued.c.authority_id == events.c.authority_id) & (issued.c.serial == events.c.serial))
            .where(
                events.c.authority_id == authority.id,
                events.c.id > published.last_event,
                events.c.reason.in_([reason.value for reason in URGENT]),
                in_shard(books, published.shard),
            )
            .limit(1)
        )
    return found is not None


def lists_in_force(context: Context, authority: Authority) -> Iterator[PublishedCrl]:
    """The full list and the delta of every shard, as far as there are any."""
    for shard in range(authority.distribution.shards):
        for delta in (False, True):
            if one := _in_force(context, authority, shard, delta=delta):
                yield one


def latest(context: Context, authority: str, *, shard: int = 0, delta: bool = False) -> bytes:
    """The list in force, DER, whole in memory. `YinxinError` (not found) if none was published."""
    return b"".join(pieces_of(context.storage, latest_published(context, authority, shard=shard, delta=delta).id))


def latest_published(context: Context, authority: str, *, shard: int = 0, delta: bool = False) -> PublishedCrl:
    """The facts of the list in force. `YinxinError` (not found) if none was published."""
    with context.storage.reading() as connection:
        issuer = authority_of(connection, authority)
    published = _in_force(context, issuer, shard, delta=delta)
    if published is None:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no CRL was published yet"),
            subject=issuer.distribution.name(authority, shard, delta=delta),
            remedy=_("run: yinxin ca crl publish {authority}").format(authority=authority),
        )
    return published


def _in_force(context: Context, issuer: Authority, shard: int, *, delta: bool = False) -> PublishedCrl | None:
    of_the_shard = (crls.c.authority_id == issuer.id, crls.c.shard == shard)
    published = (
        (*of_the_shard, crls.c.base.is_not(None), crls.c.published_at.is_not(None))
        if delta
        else full_in_force(issuer.id, shard)
    )
    with context.storage.reading() as connection:
        row = connection.execute(
            sa.select(crls).where(*published).order_by(crls.c.number.desc()).limit(1)
        ).one_or_none()
    if row is None:
        return None
    return PublishedCrl(
        id=row.id,
        authority=issuer.name,
        name=issuer.distribution.name(issuer.name, shard, delta=delta),
        shard=row.shard,
        number=row.number,
        base=row.base,
        last_event=row.last_event,
        this_update=row.this_update,
        next_update=row.next_update,
        published_at=row.published_at,
        entries=row.entries,
        size=row.size,
        packed_size=row.packed_size,
        digest=row.digest,
    )


def _require_time_left(issuer: Authority, now: datetime) -> None:
    end = issuer.limits.not_after
    if end and now > end:
        raise YinxinError(
            Kind.CONFLICT,
            _("the authority {authority} expired on {day}").format(authority=issuer.name, day=end.date()),
            subject=issuer.name,
        )
