"""The desk and its feed: answers are kept only while they are known to be true, and never for longer than they say."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.algorithms import DIGESTS, SM3, KeyKind
from core.asn1 import der
from core.errors import Kind, YinxinError
from ocsp.allowance import Allowance
from ocsp.cache import AnswerCache, Kept
from ocsp.certificate import Certificate
from ocsp.counters import Count
from ocsp.desk import Answer, Desk
from ocsp.feed import TRUSTED, Feed
from ocsp.judgement import Standing, judge
from ocsp.request import build_request
from ocsp.responder import Responder
from ocsp.response import Refusal, refusal
from tests.support import ocsp_judges as judges
from tests.support.ocsp_world import (
    NEVER_ISSUED,
    TOWNS,
    VALID,
    VALIDITY,
    Status,
    Why,
    World,
    about,
    delegation,
)

UNHURRIED = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NONCE = b"0123456789abcdef"


@dataclass
class Monotonic:
    """Time that stands still."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Ledger:
    """Changes as the books tell them."""

    log: list[tuple[int, int]] = field(default_factory=list)
    next_crls: dict[int, datetime] = field(default_factory=dict)
    broken: bool = False

    def position(self) -> int:
        return len(self.log)

    def changes(self, after: int) -> tuple[int, Iterable[tuple[int, int]]]:
        if self.broken:
            raise YinxinError(Kind.UNAVAILABLE, "the database does not answer")
        return len(self.log), self.log[after:]

    def next_crl(self, issuer_id: int) -> datetime | None:
        return self.next_crls.get(issuer_id)


class Place:
    """A desk with everything around it."""

    def __init__(self, world: World, *, rate: int = 1_000) -> None:
        self.world = world
        self.ledger = Ledger()
        self.monotonic = Monotonic()
        self.cache = AnswerCache(1_000_000)
        self.feed = Feed(self.ledger, world.books.known, self.cache, self.monotonic)
        party = world.town.responder
        self.responder = Responder(world.books, [delegation(party)], world.clock, VALIDITY, next_crl=self.feed.next_crl)
        self.desk = Desk(self.responder, world.clock, Allowance(rate, self.monotonic), self.cache, self.feed)
        self.feed.look()

    def asked(self, serial: int = VALID, nonce: bytes | None = None) -> bytes:
        return build_request([about(self.world.town.issuing, serial)], nonce)

    def change(self, serial: int, status: Status) -> None:
        self.world.books.statuses[2, serial] = status
        self.ledger.log.append((2, serial))

    def answer(self, serial: int = VALID) -> Answer:
        return self.desk.answer(self.asked(serial))

    def kept(self, serial: int = VALID) -> list[str] | None:
        kept = still_kept(self.desk, self.asked(serial))
        return None if kept is None else judges.statuses(kept.response())


def still_kept(desk: Desk, data: bytes) -> Kept | None:
    """What was kept and is given at once; signatures are not quick here."""
    answer = desk.at_once(data)
    return answer and answer.kept


def kept_of(answer: Answer) -> Kept:
    assert answer.kept
    return answer.kept


def known(place: Place) -> Kept | None:
    """Of the valid certificate."""
    return place.cache.get(about(place.world.town.issuing, VALID).encoded)


@pytest.fixture
def place(world: World) -> Place:
    return Place(world)


def test_what_was_signed_is_given_again(place: Place, tmp_path: Path) -> None:
    assert place.kept() is None
    answer = place.answer()
    kept = still_kept(place.desk, place.asked())
    assert kept and kept.response() == answer.response
    at = place.world.clock.now()
    judges.check_signature(answer.response, None, place.world.town.responder, at, tmp_path)
    assert judges.findings(answer.response) == []
    assert answer.outcome is Count.SIGNED


def test_a_change_is_answered_after_the_next_look(place: Place) -> None:
    moves = [("held", Why(6)), ("valid", None), ("revoked", Why(1))]
    said = []
    for state, reason in moves:
        place.answer()
        place.change(VALID, Status(state, place.world.clock.now(), reason))
        place.feed.look()
        assert place.kept() is None
        said += judges.statuses(place.answer().response)
    assert said == ["revoked certificateHold", "good", "revoked keyCompromise"]


