"""Every level with every algorithm: asked, delivered, verified."""

import time
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest

from core.algorithms import SHA1, SHA256, SM3, Digest, KeyKind
from core.clock import FixedClock
from core.errors import Kind, YinxinError
from seals.contracts import Evidence, SealingSupport
from seals.documents.pdf import seal_pdf
from seals.levels import Level
from seals.verification.report import Verdict
from seals.verification.trust import Trust
from seals.verification.verification import verify_pdf
from tests.support.sealing import PLACE, Office, TestTimestamper, blank_pdf, ocsp_response

DOCUMENT = blank_pdf()


@pytest.fixture(scope="module", params=["sm2", "rsa", "p256"])
def office(request: pytest.FixtureRequest) -> Office:
    if request.param == "p256":
        return Office(KeyKind.P256, FixedClock(datetime.fromisoformat("2026-11-01T02:00:00+00:00")))
    shared: Office = request.getfixturevalue(f"{request.param}_office")
    return shared


@pytest.mark.parametrize("level", Level)
def test_the_level_asked_is_the_level_delivered(office: Office, level: Level) -> None:
    sealed = office.sealed(DOCUMENT, level)
    assert sealed.startswith(DOCUMENT)
    report = office.report(sealed, status=True)
    seal = report.signatures[0]
    assert seal.level is level
    assert seal.intact
    assert report.verdict is (Verdict.REMARKS if level is Level.B_B else Verdict.VALID)
    assert [finding.code for finding in seal.findings] == (["time-unproven"] if level is Level.B_B else [])
    assert seal.signer is not None
    assert seal.signer.subject.endswith("CN=宝鸡市人民政府办公室")
    assert seal.anchor is not None
    assert seal.anchor.endswith(f"Root {office.kind}")
    assert seal.proven_time == (None if level is Level.B_B else office.clock.now())
    assert seal.whole_document == (level <= Level.B_T)
    kinds = [signature.kind for signature in report.signatures]
    assert kinds == (["seal", "document-timestamp"] if level is Level.B_LTA else ["seal"])


@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_from_b_lt_on_the_document_and_the_root_are_enough(office: Office, level: Level) -> None:
    assert office.report(office.sealed(DOCUMENT, level)).verdict is Verdict.VALID


def test_without_certificate_status_nothing_is_valid(office: Office) -> None:
    assert office.report(office.sealed(DOCUMENT, Level.B_B)).verdict is Verdict.INDETERMINATE
    assert office.report(office.sealed(DOCUMENT, Level.B_T)).verdict is Verdict.INDETERMINATE


def test_another_root_is_not_trusted(office: Office) -> None:
    stranger = Office(KeyKind.SM2, office.clock)
    report = stranger.report(office.sealed(DOCUMENT))
    assert report.verdict is Verdict.INDETERMINATE
    assert "untrusted-issuer" in {finding.code for finding in report.all_findings()}


class Failing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def stamp(self, *_question: object) -> bytes:
        raise self.error

    def evidence(self, _certificates: Sequence[bytes] = ()) -> Evidence:
        raise self.error


UNAVAILABLE = YinxinError(Kind.UNAVAILABLE, "the authority does not answer")


def seal_with(office: Office, support: SealingSupport, level: Level = Level.B_LTA) -> bytes:
    return seal_pdf(DOCUMENT, office.seal, PLACE, level=level, support=support, clock=office.clock).read()


@pytest.mark.parametrize(
    ("level", "support", "words"),
    [
        (Level.B_T, SealingSupport(), "needs a time-stamping authority"),
        (Level.B_LTA, SealingSupport(), "needs a time-stamping authority"),
        (Level.B_T, SealingSupport(Failing(UNAVAILABLE)), "does not answer"),
        (Level.B_LTA, SealingSupport(Failing(UNAVAILABLE), Failing(UNAVAILABLE)), "does not answer"),
    ],
)
def test_a_level_that_cannot_be_had_is_an_error(
    sm2_office: Office, level: Level, support: SealingSupport, words: str
) -> None:
    with pytest.raises(YinxinError, match=words) as caught:
        seal_with(sm2_office, support, level)
    assert caught.value.kind is Kind.UNAVAILABLE


