"""PostgreSQL's own programs: found by the server's version, told the password by the environment only."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import sqlalchemy as sa
from psycopg.conninfo import make_conninfo

from core.errors import Kind, YinxinError
from core.i18n import _
from core.storage import Storage

_DEBIAN = Path("/usr/lib/postgresql")
_VERSION = re.compile(r"\(PostgreSQL\) (\d+)")


def dump(connection: sa.Connection, snapshot: str, file: Path) -> None:
    """Write the database, as it is in that snapshot, to a file of pg_dump's own format."""
    program = program_for("pg_dump", _server_version(connection))
    # Uncompressed: the archive around it compresses.
    _run(connection.engine, [program, "--format=custom", "--compress=0", f"--snapshot={snapshot}", f"--file={file}"])


def load(storage: Storage, file: Path) -> None:
    """Fill an empty database from such a file, in one transaction."""
    with storage.engine.connect() as connection:
        version = _server_version(connection)
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    _run(storage.engine, [program_for("pg_restore", version), *options, str(file)])


def program_for(name: str, version: int) -> str:
    """The program of the server's version, or else of the next newer one; `YinxinError` if there is none."""
    folders = [Path(one) for one in os.environ.get("PATH", "").split(os.pathsep) if one]
    candidates = {str(found) for folder in folders if (found := shutil.which(name, path=str(folder)))}
    candidates |= {str(found) for found in _DEBIAN.glob(f"*/bin/{name}")}
    by_version = {number: path for path in sorted(candidates) if (number := _version_of(path)) is not None}
    # A program dumps what older servers have, never what newer ones have (pg_dump, Notes).
    usable = sorted(number for number in by_version if number >= version)
    if not usable:
        present = ", ".join(map(str, sorted(by_version))) or _("none")
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("there is no {name} for PostgreSQL {version} here (there is: {present})").format(
                name=name, version=version, present=present
            ),
            subject=name,
            remedy=_("install postgresql-client-{version}, or put its folder into PATH").format(version=version),
        )
    return by_version[usable[0]]


def _version_of(program: str) -> int | None:
    try:
        said = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20, check=True).stdout
    except (OSError, subprocess.SubprocessError):
        return None
    match = _VERSION.search(said)
    return int(match[1]) if match else None


def _server_version(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) // 10_000


def _run(engine: sa.Engine, command: list[str]) -> None:
    _positional, parameters = engine.dialect.create_connect_args(engine.url)
    parameters.pop("context", None)  # psycopg's own, of Python
    password = parameters.pop("password", None)
    environment = dict(os.environ, LC_ALL="C") | ({"PGPASSWORD": str(password)} if password else {})
    command = [command[0], "--no-password", f"--dbname={make_conninfo(**parameters)}", *command[1:]]
    done = subprocess.run(command, capture_output=True, text=True, errors="replace", env=environment, check=False)
    if done.returncode:
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("{program} failed: {reason}").format(program=Path(command[0]).name, reason=" ".join(done.stderr.split())),
            subject=engine.url.render_as_string(hide_password=True),
            remedy=_("check the database and the disk; nothing was changed"),
        )
