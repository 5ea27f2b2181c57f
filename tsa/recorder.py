"""Group commit: what was signed in the meantime is entered in the books by one transaction, and so by one flush.

Whoever waits is told after the commit, and only then may a token be given. If it fails, nobody of the group gets one.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import closing

from core.storage import Storage, Writer
from tsa.records import MAXIMUM_GROUP, TimeWentBack, TokenRecord, record

log = logging.getLogger(__name__)

GROUP_SECONDS = 0.004
"""From one group to the next, where several come at a time: a transaction takes the processor's time as well."""
IDLE_SECONDS = 2
"""After that the thread ends, until there is something to record again."""

Then = Callable[[Exception | None], None]
"""Called once in the recorder's thread: with None after the commit, else with why the token is not recorded."""


class Recorder:
    """Threads share it."""

    def __init__(
        self, storage: Storage, *, strictly: bool = False, when_recorded: Callable[[int], None] = lambda _size: None
    ) -> None:
        """`strictly`: every token is to be later than the one before. `when_recorded`: told the size of each group."""
        self._when_recorded = when_recorded
        self._storage = storage
        self._strictly = strictly
        self._waiting: list[tuple[TokenRecord, Then]] = []
        self._changed = threading.Condition()
        self._thread: threading.Thread | None = None

    def record(self, entries: Sequence[tuple[TokenRecord, Then]]) -> None:
        """Enter them with the next group."""
        with self._changed:
            self._waiting += entries
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="tsa-recorder", daemon=True)
                self._thread.start()
            else:
                self._changed.notify()

    def _run(self) -> None:
        with closing(self._storage.writer()) as writer:
            while self._record_group(writer):
                pass

    def _record_group(self, writer: Writer) -> bool:
        with self._changed:
            if not self._waiting:
                self._changed.wait(IDLE_SECONDS)
            if not self._waiting:
                self._thread = None
                return False
            group, self._waiting = self._waiting[:MAXIMUM_GROUP], self._waiting[MAXIMUM_GROUP:]
        begin = time.monotonic()
        self._commit(writer, group)
        if len(group) > 1:  # a client that asks for one token after the other waits for nothing
            time.sleep(max(0, begin + GROUP_SECONDS - time.monotonic()))
        return True

    def _commit(self, writer: Writer, group: list[tuple[TokenRecord, Then]]) -> None:
        failure: Exception | None = None
        late: set[int] = set()
        try:
            with writer.transaction() as connection:
                entries = [entry for entry, _then in group]
                late = {id(entry) for entry in record(connection, entries, strictly=self._strictly)}
        except Exception as error:  # noqa: BLE001 - whatever it is, those who wait must be told
            failure = error
        else:
            self._when_recorded(len(group) - len(late))
        for entry, then in group:
            try:
                then(failure or (TimeWentBack() if id(entry) in late else None))
            except Exception:
                log.exception("whoever waited for a record could not be told")
