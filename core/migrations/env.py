"""Alembic's entry: run the migrations on the engine that `core.storage` hands over."""

from alembic import context

from core.storage import metadata

engine = context.config.attributes["engine"]
with engine.connect() as connection:
    connection.info["writing"] = True
    # SQLite alters tables by copying them.
    context.configure(connection=connection, target_metadata=metadata, render_as_batch=engine.dialect.name == "sqlite")
    with context.begin_transaction():
        context.run_migrations()
    connection.commit()
