"""Requests for attribute certificates, for reading by those who may see them."""

from dataclasses import dataclass

import sqlalchemy as sa

from core.certificates import serial_text
from core.context import Context
from ra.applications import digest_of
from ra.attribute_applications import parse_attribute_application
from ra.attribute_records import attribute_requests
from ra.moves import State
from ra.operators import OperatorSession, admit_reader
from ra.refusals import refusals_recorded
from ra.roles import CENTRE
from ra.views import note_view


@dataclass(frozen=True)
class AttributeEntry:
    """A request in a list; what counts is decided from its dossier."""

    number: str
    state: str
    authority: str
    holder: str
    """`AUTHORITY/SERIAL` of the holder's certificate."""
    attributes: dict[str, object]
    terms: str
    hours: int
    digest: str
    serial: str | None
    """Of the attribute certificate, once it is issued."""


def list_attribute_requests(
    context: Context, session: OperatorSession, *, state: State | None = None, limit: int = 100
) -> list[AttributeEntry]:
    """The newest requests in the operator's sight: the centre sees all, a branch its own."""
    with (
        refusals_recorded(context, "ra.attribute.list", actor=session.name, subject=session.name),
        context.storage.reading() as connection,
    ):
        operator = admit_reader(context, connection, session)
        query = sa.select(attribute_requests).order_by(attribute_requests.c.id.desc()).limit(limit)
        if operator.branch != CENTRE:
            query = query.where(attribute_requests.c.branch == operator.branch)
        if state is not None:
            query = query.where(attribute_requests.c.state == state.value)
        found = [_entry(row) for row in connection.execute(query)]
    note_view(context, session.name, "ra.attribute.list", "attributes", count=len(found))
    return found


def _entry(row: sa.Row[tuple[object, ...]]) -> AttributeEntry:
    application = parse_attribute_application(row.content)
    return AttributeEntry(
        row.number,
        row.state,
        application.authority,
        f"{application.holder_authority}/{application.holder_serial}",
        application.attributes.model_dump(exclude_defaults=True),
        application.terms.value,
        application.hours,
        digest_of(row.content),
        None if row.serial is None else serial_text(row.serial),
    )
