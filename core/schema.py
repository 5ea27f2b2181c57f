"""The schema's versions: Alembic migrations in `core/migrations`."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core.errors import Kind, YinxinError
from core.i18n import _

if TYPE_CHECKING:
    from alembic.config import Config

# Alembic takes a sixth of a second to import, which commands that only look at the version need not spend.

MIGRATIONS = Path(__file__).parent / "migrations"

_VERSION = sa.table("alembic_version", sa.column("version_num"))


def newest_revision() -> str:
    """The version of the schema that this program expects: revisions' files begin with their numbers."""
    return max(file.name for file in (MIGRATIONS / "versions").glob("[0-9]*_*.py")).partition("_")[0]


def upgrade(engine: sa.Engine, revision: str = "head") -> None:
    """Bring the schema to the newest version, whole or not at all.

    `YinxinError` (conflict) if it is newer than this program, or if rows would refer to others that are not there.
    """
    from alembic import command
    from alembic.util.exc import CommandError

    config = _alembic_config()
    try:
        with engine.connect() as connection, _tables_remade(connection):
            connection.info["writing"] = True
            with connection.begin():
                config.attributes["connection"] = connection
                command.upgrade(config, revision)
                _require_whole_references(connection)
    except CommandError as error:
        raise YinxinError(
            Kind.CONFLICT,
            _("the database has a version of the schema that this program does not know"),
            subject=engine.url.render_as_string(hide_password=True),
            remedy=_("use the Yinxin that made it, or a newer one"),
        ) from error


def require_current(connection: sa.Connection) -> None:
    """Return if the schema is the newest; else `YinxinError` that says how to bring it there."""
    if revision_of(connection) != newest_revision():
        raise YinxinError(
            Kind.CONFLICT,
            _("the database has another version of the schema"),
            subject=connection.engine.url.render_as_string(hide_password=True),
            remedy=_("run: yinxin migrate"),
        )


def revision_of(connection: sa.Connection) -> str:
    """The version of the schema that the database has; empty if it has none."""
    if not sa.inspect(connection).has_table(_VERSION.name):
        return ""
    return ",".join(connection.scalars(sa.select(_VERSION.c.version_num)))


@contextmanager
def _tables_remade(connection: sa.Connection) -> Iterator[None]:
    """SQLite changes a table by making it anew, for which nothing may hold on to the old one.

    Steps 1 and 12 of https://www.sqlite.org/lang_altertable.html#otheralter; it takes them only between transactions.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    sqlite = connection.connection.cursor()
    sqlite.execute("PRAGMA foreign_keys=OFF")
    try:
        yield
    finally:
        sqlite.execute("PRAGMA foreign_keys=ON")
        sqlite.close()


def _require_whole_references(connection: sa.Connection) -> None:
    """Step 10 of the same: what was not looked at on the way."""
    if connection.dialect.name != "sqlite":
        return
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        raise YinxinError(
            Kind.CONFLICT,
            _("rows refer to others that are not there; the schema was left as it was"),
            subject=", ".join(sorted({row.table for row in broken})),
            remedy=_("the database was altered; restore it from a backup"),
        )


def _alembic_config() -> "Config":
    """What Alembic works with: our migrations."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config
