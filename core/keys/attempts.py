"""Wrong PINs cost time: after some, each makes the next attempt wait longer, whichever process makes it.

An attempt is counted before it is made, so that nothing is won by ending the program when it fails. The count of a key
file lies beside it; time is that since the machine was started, which nobody can set.
"""

import fcntl
import json
import math
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from core.clock import boot_and_uptime
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.encryption import WrongPassphraseError

FREE_ATTEMPTS = 3
"""So many wrong ones cost nothing: people mistype."""
FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 5, 3600
"""What the last free one costs, doubled by each after it, up to an hour: some 24 guesses a day."""
_ROOM = 160
"""Octets of a record: always the same, so that it is written at one stroke."""


class WaitError(YinxinError):
    """The next attempt is not possible yet."""

    def __init__(self, wrong: int, seconds: int, subject: str) -> None:
        what = _("after {count} wrong attempts the next one is possible in {seconds} seconds")
        remedy = _("wait, and give the right PIN")
        super().__init__(Kind.FORBIDDEN, what.format(count=wrong, seconds=seconds), subject=subject, remedy=remedy)


def wait_after(wrong: int) -> int:
    """Seconds from the last of so many wrong attempts in a row to the next that is made."""
    if wrong < FREE_ATTEMPTS:
        return 0
    return min(FIRST_WAIT_SECONDS << min(wrong - FREE_ATTEMPTS, 32), LONGEST_WAIT_SECONDS)


def require_waited(wrong: int, elapsed: float, subject: str) -> None:
    """Return if so many seconds are enough after so many wrong attempts; else `WaitError`."""
    left = math.ceil(wait_after(wrong) - elapsed)
    if left > 0:
        raise WaitError(wrong, left, subject)


@dataclass(frozen=True)
class Count:
    """How many attempts failed in a row, and when the last was made."""

    wrong: int = 0
    boot: str = ""
    at: float = 0.0
    """Seconds since that start of the machine."""

    @property
    def elapsed(self) -> float:
        """Seconds since the last attempt, at least: after another start of the machine, those since that start."""
        boot, uptime = boot_and_uptime()
        return uptime - self.at if boot == self.boot else uptime

    def encoded(self) -> bytes:
        """The record of it, and of one more attempt that is made now."""
        boot, uptime = boot_and_uptime()
        return json.dumps({"wrong": self.wrong + 1, "boot": boot, "at": uptime}).encode().ljust(_ROOM)

    @classmethod
    def read(cls, record: bytes, subject: str) -> Self:
        """From its record; `YinxinError` if somebody has changed it."""
        if not record:
            return cls()
        try:
            given = json.loads(record)
            return cls(int(given["wrong"]), str(given["boot"]), float(given["at"]))
        except (ValueError, KeyError, TypeError) as error:
            raise YinxinError(
                Kind.INVALID,
                _("the count of wrong attempts cannot be read"),
                subject=subject,
                remedy=_("find out who changed it, and remove it"),
            ) from error


def count_file(key_file: Path) -> Path:
    """Where the wrong attempts at a key file are counted; there only while there are some."""
    return key_file.with_name(f".{key_file.name}.attempts")


@contextmanager
def attempt(key_file: Path) -> Iterator[None]:
    """One attempt at opening the key file, made in the block; others wait until it has ended.

    `WaitError` while one must wait; `YinxinError` (unavailable) where attempts cannot be counted.
    """
    path = count_file(key_file)
    with _locked(path) as file:
        before = os.pread(file, _ROOM, 0)
        count = Count.read(before, str(path))
        require_waited(count.wrong, count.elapsed, str(key_file))
        os.pwrite(file, count.encoded(), 0)
        try:
            yield
        except WrongPassphraseError:
            os.fsync(file)
            raise
        except BaseException as error:
            # Nothing was learnt about the PIN, unless whoever tried has broken off.
            if isinstance(error, Exception):
                _restore(path, file, before)
            raise
        _restore(path, file, b"")


@contextmanager
def _locked(path: Path) -> Iterator[int]:
    """The file, made if it is not there, and nobody else's while the block lasts."""
    while True:
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("wrong attempts cannot be counted beside the key: {reason}").format(reason=error.strerror),
                subject=str(path),
                remedy=_("copy the key file to a folder in which you may write"),
            ) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX)
            if os.fstat(file).st_nlink:  # else somebody removed it, who had it before us
                yield file
                return
        finally:
            os.close(file)


def _restore(path: Path, file: int, record: bytes) -> None:
    if record:
        os.pwrite(file, record, 0)
    else:
        path.unlink(missing_ok=True)