def test_a_certificate_that_was_unknown_and_is_issued(place: Place) -> None:
    assert judges.statuses(place.answer(NEVER_ISSUED).response) == ["unknown"]
    assert place.kept(NEVER_ISSUED) == ["unknown"]
    place.change(NEVER_ISSUED, Status("valid"))
    place.feed.look()
    assert judges.statuses(place.answer(NEVER_ISSUED).response) == ["good"]


@UNHURRIED
@given(st.sampled_from(sorted(DIGESTS)), st.integers(1, (1 << 160) - 1), st.booleans())
def test_every_way_to_ask_is_forgotten(name: str, serial: int, parameters: bool) -> None:
    """Whatever can be kept can be told from issuer and serial number."""
    (town,) = (town for town in TOWNS.values() if town.kind is KeyKind.SM2)
    issuing, digest = town.issuing, DIGESTS[name]
    question = about(issuing, serial, digest).encoded
    if not parameters:
        hashes = question[len(der.sequence(der.oid(digest.oid), der.NULL)) + (2 if question[1] < 0x80 else 3) :]
        question = der.sequence(der.sequence(der.oid(digest.oid)), hashes)
    asked = der.sequence(der.sequence(der.sequence(der.sequence(question))))
    place = SHARED.setdefault("place", Place(World(town, TOWNS[KeyKind.RSA_2048])))
    place.monotonic.now += 10
    place.feed.look()
    place.desk.answer(asked)
    assert still_kept(place.desk, asked)
    place.change(serial, Status("revoked", place.world.clock.now()))
    place.feed.look()
    assert still_kept(place.desk, asked) is None
    assert judges.statuses(place.desk.answer(asked).response) == ["revoked"]


SHARED: dict[str, Place] = {}


def test_nothing_kept_is_given_when_changes_cannot_be_known(place: Place) -> None:
    place.answer()
    place.ledger.broken = True
    place.change(VALID, Status("revoked", place.world.clock.now()))
    place.monotonic.now += TRUSTED / 2
    with pytest.raises(YinxinError):
        place.feed.look()
    assert place.kept() == ["good"]  # as of the last look, less than a second ago
    place.monotonic.now += TRUSTED / 2
    assert place.kept() is None
    assert judges.statuses(place.answer().response) == ["revoked"]
    place.ledger.broken = False
    place.feed.look()
    assert place.kept() is None  # what was signed meanwhile may be of before the change
    place.answer()
    assert place.kept() == ["revoked"]


def test_a_look_holds_from_its_beginning(place: Place) -> None:
    """A database that takes long to answer does not make the answer newer."""
    slow = place.ledger.changes

    def changes(after: int) -> tuple[int, Iterable[tuple[int, int]]]:
        place.monotonic.now += TRUSTED
        return slow(after)

    place.answer()
    place.ledger.changes = changes  # type: ignore[method-assign]
    place.feed.look()
    assert place.kept() is None


def test_a_status_read_before_a_change_and_signed_after_it_is_not_kept(world: World) -> None:
    place = Place(world)
    sign = world.town.responder.key.sign

    class Slow:
        algorithm, public_key_info = world.town.responder.key.algorithm, world.town.responder.key.public_key_info

        def sign(self, data: bytes) -> bytes:
            place.change(VALID, Status("revoked", world.clock.now()))
            place.feed.look()
            return sign(data)

    slow = delegation(world.town.responder)
    object.__setattr__(slow, "signer", Slow())
    responder = Responder(world.books, [slow], world.clock, VALIDITY)
    desk = Desk(responder, world.clock, Allowance(1), place.cache, place.feed)
    assert judges.statuses(desk.answer(place.asked()).response) == ["good"]
    assert still_kept(desk, place.asked()) is None


def test_signed_anew_when_half_of_its_time_is_gone(place: Place) -> None:
    step, first = timedelta(minutes=7), place.answer()
    signed = [first]
    for _time in range(200):
        place.world.clock.advance(step)
        if place.kept() is None:
            signed.append(place.answer())
        assert place.world.clock.now().timestamp() + VALIDITY.total_seconds() / 2 <= kept_of(signed[-1]).next_update
    assert len({place.desk.tag(kept_of(answer)) for answer in signed}) == len(signed) > 4


