"""Evidence records (RFC 4998) in the hands of BouncyCastle: it verifies ours, and we verify what it makes."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from core.algorithms import SHA256, SHA512, SM3, Digest, KeyKind
from core.clock import FixedClock
from tests.support.bouncycastle import evidence_records
from tests.support.evidence import LongLivedAuthority
from tsa.evidence.hash_tree import grow
from tsa.evidence.record import ArchiveTimeStamp, EvidenceRecord, parse_record, sequence_leaf, stamp_leaf
from tsa.evidence.verification import TokenJudge, verify_record
from tsa.request import parse_request
from tsa.response import granted
from tsa.verification import NotValid, Verdict

DOCUMENTS = [f"公文 {number}".encode() for number in range(5)]


@pytest.fixture
def past() -> FixedClock:
    """BouncyCastle looks at the machine's clock, and takes no time stamp from the future."""
    return FixedClock(datetime(2020, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(("kind", "digest"), [(KeyKind.SM2, SM3), (KeyKind.P256, SHA256)])
def test_bouncy_castle_verifies_ours(past: FixedClock, tmp_path: Path, kind: KeyKind, digest: Digest) -> None:
    authority = LongLivedAuthority(past, kind)
    value = digest.of(DOCUMENTS[0])
    tree = grow(digest, map(digest.of, DOCUMENTS))
    records = [EvidenceRecord.begin(ArchiveTimeStamp.of(digest, tree.ways[value], authority.stamp(digest, tree.root)))]
    past.advance(timedelta(days=900))
    authority.next_certificate()
    leaf = stamp_leaf(records[0].last)
    records.append(records[0].renewed_by_time_stamp((), authority.stamp(digest, leaf)))
    tree = grow(digest, [leaf, bytes(32), b"\1" * 32])
    records.append(records[0].renewed_by_time_stamp(tree.ways[leaf], authority.stamp(digest, tree.root)))
    past.advance(timedelta(days=300))
    leaf = sequence_leaf(records[2].chains, SHA512, SHA512.of(DOCUMENTS[0]))
    tree = grow(SHA512, [leaf, bytes(64)])
    records.append(records[2].renewed_by_hash_tree(SHA512, tree.ways[leaf], authority.stamp(SHA512, tree.root)))
    arguments: list[Path] = []
    for number, record in enumerate(records):
        for document in ("stamped", "another"):
            arguments += [tmp_path / f"record{number}", tmp_path / document]
        (tmp_path / f"record{number}").write_bytes(record.encode())
    (tmp_path / "stamped").write_bytes(DOCUMENTS[0])
    (tmp_path / "another").write_bytes(b"another")
    said = evidence_records("verify", str(int(past.now().timestamp())), *arguments)
    assert said[::2] == ["VERIFIED"] * 4
    assert len(said) == 8 and "VERIFIED" not in said[1::2], said
    judge = TokenJudge([authority.root.certificate])
    for record in records[1:]:
        assert verify_record(record, lambda used: used.of(DOCUMENTS[0]), judge, past.now()).since < past.now()


def test_we_verify_bouncy_castles(past: FixedClock, tmp_path: Path) -> None:
    authority = LongLivedAuthority(past)
    judge = TokenJudge([authority.root.certificate])
    files = [tmp_path / f"document{number}" for number in range(len(DOCUMENTS))]
    for path, document in zip(files, DOCUMENTS, strict=True):
        path.write_bytes(document)
    query, reply = tmp_path / "query", tmp_path / "reply"

    def make(mode: str, digest: Digest, record: str | Path, out: Path, *documents: Path) -> None:
        evidence_records(mode, digest.oid, record, "-", query, *documents)
        asked = parse_request(query.read_bytes())
        reply.write_bytes(granted(authority.stamp(asked.imprint.digest, asked.imprint.value, nonce=asked.nonce)))
        evidence_records(mode, digest.oid, record, reply, out, *documents)

    def whose(record: Path) -> list[int]:
        """The documents that the record is for."""
        found = []
        for number, document in enumerate(DOCUMENTS):
            try:
                verify_record(parse_record(record.read_bytes()), lambda used: used.of(document), judge, past.now())  # noqa: B023
            except NotValid as error:
                assert error.verdict is Verdict.CHANGED
            else:
                found.append(number)
        return found

    make("begin", SM3, "-", tmp_path / "record", *files)
    records = [tmp_path / f"record.{number}" for number in range(len(files))]
    assert sorted(whose(record) for record in records) == [[0], [1], [2], [3], [4]]
    (mine,) = (record for record in records if whose(record) == [0])
    past.advance(timedelta(days=500))
    for mode, digest in (("stamp", SM3), ("hash", SHA512)):
        make(mode, digest, mine, mine, files[0])
        assert whose(mine) == [0]
        past.advance(timedelta(days=5))
    assert [len(chain) for chain in parse_record(mine.read_bytes()).chains] == [2, 1]
