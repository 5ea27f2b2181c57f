"""What an order to revoke many certificates says: the reason and the exact list, as they stand in the books."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

import rfc8785
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ca.records import authorities, events
from ca.state import Reason
from ca.state import State as CertificateState
from core.algorithms import SM3
from core.certificates import serial_text
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from ra import records
from ra.applications import Label
from ra.operators import OperatorSession, find_operator
from ra.refusals import RefusedError
from ra.roles import CENTRE

MAXIMUM = 20_000
"""Certificates in one order: what a transaction does in some seconds."""
CHUNK = 500
"""Rows in one statement; databases limit its parameters."""


class Named(BaseModel):
    """One certificate of an order."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    authority: Label
    serial: Annotated[str, Field(pattern="^([0-9a-f]{2}){1,20}$")]
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    """SM3 of the certificate."""


class RevocationOrder(BaseModel):
    """What is signed about: the reason and every single certificate."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    branch: Annotated[str, Field(max_length=64)] = CENTRE
    reason: Reason
    certificates: Annotated[tuple[Named, ...], Field(min_length=1, max_length=MAXIMUM)]

    def canonical(self) -> bytes:
        """The bytes that are stored."""
        return rfc8785.dumps(self.model_dump(mode="json"))


@dataclass(frozen=True)
class Line:
    """One certificate of an order, as it stands now."""

    authority: str
    serial: int
    holder: str
    unit: str
    state: CertificateState | None


def draw_up(
    context: Context, session: OperatorSession, reason: Reason, certificates: Iterable[tuple[str, int]]
) -> tuple[RevocationOrder, list[Line]]:
    """The order to revoke these certificates, those left out that are revoked already, and a line for each.

    Nothing is written. `YinxinError` (not found) for what is no holder's certificate, `RefusedError` for another
    branch's.
    """
    wanted = list(dict.fromkeys(certificates))
    if len(wanted) > MAXIMUM:
        raise YinxinError(
            Kind.INVALID,
            _("an order has at most {maximum} certificates, this one {count}").format(
                maximum=MAXIMUM, count=len(wanted)
            ),
            remedy=_("divide it"),
        )
    with context.storage.reading() as connection:
        branch = find_operator(connection, session.name).branch
        found = stored_certificates(connection, wanted)
    require_all(wanted, found, branch)
    lines = [found[key].line for key in sorted(found) if found[key].line.state is not CertificateState.REVOKED]
    if not lines:
        raise YinxinError(
            Kind.NOT_FOUND, _("no certificate to be revoked"), remedy=_("check the list; the rest is revoked already")
        )
    named = tuple(
        Named(
            authority=line.authority,
            serial=serial_text(line.serial),
            digest=SM3.of(found[line.authority, line.serial].certificate).hex(),
        )
        for line in lines
    )
    return RevocationOrder(branch=branch, reason=reason, certificates=named), lines


def parse_order(content: bytes) -> RevocationOrder:
    """Read a stored order; `YinxinError` if it is none."""
    try:
        return RevocationOrder.model_validate(json.loads(content))
    except (ValidationError, ValueError):
        raise YinxinError(Kind.INVALID, _("the order cannot be read")) from None


@dataclass(frozen=True)
class StoredCertificate:
    """A holder's certificate, and whose it is."""

    certificate: bytes
    branch: str
    line: Line


def stored_certificates(
    connection: sa.Connection, wanted: Sequence[tuple[str, int]]
) -> dict[tuple[str, int], StoredCertificate]:
    """The holders' certificates of these numbers."""
    table, requests = records.request_certificates, records.requests
    latest = sa.select(events.c.state).where(
        events.c.authority_id == authorities.c.id, events.c.serial == table.c.serial
    )
    state = latest.order_by(events.c.sequence.desc()).limit(1).scalar_subquery()
    query = (
        sa.select(table, requests.c.content, state.label("state"))
        .join(requests, requests.c.id == table.c.request_id)
        .join(authorities, authorities.c.name == table.c.authority)
    )
    keys = set(wanted)
    found = {}
    for chunk in chunks([serial for _authority, serial in wanted]):
        for row in connection.execute(query.where(table.c.serial.in_(chunk))):
            if (row.authority, row.serial) in keys:
                line = Line(
                    row.authority,
                    row.serial,
                    row.holder or "",
                    row.unit or "",
                    CertificateState(row.state) if row.state else None,
                )
                branch = json.loads(row.content).get("branch", CENTRE)
                found[row.authority, row.serial] = StoredCertificate(bytes(row.certificate), branch, line)
    return found


def require_all(
    wanted: Sequence[tuple[str, int]], found: dict[tuple[str, int], StoredCertificate], branch: str
) -> None:
    """`YinxinError` (not found) unless all are there, `RefusedError` if one is another branch's."""
    missing = [f"{authority}/{serial_text(serial)}" for authority, serial in wanted if (authority, serial) not in found]
    if missing:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no certificate of this number was issued here for a holder"),
            subject=", ".join(missing[:5]),
            remedy=_("check the serial number and the authority"),
        )
    foreign = [one.line for one in found.values() if one.branch != branch]
    if foreign:
        raise RefusedError(
            "other-branch",
            _("this is another branch's"),
            subject=f"{foreign[0].authority}/{serial_text(foreign[0].serial)}",
            remedy=_("have it done by an operator of that branch"),
        )


def require_unchanged(order: RevocationOrder, found: dict[tuple[str, int], StoredCertificate], number: str) -> None:
    """`RefusedError` if a certificate is not the one that the order is about."""
    for one in order.certificates:
        if SM3.of(found[one.authority, int(one.serial, 16)].certificate).hex() != one.digest:
            raise RefusedError("other-content", _("the order is about another certificate"), subject=number)


def chunks(serials: Sequence[int]) -> Iterator[Sequence[int]]:
    """Pieces that fit into one statement."""
    for start in range(0, len(serials), CHUNK):
        yield serials[start : start + CHUNK]
