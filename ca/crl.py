"""Certificate revocation lists (RFC 5280 5): written from the books, numbered without a step back, published once.

The number is reserved in the transaction that reads the entries: a list with a higher number never knows less. A list
is published only while none with a higher number is.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from ca.authorities import Authority, authority_of, list_authorities
from ca.books import AuthorityKind, Books, books_of
from ca.certificate import AUTHORITY_KEY_IDENTIFIER, IssuerFacts, extension, key_identifier
from ca.history import latest_event
from ca.lint.crl import CrlFacts, lint_crl
from ca.records import authorities, crls
from ca.signing import AuthorityKey
from ca.state import Reason, State
from core.asn1 import der
from core.audit import Event
from core.config import CaSettings
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.store import KeyStore

CRL_NUMBER, REASON_CODE, ISSUING_DISTRIBUTION_POINT = "2.5.29.20", "2.5.29.21", "2.5.29.28"
# onlyContainsAttributeCerts (5.2.5): a reader who does not know it must not look for certificates here.
ONLY_ATTRIBUTES = extension(ISSUING_DISTRIBUTION_POINT, der.sequence(der.implicit(5, der.TRUE)), critical=True)


@dataclass(frozen=True)
class Revoked:
    """One entry."""

    serial: int
    at: datetime
    reason: Reason


@dataclass(frozen=True)
class PublishedCrl:
    """A list as it was published."""

    number: int
    this_update: datetime
    next_update: datetime
    entries: int
    crl: bytes
    """DER."""


# An entry's extensions depend on its reason alone; unspecified is said by leaving it out (5.3.1).
_REASON_EXTENSIONS = {
    reason: der.sequence(extension(REASON_CODE, der.enumerated(reason.code)))
    if reason is not Reason.UNSPECIFIED
    else b""
    for reason in Reason
}


def tbs_cert_list(
    issuer: IssuerFacts,
    number: int,
    this_update: datetime,
    next_update: datetime,
    entries: Iterable[Revoked],
    *,
    attributes: bool = False,
) -> bytes:
    """TBSCertList version 2, of attribute certificates if told so. The entries may come as a stream."""
    revoked = b"".join(_entries(entries))
    authority_key = der.sequence(der.implicit(0, der.octet_string(key_identifier(issuer.public_key_info))))
    return der.sequence(
        der.integer(1),
        issuer.algorithm.identifier,
        issuer.subject,
        der.time(this_update),
        der.time(next_update),
        der.sequence(revoked) if revoked else b"",  # 5.1.2.6: absent when nothing is revoked
        der.explicit(
            0,
            der.sequence(
                extension(AUTHORITY_KEY_IDENTIFIER, authority_key),
                extension(CRL_NUMBER, der.integer(number)),
                ONLY_ATTRIBUTES if attributes else b"",
            ),
        ),
    )


def _entries(entries: Iterable[Revoked]) -> Iterator[bytes]:
    for entry in entries:
        yield der.sequence(der.integer(entry.serial), der.time(entry.at), _REASON_EXTENSIONS[entry.reason])


def publish(context: Context, keys: KeyStore, authority: str, hours: int, *, actor: str = "system") -> bytes:
    """Sign and publish a new list (DER) that holds for so many hours.

    `YinxinError` (conflict) if a newer one was published meanwhile: then that one counts.
    """
    with context.storage.reading() as connection:
        issuer = authority_of(connection, authority)
    key = AuthorityKey(issuer, keys)
    this_update = context.clock.now().replace(microsecond=0)
    next_update = this_update + timedelta(hours=hours)
    _require_time_left(issuer, this_update)
    with context.storage.transaction() as connection:
        number = _reserve(connection, issuer, this_update, next_update)
        horizon = _horizon(connection, issuer.id, this_update)
        revoked = list(_revoked(connection, issuer.id, horizon, books_of(issuer.kind)))
    attributes = issuer.kind is AuthorityKind.ATTRIBUTES
    tbs = tbs_cert_list(issuer, number, this_update, next_update, revoked, attributes=attributes)
    facts = CrlFacts(number, this_update, next_update, frozenset(entry.serial for entry in revoked), attributes)
    crl = key.sign(lint_crl(tbs, issuer, facts, context.clock.now()))
    with context.storage.transaction() as connection:
        _publish(connection, issuer, number, crl, len(revoked))
        details = {"number": number, "entries": len(revoked), "until": next_update.isoformat()}
        context.audit.append(connection, Event("ca.crl.publish", actor, authority, details))
    return crl


def hours_of(settings: CaSettings, authority: Authority) -> int:
    """How long the lists of this authority hold: a root revokes seldom, and its key is not at hand every day."""
    return settings.root_crl_hours if authority.issuer_id is None else settings.crl_hours


def due(context: Context) -> list[Authority]:
    """The authorities that need a new list: none was published, or half of its time has gone."""
    now = context.clock.now()
    return [authority for authority in list_authorities(context.storage) if _is_due(context, authority.name, now)]


def _is_due(context: Context, authority: str, now: datetime) -> bool:
    try:
        published = latest_published(context, authority)
    except YinxinError as error:
        if error.kind is Kind.NOT_FOUND:
            return True
        raise
    return now - published.this_update >= (published.next_update - published.this_update) / 2


def latest(context: Context, authority: str) -> bytes:
    """The list in force, DER. `YinxinError` (not found) if none was published."""
    return latest_published(context, authority).crl


def latest_published(context: Context, authority: str) -> PublishedCrl:
    """The list in force, with its facts. `YinxinError` (not found) if none was published."""
    with context.storage.reading() as connection:
        issuer = authority_of(connection, authority)
        row = connection.execute(
            sa.select(crls)
            .where(crls.c.authority_id == issuer.id, crls.c.crl.is_not(None))
            .order_by(crls.c.number.desc())
            .limit(1)
        ).one_or_none()
    if row is None:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no CRL was published yet"),
            subject=authority,
            remedy=_("run: yinxin ca crl publish {authority}").format(authority=authority),
        )
    return PublishedCrl(row.number, row.this_update, row.next_update, row.entries, row.crl)


def _require_time_left(issuer: Authority, now: datetime) -> None:
    end = issuer.limits.not_after
    if end and now > end:
        raise YinxinError(
            Kind.CONFLICT,
            _("the authority {authority} expired on {day}").format(authority=issuer.name, day=end.date()),
            subject=issuer.name,
        )


def _reserve(connection: sa.Connection, issuer: Authority, this_update: datetime, next_update: datetime) -> int:
    # One reservation at a time for each authority; SQLite's write transactions are so by themselves.
    connection.execute(sa.select(authorities.c.id).where(authorities.c.id == issuer.id).with_for_update())
    highest = connection.execute(
        sa.select(crls.c.number, crls.c.this_update)
        .where(crls.c.authority_id == issuer.id)
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
    number: int = highest.number + 1 if highest else 1
    connection.execute(
        sa.insert(crls).values(
            authority_id=issuer.id, number=number, this_update=this_update, next_update=next_update, entries=0
        )
    )
    return number


def _horizon(connection: sa.Connection, authority_id: int, this_update: datetime) -> datetime:
    """What expired before this need not be listed: an entry stays for one list after its certificate's expiry (3.3)."""
    last = connection.scalar(
        sa.select(sa.func.max(crls.c.this_update)).where(crls.c.authority_id == authority_id, crls.c.crl.is_not(None))
    )
    return min(last, this_update) if last else this_update


