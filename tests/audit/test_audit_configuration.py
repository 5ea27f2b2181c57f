"""A change of the configuration is an entry, once."""

import sqlalchemy as sa

from audit.configuration import ACT, note_configuration
from core.audit import entries
from core.config import CaSettings, Configuration, StorageSettings
from core.context import Context


def noted(context: Context) -> list[str]:
    with context.storage.reading() as connection:
        query = sa.select(entries.c.subject).where(entries.c.act == ACT).order_by(entries.c.id)
        return list(connection.scalars(query))


def test_only_changes_are_entered(context: Context) -> None:
    first, second = Configuration(), Configuration(ca=CaSettings(crl_hours=12))
    made = [note_configuration(context, one) for one in (first, first, second, second, first)]
    assert made == [True, False, True, False, True]
    one, other, again = noted(context)
    assert one == again != other


def test_a_password_is_not_digested(context: Context) -> None:
    assert note_configuration(context, Configuration())
    url = "postgresql+psycopg://yinxin:secret@localhost/yinxin"
    assert not note_configuration(context, Configuration(storage=StorageSettings(url=url)))
