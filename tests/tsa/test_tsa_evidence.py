"""Hash trees and evidence records (RFC 4998): every leaf leads to the root, every changed bit is found."""

from datetime import UTC, date, datetime, timedelta

import pytest
from asn1crypto import x509
from hypothesis import given, settings
from hypothesis import strategies as st

from core.algorithms import SHA256, SHA384, SHA512, SM3, Digest, KeyKind
from core.asn1 import der
from core.clock import FixedClock
from core.errors import YinxinError
from tests.support.evidence import LIFE, LongLivedAuthority
from tsa.evidence.archive import read_evidence
from tsa.evidence.hash_tree import grow, leads_to
from tsa.evidence.record import (
    ArchiveTimeStamp,
    EvidenceRecord,
    encode_sequence,
    is_record,
    parse_record,
    sequence_leaf,
    stamp_leaf,
)
from tsa.evidence.suitability import FOREVER, Suitability, key_name
from tsa.evidence.verification import TokenJudge, verify_record
from tsa.response import granted
from tsa.verification import NotValid, Verdict

DOCUMENT = b"document"
BEGIN = datetime(2026, 11, 1, tzinfo=UTC)


@pytest.fixture
def authority(clock: FixedClock) -> LongLivedAuthority:
    return LongLivedAuthority(clock, KeyKind.P256)


@pytest.fixture
def judge(authority: LongLivedAuthority) -> TokenJudge:
    return TokenJudge([authority.root.certificate])


def first(authority: LongLivedAuthority, digest: Digest = SM3, others: int = 0) -> EvidenceRecord:
    leaves = [digest.of(DOCUMENT), *(digest.of(bytes([number])) for number in range(others))]
    tree = grow(digest, leaves)
    token = authority.stamp(digest, tree.root)
    return EvidenceRecord.begin(ArchiveTimeStamp.of(digest, tree.ways[leaves[0]], token))


def verdict_on(record: EvidenceRecord, judge: TokenJudge, now: datetime, document: bytes = DOCUMENT) -> Verdict:
    try:
        verify_record(record, lambda digest: digest.of(document), judge, now)
    except NotValid as error:
        return error.verdict
    return Verdict.VALID


def test_the_tree_of_the_standard() -> None:
    """RFC 4998 4.2: the fathers are not in the lists, values are concatenated in binary ascending order."""
    a, b, c = sorted(SHA256.of(bytes([number])) for number in range(3))
    ab = SHA256.of(a + b)
    tree = grow(SHA256, [c, a, b])
    assert tree.root == SHA256.of(min(ab, c) + max(ab, c))
    assert tree.ways == {a: ((a, b), (c,)), b: ((a, b), (c,)), c: (tuple(sorted((ab, c))),)}
    assert grow(SHA256, [a, a]).root == a


@given(st.lists(st.binary(max_size=4), min_size=1, max_size=40), st.sampled_from([SM3, SHA256, SHA384]))
def test_every_leaf_leads_to_the_root_and_no_other(data: list[bytes], digest: Digest) -> None:
    leaves = [digest.of(one) for one in data]
    tree = grow(digest, leaves)
    assert tree.ways.keys() == set(leaves)
    stranger = digest.of(b"a stranger")
    for leaf, way in tree.ways.items():
        assert leads_to(digest, leaf, way, tree.root)
        assert not leads_to(digest, stranger, way, tree.root)
        assert not leads_to(digest, leaf, way, stranger)


def test_a_record_is_read_as_it_was_written(authority: LongLivedAuthority) -> None:
    record = first(authority, others=4)
    renewed = record.renewed_by_time_stamp((), authority.stamp(SM3, stamp_leaf(record.last)))
    for one in (record, renewed):
        data = one.encode()
        assert parse_record(data) == one
        assert is_record(data) and read_evidence(data) == one
    token = record.last.token
    assert not is_record(token) and not is_record(granted(token))
    assert read_evidence(token) == read_evidence(granted(token))


def test_renewed_for_decades(authority: LongLivedAuthority, clock: FixedClock, judge: TokenJudge) -> None:
    record = first(authority, others=6)
    for number, digest in enumerate((SM3, SM3, SHA384, SHA384, SHA512, SHA512)):
        clock.advance(LIFE - timedelta(days=10))
        authority.next_certificate()
        if digest is record.last.digest:
            record = record.renewed_by_time_stamp((), authority.stamp(digest, stamp_leaf(record.last)))
        else:
            leaf = sequence_leaf(record.chains, digest, digest.of(DOCUMENT))
            record = record.renewed_by_hash_tree(digest, (), authority.stamp(digest, leaf))
        evidence = verify_record(parse_record(record.encode()), lambda used: used.of(DOCUMENT), judge, clock.now())
        assert len(evidence.tokens) == number + 2
        assert evidence.since == datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
        assert verdict_on(record, judge, clock.now(), b"another") is Verdict.CHANGED
    assert [len(chain) for chain in record.chains] == [3, 2, 2]
    assert clock.now().year > 2042


def test_what_was_not_renewed_in_time(authority: LongLivedAuthority, clock: FixedClock, judge: TokenJudge) -> None:
    record = first(authority)
    assert verdict_on(record, judge, clock.now()) is Verdict.VALID
    end = verify_record(record, lambda digest: digest.of(DOCUMENT), judge, clock.now()).holds_until
    assert verdict_on(record, judge, end) is Verdict.VALID
    assert verdict_on(record, judge, end + timedelta(seconds=1)) is Verdict.WEAKENED
    clock.moment = end + timedelta(seconds=1)
    authority.next_certificate()
    late = record.renewed_by_time_stamp((), authority.stamp(SM3, stamp_leaf(record.last)))
    assert verdict_on(late, judge, clock.now()) is Verdict.WEAKENED


