"""Restoring an installation: built in a folder beside the one asked for, and moved into place at the end."""

import secrets
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from audit.continuity import Continuity, examine
from audit.notes import Checkpoint
from core import config, files, schema
from core.algorithms import DIGESTS
from core.clock import Clock, SystemClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys.private_key import PrivateKey
from yinxin.backup import aftermath, archive
from yinxin.backup.aftermath import Aftermath
from yinxin.backup.container import Backup, Header
from yinxin.backup.target import Target, target_for


@dataclass(frozen=True)
class Restored:
    """An installation from a backup."""

    home: Path
    header: Header
    continuity: Continuity
    aftermath: Aftermath


@dataclass
class Restoration:
    """From a verified backup into a folder that does not exist."""

    backup: Backup
    path: Path
    recipient: PrivateKey
    known: Sequence[Checkpoint] = ()
    """Checkpoints of the log that were copied outside."""
    storage_url: str | None = None
    """Another database than that of the backup's configuration; empty: in the home."""
    actor: str = "system"
    clock: Clock | None = None

    def run(self, on_step: Callable[[str], None]) -> Restored:
        """Do it, whole or not at all. `YinxinError`, and nothing is there, if something is not as it must be."""
        self._require_possible()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        staging = self.path.with_name(f".{self.path.name}.{secrets.token_hex(4)}")
        staging.mkdir(mode=0o700)
        target: Target | None = None
        try:
            with self.backup.content(self.recipient) as stream:
                archive.unpack(stream, staging, DIGESTS[self.backup.header.digest])
            on_step(_("files"))
            target = self._target(staging)
            storage = target.fill(staging / archive.RECORDS)
            (staging / archive.RECORDS).unlink(missing_ok=True)
            storage.migrate()
            on_step(_("records"))
            with storage.reading() as connection:
                continuity = examine(connection, self.backup.header.audit_key, self.known)
            on_step(_("audit log, compared with its checkpoints"))
            context = Context(storage, self.clock or SystemClock())
            done = aftermath.settle(context, self.backup, continuity, actor=self.actor)
            on_step(_("numbers and times that must not repeat"))
            target.finish()
            if self.path.exists():
                self.path.rmdir()
            staging.rename(self.path)
        except BaseException as error:
            if target:
                target.undo()
            shutil.rmtree(staging, ignore_errors=True)
            if isinstance(error, YinxinError):
                error.subject = error.subject.replace(str(staging), str(self.path))
            raise
        return Restored(self.path, self.backup.header, continuity, done)

    def _require_possible(self) -> None:
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise YinxinError(
                Kind.CONFLICT,
                _("there is something here already"),
                subject=str(self.path),
                remedy=_("choose another folder; nothing was changed"),
            )
        if self.backup.header.revision > schema.newest_revision():
            raise YinxinError(
                Kind.CONFLICT,
                _("the backup was made by a newer Yinxin"),
                remedy=_("restore it with that version or a newer one"),
            )

    def _target(self, staging: Path) -> Target:
        if self.storage_url is not None:
            _set_storage_url(staging / config.FILE_NAME, self.storage_url)
        configured = config.load_configuration(staging).storage.url
        if self.storage_url is not None and configured != self.storage_url:
            raise YinxinError(
                Kind.CONFLICT,
                _("the environment names another database than --storage"),
                subject=f"{config.ENVIRONMENT_PREFIX}STORAGE__URL",
                remedy=_("remove it from the environment"),
            )
        url = configured or Home(self.path.absolute()).default_database_url
        return target_for(url, self.backup.header.database, self.path, staging)


def _set_storage_url(path: Path, url: str) -> None:
    try:
        document = tomlkit.parse(files.read(path).decode())
        document.setdefault("storage", tomlkit.table())["url"] = url
    except (TOMLKitError, ValueError) as error:
        raise YinxinError(Kind.INVALID, _("not TOML: {reason}").format(reason=error), subject=str(path)) from error
    files.write(path, tomlkit.dumps(document).encode())