def test_missing_evidence_is_an_error(sm2_office: Office) -> None:
    with pytest.raises(YinxinError, match="needs a source of certificate status"):
        seal_with(sm2_office, SealingSupport(sm2_office.timestamper), Level.B_LT)
    with pytest.raises(YinxinError, match="does not answer"):
        seal_with(sm2_office, SealingSupport(sm2_office.timestamper, Failing(UNAVAILABLE)), Level.B_LT)


class Only:
    def __init__(self, evidence: Evidence) -> None:
        self.found = evidence

    def evidence(self, _certificates: Sequence[bytes] = ()) -> Evidence:
        return self.found


class Asked:
    def __init__(self, office: Office) -> None:
        self.office = office
        self.about: Sequence[bytes] = ()

    def evidence(self, certificates: Sequence[bytes]) -> Evidence:
        self.about = certificates
        return self.office.evidence()


@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_evidence_is_asked_for_the_seal_and_for_its_timestamp(sm2_office: Office, level: Level) -> None:
    source = Asked(sm2_office)
    seal_with(sm2_office, SealingSupport(sm2_office.timestamper, source), level)
    assert {sm2_office.unit.certificate, *sm2_office.unit.chain, sm2_office.tsa.certificate} <= set(source.about)


def test_evidence_that_does_not_suffice_is_an_error(sm2_office: Office) -> None:
    issuing_only = Evidence(sm2_office.tsa.chain, sm2_office.crls()[:1])
    for evidence in (Evidence(), issuing_only):
        with pytest.raises(YinxinError, match="did not reach level B-LTA"):
            seal_with(sm2_office, SealingSupport(sm2_office.timestamper, Only(evidence)))


@pytest.mark.parametrize("digest", [SHA1, SHA256, SM3], ids=lambda digest: digest.name)
@pytest.mark.parametrize("kind", ["sm2", "rsa"])
def test_ocsp_responses_are_evidence_too(request: pytest.FixtureRequest, kind: str, digest: Digest) -> None:
    office: Office = request.getfixturevalue(f"{kind}_office")
    now = office.clock.now()
    responses = [ocsp_response(office.issuing, party.certificate, digest, now) for party in (office.unit, office.tsa)]
    root_list = office.crls()[1:]
    evidence = Only(Evidence(office.tsa.chain, root_list, responses))
    sealed = seal_with(office, SealingSupport(office.timestamper, evidence))
    report = office.report(sealed)
    assert (report.verdict, report.signatures[0].level) == (Verdict.VALID, Level.B_LTA)
    incomplete = Only(Evidence(office.tsa.chain, root_list, responses[:1]))
    with pytest.raises(YinxinError, match="did not reach"):
        seal_with(office, SealingSupport(office.timestamper, incomplete))


def another_place(token: bytes) -> bytes:
    return token[:-1] + bytes([token[-1] ^ 1])


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        ({"answer": lambda _token: b""}, "CMS"),
        ({"answer": lambda _token: b"garbage"}, "CMS"),
        ({"answer": lambda token: token[:-20]}, "CMS"),
        ({"answer": another_place}, "not good"),
        ({"value": bytes(32)}, "over other data"),
        ({"nonce": 1}, "another request"),
    ],
)
@pytest.mark.parametrize("level", [Level.B_T])
def test_a_bad_answer_of_the_timestamper_is_an_error(
    sm2_office: Office, level: Level, spoil: dict[str, object], words: str
) -> None:
    timestamper = TestTimestamper(sm2_office.tsa, sm2_office.clock, **spoil)  # type: ignore[arg-type]
    with pytest.raises(YinxinError, match=words) as caught:
        seal_with(sm2_office, SealingSupport(timestamper, sm2_office), level)
    assert caught.value.kind is Kind.UNAVAILABLE
    assert "\n" not in str(caught.value)


