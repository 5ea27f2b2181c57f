"""Alembic's entry: run the migrations on the connection that `core.schema` hands over."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from core.storage import metadata


def as_plain_type(kind: str, item: Any, _autogenerate: object) -> str | Literal[False]:
    """Migrations name SQLAlchemy's own types, so that they stay true when ours move."""
    if kind == "type" and isinstance(item, sa.TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


connection: sa.Connection = context.config.attributes["connection"]
# All the revisions or none. Alembic thinks that SQLite cannot; it can (https://www.sqlite.org/lang_transaction.html).
context.configure(connection=connection, target_metadata=metadata, render_item=as_plain_type, transactional_ddl=True)
with context.begin_transaction():
    context.run_migrations()
