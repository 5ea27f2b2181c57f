"""Tables of the tests' own, and a writer that counts in them."""

import sqlalchemy as sa

from core.storage import BigId, Storage

tables = sa.MetaData()
counter = sa.Table("test_counter", tables, sa.Column("number", sa.BigInteger, nullable=False))
rows = sa.Table(
    "test_rows",
    tables,
    sa.Column("id", BigId, primary_key=True, autoincrement=True),
    sa.Column("number", sa.BigInteger, nullable=False),
    sqlite_autoincrement=True,
)


def count(storage: Storage, times: int) -> None:
    """Read the number and write it back one larger, and append a row, so many times, each in one transaction."""
    for _ in range(times):
        with storage.transaction() as connection:
            number = connection.execute(sa.select(counter.c.number).with_for_update()).scalar_one()
            connection.execute(sa.update(counter).values(number=number + 1))
            connection.execute(sa.insert(rows).values(number=number + 1))
