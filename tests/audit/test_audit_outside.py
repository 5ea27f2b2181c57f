"""Copies outside: a place that does not answer holds nobody up, and gets what it missed when it is back."""

from datetime import timedelta

from audit.checkpoints import RETRY
from core.errors import Kind, YinxinError
from tests.audit.conftest import Books


class Outside:
    """A place, which may be away."""

    def __init__(self, *, away: bool = False) -> None:
        self.away, self.asked = away, 0
        self.taken: set[bytes] = set()

    def __call__(self, note: bytes, _token: bytes | None) -> None:
        self.asked += 1
        if self.away:
            raise YinxinError(Kind.UNAVAILABLE, "does not answer")
        self.taken.add(note)


def test_who_is_away_is_asked_once_in_a_turn_and_gets_all_later(books: Books) -> None:
    near, far = Outside(), Outside(away=True)
    notes = set()
    for places in ((far,), (far,), (far,), (near, far)):
        books.notary.places = places
        books.act()
        asked = far.asked
        notes.add(books.notary.checkpoint().note)
        assert far.asked == asked + 1  # and not for each that is missing
    assert near.taken == notes and not far.taken
    books.notary.turn()
    assert far.asked == 4  # not again so soon
    far.away = False
    books.clock.advance(RETRY + timedelta(seconds=1))
    books.notary.turn()
    assert far.taken == notes
    before = near.asked, far.asked
    books.clock.advance(RETRY + timedelta(seconds=1))
    books.notary.turn()
    assert (near.asked, far.asked) == before
