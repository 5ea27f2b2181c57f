"""Wrong PINs of an operator, in the books: no copy of the key file begins again; sessions end."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from core.audit import entries
from core.keys.attempts import FREE_ATTEMPTS, count_file
from ra import records, requests
from ra.operators import SESSION_LIFETIME, open_session
from ra.refusals import RefusedError
from tests.support.office import PIN, Office
from tests.support.people import refused

WHO = "shen.review"
SECOND = timedelta(seconds=1)


def copies(office: Office) -> Callable[[], Path]:
    """Copies of the key file, each as if nobody had tried it."""
    made: list[Path] = []

    def copy() -> Path:
        made.append(office.folder / f"copy-{len(made)}.pem")
        shutil.copy(office.key_file(WHO), made[-1])
        return made[-1]

    return copy


def fail(office: Office, times: int = 1, key_file: Path | None = None) -> None:
    for _time in range(times):
        refused("pin", lambda: open_session(office.context, WHO, key_file or office.key_file(WHO), b"000000"))


def rules(office: Office) -> list[tuple[str, str, str]]:
    contents = [json.loads(row.entry) for row in office.rows(entries)]
    return [
        (one["actor"], one["subject"], one["details"]["rule"])
        for one in contents
        if one["act"] == "ra.session.open.refused"
    ]


def test_each_copy_counts_for_the_operator(office: Office) -> None:
    copy = copies(office)
    for _time in range(FREE_ATTEMPTS):
        fail(office, key_file=copy())
    refused("pin-wait", lambda: open_session(office.context, WHO, copy(), PIN))
    office.clock.advance(5 * SECOND)
    fail(office, key_file=copy())
    office.clock.advance(9 * SECOND)
    refused("pin-wait", lambda: open_session(office.context, WHO, copy(), PIN))
    office.clock.advance(SECOND)
    assert open_session(office.context, WHO, copy(), PIN).name == WHO
    assert office_attempts(office) == []


def office_attempts(office: Office) -> list[tuple[str, int]]:
    with office.storage.reading() as connection:
        return [(row.operator, row.wrong) for row in connection.execute(records.attempts.select())]


def test_refusals_are_recorded_and_nobody_is_blamed(office: Office) -> None:
    fail(office, FREE_ATTEMPTS)
    refused("pin-wait", lambda: open_session(office.context, WHO, office.key_file(WHO), PIN))
    assert rules(office) == [("unverified", WHO, "pin")] * FREE_ATTEMPTS + [("unverified", WHO, "pin-wait")]
    assert office_attempts(office) == [(WHO, FREE_ATTEMPTS)]


def test_others_do_not_wait(office: Office) -> None:
    fail(office, FREE_ATTEMPTS)
    assert open_session(office.context, "lu.enter", office.key_file("lu.enter"), PIN).name == "lu.enter"


def test_a_clock_that_is_set_back_lets_nobody_in(office: Office) -> None:
    copy = copies(office)
    for _time in range(FREE_ATTEMPTS + 2):
        fail(office, key_file=copy())
        office.clock.advance(timedelta(minutes=2))
    for back in (timedelta(hours=1), timedelta(days=400)):
        office.clock.advance(-back)
        refused("pin-wait", lambda: open_session(office.context, WHO, copy(), PIN))


def test_a_guess_after_the_clock_was_set_back_waits_from_the_latest_time_seen(office: Office) -> None:
    copy = copies(office)
    for _time in range(FREE_ATTEMPTS - 1):
        fail(office, key_file=copy())
    office.clock.advance(timedelta(hours=-1))
    fail(office, key_file=copy())
    office.clock.advance(timedelta(minutes=59))
    refused("pin-wait", lambda: open_session(office.context, WHO, copy(), PIN))


def test_the_wait_of_the_file_leaves_the_books_alone(office: Office) -> None:
    """Whoever must wait for the file has not guessed, for the operator either."""
    fail(office, FREE_ATTEMPTS)
    office.clock.advance(timedelta(days=1))
    refused("pin-wait", lambda: open_session(office.context, WHO, office.key_file(WHO), b"000000"))
    assert office_attempts(office) == [(WHO, FREE_ATTEMPTS)]
    count_file(office.key_file(WHO)).unlink()
    assert office.open(WHO).name == WHO


def test_a_damaged_file_and_a_missing_one_are_no_guesses(office: Office) -> None:
    fail(office, FREE_ATTEMPTS - 1)
    damaged = office.folder / "damaged.pem"
    damaged.write_bytes(b"printer manual")
    for path in (damaged, office.folder / "none.pem"):
        with pytest.raises(Exception, match=r"not an encrypted|no such file"):
            open_session(office.context, WHO, path, PIN)
    assert office_attempts(office) == [(WHO, FREE_ATTEMPTS - 1)]
    assert office.open(WHO).name == WHO


def test_a_name_that_nobody_has_is_not_entered(office: Office) -> None:
    for _time in range(FREE_ATTEMPTS):
        with pytest.raises(RefusedError):
            open_session(office.context, "nobody", office.key_file(WHO), b"000000")
    assert office_attempts(office) == []


def test_a_session_ends(office: Office) -> None:
    session = office.open(WHO)
    number = office.enter()
    office.clock.advance(SESSION_LIFETIME - SECOND)
    requests.approve(office.context, session, number)
    waiting = office.enter()
    office.clock.advance(SECOND)
    refused("session-over", lambda: requests.approve(office.context, session, waiting))
    requests.approve(office.context, office.open(WHO), waiting)
