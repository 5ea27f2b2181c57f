"""Every committed entry has one place, whoever commits late, however many sequence, whenever they die."""

import os
import signal
import subprocess
import sys
import threading
from typing import Any

import pytest
import sqlalchemy as sa

from audit import sequencer as ordering
from audit.merkle import leaf_hash, root_of
from audit.records import checkpoints, sequence, tiles
from audit.sequencer import Sequencer, begin, read_log
from audit.tiles import StoredTree
from core.audit import Event, entries
from core.context import Context
from core.errors import YinxinError
from core.storage import Storage
from tests.audit.conftest import ORIGIN, Books
from tests.support import processes


def placed(storage: Storage) -> list[int]:
    """Numbers of entries, by position; positions have no gaps."""
    with storage.reading() as connection:
        rows = connection.execute(sa.select(sequence).order_by(sequence.c.position)).all()
    assert [row.position for row in rows] == list(range(len(rows)))
    return [row.entry_id for row in rows]


def require_whole(storage: Storage) -> None:
    """Every entry is placed once, and the tree is the one over them."""
    numbers = placed(storage)
    with storage.reading() as connection:
        content = {row.id: row.entry for row in connection.execute(sa.select(entries))}
        present = read_log(connection)
        tree = StoredTree(connection, present.digest, present.size)
        assert sorted(numbers) == sorted(content)
        assert tree.root() == root_of(present.digest, [leaf_hash(present.digest, content[one]) for one in numbers])
        assert tree.frontier().root() == tree.root()


def test_the_log_begins_once_and_says_so(each_books: Books) -> None:
    begin(each_books.context, "another", "sha256", b"another key")
    with each_books.context.storage.reading() as connection:
        present = read_log(connection)
        first = connection.execute(sa.select(entries)).one()
    assert present.origin.startswith(f"{ORIGIN}/") and present.digest.name == "sm3"
    assert (first.act, first.subject) == (ordering.BEGIN, present.origin)


def test_entries_are_placed_in_their_order(each_books: Books) -> None:
    for count in (1, 255, 1, 300, 600):
        each_books.act(count)
        assert Sequencer(each_books.context).sequence() >= count
    assert Sequencer(each_books.context).sequence() == 0
    numbers = placed(each_books.context.storage)
    assert numbers == sorted(numbers) and len(numbers) == 1158
    require_whole(each_books.context.storage)


def test_every_former_root_can_be_had_again(books: Books) -> None:
    roots = {}
    for _turn in range(40):
        books.act(29)
        Sequencer(books.context).sequence()
        with books.context.storage.reading() as connection:
            present = read_log(connection)
            roots[present.size] = StoredTree(connection, present.digest, present.size).root()
    with books.context.storage.reading() as connection:
        tree = StoredTree(connection, read_log(connection).digest, read_log(connection).size)
        assert {size: tree.root(size) for size in roots} == roots
    assert len(roots) == 40


def test_a_late_commit_is_not_skipped(each_books: Books) -> None:
    """PostgreSQL: a smaller number appears after larger ones were placed. SQLite lets nobody in between."""
    storage = each_books.context.storage
    if storage.engine.dialect.name == "sqlite":
        return
    sequencer = Sequencer(each_books.context)
    sequencer.sequence()
    late = storage.writer()
    with late.transaction() as connection:
        each_books.context.audit.append(connection, Event("late", "a", "s"))
        for _turn in range(3):
            each_books.act(5)
            sequencer.sequence()
            Sequencer(each_books.context).sequence()
        with storage.reading() as reading:
            mark = read_log(reading).decided
            number = connection.scalar(sa.select(sa.func.max(entries.c.id)).where(entries.c.act == "late"))
        assert mark < number
    late.close()
    assert sequencer.sequence() == 1
    assert placed(storage)[-1] == number
    require_whole(storage)
    sequencer.sequence()
    with storage.reading() as reading:
        assert read_log(reading).decided == reading.scalar(sa.select(sa.func.max(entries.c.id)))


