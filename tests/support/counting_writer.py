"""A process of its own that counts in a database: python -m tests.support.counting_writer URL TIMES.

Each time it reads the number and writes it back one larger, in one transaction, and appends a row.
"""

import sys

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
    """Count on."""
    for _ in range(times):
        with storage.transaction() as connection:
            number = connection.execute(sa.select(counter.c.number).with_for_update()).scalar_one()
            connection.execute(sa.update(counter).values(number=number + 1))
            connection.execute(sa.insert(rows).values(number=number + 1))


if __name__ == "__main__":
    count(Storage(sys.argv[1]), int(sys.argv[2]))
