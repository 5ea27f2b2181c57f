"""What is wrong with a database that does not answer, in words, and what to do about it."""

import os
from pathlib import Path

import sqlalchemy as sa

from core.i18n import _

_ROOM = 1024 * 1024
"""Octets below which a disk is called full: SQLite needs some before it can do anything at all."""
_READ_ONLY = "25006"
"""SQLSTATE read_only_sql_transaction (PostgreSQL, appendix A): drivers call it an internal error."""

Explained = tuple[str, str]
"""What, and what to do next."""


def is_out_of_reach(error: Exception) -> bool:
    """Whether the error speaks of the database, and not of a statement."""
    # Of the kinds of DatabaseError, the others (integrity, data …) speak of a statement.
    if type(error) in (sa.exc.OperationalError, sa.exc.DatabaseError, sa.exc.TimeoutError):
        return True
    return isinstance(error, sa.exc.InternalError) and _state(error) == _READ_ONLY


def explain(url: sa.URL, error: Exception) -> Explained:
    """The cause, as far as it can be found out."""
    reason = " ".join(str(getattr(error, "orig", None) or error).split())
    file = url.database or ""
    is_file = url.get_backend_name() == "sqlite" and not file.startswith("file:")
    known = _of_file(Path(file), reason) if is_file else _of_server(_state(error), reason)
    return known or (
        _("the database does not answer: {reason}").format(reason=reason),
        _("check the storage setting and the database; nothing was changed"),
    )


def _state(error: Exception) -> str:
    return str(getattr(getattr(error, "orig", None), "sqlstate", None) or "")


def _of_file(file: Path, reason: str) -> Explained | None:
    try:
        disk = os.statvfs(file.parent)
    except OSError:
        return _("there is no folder for the database"), _("check the storage setting")
    if disk.f_flag & os.ST_RDONLY:
        what = _("the disk with the database can only be read")
        return what, _("have it mounted for writing, and find out why it was not; nothing was changed")
    if "full" in reason or (disk.f_blocks and disk.f_bavail * disk.f_frsize < _ROOM):
        return _full()
    if "readonly" in reason or (file.exists() and not os.access(file, os.W_OK)) or not os.access(file.parent, os.W_OK):
        what = _("this user may not write to the database")
        return what, _("give the file and its folder to the user who runs yinxin; nothing was changed")
    if "locked" in reason:
        what = _("another process has not let go of the database: {reason}").format(reason=reason)
        return what, _("try again; if it stays so, find the process that works on it. Nothing was changed")
    if "malformed" in reason or "not a database" in reason:
        what = _("the database is damaged: {reason}").format(reason=reason)
        return what, _("stop the services, keep the file, and restore the newest backup: yinxin restore")
    return None


def _full() -> Explained:
    return _("the disk with the database is full"), _("make room on it; nothing was changed, and nothing needs repair")


def _of_server(state: str, reason: str) -> Explained | None:
    if state == "53100":  # disk_full
        return _full()
    if state == _READ_ONLY:
        what = _("the database can only be read: {reason}").format(reason=reason)
        return what, _("connect to the primary server (storage.url); nothing was changed")
    if state.startswith(("57P", "08")) or "closed the connection" in reason:
        # Classes operator intervention and connection exception. The answer to a COMMIT may be what was lost.
        what = _("the database went away: {reason}").format(reason=reason)
        return what, _("when it is back, look whether what was under way was done, and repeat it if not")
    return None