@pytest.mark.parametrize("hours", [1, 7])
def test_no_answer_holds_for_longer_than_the_crl(place: Place, hours: int) -> None:
    clock = place.world.clock
    place.answer()
    end = clock.now() + timedelta(hours=hours)
    place.ledger.next_crls[2] = end
    place.feed.look()
    assert place.kept() is None  # that answer would hold for longer
    while clock.now() < end:
        kept = still_kept(place.desk, place.asked())
        until = kept.next_update if kept else kept_of(place.answer()).next_update
        assert until == end.timestamp()
        clock.advance(timedelta(minutes=11))
    # One that is out of date says nothing any more.
    assert kept_of(place.answer()).next_update == (clock.now() + VALIDITY).timestamp()


def test_a_later_crl_is_another_answer_for_caches(place: Place) -> None:
    """Whoever is told that nothing changed must not be left with an answer that ends earlier than a new one."""
    place.ledger.next_crls[2] = place.world.clock.now() + timedelta(hours=5)
    place.feed.look()
    before = place.desk.tag(kept_of(place.answer()))
    place.ledger.next_crls[2] += timedelta(hours=1)
    place.feed.look()
    place.cache.clear()
    assert place.desk.tag(kept_of(place.answer())) not in ("", before)


def test_the_costly_is_limited(world: World) -> None:
    place = Place(world, rate=3)
    nonced = place.asked(nonce=NONCE)
    several = build_request([about(world.town.issuing, VALID)] * 2)
    counts = [place.desk.answer(question).outcome for question in (nonced, several, nonced, nonced, several)]
    assert counts == [Count.SIGNED_ONCE] * 3 + [Count.LIMITED] * 2
    assert place.desk.answer(nonced).response == refusal(Refusal.TRY_LATER)
    assert place.answer().outcome is Count.SIGNED  # the common question is not
    place.monotonic.now += 1
    assert place.desk.answer(nonced).outcome is Count.SIGNED_ONCE


@pytest.mark.parametrize("nonce", [None, NONCE])
def test_what_says_more_is_written_whole(place: Place, nonce: bytes | None) -> None:
    """An extension has no place in a template: such an answer is signed each time, and says it."""
    world = place.world
    responder = Responder(world.books, [delegation(world.town.responder)], world.clock, VALIDITY, extended_revoked=True)
    desk = Desk(responder, world.clock, Allowance(10), place.cache, place.feed)
    answer = desk.answer(place.asked(NEVER_ISSUED, nonce))
    assert answer.outcome is Count.SIGNED_ONCE
    assert answer.kept is None
    extensions = judges.basic(answer.response)["tbs_response_data"]["response_extensions"]
    said = [extension["extn_id"].dotted for extension in extensions]
    assert sorted(said) == ["1.3.6.1.5.5.7.48.1.2"] * bool(nonce) + ["1.3.6.1.5.5.7.48.1.9"]
    assert still_kept(desk, place.asked(NEVER_ISSUED, nonce)) is None
    assert len(place.cache) == 0


@pytest.mark.parametrize("nonce", [None, NONCE])
def test_a_certificate_named_in_an_unusual_way_is_told_its_present_status(place: Place, nonce: bytes | None) -> None:
    """AlgorithmIdentifier with odd parameters: the feed cannot tell that it is the same certificate."""
    usual = about(place.world.town.issuing, VALID, SM3)
    parameters = der.sequence(der.oid(usual.digest_oid), der.octet_string(b"!"))
    hashes = (der.octet_string(usual.issuer_name_hash), der.octet_string(usual.issuer_key_hash))
    unusual = der.sequence(parameters, *hashes, der.integer(VALID))
    asked = build_request([replace(usual, encoded=unusual)], nonce)
    assert judges.statuses(place.desk.answer(asked).response) == ["good"]
    place.change(VALID, Status("revoked", place.world.clock.now()))
    place.feed.look()
    assert judges.statuses(place.desk.answer(asked).response) == ["revoked"]


