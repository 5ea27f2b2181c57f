"""Certificates that follow others: the same holder, the key's one line of descent, and what becomes of the former."""

import hashlib
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from asn1crypto import x509

from ca.activation import activate
from ca.authorities import chain_of
from ca.issuance import Approval, ApprovedRequest
from ca.profiles import load_profile
from ca.records import profiles
from ca.state import Reason
from ca.state import State as CertificateState
from ca.succession import Predecessor
from core.algorithms import KeyKind
from core.clock import FixedClock
from core.csr import build_csr
from core.errors import Kind, YinxinError
from core.keys.private_key import generate
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from core.subject import Subject
from ra import records, requests, revocation, succession
from ra.applications import Contact, Succession, digest_of, parse_application
from ra.issuance import issue
from ra.moves import State
from ra.refusals import RefusedError
from ra.register import find_request
from ra.replacement import certificate_state
from ra.statements import Act, Statement
from tests.support.office import NOW, PROFILES, STAFF, UNIT, Office

DAYS = 120
"""How long the certificates of these tests last, so that those of the operators last longer."""
LU, SHEN, ZHI = "lu.enter", "shen.review", "zhi.make"


@pytest.fixture(scope="module")
def founded(founded: Office, tmp_path_factory: pytest.TempPathFactory) -> Office:
    """The office, with certificates for staff that end soon."""
    folder = tmp_path_factory.mktemp("brief") / "office"
    shutil.copytree(founded.folder, folder)
    brief = folder / "staff.toml"
    text = (PROFILES / "staff.toml").read_text().replace('encryption = "staff-encryption"', "")
    brief.write_text(text.replace("validity_days = 1096", f"validity_days = {DAYS}").replace('"rsa", "p256"', ""))
    office = Office(folder, Storage(f"sqlite:///{folder / 'yinxin.db'}"), FixedClock(NOW), dict(founded.sessions))
    activate(office.context, [load_profile(brief)], actor="ceremony")
    office.storage.close()
    return office


def issued(office: Office, **options: object) -> int:
    return make(office, office.enter(**options))  # type: ignore[arg-type]


def make(office: Office, number: str) -> int:
    requests.approve(office.context, office.sessions[SHEN], number)
    (one,) = issue(office.context, office.authority, office.sessions[ZHI], [number])
    return one.serial


def late(office: Office) -> None:
    """Move to the renewal window: 30 days before the end."""
    office.clock.advance(timedelta(days=DAYS - 30))


def state(office: Office, serial: int) -> CertificateState | None:
    with office.storage.reading() as connection:
        return certificate_state(connection, "sm2-issuing", serial)


def certificate_of(office: Office, serial: int) -> x509.Certificate:
    (row,) = [row for row in office.rows(records.request_certificates) if row.serial == serial]
    return x509.Certificate.load(row.certificate)


def conflict(act: Callable[[], object]) -> str:
    with pytest.raises(YinxinError) as error:
        act()
    assert error.value.kind is Kind.CONFLICT, error.value
    return error.value.what


def refused(rule: str, act: Callable[[], object]) -> None:
    with pytest.raises(RefusedError) as refusal:
        act()
    assert refusal.value.rule == rule


def changed(**fields: object) -> Callable[[Subject], Subject]:
    return lambda subject: subject.model_copy(update=fields)


def test_a_renewal_keeps_key_and_holder_and_leaves_the_former_to_its_end(office: Office) -> None:
    first = issued(office)
    late(office)
    number = succession.renew(office.context, office.sessions[LU], "sm2-issuing", first)
    application = find_request(office.context, number).application
    assert application and application.replaces and application.replaces.kind is Succession.RENEW
    second = make(office, number)
    before, after = certificate_of(office, first), certificate_of(office, second)
    assert after.public_key.dump() == before.public_key.dump()
    assert after.subject.dump() == before.subject.dump()
    assert after.serial_number != before.serial_number and after.not_valid_after > before.not_valid_after
    assert (state(office, first), state(office, second)) == (CertificateState.VALID, CertificateState.VALID)
    issuer = x509.Certificate.load(chain_of(office.storage, "sm2-issuing")[0])
    point = curve.point_of(issuer.public_key.dump())
    assert point and GmsslEngine().verify(point, after["signature_value"].native, after["tbs_certificate"].dump())