def test_a_backlog_is_gone_through_once(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was placed in one round is not looked at in the next."""
    monkeypatch.setattr(ordering, "BATCH", 10)
    books.act(95)
    marks: list[int] = []
    original = ordering._unplaced

    def noted(after: int) -> sa.Select[Any]:
        marks.append(after)
        return original(after)

    monkeypatch.setattr(ordering, "_unplaced", noted)
    assert Sequencer(books.context).sequence() == 96
    assert marks == list(range(0, 100, 10))
    require_whole(books.context.storage)
    with books.context.storage.reading() as connection:
        assert read_log(connection).decided == 96


def test_what_was_rolled_back_leaves_no_place(each_books: Books) -> None:
    try:
        with each_books.context.storage.transaction() as connection:
            each_books.context.audit.append(connection, Event("never", "a", "s"))
            raise ZeroDivisionError
    except ZeroDivisionError:
        each_books.act(2)
    Sequencer(each_books.context).sequence()
    require_whole(each_books.context.storage)


@pytest.mark.parametrize("batch", [7, ordering.BATCH])
def test_many_writers_and_many_sequencers(each_books: Books, batch: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ordering, "BATCH", batch)
    storage, stop = each_books.context.storage, threading.Event()
    failures: list[BaseException] = []

    def guarded(work: object) -> None:
        try:
            work()  # type: ignore[operator]
        except BaseException as error:  # noqa: BLE001 - told to the test
            failures.append(error)

    def write() -> None:
        for turn in range(25):
            with storage.transaction() as connection:
                each_books.context.audit.append(connection, Event("act", "a", str(turn)))
                if turn % 3 == 0:
                    connection.execute(sa.select(sa.func.count()).select_from(entries))
                each_books.context.audit.append(connection, Event("act", "a", str(turn)))

    def order() -> None:
        sequencer = Sequencer(each_books.context)
        while not stop.wait(0.005):
            sequencer.sequence()

    writers = [threading.Thread(target=guarded, args=(write,)) for _number in range(4)]
    sequencers = [threading.Thread(target=guarded, args=(order,)) for _number in range(3)]
    for thread in writers + sequencers:
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    for thread in sequencers:
        thread.join()
    assert failures == []
    Sequencer(each_books.context).sequence()
    assert len(placed(storage)) == 201
    require_whole(storage)


KILLED = """
import sys
from audit.checkpoints import Notary
from core.algorithms import KeyKind
from core.audit import Event
from core.context import Context
from core.keys.private_key import generate
from core.errors import YinxinError
from core.storage import Storage
storage = Storage(sys.argv[1])
context = Context(storage)
notary = Notary(context, generate(KeyKind.P256))
print("ready", flush=True)
while True:
    with storage.transaction() as connection:
        context.audit.extend(connection, (Event("act", "a", str(n)) for n in range(40)))
    notary.checkpoint()
    print("one more", flush=True)
"""


def test_killed_at_any_moment(books: Books) -> None:
    storage = books.context.storage
    for turn in range(4):
        child = subprocess.Popen(
            [sys.executable, "-c", KILLED, storage.url], stdout=subprocess.PIPE, env=processes.environment()
        )
        assert child.stdout is not None and child.stdout.readline() == b"ready\n"
        child.stdout.readline()  # one is complete; then somewhere in the next
        threading.Event().wait(0.003 * turn)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        child.stdout.close()
        Sequencer(books.context).sequence()
        require_whole(storage)
    with storage.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(checkpoints))


def test_a_failure_half_way_changes_nothing(each_books: Books) -> None:
    each_books.act(3)
    with each_books.context.storage.transaction() as connection:
        tiles.drop(connection)
    with pytest.raises((YinxinError, sa.exc.SQLAlchemyError)):
        Sequencer(each_books.context).sequence()
    assert placed(each_books.context.storage) == []
    with each_books.context.storage.transaction() as connection:
        tiles.create(connection)
    assert Sequencer(each_books.context).sequence() == 4
    require_whole(each_books.context.storage)


def test_a_log_that_has_not_begun(context: Context) -> None:
    with pytest.raises(YinxinError, match="yinxin migrate"):
        Sequencer(context).sequence()