def test_a_token_by_somebody_who_is_no_timestamping_authority_is_an_error(sm2_office: Office) -> None:
    with pytest.raises(YinxinError, match="not a time-stamping authority"):
        seal_with(sm2_office, SealingSupport(TestTimestamper(sm2_office.unit, sm2_office.clock), sm2_office))


@pytest.fixture
def no_token_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows yet how long tokens are."""
    monkeypatch.setattr("seals.pades.timestamper.token_octets", {})


@pytest.mark.usefixtures("no_token_seen")
def test_tokens_that_grow_get_more_space_once(sm2_office: Office) -> None:
    growing = TestTimestamper(sm2_office.tsa, sm2_office.clock, ballast=[0, 3000])
    sealed = seal_with(sm2_office, SealingSupport(growing, sm2_office), Level.B_T)
    assert sm2_office.report(sealed, status=True).verdict is Verdict.VALID
    assert growing.asked == 3


@pytest.mark.usefixtures("no_token_seen")
def test_tokens_that_grow_and_grow_are_an_error(sm2_office: Office) -> None:
    growing = TestTimestamper(sm2_office.tsa, sm2_office.clock, ballast=[0, 20_000, 50_000])
    with pytest.raises(YinxinError, match="did not fit"):
        seal_with(sm2_office, SealingSupport(growing, sm2_office), Level.B_T)


@pytest.mark.usefixtures("no_token_seen")
def test_a_document_timestamp_that_grows_gets_more_space_as_well(sm2_office: Office) -> None:
    growing = TestTimestamper(sm2_office.tsa, sm2_office.clock, ballast=[0, 0, 6000])
    sealed = seal_with(sm2_office, SealingSupport(growing, sm2_office))
    assert sm2_office.report(sealed).verdict is Verdict.VALID


def test_two_seals_on_one_document_are_both_valid(sm2_office: Office, rsa_office: Office) -> None:
    other = rsa_office
    once = sm2_office.sealed(DOCUMENT)
    twice = other.sealed(once)
    assert twice.startswith(once)
    anchors = [sm2_office.root.certificate, other.root.certificate]
    report = verify_pdf(twice, Trust(anchors), sm2_office.clock)
    assert report.verdict is Verdict.VALID
    assert [signature.field for signature in report.signatures if signature.kind == "seal"] == ["Seal1", "Seal2"]
    first = report.signatures[0]
    assert first.changes is not None
    assert first.changes.rule == "later-signatures"
    # To whom the second seal's root is unknown, the first is still what it was.
    partly = sm2_office.report(twice)
    assert partly.verdict is Verdict.INDETERMINATE
    assert partly.signatures[0].verdict is Verdict.VALID


def test_sealing_is_quick(sm2_office: Office) -> None:
    sm2_office.sealed(DOCUMENT)
    begin = time.perf_counter()
    sm2_office.sealed(DOCUMENT)
    assert time.perf_counter() - begin < 2  # some 0.15 s; generous for a loaded machine


def test_the_signature_says_when_and_why(sm2_office: Office) -> None:
    clock = FixedClock(sm2_office.clock.now() + timedelta(days=1))
    sealed = seal_pdf(
        DOCUMENT,
        sm2_office.seal,
        PLACE,
        level=Level.B_B,
        support=SealingSupport(),
        clock=clock,
        reason="发文",
        location="宝鸡",
        field="Office",
    ).read()
    seal = sm2_office.report(sealed).signatures[0]
    assert (seal.field, seal.claimed_time) == ("Office", clock.now())
    assert (seal.claims.name, seal.claims.reason, seal.claims.location) == ("宝鸡市人民政府办公室", "发文", "宝鸡")