def test_a_line_of_renewals_has_one_newest_certificate(office: Office) -> None:
    first = issued(office)
    late(office)
    second = make(office, succession.renew(office.context, office.sessions[LU], "sm2-issuing", first))
    assert "replaces it already" in conflict(
        lambda: succession.renew(office.context, office.sessions[LU], "sm2-issuing", first)
    )
    assert "last 90 days" in conflict(
        lambda: succession.renew(office.context, office.sessions[LU], "sm2-issuing", second)
    )


@pytest.mark.parametrize(("days", "allowed"), [(DAYS - 91, False), (DAYS - 90, True), (DAYS - 1, True), (DAYS, False)])
def test_the_window_of_renewal(office: Office, days: int, allowed: bool) -> None:
    serial = issued(office)
    office.clock.advance(timedelta(days=days))

    def attempt() -> str:
        return succession.renew(office.context, office.sessions[LU], "sm2-issuing", serial)

    if allowed:
        attempt()
    else:
        with pytest.raises(YinxinError):
            attempt()


def test_where_the_profile_forbids_it_no_key_is_certified_again(office: Office, tmp_path: Path) -> None:
    serial = issued(office)
    late(office)
    number = succession.renew(office.context, office.sessions[LU], "sm2-issuing", serial)
    requests.approve(office.context, office.sessions[SHEN], number)
    strict = tmp_path / "staff.toml"
    text = (
        (PROFILES / "staff.toml")
        .read_text()
        .replace('encryption = "staff-encryption"', "")
        .replace("same_key = true", "same_key = false")
    )
    strict.write_text(text.replace('"rsa", "p256"', ""))
    activate(office.context, [load_profile(strict)], actor="ceremony")
    assert "certified again" in conflict(
        lambda: issue(office.context, office.authority, office.sessions[ZHI], [number])
    )
    requests.withdraw(office.context, office.sessions[LU], number)
    assert "certified again" in conflict(
        lambda: succession.renew(office.context, office.sessions[LU], "sm2-issuing", serial)
    )


def test_a_rekeying_takes_a_new_key_and_revokes_as_approved(each_office: Office) -> None:
    office = each_office
    key = generate(KeyKind.SM2)
    first = issued(office, csr=build_csr(key, STAFF.name()))
    same = build_csr(key, STAFF.name())
    assert "new key" in conflict(
        lambda: succession.rekey(office.context, office.sessions[LU], "sm2-issuing", first, csr=same)
    )
    number = succession.rekey(
        office.context, office.sessions[LU], "sm2-issuing", first, csr=office.csr(), revoke=Reason.SUPERSEDED
    )
    assert state(office, first) is CertificateState.VALID
    second = make(office, number)
    assert (state(office, first), state(office, second)) == (CertificateState.REVOKED, CertificateState.VALID)
    assert certificate_of(office, second).subject.dump() == certificate_of(office, first).subject.dump()


def test_a_change_with_the_same_key_keeps_the_person(office: Office) -> None:
    first = issued(office)
    other_unit = changed(organization="宝鸡市财政局", organizational_unit="预算科")

    def enter(who: Callable[[Subject], Subject], revoke: Reason | None = None) -> str:
        return succession.change(office.context, office.sessions[LU], "sm2-issuing", first, who, revoke=revoke)

    for another in (
        changed(common_name="李四"),
        changed(identity=STAFF.identity.model_copy(update={"passport": "E12345678"})),
    ):
        assert "stay as they are" in conflict(partial(enter, another))
    with pytest.raises(YinxinError) as error:
        enter(changed())
    assert error.value.kind is Kind.INVALID
    second = make(office, enter(other_unit, revoke=Reason.AFFILIATION_CHANGED))
    assert state(office, first) is CertificateState.REVOKED
    after = certificate_of(office, second)
    assert after.subject.native["organization_name"] == "宝鸡市财政局"
    assert after.public_key.dump() == certificate_of(office, first).public_key.dump()
    renamed = succession.change(
        office.context, office.sessions[LU], "sm2-issuing", second, changed(common_name="张三丰"), csr=office.csr()
    )
    assert certificate_of(office, make(office, renamed)).subject.native["common_name"] == "张三丰"


