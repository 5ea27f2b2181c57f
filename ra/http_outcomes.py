"""Idempotency keys (draft-ietf-httpapi-idempotency-key-header): what was answered once is answered again.

A key is an operator's own, and belongs to one request: method, address and body. While that is carried out, another
with the key is told so; what a crash left half done may be asked for again after a time, which does no harm, because
every statement moves something once only.
"""

from collections.abc import Callable
from datetime import timedelta

import sqlalchemy as sa
from werkzeug.exceptions import UnprocessableEntity
from werkzeug.wrappers import Request, Response

from core.algorithms import SM3
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from ra.records import http_outcomes as table

HEADER = "Idempotency-Key"
KEPT = timedelta(days=1)
ABANDONED = timedelta(minutes=5)
"""Nothing takes so long: whoever was at it has died."""
_MAXIMUM_LENGTH = 255


def once(context: Context, operator: str, request: Request, body: bytes, answer: Callable[[], Response]) -> Response:
    """The answer, or that which was given to the same request before. `answer` gives problem documents too."""
    key = request.headers.get(HEADER)
    if key is None:
        return answer()
    if not 0 < len(key) <= _MAXIMUM_LENGTH or not key.isprintable():
        raise YinxinError(Kind.INVALID, _("the idempotency key is empty or too long"), subject=HEADER)
    asked = SM3.of(b"\0".join((request.method.encode(), request.full_path.encode(), body)))
    if kept := _begin(context, operator, key, asked):
        return kept
    try:
        response = answer()
    except BaseException:
        _forget(context, operator, key)
        raise
    if response.status_code >= 500:
        _forget(context, operator, key)
        return response
    outcome = {"status": response.status_code, "content_type": response.content_type, "body": response.get_data()}
    with context.storage.transaction() as connection:
        connection.execute(sa.update(table).where(*_of(operator, key)).values(outcome))
    return response


def _begin(context: Context, operator: str, key: str, asked: bytes) -> Response | None:
    """Take the key, or give the answer that is kept under it."""
    now = context.clock.now()
    with context.storage.transaction() as connection:
        connection.execute(sa.delete(table).where(table.c.at < now - KEPT))
        connection.execute(sa.delete(table).where(table.c.status.is_(None), table.c.at < now - ABANDONED))
    try:
        with context.storage.transaction() as connection:
            connection.execute(sa.insert(table).values(operator=operator, key=key, asked=asked, at=now))
            return None
    except sa.exc.IntegrityError:
        with context.storage.reading() as connection:
            row = connection.execute(sa.select(table).where(*_of(operator, key))).first()
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


def _forget(context: Context, operator: str, key: str) -> None:
    with context.storage.transaction() as connection:
        connection.execute(sa.delete(table).where(*_of(operator, key)))


def _of(operator: str, key: str) -> tuple[sa.ColumnElement[bool], sa.ColumnElement[bool]]:
    return table.c.operator == operator, table.c.key == key
