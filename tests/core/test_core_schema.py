"""The migrations lead to the schema that the code expects, on both databases."""

import importlib

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

from core import schema
from core.errors import YinxinError
from core.storage import Storage, metadata

RECORDS = (
    "core.api.outcomes",
    "audit.records",
    "core.audit",
    "core.service.records",
    "ca.records",
    "ca.attributes.records",
    "ca.kmc.records",
    "ra.records",
    "ra.attribute_records",
    "tsa.records",
    "seals.batches.records",
    "seals.records",
    "yinxin.backup.records",
)


def test_migrations_make_the_tables_of_every_module(each_storage: Storage) -> None:
    for module in RECORDS:
        importlib.import_module(module)
    with each_storage.reading() as connection:
        difference = compare_metadata(MigrationContext.configure(connection), metadata)
    assert difference == []


def test_a_migrated_database_has_the_current_schema(each_storage: Storage) -> None:
    each_storage.require_current_schema()
    each_storage.migrate()  # once more changes nothing
    each_storage.require_current_schema()


def test_the_newest_revision_is_the_one_that_all_others_lead_to() -> None:
    assert [schema.newest_revision()] == ScriptDirectory(str(schema.MIGRATIONS)).get_heads()


def test_a_database_of_another_version_is_refused_with_words(tmp_path: object) -> None:
    storage = Storage(f"sqlite:///{tmp_path}/empty.db")
    with pytest.raises(YinxinError, match="yinxin migrate"):
        storage.require_current_schema()
    storage.close()
