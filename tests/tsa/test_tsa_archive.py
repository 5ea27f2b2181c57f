"""Archives: made, checked and renewed over decades; whatever is changed, missing or interrupted is found or goes on."""

import itertools
import random
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core import files
from core.algorithms import SHA256, SHA512, SM3, Digest, KeyKind
from core.clock import FixedClock
from core.errors import YinxinError
from tests.support.evidence import LIFE, LongLivedAuthority
from tsa.evidence.archive import Archive, Standing
from tsa.evidence.preservation import Preservation
from tsa.evidence.record import parse_record
from tsa.evidence.suitability import Suitability
from tsa.evidence.verification import TokenJudge
from tsa.response import granted

MARGIN = timedelta(days=90)


@pytest.fixture
def authority(clock: FixedClock) -> LongLivedAuthority:
    return LongLivedAuthority(clock, KeyKind.P256)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "archive"
    (path / "2026").mkdir(parents=True)
    for name in ("一.txt", "b.txt", "2026/c.txt", "2026/d.txt", "2026/e.ers"):
        (path / name).write_text(name)
    (path / "2026" / "d copy.txt").write_text("2026/d.txt")
    return path


def keeper(folder: Path, authority: LongLivedAuthority, batch: int = 1000, **until: object) -> Preservation:
    judge = TokenJudge([authority.root.certificate], (), Suitability(until))  # type: ignore[arg-type]
    return Preservation(Archive(folder), judge, authority.clock, MARGIN, batch)


def standings(folder: Path, authority: LongLivedAuthority) -> dict[str, Standing]:
    keep = keeper(folder, authority)
    return {report.file: report.standing for report in keep.check(keep.archive.names())}


def protect(folder: Path, authority: LongLivedAuthority, digest: Digest = SM3, batch: int = 1000) -> int:
    keep = keeper(folder, authority, batch)
    reports = list(keep.protect(keep.archive.unprotected(), authority.stamp, digest))
    assert {report.standing for report in reports} <= {Standing.STAMPED}
    return len(reports)


def renew(
    folder: Path, authority: LongLivedAuthority, digest: Digest = SM3, *, batch: int = 1000, change: bool = False
) -> dict[str, Standing]:
    keep = keeper(folder, authority, batch)
    reports = keep.renew(keep.archive.names(), authority.stamp, digest, change_digest=change)
    return {report.file: report.standing for report in reports}