def test_a_foreign_root(authority: LongLivedAuthority, clock: FixedClock) -> None:
    stranger = LongLivedAuthority(clock, KeyKind.P256)
    assert verdict_on(first(authority), TokenJudge([stranger.root.certificate]), clock.now()) is Verdict.UNTRUSTED


def test_breaking_the_rules_of_renewal(authority: LongLivedAuthority, clock: FixedClock, judge: TokenJudge) -> None:
    record = first(authority, others=2)
    value = SM3.of(DOCUMENT)
    clock.advance(timedelta(days=1))
    over_something_else = record.renewed_by_time_stamp((), authority.stamp(SM3, SM3.of(b"else")))
    digest_changed = EvidenceRecord(
        ((*record.chains[0], ArchiveTimeStamp.of(SHA256, (), authority.stamp(SHA256, SHA256.of(record.last.token)))),)
    )
    without_the_chains = record.renewed_by_hash_tree(SHA512, (), authority.stamp(SHA512, SHA512.of(DOCUMENT)))
    other_digest = EvidenceRecord.begin(ArchiveTimeStamp.of(SM3, (), authority.stamp(SHA256, value)))
    clock.advance(-timedelta(days=1, minutes=30))
    backwards = record.renewed_by_time_stamp((), authority.stamp(SM3, stamp_leaf(record.last)))
    clock.advance(timedelta(days=2))
    for broken, verdict in (
        (over_something_else, Verdict.INVALID),
        (digest_changed, Verdict.INVALID),
        (without_the_chains, Verdict.CHANGED),
        (other_digest, Verdict.INVALID),
        (backwards, Verdict.INVALID),
    ):
        assert verdict_on(broken, judge, clock.now()) is verdict


def test_algorithms_weaken(authority: LongLivedAuthority, clock: FixedClock) -> None:
    record = first(authority, SHA256)
    for name in ("sha256", "p256"):
        judge = TokenJudge([authority.root.certificate], (), Suitability({name: date(2027, 1, 31)}))
        evidence = verify_record(record, lambda digest: digest.of(DOCUMENT), judge, clock.now())
        assert evidence.holds_until == datetime(2027, 1, 31, 23, 59, 59, 999999, tzinfo=UTC)
        assert verdict_on(record, judge, datetime(2027, 2, 1, tzinfo=UTC)) is Verdict.WEAKENED
    table = Suitability({"rsa-3072": date(2035, 12, 31)})
    assert table.until("rsa-2048").year == table.until("rsa-1536").year == 2030
    assert table.until("rsa-3072").year == 2035
    assert table.until("rsa-4096") == table.until("sm3") == FOREVER
    assert key_name(x509.Certificate.load(authority.root.certificate)) == "p256"


def test_an_octet_more_or_less_is_no_record(authority: LongLivedAuthority) -> None:
    data = first(authority, others=1).encode()
    for wrong in (data + b"\0", data[:-1], data[:40], b"", b"0\0", der.sequence(der.integer(1))):
        with pytest.raises(YinxinError):
            parse_record(wrong)
    record = parse_record(data)
    with pytest.raises(YinxinError, match="another version"):
        parse_record(
            der.sequence(der.integer(2), der.sequence(SM3.identifier), encode_sequence(record.chains)),
        )
    with pytest.raises(YinxinError):
        parse_record(der.sequence(der.integer(1), der.sequence(), der.sequence()))


@pytest.fixture(scope="module")
def ages() -> tuple[list[EvidenceRecord], TokenJudge, datetime]:
    """A record when it was new, renewed by a time stamp, and by a hash tree."""
    authority = LongLivedAuthority(FixedClock(BEGIN), KeyKind.P256)
    records = [first(authority, others=3)]
    records.append(records[0].renewed_by_time_stamp((), authority.stamp(SM3, stamp_leaf(records[0].last))))
    leaf = sequence_leaf(records[1].chains, SHA256, SHA256.of(DOCUMENT))
    records.append(records[1].renewed_by_hash_tree(SHA256, (), authority.stamp(SHA256, leaf)))
    return records, TokenJudge([authority.root.certificate]), BEGIN


@settings(max_examples=150, deadline=None)
@given(place=st.integers(0, 20_000), bit=st.integers(0, 7), age=st.integers(0, 2))
def test_every_changed_bit_is_found_or_says_the_same(
    ages: tuple[list[EvidenceRecord], TokenJudge, datetime], place: int, bit: int, age: int
) -> None:
    """Not all octets are evidence (the list of digests in the head is not): then it still proves the same."""
    records, judge, now = ages
    data = bytearray(records[age].encode())
    data[place % len(data)] ^= 1 << bit
    try:
        changed = parse_record(bytes(data))
        evidence = verify_record(changed, lambda digest: digest.of(DOCUMENT), judge, now)
    except YinxinError:
        return
    assert len(evidence.tokens) == age + 1
    assert {token.time_stamp.gen_time for token in evidence.tokens} == {now}
    assert verdict_on(changed, judge, now, b"another") is Verdict.CHANGED


@given(st.binary(max_size=200))
def test_random_octets_are_no_evidence(data: bytes) -> None:
    for reader in (parse_record, read_evidence):
        with pytest.raises(YinxinError):
            reader(data)