def _revoked(connection: sa.Connection, authority_id: int, horizon: datetime, books: Books) -> Iterator[Revoked]:
    certificates, events = books.issued, books.events
    rows = connection.execution_options(yield_per=10_000).execute(
        sa.select(events.c.serial, events.c.at, events.c.reason)
        .join(
            certificates,
            sa.and_(certificates.c.authority_id == events.c.authority_id, certificates.c.serial == events.c.serial),
        )
        .where(
            events.c.authority_id == authority_id,
            events.c.state.in_([State.HELD.value, State.REVOKED.value]),
            certificates.c.not_after >= horizon,
            latest_event(books),
        )
        .order_by(events.c.serial)
    )
    for row in rows:
        yield Revoked(row.serial, row.at, Reason(row.reason))


def _publish(connection: sa.Connection, issuer: Authority, number: int, crl: bytes, entries: int) -> None:
    newer = crls.alias("newer")
    published = connection.execute(
        sa.update(crls)
        .where(
            crls.c.authority_id == issuer.id,
            crls.c.number == number,
            crls.c.crl.is_(None),
            ~sa.exists().where(newer.c.authority_id == issuer.id, newer.c.number > number, newer.c.crl.is_not(None)),
        )
        .values(crl=crl, entries=entries)
    )
    if published.rowcount != 1:
        raise YinxinError(
            Kind.CONFLICT,
            _("a newer CRL than number {number} was published meanwhile").format(number=number),
            subject=issuer.name,
            remedy=_("that one counts; there is nothing to do"),
        )
