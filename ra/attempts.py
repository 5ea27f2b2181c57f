"""Wrong PINs of an operator, counted in the books: with a copy of the key file nobody begins again."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from core.context import Context
from core.keys.attempts import require_waited
from core.keys.encryption import WrongPassphraseError
from ra import records

_ATTEMPTS = records.attempts


@contextmanager
def operators_attempt(context: Context, name: str) -> Iterator[None]:
    """One attempt at opening the operator's key, made in the block and counted before; `WaitError` while one must wait.

    A clock that was set back lets nobody in sooner.
    """
    before = _count(context, name)
    try:
        yield
    except WrongPassphraseError:
        raise
    except Exception:
        # Nothing was learnt about the PIN.
        with context.storage.transaction() as connection:
            _forget(connection, name)
            if before:
                connection.execute(sa.insert(_ATTEMPTS).values(before))
        raise
    with context.storage.transaction() as connection:
        _forget(connection, name)


def _count(context: Context, name: str) -> dict[str, object] | None:
    """Enter one more attempt, if one may be made now; what was there before."""
    operators = records.operators.c
    with context.storage.transaction() as connection:
        if connection.scalar(sa.select(operators.id).where(operators.name == name).with_for_update()) is None:
            return None  # which is told when the key has opened
        row = connection.execute(sa.select(_ATTEMPTS).where(_ATTEMPTS.c.operator == name)).one_or_none()
        now, wrong = context.clock.now(), 0
        if row:
            require_waited(row.wrong, max(0.0, (now - row.at).total_seconds()), name)
            # The latest time that was seen: whoever sets the clock back waits from there.
            now, wrong = max(now, row.at), row.wrong
        _forget(connection, name)
        connection.execute(sa.insert(_ATTEMPTS).values(operator=name, wrong=wrong + 1, at=now))
        return dict(row._mapping) if row else None


def _forget(connection: sa.Connection, name: str) -> None:
    connection.execute(sa.delete(_ATTEMPTS).where(_ATTEMPTS.c.operator == name))
