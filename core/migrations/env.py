"""Alembic's entry: run the migrations on the engine that `core.storage` hands over."""

from typing import Any, Literal

import sqlalchemy as sa
from alembic import context

from core.storage import metadata


def as_plain_type(kind: str, item: Any, _autogenerate: object) -> str | Literal[False]:
    """Migrations name SQLAlchemy's own types, so that they stay true when ours move."""
    if kind == "type" and isinstance(item, sa.TypeDecorator):
        return f"sa.{item.impl!r}"
    return False


engine = context.config.attributes["engine"]
with engine.connect() as connection:
    connection.info["writing"] = True
    context.configure(connection=connection, target_metadata=metadata, render_item=as_plain_type)
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
