"""What time does to a seal: expiry and revocation, before and after, known and unknown."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from core.algorithms import SHA1, KeyKind
from core.clock import FixedClock
from core.errors import YinxinError
from seals.contracts import Evidence, SealingSupport
from seals.documents.pdf import seal_pdf
from seals.levels import Level
from seals.verification.report import Report, Verdict
from seals.verification.trust import Trust
from seals.verification.verification import verify_pdf
from tests.support.sealing import PLACE, Office, blank_pdf, ocsp_response

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
DOCUMENT = blank_pdf()
YEAR = timedelta(days=365)


@dataclass
class Scene:
    """An office that can travel in time, and what it sealed at every level at the beginning."""

    office: Office
    sealed: dict[Level, bytes] = field(default_factory=dict)

    def later(self, by: timedelta) -> None:
        assert isinstance(self.office.clock, FixedClock)
        self.office.clock.advance(by)


def scene(kind: KeyKind = KeyKind.SM2, levels: Iterable[Level] = tuple(Level)) -> Scene:
    office = Office(kind, FixedClock(NOW))
    return Scene(office, {level: office.sealed(DOCUMENT, level) for level in levels})


@pytest.fixture(scope="module")
def five_years_later() -> Scene:
    """The unit's certificate has expired; the authority's has not."""
    made = scene()
    made.later(5 * YEAR)
    return made


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.all_findings()}


def test_years_later_with_current_status_of_the_time_stamping_authority(five_years_later: Scene) -> None:
    report = five_years_later.office.report(five_years_later.sealed[Level.B_LTA], status=True)
    assert report.verdict is Verdict.VALID
    assert report.signatures[0].proven_time == NOW
    assert report.signatures[0].signer is not None
    assert report.signatures[0].signer.not_after < report.checked_at


@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_years_later_with_nothing_but_the_document_and_the_root(five_years_later: Scene, level: Level) -> None:
    report = five_years_later.office.report(five_years_later.sealed[level])
    assert report.verdict is Verdict.REMARKS
    assert codes(report) == {"old-status"}


def test_years_later_without_evidence_from_the_time_of_sealing(five_years_later: Scene) -> None:
    # Revocation lists of today no longer speak of certificates that have expired.
    for level, code in ((Level.B_B, "expired"), (Level.B_T, "chain-not-verified")):
        report = five_years_later.office.report(five_years_later.sealed[level], status=True)
        assert report.verdict is Verdict.INDETERMINATE
        assert codes(report) == {code}


def test_when_the_time_stamping_authority_has_expired_as_well() -> None:
    made = scene(levels=(Level.B_LTA,))
    made.later(11 * YEAR)
    for level in made.sealed:
        assert made.office.report(made.sealed[level], status=True).verdict is Verdict.INDETERMINATE


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA_2048])
def test_seals_from_before_a_revocation_stay_valid_if_their_time_is_proven(kind: KeyKind) -> None:
    made = scene(kind)
    made.later(timedelta(hours=1))
    made.office.revoke_unit()
    made.later(timedelta(hours=1))
    for level in (Level.B_T, Level.B_LT, Level.B_LTA):
        report = made.office.report(made.sealed[level], status=True)
        assert report.verdict is Verdict.VALID
        assert report.signatures[0].revoked_at == NOW + timedelta(hours=1)
    report = made.office.report(made.sealed[Level.B_B], status=True)
    assert report.verdict is Verdict.INDETERMINATE
    assert codes(report) == {"revoked"}


@pytest.fixture(scope="module")
def revoked() -> Scene:
    """Sealed by a key whose certificate had been revoked an hour before."""
    office = Office(KeyKind.SM2, FixedClock(NOW))
    office.revoke_unit()
    made = Scene(office)
    made.later(timedelta(hours=1))
    made.sealed = {level: office.sealed(DOCUMENT, level) for level in (Level.B_B, Level.B_T)}
    return made


@pytest.mark.parametrize("level", [Level.B_B, Level.B_T])
def test_what_was_sealed_after_the_revocation_is_invalid(revoked: Scene, level: Level) -> None:
    report = revoked.office.report(revoked.sealed[level], status=True)
    assert report.verdict is Verdict.INVALID
    assert codes(report) == {"sealed-after-revocation"}


@pytest.mark.parametrize("level", [Level.B_LT, Level.B_LTA])
def test_a_revoked_certificate_seals_nothing_that_lasts(revoked: Scene, level: Level) -> None:
    with pytest.raises(YinxinError, match="after the certificate was revoked"):
        revoked.office.sealed(DOCUMENT, level)


def test_expiry_does_not_make_a_revocation_forgotten() -> None:
    office = Office(KeyKind.SM2, FixedClock(NOW))
    office.revoke_unit()
    made = Scene(office)
    made.later(timedelta(hours=1))
    sealed = office.sealed(DOCUMENT, Level.B_T)
    old_lists = office.crls()
    made.later(5 * YEAR)
    office.revoked.clear()  # after its expiry a certificate leaves the list
    assert office.report(sealed, status=True).verdict is Verdict.INDETERMINATE
    everything = Trust([office.root.certificate], crls=[*old_lists, *office.crls()])
    report = verify_pdf(sealed, everything, office.clock)
    assert report.verdict is Verdict.INVALID
    assert codes(report) == {"sealed-after-revocation"}


def test_a_content_ocsp_response_does_not_hide_a_revocation() -> None:
    """Sealed after the revocation, with an OCSP response from before it."""
    made = scene(levels=())
    office = made.office
    response = ocsp_response(office.issuing, office.unit.certificate, SHA1, NOW)
    stamped = ocsp_response(office.issuing, office.tsa.certificate, SHA1, NOW)
    made.later(timedelta(minutes=1))
    root_list = office.crls()[1:]
    office.revoke_unit()
    made.later(timedelta(minutes=1))
    outdated = Outdated(Evidence(office.tsa.chain, root_list, [response, stamped]))
    sealed = seal_pdf(
        DOCUMENT,
        office.seal,
        PLACE,
        level=Level.B_LTA,
        support=SealingSupport(office.timestamper, outdated),
        clock=office.clock,
    ).read()
    assert office.report(sealed).verdict is Verdict.VALID  # nobody could know
    report = office.report(sealed, status=True)
    assert report.verdict is Verdict.INVALID
    assert codes(report) == {"sealed-after-revocation"}


@dataclass
class Outdated:
    found: Evidence

    def evidence(self, _certificates: Sequence[bytes] = ()) -> Evidence:
        return self.found


def test_a_revoked_time_stamping_authority_proves_nothing() -> None:
    made = scene(levels=(Level.B_T, Level.B_LTA))
    made.later(timedelta(hours=1))
    made.office.revoke_tsa()
    made.later(timedelta(hours=1))
    for level in (Level.B_T, Level.B_LTA):
        report = made.office.report(made.sealed[level], status=True)
        assert report.verdict is Verdict.INDETERMINATE
        assert "timestamp-authority-revoked" in codes(report)


def test_a_time_stamp_from_the_future_is_refused() -> None:
    made = scene(levels=(Level.B_T, Level.B_LTA))
    made.later(timedelta(hours=-1))
    for level in (Level.B_T, Level.B_LTA):
        report = made.office.report(made.sealed[level], status=True)
        assert report.verdict is Verdict.INVALID
        assert "timestamp-order" in codes(report)


@pytest.mark.parametrize(("days", "words"), [(1001, "expired on"), (-11, "valid only from")])
def test_a_certificate_seals_only_while_it_is_valid(days: int, words: str) -> None:
    office = Office(KeyKind.SM2, FixedClock(NOW))
    assert office.unit.certificate
    assert isinstance(office.clock, FixedClock)
    office.clock.advance(timedelta(days=days))
    with pytest.raises(YinxinError, match=words):
        office.sealed(DOCUMENT, Level.B_B)
