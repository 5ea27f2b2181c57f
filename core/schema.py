"""The schema's versions: Alembic migrations in `core/migrations`. `core.storage` imports this where it is needed."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from core.errors import Kind, YinxinError
from core.i18n import _

MIGRATIONS = Path(__file__).parent / "migrations"


def upgrade(engine: sa.Engine) -> None:
    """Bring the schema to the newest version. `YinxinError` (conflict) if it is newer than this program."""
    try:
        command.upgrade(alembic_config(engine), "head")
    except CommandError as error:
        raise YinxinError(
            Kind.CONFLICT,
            _("the database has a version of the schema that this program does not know"),
            subject=engine.url.render_as_string(hide_password=True),
            remedy=_("use the Yinxin that made it, or a newer one"),
        ) from error


def require_current(connection: sa.Connection) -> None:
    """Return if the schema is the newest; else `YinxinError` that says how to bring it there."""
    present = MigrationContext.configure(connection).get_current_revision()
    if present != ScriptDirectory.from_config(alembic_config(connection.engine)).get_current_head():
        raise YinxinError(
            Kind.CONFLICT,
            _("the database has another version of the schema"),
            subject=connection.engine.url.render_as_string(hide_password=True),
            remedy=_("run: yinxin migrate"),
        )


def alembic_config(engine: sa.Engine) -> Config:
    """What Alembic works with: our migrations on this engine."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    config.attributes["engine"] = engine
    return config
