"""What lets a sealed document pass without being verified whole, and what does not."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from io import BytesIO
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from core.clock import Clock, FixedClock
from core.errors import Kind, YinxinError
from seals.contracts import Evidence, SealingSupport
from seals.documents import pdf_proof, proven
from seals.documents.pdf import seal_pdf
from seals.documents.pdf_made import Work, is_as_made
from seals.documents.pdf_witness import witnessed
from seals.levels import Level
from seals.pades import serial
from seals.pictures.ink import FULL_INK, Ink
from seals.sealing import Seal
from seals.verification.report import Verdict
from tests.support.pdf import add_annotation, add_text, number, set_on_page, updated
from tests.support.sealing import PLACE, Office, TestTimestamper, blank_pdf

DOCUMENT = blank_pdf(2)


@dataclass(frozen=True)
class Lists:
    """The revocation lists in force: the same for every document, as those in the books."""

    found: Evidence

    def evidence(self, _certificates: Sequence[bytes]) -> Evidence:
        return self.found


@pytest.fixture(scope="module")
def evidence(sm2_office: Office) -> Evidence:
    return sm2_office.evidence()


@pytest.fixture(autouse=True)
def nothing_proven(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(proven, "_proven", {})


@pytest.fixture
def whole(monkeypatch: pytest.MonkeyPatch) -> list[Level]:
    """The levels of the documents that are verified as anybody would."""
    levels: list[Level] = []
    kept = pdf_proof._require_as_anybody

    def noted(work: Work, seal: Seal, level: Level, *others: Any) -> None:
        levels.append(level)
        kept(work, seal, level, *others)

    monkeypatch.setattr(pdf_proof, "_require_as_anybody", noted)
    return levels


def sealed(
    office: Office, evidence: Evidence, level: Level, clock: Clock | None = None, stamper: TestTimestamper | None = None
) -> bytes:
    support = SealingSupport(stamper or office.timestamper, Lists(evidence))
    return seal_pdf(DOCUMENT, office.seal, PLACE, level=level, support=support, clock=clock or office.clock).read()


@pytest.mark.parametrize("level", Level)
def test_another_document_with_the_same_is_not_verified_whole(
    sm2_office: Office, evidence: Evidence, whole: list[Level], level: Level
) -> None:
    for _time in range(3):
        document = sealed(sm2_office, evidence, level)
        report = sm2_office.report(document, status=True)
        assert report.signatures[0].level is level
        assert report.verdict is (Verdict.REMARKS if level is Level.B_B else Verdict.VALID)
    assert whole == [level]


def test_new_evidence_is_verified(sm2_office: Office, evidence: Evidence, whole: list[Level]) -> None:
    for one in (evidence, sm2_office.evidence(), evidence):
        sealed(sm2_office, one, Level.B_LT)
    assert len(whole) == 2


def test_evidence_that_no_longer_suffices_is_an_error(sm2_office: Office, evidence: Evidence) -> None:
    sealed(sm2_office, evidence, Level.B_LT)
    with pytest.raises(YinxinError, match="did not reach"):
        sealed(sm2_office, replace(evidence, crls=evidence.crls[:1]), Level.B_LT)


def test_another_authority_is_verified(sm2_office: Office, evidence: Evidence, whole: list[Level]) -> None:
    other = replace(sm2_office, clock=sm2_office.clock)
    other.__dict__.update(root=sm2_office.root, issuing=sm2_office.issuing, start=sm2_office.start)
    for stamper in (sm2_office.timestamper, other.timestamper, sm2_office.timestamper):
        sealed(sm2_office, evidence, Level.B_T, stamper=stamper)
    assert whole == [Level.B_T, Level.B_T]


def test_until_the_lists_or_the_certificates_end(sm2_office: Office, whole: list[Level]) -> None:
    soon = Evidence(sm2_office.tsa.chain, [sm2_office.issuing.crl(sm2_office.clock.now(), days=30)])
    kept = [one for one in sm2_office.crls() if one not in soon.crls][-1:]
    evidence = replace(soon, crls=[*soon.crls, *kept])
    start = sm2_office.clock.now()
    sealed(sm2_office, evidence, Level.B_LT)
    (times,) = proven._proven.values()
    assert times.end == start + proven.HOLDS_FOR
    ends = start + timedelta(days=30)
    late = FixedClock(ends - timedelta(minutes=10))
    stamper = TestTimestamper(sm2_office.tsa, late)
    sealed(sm2_office, evidence, Level.B_LT, late, stamper)
    assert max(times.end for times in proven._proven.values()) == ends
    later = FixedClock(ends + timedelta(minutes=1))
    with pytest.raises(YinxinError, match="did not reach"):
        sealed(sm2_office, evidence, Level.B_LT, later, TestTimestamper(sm2_office.tsa, later))
    assert whole == [Level.B_LT] * 3


def test_until_the_electronic_seal_ends(sm2_office: Office, evidence: Evidence, whole: list[Level]) -> None:
    seal = replace(sm2_office.seal, structure=sm2_office.made_seal(days=20))
    ends = sm2_office.start + timedelta(days=20)
    for minutes, times in ((-10, 1), (-5, 1), (5, 2)):
        clock = FixedClock(ends + timedelta(minutes=minutes))
        support = SealingSupport(TestTimestamper(sm2_office.tsa, clock), Lists(evidence))
        with suppress(YinxinError):
            seal_pdf(DOCUMENT, seal, PLACE, level=Level.B_T, support=support, clock=clock).file.close()
        assert len(whole) == times


def test_another_look_of_the_seal_is_verified(sm2_office: Office, whole: list[Level]) -> None:
    for ink in (FULL_INK, Ink(0.5), FULL_INK, Ink(0.5)):
        seal_pdf(
            DOCUMENT,
            sm2_office.seal,
            PLACE,
            level=Level.B_T,
            support=sm2_office.support,
            clock=sm2_office.clock,
            ink=ink,
        ).file.close()
    assert len(whole) == 2


@pytest.mark.parametrize("minutes", [-61, -3, 3, 61])
def test_a_time_stamping_authority_whose_clock_is_off_has_every_document_verified(
    sm2_office: Office, evidence: Evidence, whole: list[Level], minutes: int
) -> None:
    sealed(sm2_office, evidence, Level.B_T)
    off = TestTimestamper(sm2_office.tsa, FixedClock(sm2_office.clock.now() + timedelta(minutes=minutes)))
    if minutes > 5:
        with pytest.raises(YinxinError, match="did not reach"):
            sealed(sm2_office, evidence, Level.B_T, stamper=off)
    else:
        sealed(sm2_office, evidence, Level.B_T, stamper=off)
    assert len(whole) == 2


@pytest.mark.parametrize("minutes", [-10, 61])
def test_neither_before_nor_long_after(
    sm2_office: Office, evidence: Evidence, whole: list[Level], minutes: int
) -> None:
    sealed(sm2_office, evidence, Level.B_T)
    clock = FixedClock(sm2_office.clock.now() + timedelta(minutes=minutes))
    sealed(sm2_office, evidence, Level.B_T, clock, TestTimestamper(sm2_office.tsa, clock))
    assert len(whole) == 2


class Works(dict[Level, tuple[Work, bytes]]):
    """What was done to a document at each level, and the sealed document; not printed when a test fails."""

    def __repr__(self) -> str:
        return "works"


@pytest.fixture(scope="module")
def works(sm2_office: Office, evidence: Evidence) -> Works:
    found = Works()

    def caught(work: Work, _seal: Seal, level: Level, _clock: Clock) -> None:
        work.copy.seek(0)
        # Files that are still there when the sealing is over.
        found[level] = replace(work, original=BytesIO(DOCUMENT)), work.copy.read()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("seals.documents.pdf.require_level", caught)
        for level in Level:
            sealed(sm2_office, evidence, level)
    return found


def passes(work: Work, document: bytes) -> bool:
    return is_as_made(replace(work, copy=BytesIO(document)))


@pytest.mark.parametrize("level", Level)
def test_what_was_made_passes(works: Works, level: Level) -> None:
    assert passes(*works[level])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), level=st.sampled_from(Level))
def test_no_octet_may_differ(works: Works, data: st.DataObject, level: Level) -> None:
    work, document = works[level]
    place = data.draw(st.integers(0, len(document) - 1))
    octet = document[place] ^ data.draw(st.integers(1, 255))
    assert not passes(work, document[:place] + bytes([octet]) + document[place + 1 :])


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize(
    "change",
    [
        lambda document: document[:-1],
        lambda document: document + b"% more\n",
        lambda document: b"%" + document,
        lambda _document: DOCUMENT,
        lambda document: updated(document, add_text),
    ],
    ids=["shorter", "longer", "moved", "nothing", "increment"],
)
def test_nothing_may_be_missing_or_added(works: Works, level: Level, change: Callable[[bytes], bytes]) -> None:
    work, document = works[level]
    assert not passes(work, change(document))


def test_evidence_of_another_kind_does_not_pass(works: Works) -> None:
    work, document = works[Level.B_LTA]
    assert work.evidence is not None
    for evidence in (None, Evidence(), replace(work.evidence, crls=work.evidence.crls[:1])):
        assert not passes(replace(work, evidence=evidence), document)
    assert not passes(replace(work, archive=None), document)


def add_store(writer: IncrementalPdfFileWriter) -> None:
    writer.root["/DSS"] = writer.add_object(generic.DictionaryObject())  # type: ignore[no-untyped-call]
    writer.update_root()  # type: ignore[no-untyped-call]


def change_root(writer: IncrementalPdfFileWriter) -> None:
    writer.root["/Lang"] = generic.TextStringObject("zh")
    add_store(writer)


def turn_a_page(writer: IncrementalPdfFileWriter) -> None:
    set_on_page(1, Rotate=number(90))(writer)
    add_store(writer)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (add_store, True),
        (add_text, False),
        (add_annotation, False),
        (change_root, False),
        (turn_a_page, False),
    ],
)
def test_the_witness_notices_what_else_was_changed(
    works: Works, change: Callable[[IncrementalPdfFileWriter], None], expected: bool
) -> None:
    work, document = works[Level.B_T]
    writer = IncrementalPdfFileWriter(BytesIO(document))
    writer._update_meta = lambda: None  # type: ignore[method-assign]  # as ours do
    change(writer)
    output = BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    with witnessed(BytesIO(document)) as earlier, witnessed(output) as later:
        assert later.only_adds_evidence(earlier, work.made.end) is expected


def test_a_signature_by_another_key_is_not_handed_out_at_any_level(sm2_office: Office, evidence: Evidence) -> None:
    class Astray:
        """A device that at last signs with another key than it says."""

        algorithm = sm2_office.unit.key.algorithm
        public_key_info = sm2_office.unit.key.public_key_info

        def sign(self, data: bytes) -> bytes:
            return next(keys).sign(data)

    keys = iter([sm2_office.unit.key, sm2_office.issuing.key])

    seal = replace(sm2_office.seal, signer=Astray())
    support = SealingSupport(sm2_office.timestamper, Lists(evidence))
    seal_pdf(DOCUMENT, seal, PLACE, level=Level.B_LTA, support=support, clock=sm2_office.clock).file.close()
    with pytest.raises(YinxinError, match="not good") as caught:
        seal_pdf(DOCUMENT, seal, PLACE, level=Level.B_LTA, support=support, clock=sm2_office.clock)
    assert caught.value.kind is Kind.UNAVAILABLE


OBJECTS = st.recursive(
    st.one_of(
        st.integers(-9999, 9999).map(generic.NumberObject),
        st.floats(-1000, 1000).map(lambda value: number(round(value, 4))),
        st.booleans().map(generic.BooleanObject),
        st.text(min_size=1, max_size=8).map(generic.TextStringObject),
        st.binary(max_size=8).map(generic.ByteStringObject),
        st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8).map(
            lambda text: generic.NameObject(f"/{text}")
        ),
        st.just(generic.NullObject()),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4).map(generic.ArrayObject),
        st.dictionaries(st.sampled_from(["/A", "/B b", "/名"]), inner).map(generic.DictionaryObject),
        st.tuples(st.dictionaries(st.sampled_from(["/A", "/B"]), inner), st.binary(max_size=9)).map(
            lambda parts: generic.StreamObject(parts[0], stream_data=parts[1])
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(OBJECTS)
def test_objects_are_written_just_as_pyhanko_writes_them(value: Any) -> None:
    for _time in range(2):
        ours, theirs = BytesIO(), BytesIO()
        serial.write(ours, value)
        value.write_to_stream(theirs)
        assert ours.getvalue() == theirs.getvalue()
