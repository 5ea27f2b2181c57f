"""Verdicts that are taken from earlier documents: never another than would be given anew."""

from datetime import datetime, timedelta

import pytest
from asn1crypto import x509

from core.algorithms import KeyKind
from core.clock import FixedClock
from seals.levels import Level
from seals.pades import certificates
from seals.pades.certificates import CertificateJudge, Outcome, Use
from seals.pades.evidence import Knowledge
from seals.pades.remembered import Remembered
from seals.pades.turning import TOLERANCE, _turning_points, interval
from seals.verification.report import Verdict
from seals.verification.trust import Trust
from seals.verification.verification import verify_pdf
from tests.support.sealing import Office, blank_pdf


@pytest.fixture(scope="module")
def office(sm2_office: Office) -> Office:
    return Office(KeyKind.P256, FixedClock(sm2_office.clock.now()), unit_days=60)


def knowledge(office: Office) -> Knowledge:
    return Knowledge((office.issuing.certificate, office.root.certificate), tuple(office.crls()))


@pytest.mark.parametrize("is_revoked", [False, True])
def test_whatever_the_moment_the_verdict_is_that_of_a_fresh_judge(
    office: Office, is_revoked: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = Office(office.kind, FixedClock(office.clock.now()), unit_days=60)
    if is_revoked:
        one.revoke_unit()
        assert isinstance(one.clock, FixedClock)
        one.clock.advance(timedelta(hours=3))
    known, anchors = knowledge(one), (one.root.certificate,)
    points = _turning_points(anchors, one.unit.certificate, known)
    serial = x509.Certificate.load(one.unit.certificate).serial_number
    assert not is_revoked or one.revoked[serial] in points
    offsets = (-3600, -6, -5, -1, 0, 1, 5, 6, 3600)
    moments = [point + timedelta(seconds=seconds) for point in points for seconds in offsets]
    outcomes = set()
    for moment in [*moments, *reversed(moments)]:
        earlier = CertificateJudge(anchors).judge(one.unit.certificate, known, moment, Use.SIGNING)
        with monkeypatch.context() as patch:
            patch.setattr(certificates, "_earlier", Remembered(256))
            fresh = CertificateJudge(anchors).judge(one.unit.certificate, known, moment, Use.SIGNING)
        assert earlier == fresh, moment
        outcomes.add(fresh.outcome)
    assert Outcome.INDETERMINATE in outcomes
    assert is_revoked or Outcome.PASSED in outcomes


def test_near_a_turning_point_nothing_is_taken_from_before(office: Office) -> None:
    known, anchors = knowledge(office), (office.root.certificate,)
    (first, *_others) = _turning_points(anchors, office.unit.certificate, known)
    assert interval(anchors, office.unit.certificate, known, first + TOLERANCE) is None
    assert interval(anchors, office.unit.certificate, known, first - TOLERANCE) is None
    after = interval(anchors, office.unit.certificate, known, first + TOLERANCE + timedelta(seconds=1))
    before = interval(anchors, office.unit.certificate, known, first - TOLERANCE - timedelta(seconds=1))
    assert (before, after) == (0, 1)


def test_what_is_known_of_one_document_is_not_known_of_another(office: Office) -> None:
    """Judged after a good one of the same office: revoked by a newer list, expired, and under other anchors."""
    one = Office(office.kind, FixedClock(office.clock.now()), unit_days=60)
    sealed = one.sealed(blank_pdf(), Level.B_B)

    def verdict(trust: Trust, at: datetime) -> Verdict:
        return verify_pdf(sealed, trust, FixedClock(at)).signatures[0].verdict

    now = one.clock.now()
    trust = one.trust(status=True)
    for _time in range(2):
        assert verdict(trust, now + timedelta(hours=1)) <= Verdict.REMARKS
        assert verdict(trust, now + timedelta(days=70)) is Verdict.INDETERMINATE
        assert verdict(Trust([office.root.certificate], crls=trust.crls), now) is Verdict.INDETERMINATE
        assert verdict(Trust(trust.anchors), now + timedelta(hours=1)) is Verdict.INDETERMINATE
    one.revoke_unit()
    assert isinstance(one.clock, FixedClock)
    one.clock.advance(timedelta(hours=2))
    assert verdict(one.trust(status=True), one.clock.now()) >= Verdict.INDETERMINATE
    assert verdict(trust, now + timedelta(hours=1)) <= Verdict.REMARKS