def test_of_a_question_with_a_nonce_only_the_status_is_kept(place: Place) -> None:
    nonced = place.asked(nonce=NONCE)
    for _time in range(2):
        answer = place.desk.answer(nonced)
        assert judges.basic(answer.response)["tbs_response_data"].native["response_extensions"]
        assert still_kept(place.desk, nonced) is None
    assert len(place.cache) == 1
    assert place.kept() is None  # nobody is given anything unsigned
    answer = place.answer()
    assert answer.outcome is Count.SIGNED
    assert place.kept() == judges.statuses(answer.response) == ["good"]
    assert len(place.cache) == 1


def test_of_a_question_without_a_nonce_the_status_is_kept_for_those_with_one(place: Place) -> None:
    signed = place.answer()
    place.world.books.statuses.clear()  # nothing is read for it
    told = place.desk.answer(place.asked(nonce=NONCE))
    assert told.outcome is Count.SIGNED_ONCE
    assert judges.statuses(told.response) == ["good"]
    assert place.answer() == signed._replace(outcome=Count.CACHED)


def test_what_is_known_is_told_with_each_nonce_as_of_now_until_it_changes(place: Place, tmp_path: Path) -> None:
    world, party = place.world, place.world.town.responder
    issuer = Certificate.load(world.town.issuing.certificate)
    first = judge(place.desk.answer(place.asked(nonce=NONCE)).response, VALID, issuer, world.clock.now(), NONCE)
    read = known(place)
    assert read
    # When it is read anew depends on the CertID, and so on a key that is another each time.
    world.clock.advance(timedelta(seconds=(read.fresh_until - world.clock.now().timestamp()) // 2))
    world.books.statuses.clear()  # nothing is read for it
    for nonce in (b"a" * 8, b"b" * 32):
        told = place.desk.answer(place.asked(nonce=nonce)).response
        judges.check_signature(told, None, party, world.clock.now(), tmp_path)
        assert judges.findings(told) == []
        verdict = judge(told, VALID, issuer, world.clock.now(), nonce)
        assert verdict.standing is Standing.GOOD
        assert verdict.nonce_returned
        assert verdict.this_update == verdict.produced_at == world.clock.now().replace(microsecond=0)
        assert verdict.next_update == first.next_update
    place.change(VALID, Status("revoked", world.clock.now(), Why(1)))
    place.feed.look()
    assert judges.statuses(place.desk.answer(place.asked(nonce=NONCE)).response) == ["revoked keyCompromise"]


def test_quick_signatures_are_made_at_once(place: Place) -> None:
    nonced = place.asked(nonce=NONCE)
    assert place.desk.at_once(nonced) is None  # nothing is known yet
    place.desk.answer(nonced)
    assert place.desk.at_once(nonced) is None  # nor is a signature with SM2 or RSA quick
    read = known(place)
    assert read
    read.letterhead.is_quick = True
    told = place.desk.at_once(nonced)
    assert told and judges.statuses(told.response) == ["good"]
    place.monotonic.now += TRUSTED
    assert place.desk.at_once(nonced) is None  # what holds is not known any more


def test_books_at_hand_are_looked_into_at_once_where_signatures_are_quick(world: World, tmp_path: Path) -> None:
    place = Place(world, rate=1)
    allowance = Allowance(1, place.monotonic)
    desk = Desk(place.responder, world.clock, allowance, place.cache, place.feed, at_hand=True)
    plain, nonced, foreign = place.asked(), place.asked(nonce=NONCE), place.asked(NEVER_ISSUED)
    assert desk.at_once(plain) is None  # a signature with SM2 or RSA is not quick
    (signatories,) = (one for one in place.responder._signatories.values() if one)
    for signatory in signatories:
        signatory.letterhead.is_quick = True
    told = desk.at_once(plain)
    assert told and told.outcome is Count.SIGNED
    judges.check_signature(told.response, None, world.town.responder, world.clock.now(), tmp_path)
    assert place.kept() == ["good"]
    unknown = desk.at_once(foreign)
    assert unknown and judges.statuses(unknown.response) == ["unknown"]
    outcomes = [answer and answer.outcome for answer in (desk.at_once(nonced), desk.at_once(nonced))]
    assert outcomes == [Count.SIGNED_ONCE, Count.LIMITED]
    assert desk.at_once(b"no request") is None
    assert desk.at_once(build_request([about(world.town.issuing, VALID), about(world.town.issuing, 5)])) is None
    assert place.desk.at_once(place.asked(5)) is None  # the books are not at hand
