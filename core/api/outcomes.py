"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header): what was answered once is answered again.

A key is its caller's own, and belongs to one request: method, address and body. While that is carried out, another
with the key is told so; what a crash left half done may be asked for again after a time.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa
from werkzeug.exceptions import UnprocessableEntity
from werkzeug.wrappers import Request, Response

from core.algorithms import SM3
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.storage import BigId, UtcDateTime, metadata

table = sa.Table(
    "http_outcomes",
    metadata,
    # By idempotency key: what was asked, and what was answered. No status: somebody is at it.
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("service", sa.String(16), nullable=False),
    sa.Column("caller", sa.String(128), nullable=False),
    sa.Column("key", sa.String(255), nullable=False),
    # SM3 of method, path and body.
    sa.Column("asked", sa.LargeBinary(32), nullable=False),
    sa.Column("at", UtcDateTime, nullable=False, index=True),
    sa.Column("status", sa.Integer, nullable=True),
    sa.Column("content_type", sa.String(64), nullable=True),
    sa.Column("body", sa.LargeBinary, nullable=True),
    sa.UniqueConstraint("service", "caller", "key"),
)

HEADER = "Idempotency-Key"
KEPT = timedelta(days=1)
ABANDONED = timedelta(minutes=5)
"""Nothing takes so long: whoever was at it has died."""
_MAXIMUM_LENGTH = 255


@dataclass(frozen=True)
class Caller:
    """Whose keys they are."""

    service: str
    """The interface, so that callers of the same name do not meet: `ra`, `seals`."""
    name: str


@dataclass
class Outcome:
    """The answer to be kept under a key."""

    caller: Caller
    key: str
    handed_over: bool = False

    def keep(self, connection: sa.Connection, response: Response) -> None:
        """Keep it in the transaction of what it tells of: whatever dies afterwards, that is not done twice."""
        outcome = {"status": response.status_code, "content_type": response.content_type, "body": response.get_data()}
        connection.execute(sa.update(table).where(*_of(self.caller, self.key)).values(outcome))
        self.handed_over = True


def once(
    context: Context, caller: Caller, request: Request, body: bytes, answer: Callable[[Outcome | None], Response]
) -> Response:
    """The answer, or that which was given to the same request before. `answer` gives problem documents too.

    It may keep its own success; else it is kept here, afterwards.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return answer(None)
    if not 0 < len(key) <= _MAXIMUM_LENGTH or not key.isprintable():
        raise YinxinError(Kind.INVALID, _("the idempotency key is empty or too long"), subject=HEADER)
    asked = SM3.of(b"\0".join((request.method.encode(), request.full_path.encode(), body)))
    if kept := _begin(context, caller, key, asked):
        return kept
    outcome = Outcome(caller, key)
    try:
        response = answer(outcome)
    except BaseException:
        _forget(context, caller, key)
        raise
    if response.status_code >= 500:
        _forget(context, caller, key)
        return response
    if not (outcome.handed_over and response.status_code < 400):
        with context.storage.transaction() as connection:
            outcome.keep(connection, response)
    return response


def _begin(context: Context, caller: Caller, key: str, asked: bytes) -> Response | None:
    """Take the key, or give the answer that is kept under it."""
    now = context.clock.now()
    taken = {"service": caller.service, "caller": caller.name, "key": key, "asked": asked, "at": now}
    with context.storage.transaction() as connection:
        connection.execute(sa.delete(table).where(table.c.at < now - KEPT))
        connection.execute(sa.delete(table).where(table.c.status.is_(None), table.c.at < now - ABANDONED))
    try:
        with context.storage.transaction() as connection:
            connection.execute(sa.insert(table).values(taken))
            return None
    except sa.exc.IntegrityError:
        with context.storage.reading() as connection:
            row = connection.execute(sa.select(table).where(*_of(caller, key))).first()
    if row is not None and row.asked != asked:
        raise UnprocessableEntity(_("The idempotency key was used for another request."))
    if row is None or row.status is None:
        raise YinxinError(
            Kind.CONFLICT,
            _("the same request is being carried out at this moment"),
            subject=key,
            remedy=_("ask again in a moment"),
        )
    return Response(row.body, row.status, content_type=row.content_type)


def _forget(context: Context, caller: Caller, key: str) -> None:
    with context.storage.transaction() as connection:
        # What was kept with its act stays.
        connection.execute(sa.delete(table).where(*_of(caller, key), table.c.status.is_(None)))


def _of(caller: Caller, key: str) -> tuple[sa.ColumnElement[bool], ...]:
    return table.c.service == caller.service, table.c.caller == caller.name, table.c.key == key
