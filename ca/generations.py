"""The keys of one authority, one after the other: each generation is an authority of its own with the same name (DN).

The newest issues. The others sign lists, and delegate their responder, until nothing that they issued is valid.
"""

import re
from datetime import datetime

import sqlalchemy as sa

from ca.authorities import Authority, find_authority
from ca.profiles import NAME
from ca.records import authorities, certificates, profiles, successions
from core.errors import Kind, YinxinError
from core.i18n import _

_GENERATION = re.compile(r"(?P<name>.+)-g(?P<generation>[1-9][0-9]*)")


def newest_generation(connection: sa.Connection, authority: Authority) -> Authority:
    """The one that issues now, under whichever generation it was asked for."""
    while (successor := successor_of(connection, authority)) is not None:
        authority = successor
    return authority


def successor_of(connection: sa.Connection, authority: Authority) -> Authority | None:
    """The next generation, if issuance has gone over to it."""
    return _beside(connection, successions.c.successor_id, successions.c.predecessor_id == authority.id)


def predecessor_of(connection: sa.Connection, authority: Authority) -> Authority | None:
    """The generation before, if there was one."""
    return _beside(connection, successions.c.predecessor_id, successions.c.successor_id == authority.id)


def generations_of(connection: sa.Connection, authority: Authority) -> list[Authority]:
    """All of them, the oldest first."""
    while (predecessor := predecessor_of(connection, authority)) is not None:
        authority = predecessor
    line = [authority]
    while (successor := successor_of(connection, line[-1])) is not None:
        line.append(successor)
    return line


def next_name(authority: Authority) -> str:
    """What the next generation is called in the books: `NAME-g2`, `NAME-g3` …; `YinxinError` (invalid) if too long."""
    match = _GENERATION.fullmatch(authority.name)
    base, number = (match["name"], int(match["generation"])) if match else (authority.name, 1)
    name = f"{base}-g{number + 1}"
    if not NAME.fullmatch(name):
        raise YinxinError(Kind.INVALID, _("the name of the next generation would be too long"), subject=name)
    return name


def is_retired(connection: sa.Connection, authority: Authority, now: datetime) -> bool:
    """Whether another generation issues, and nothing that this one issued is valid: it publishes no lists any more.

    Certificates of its responder do not count: without it there is nothing to answer.
    """
    if successor_of(connection, authority) is None:
        return False
    living = sa.select(certificates.c.id).where(
        certificates.c.authority_id == authority.id,
        certificates.c.not_after >= now,
        certificates.c.profile_id.not_in(_responders(connection)),
    )
    return connection.scalar(living.limit(1)) is None


def _responders(connection: sa.Connection) -> list[int]:
    """The versions of profiles that are for OCSP responders."""
    from ca.activation import profile_version

    rows = connection.execute(sa.select(profiles.c.id, profiles.c.name, profiles.c.version)).all()
    return [row.id for row in rows if profile_version(connection, row.name, row.version).profile.is_responder]


def _beside(connection: sa.Connection, column: "sa.Column[int]", condition: sa.ColumnElement[bool]) -> Authority | None:
    name = connection.scalar(
        sa.select(authorities.c.name).join(successions, column == authorities.c.id).where(condition)
    )
    return find_authority(connection, name) if name is not None else None