def test_a_key_is_renewed_under_the_name_that_a_change_gave_it(office: Office) -> None:
    first = issued(office)
    second = make(
        office,
        succession.change(office.context, office.sessions[LU], "sm2-issuing", first, changed(organization="市财政局")),
    )
    late(office)
    third = make(office, succession.renew(office.context, office.sessions[LU], "sm2-issuing", second))
    assert certificate_of(office, third).subject.native["organization_name"] == "市财政局"


def test_what_does_not_hold_is_not_replaced(office: Office) -> None:
    serial = issued(office)
    shen, lu = office.sessions[SHEN], office.sessions[LU]

    def attempt() -> str:
        return succession.rekey(office.context, lu, "sm2-issuing", serial, csr=office.csr())

    revocation.hold(office.context, shen, "sm2-issuing", serial)
    assert "held" in conflict(attempt)
    revocation.resume(office.context, shen, "sm2-issuing", serial)
    number = attempt()
    requests.approve(office.context, shen, number)
    revocation.revoke(office.context, shen, "sm2-issuing", serial, Reason.KEY_COMPROMISE)
    assert "revoked" in conflict(lambda: issue(office.context, office.authority, office.sessions[ZHI], [number]))
    assert find_request(office.context, number).entry.state is State.APPROVED
    with pytest.raises(YinxinError) as error:
        succession.renew(office.context, lu, "sm2-issuing", 0x1234)
    assert error.value.kind is Kind.NOT_FOUND


def test_a_key_is_under_way_in_one_request_only(each_office: Office) -> None:
    office = each_office
    csr = office.csr()
    first = office.enter(csr=csr)
    assert first in conflict(lambda: office.enter(csr=csr))
    requests.reject(office.context, office.sessions[SHEN], first, "材料不全")
    second = office.enter(csr=csr)
    assert second in conflict(lambda: requests.amend(office.context, office.sessions[LU], first))
    requests.amend(office.context, office.sessions[LU], first, csr=office.csr())
    office.clock.advance(timedelta(days=31))  # the second expires undecided
    third = office.enter(csr=csr)
    make(office, third)
    assert "certified already" in conflict(lambda: office.enter(csr=csr))


def forged(office: Office, number: str, **update: object) -> Callable[[], object]:
    """Entering by hand what the verbs would not: a request like this one, with other content."""
    stored = find_request(office.context, number).application
    assert stored is not None
    application = parse_application(stored.model_copy(update={"number": "20261101-F0RGED00", **update}).canonical())
    content = application.canonical()
    statement = Statement(
        act=Act.ENTER,
        subject=application.number,
        sequence=1,
        digest=digest_of(content),
        at=office.clock.now(),
        operator=LU,
    )
    return lambda: requests.submit_entry(office.context, office.sessions[LU].sign(statement).message, content)


def test_no_rule_is_got_round_by_writing_the_request_by_hand(office: Office) -> None:
    serial = issued(office)
    number = succession.rekey(office.context, office.sessions[LU], "sm2-issuing", serial, csr=office.csr())
    requests.withdraw(office.context, office.sessions[LU], number)
    stored = find_request(office.context, number).application
    assert stored is not None and stored.replaces is not None
    fresh = {"csr": parse_application(find_request(office.context, office.enter()).content).csr}
    renewing = stored.replaces.model_copy(update={"kind": Succession.RENEW})
    for rule, update in (
        ("other-certificate", {"replaces": stored.replaces.model_copy(update={"digest": "00" * 32})}),
        ("other-holder", {"subject": STAFF.model_copy(update={"common_name": "李四"})}),
        ("other-profile", {"profile": "unit", "approvals": 2, "subject": UNIT}),
        ("reason", {"replaces": stored.replaces.model_copy(update={"revoke": Reason.AFFILIATION_CHANGED})}),
        ("reason", {"replaces": renewing.model_copy(update={"revoke": Reason.SUPERSEDED})}),
    ):
        refused(rule, forged(office, number, **update))
    assert "keeps the key" in conflict(forged(office, number, replaces=renewing))
    assert "under way" in conflict(forged(office, number, **fresh))
    before = len(office.rows(records.requests))
    forged(office, number)()
    assert len(office.rows(records.requests)) == before + 1


