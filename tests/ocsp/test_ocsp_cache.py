"""Kept answers: what is put in comes out, until it is old, forgotten or in the way of the bound."""

import sys

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from core.algorithms import KeyKind
from ocsp import response
from ocsp.cache import AnswerCache, Kept
from ocsp.response import Letterhead
from tests.support.ocsp_world import TOWNS, about

TOWN = TOWNS[KeyKind.SM2]
LETTERHEADS = [Letterhead(party.key, party.certificate) for party in (TOWN.responder, TOWN.root_responder)]


def question(serial: int) -> bytes:
    return about(TOWN.issuing, serial).encoded


def kept(serial: int, signature: bytes = b"signature", fresh_until: int = 1000, by: int = 0) -> Kept:
    return Kept(LETTERHEADS[by], question(serial), response.GOOD, 500, 2000, fresh_until, signature)


def test_gives_what_was_put_in() -> None:
    cache = AnswerCache(1_000_000)
    for serial, by in ((1, 0), (1 << 150, 1)):
        cache.put(kept(serial, by=by), cache.generation)
        assert cache.get(question(serial)) == kept(serial, by=by)
    assert cache.get(question(2)) is None
    assert cache.get(b"") is None


def test_what_was_read_before_a_change_is_not_kept_after_it() -> None:
    cache = AnswerCache(1_000_000)
    before = cache.generation
    cache.forget([question(7)])
    cache.put(kept(1), before)
    assert cache.get(question(1)) is None


@pytest.mark.parametrize("limit", [1, 10_000, 200_000])
def test_is_bounded_whatever_comes(limit: int) -> None:
    cache = AnswerCache(limit)
    for serial in range(1, 2_000):
        cache.put(kept(serial), cache.generation)
        assert cache.size <= limit
    room = limit // (len(kept(1_999).signature) + 200)
    assert (len(cache) > room // 4) if room > 64 else True
    cache.clear()
    assert (cache.size, len(cache)) == (0, 0)


def test_the_size_told_is_the_size_used() -> None:
    """Not less than what Python needs for the entries alone."""
    cache = AnswerCache(100_000_000)
    for serial in range(1, 1_000):
        cache.put(kept(serial, bytes(72)), cache.generation)
    drawers = cache._drawers
    used = sum(sys.getsizeof(drawer) for drawer in drawers)
    used += sum(sys.getsizeof(part) for drawer in drawers for entry in drawer.items() for part in entry)
    assert used <= cache.size * 1.2  # dictionaries grow in steps


class Keeping(RuleBasedStateMachine):
    """Against a dictionary: the cache may forget by itself, but never says anything else."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = AnswerCache(6_000)
        self.model: dict[bytes, Kept] = {}

    @rule(serial=st.integers(1, 40), signature=st.binary(min_size=1, max_size=80), stale=st.booleans())
    def put(self, serial: int, signature: bytes, stale: bool) -> None:
        answer = kept(serial, signature)
        self.cache.put(answer, self.cache.generation - stale)
        if not stale:
            self.model[question(serial)] = answer

    @rule(serials=st.sets(st.integers(1, 40), max_size=3))
    def forget(self, serials: set[int]) -> None:
        self.cache.forget(map(question, serials))
        for serial in serials:
            self.model.pop(question(serial), None)
            assert self.cache.get(question(serial)) is None

    @invariant()
    def never_says_anything_else(self) -> None:
        for asked in map(question, range(1, 41)):
            assert self.cache.get(asked) in (None, self.model.get(asked))
        assert self.cache.size <= 6_000


TestKeeping = Keeping.TestCase
TestKeeping.settings = settings(
    max_examples=12, stateful_step_count=20, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