def snapshot(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_one_time_stamp_for_many_files(folder: Path, authority: LongLivedAuthority) -> None:
    before = snapshot(folder)
    assert set(standings(folder, authority).values()) == {Standing.UNPROTECTED}
    assert protect(folder, authority) == 6
    assert len(authority.given) == 1
    assert set(standings(folder, authority).values()) == {Standing.VALID}
    assert len(standings(folder, authority)) == 6
    assert protect(folder, authority) == 0
    (folder / "new.txt").write_text("new")
    assert protect(folder, authority) == 1
    assert len(authority.given) == 2
    assert {path: data for path, data in snapshot(folder).items() if path in before} == before


def test_a_batch_has_a_time_stamp_of_its_own(folder: Path, authority: LongLivedAuthority) -> None:
    protect(folder, authority, batch=4)
    assert len(authority.given) == 2
    assert set(standings(folder, authority).values()) == {Standing.VALID}


def test_what_was_changed_or_is_missing(folder: Path, authority: LongLivedAuthority) -> None:
    protect(folder, authority)
    (folder / "b.txt").write_text("B.txt")
    (folder / "2026" / "c.txt").unlink()
    (folder / "new.txt").write_text("new")
    record = folder / "evidence" / "2026" / "d.txt.ers"
    record.write_bytes(record.read_bytes()[:-1])
    shutil.copy(folder / "evidence" / "一.txt.ers", folder / "evidence" / "2026" / "e.ers.ers")
    found = standings(folder, authority)
    wrong = {
        "b.txt": Standing.CHANGED,
        "2026/c.txt": Standing.MISSING,
        "new.txt": Standing.UNPROTECTED,
        "2026/d.txt": Standing.INVALID,
    }
    assert wrong.items() <= found.items()
    assert (found["一.txt"], found["2026/d copy.txt"]) == (Standing.VALID, Standing.VALID)
    assert [found[name].exit_code for name in ("一.txt", "new.txt", "b.txt", "2026/c.txt", "2026/d.txt")] == [
        0, 1, 3, 3, 3,
    ]  # fmt: skip
    # Renewing leaves alone, and reports, what is wrong.
    before = snapshot(folder)
    authority.clock.advance(LIFE - MARGIN)
    authority.next_certificate()
    after = renew(folder, authority)
    assert {name: after[name] for name in wrong} == wrong
    assert after["一.txt"] is Standing.RENEWED
    for name in ("b.txt", "2026/c.txt", "2026/d.txt"):
        path = folder / "evidence" / f"{name}.ers"
        assert path.read_bytes() == before[path]


def test_renewed_when_due(folder: Path, authority: LongLivedAuthority) -> None:
    protect(folder, authority)
    before = snapshot(folder)
    assert set(renew(folder, authority).values()) == {Standing.VALID}
    assert snapshot(folder) == before
    authority.clock.advance(LIFE - MARGIN)
    assert set(standings(folder, authority).values()) == {Standing.DUE}
    # The authority's certificate is the old one: a new stamp would gain nothing, and none is kept.
    with pytest.raises(YinxinError, match="hold no longer"):
        renew(folder, authority)
    assert snapshot(folder) == before
    authority.next_certificate()
    given = len(authority.given)
    assert set(renew(folder, authority).values()) == {Standing.RENEWED}
    assert len(authority.given) == given + 1
    authority.clock.advance(MARGIN)
    assert set(standings(folder, authority).values()) == {Standing.VALID}


def test_a_digest_that_weakens_is_replaced(folder: Path, authority: LongLivedAuthority) -> None:
    protect(folder, authority, SHA256)
    end = (authority.clock.now() + timedelta(days=30)).date()
    keep = keeper(folder, authority, sha256=end)
    names = keep.archive.names()
    with pytest.raises(YinxinError, match="weaken too soon"):
        list(keep.renew(names, authority.stamp, SHA256))
    assert {report.standing for report in keep.renew(names, authority.stamp, SHA512)} == {Standing.RENEWED}
    record = parse_record((folder / "evidence" / "b.txt.ers").read_bytes())
    assert [chain[0].digest for chain in record.chains] == [SHA256, SHA512]
    assert set(standings(folder, authority).values()) == {Standing.VALID}
    assert set(renew(folder, authority, SM3, change=True).values()) == {Standing.RENEWED}
    assert set(renew(folder, authority, SM3, change=True).values()) == {Standing.VALID}


@pytest.mark.parametrize("wrap", [bytes, granted], ids=["tst", "tsr"])
def test_tokens_beside_files_are_evidence(
    folder: Path, authority: LongLivedAuthority, wrap: Callable[[bytes], bytes]
) -> None:
    token = authority.stamp(SHA256, SHA256.of((folder / "b.txt").read_bytes()))
    (folder / ("b.txt.tst" if wrap is bytes else "b.txt.tsr")).write_bytes(wrap(token))
    found = standings(folder, authority)
    assert len(found) == 6
    assert found["b.txt"] is Standing.VALID
    assert protect(folder, authority) == 5
    authority.clock.advance(LIFE - MARGIN)
    authority.next_certificate()
    assert set(renew(folder, authority).values()) == {Standing.RENEWED}
    assert (folder / "evidence" / "b.txt.ers").exists()
    authority.clock.advance(MARGIN)
    assert set(standings(folder, authority).values()) == {Standing.VALID}


@pytest.mark.parametrize("at", range(6))
def test_interrupted_anywhere(
    folder: Path, authority: LongLivedAuthority, monkeypatch: pytest.MonkeyPatch, at: int
) -> None:
    """At each write in turn: nothing is lost, and running it again ends the work."""

    class InterruptionError(Exception):
        pass

    real, writes = files.write, itertools.count()

    def interrupted(path: Path, data: bytes) -> None:
        if next(writes) == at:
            path.with_name(f".{path.name}.1234").write_bytes(data[:10])  # what a kill leaves of a file
            raise InterruptionError
        real(path, data)

    protect(folder, authority, batch=2)
    authority.clock.advance(LIFE - MARGIN)
    authority.next_certificate()
    with monkeypatch.context() as patch:
        patch.setattr(files, "write", interrupted)
        with pytest.raises(InterruptionError):
            renew(folder, authority, batch=3)
    between = standings(folder, authority)
    assert len(between) == 6
    assert set(between.values()) <= {Standing.DUE, Standing.VALID}
    assert sum(standing is Standing.VALID for standing in between.values()) == at
    again = renew(folder, authority, batch=3)
    assert sum(standing is Standing.RENEWED for standing in again.values()) == 6 - at
    assert set(standings(folder, authority).values()) == {Standing.VALID}


def test_no_stamp_no_change(folder: Path, authority: LongLivedAuthority) -> None:
    protect(folder, authority)
    authority.clock.advance(LIFE - MARGIN)
    before = snapshot(folder)
    stranger = LongLivedAuthority(authority.clock, KeyKind.P256)
    keep = keeper(folder, authority)
    with pytest.raises(YinxinError, match="no trusted issuer"):
        list(keep.renew(keep.archive.names(), stranger.stamp, SM3))

    def wrong(digest: Digest, value: bytes) -> bytes:
        return authority.stamp(digest, digest.of(value))

    authority.next_certificate()
    with pytest.raises(YinxinError, match="does not cover"):
        list(keep.renew(keep.archive.names(), wrong, SM3))
    assert snapshot(folder) == before


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sizes=st.lists(st.integers(0, 300), min_size=1, max_size=9),
    renewals=st.lists(st.sampled_from([None, SM3, SHA256, SHA512]), max_size=4),
    batch=st.integers(1, 5),
    seed=st.integers(0, 2**32),
)
def test_random_folders_random_renewals(
    tmp_path: Path, sizes: list[int], renewals: list[Digest | None], batch: int, seed: int
) -> None:
    """After any history every file is proven, and any bit that changes in any file is found."""
    chance = random.Random(seed)
    folder = tmp_path / "random"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for number, size in enumerate(sizes):
        (folder / f"{number}").write_bytes(chance.randbytes(size))
    authority = LongLivedAuthority(FixedClock(datetime(2026, 11, 1, tzinfo=UTC)), KeyKind.P256)
    protect(folder, authority, SM3, batch)
    for digest in renewals:
        authority.clock.advance(timedelta(days=LIFE.days - chance.randrange(1, MARGIN.days)))
        authority.next_certificate()
        assert set(renew(folder, authority, digest or SM3, batch=batch, change=digest is not None).values()) == {
            Standing.RENEWED
        }
    assert set(standings(folder, authority).values()) == {Standing.VALID}
    for number, size in enumerate(sizes):
        if size:
            data = bytearray((folder / f"{number}").read_bytes())
            data[chance.randrange(size)] ^= 1 << chance.randrange(8)
            (folder / f"{number}").write_bytes(data)
    found = standings(folder, authority)
    for number, size in enumerate(sizes):
        expected = Standing.CHANGED if size else Standing.VALID
        assert found[f"{number}"] is expected
