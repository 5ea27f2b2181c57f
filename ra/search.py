"""Finding holders' certificates: by name, unit, serial or identity number or fingerprint, by an index each.

For operators with the role of query and statistics (查询统计), and for auditors.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa

from ca.records import SERIAL_OCTETS
from core.algorithms import SHA1, SM3
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.subject import Subject
from ra import records
from ra.identities import digest_of_number
from ra.operators import Operator, OperatorSession, admit_reader
from ra.records import request_certificates as table
from ra.refusals import RefusedError, refusals_recorded
from ra.register import MAXIMUM_PAGE, PAGE
from ra.roles import CENTRE, Role
from ra.views import note_view

SEARCHERS = frozenset({Role.QUERY, Role.AUDITOR})


class By(StrEnum):
    """What is searched for."""

    NAME = "name"
    """The beginning of the holder's name (CN)."""
    UNIT = "unit"
    """The beginning of the holder's unit (O)."""
    SERIAL = "serial"
    """The serial number, decimal or hexadecimal."""
    FINGERPRINT = "fingerprint"
    """SHA-256, SM3 or SHA-1 of the certificate, hexadecimal, with colons or without."""
    IDENTITY = "identity"
    """A whole identity number of the holder, of whatever kind: resident identity number, credit code …"""


@dataclass(frozen=True)
class Found:
    """A certificate that was found."""

    id: int
    """To go on after."""
    number: str
    """Of the request."""
    authority: str
    serial: int
    holder: str
    unit: str
    expires: datetime


@dataclass(frozen=True)
class Findings:
    """Some certificates, in the order of what was searched for."""

    found: list[Found]
    next: int | None
    """The id to go on after; None at the end."""


def index_columns(certificate: bytes, subject: Subject, branch: str, not_after: datetime) -> dict[str, Any]:
    """What a certificate is found by, when it is recorded."""
    return {
        "holder": subject.common_name,
        "unit": subject.organization or "",
        "branch": branch,
        "not_after": not_after,
        "sha256": hashlib.sha256(certificate).digest(),
        "sha1": SHA1.of(certificate),
        "sm3": SM3.of(certificate),
    }


def search(
    context: Context,
    session: OperatorSession,
    by: By,
    what: str,
    *,
    expires_before: datetime | None = None,
    after: int | None = None,
    limit: int = PAGE,
) -> Findings:
    """One page of the certificates that the operator may see and that fit.

    `RefusedError` for operators without the role, `YinxinError` where `what` cannot be what is searched for.
    """
    if not 1 <= limit <= MAXIMUM_PAGE:
        raise YinxinError(Kind.INVALID, _("a page has 1 to {maximum} rows").format(maximum=MAXIMUM_PAGE))
    condition, order = _condition(context, by, what.strip())
    query = (
        sa.select(table, records.requests.c.number)
        .join(records.requests, records.requests.c.id == table.c.request_id)
        .where(condition)
        .order_by(order, table.c.id)
        .limit(limit + 1)
    )
    if expires_before is not None:
        query = query.where(table.c.not_after < expires_before)
    with (
        refusals_recorded(context, "ra.certificate.search", actor=session.name, subject=by.value),
        context.storage.reading() as connection,
    ):
        operator = admit_reader(context, connection, session)
        require_searcher(operator)
        if operator.branch != CENTRE:
            query = query.where(table.c.branch == operator.branch)
        if after is not None:
            last = connection.execute(sa.select(order, table.c.id).where(table.c.id == after)).first()
            if last is not None:
                position = sa.tuple_(sa.literal(last[0], order.type), sa.literal(last[1], table.c.id.type))
                query = query.where(sa.tuple_(order, table.c.id) > position)
        rows = connection.execute(query).all()
    found = [
        Found(row.id, row.number, row.authority, row.serial, row.holder, row.unit, row.not_after)
        for row in rows[:limit]
    ]
    digest = context.lookup_key.digest(f"{by.value}:{what.strip()}".encode()).hex() if context.lookup_key else ""
    note_view(context, session.name, "ra.certificate.search", by.value, count=len(found), what=digest)
    return Findings(found, found[-1].id if len(rows) > limit else None)


def require_searcher(operator: Operator) -> None:
    """Return if the operator may search and count; else `RefusedError`."""
    if not operator.roles & SEARCHERS:
        raise RefusedError(
            "role",
            _("operator {operator} does not have the role {role}").format(
                operator=operator.name, role=Role.QUERY.value
            ),
            remedy=_("have it done by an operator who has the role"),
        )


def _condition(context: Context, by: By, what: str) -> tuple[sa.ColumnElement[bool], sa.Column[Any]]:
    """What must hold, and the indexed column by which the findings are ordered."""
    match by:
        case By.NAME | By.UNIT:
            if not what:
                raise YinxinError(Kind.INVALID, _("search for at least one character"))
            column = table.c.holder if by is By.NAME else table.c.unit
            # No UTF-8 has the octet FF: everything that begins so lies below.
            return sa.and_(column >= what, column < sa.literal(what.encode() + b"\xff", sa.LargeBinary)), column
        case By.SERIAL:
            return table.c.serial.in_(_serials(what)), table.c.serial
        case By.FINGERPRINT:
            digest = _octets(what)
            if len(digest) == SHA1.size:
                return table.c.sha1 == digest, table.c.sha1
            return sa.or_(table.c.sha256 == digest, table.c.sm3 == digest), table.c.sha256
        case By.IDENTITY:
            numbers = records.certificate_identities
            holders = sa.select(numbers.c.certificate_id).where(numbers.c.digest == digest_of_number(context, what))
            return table.c.id.in_(holders), table.c.id


def _serials(what: str) -> list[int]:
    """A number of digits alone may be meant either way."""
    text = what.lower().replace(":", "").replace(" ", "").removeprefix("0x")
    numbers = set()
    for base in (10, 16):
        try:
            numbers.add(int(text, base))
        except ValueError:
            continue
    fitting = sorted(number for number in numbers if 0 < number < 1 << 8 * SERIAL_OCTETS)
    if not fitting or "_" in text:
        raise YinxinError(Kind.INVALID, _("not a serial number, decimal or hexadecimal"), subject=what)
    return fitting


def _octets(what: str) -> bytes:
    try:
        digest = bytes.fromhex(what.replace(":", ""))
    except ValueError:
        digest = b""
    if len(digest) not in (SM3.size, SHA1.size):
        raise YinxinError(
            Kind.INVALID, _("not a fingerprint: 64 hexadecimal digits (SHA-256, SM3) or 40 (SHA-1)"), subject=what
        )
    return digest