def test_an_amendment_cannot_replace_another_certificate(office: Office) -> None:
    first, second = issued(office), issued(office)
    number = succession.rekey(office.context, office.sessions[LU], "sm2-issuing", first, csr=office.csr())
    other = succession.rekey(office.context, office.sessions[LU], "sm2-issuing", second, csr=office.csr())
    before, theirs = (find_request(office.context, one).application for one in (number, other))
    assert before is not None and theirs is not None
    content = before.model_copy(update={"revision": 2, "replaces": theirs.replaces}).canonical()
    statement = Statement(
        act=Act.AMEND, subject=number, sequence=2, digest=digest_of(content), at=office.clock.now(), operator=LU
    )
    message = office.sessions[LU].sign(statement).message
    refused("other-certificate-replaced", lambda: requests.submit_amendment(office.context, message, content))
    other_person = STAFF.model_copy(update={"common_name": "李四"})
    refused(
        "other-holder",
        lambda: requests.amend(office.context, office.sessions[LU], number, subject=other_person),
    )


def test_the_ca_lets_a_key_be_certified_again_only_in_its_line(office: Office) -> None:
    """The CA's own rule, without the registration authority before it."""
    key = generate(KeyKind.SM2)
    first = issued(office, csr=build_csr(key, STAFF.name()))
    csr = build_csr(key, STAFF.name())

    def certify(predecessor: Predecessor | None, subject: Subject = STAFF) -> int:
        request = ApprovedRequest(
            "sm2-issuing", "staff", subject, csr, Approval("R", b"d" * 32, ("李四",)), predecessor
        )
        (one,) = office.authority.issue([request], actor="test")
        return one.serial

    other = issued(office)
    named = Predecessor("sm2-issuing", first)
    for predecessor, subject in (
        (None, STAFF),
        (Predecessor("sm2-issuing", other), STAFF),
        (Predecessor("sm2-root", first), STAFF),
        (named, STAFF.model_copy(update={"organization": "另一单位"})),
        (Predecessor("sm2-issuing", first, renamed=True), STAFF.model_copy(update={"common_name": "李四"})),
    ):
        with pytest.raises(YinxinError) as error:
            certify(predecessor, subject)
        assert error.value.kind is Kind.CONFLICT
    second = certify(named)
    conflict(lambda: certify(named))
    revocation_target = Predecessor("sm2-issuing", second)
    certify(revocation_target)
    request = ApprovedRequest("sm2-issuing", "staff", STAFF, csr, Approval("R", b"d" * 32, ("李四",)), named)
    conflict(lambda: office.authority.issue([request, request], actor="test"))


def test_contacts_are_kept_with_the_request_and_not_certified(office: Office) -> None:
    number = office.enter(contact=Contact(email="zhangsan@example.gov.cn"))
    serial = make(office, number)
    assert b"zhangsan" not in certificate_of(office, serial).dump()
    late(office)
    renewal = find_request(
        office.context, succession.renew(office.context, office.sessions[LU], "sm2-issuing", serial)
    ).application
    assert renewal and renewal.contact == Contact(email="zhangsan@example.gov.cn")


def test_a_profile_of_an_older_program_is_still_what_its_digest_says(office: Office) -> None:
    """Settings that came later must not make the kept versions look altered; a changed byte must."""
    newest = sa.select(profiles).where(profiles.c.name == "staff").order_by(profiles.c.id.desc()).limit(1)
    with office.storage.reading() as connection:
        row = connection.execute(newest).one()
    older = json.loads(row.document)
    del older["renewal"]
    document = json.dumps(older).encode()
    update = sa.update(profiles).where(profiles.c.id == row.id)
    office.execute(update.values(document=document, digest=hashlib.sha256(document).digest()))
    serial = issued(office)
    late(office)
    conflict(lambda: succession.renew(office.context, office.sessions[LU], "sm2-issuing", serial))
    office.execute(update.values(document=document.replace(b"120", b"999")))
    assert "digest" in conflict(office.enter)
