"""Attribute certificates from application to revocation: who may do what, and what the books say afterwards."""

import dataclasses
from datetime import timedelta

import pytest
import sqlalchemy as sa
from asn1crypto import x509
from pydantic import ValidationError

from ca import reconciliation
from ca.attributes import register
from ca.attributes.attributes import Attributes
from ca.attributes.issuance import ApprovedAttributes, AttributeAuthority
from ca.attributes.reading import read_attribute_certificate
from ca.attributes.records import attribute_certificates, attribute_events
from ca.attributes.terms import Terms
from ca.authorities import certificate_of
from ca.books import ATTRIBUTES as ATTRIBUTE_BOOKS
from ca.issuance import Approval, IssuedCertificate
from ca.signing import AuthorityKey
from ca.state import Reason, State
from ca.status import StatusReader
from core.algorithms import algorithm_by_identifier
from core.asn1.names import describe_name
from core.errors import Kind, YinxinError
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from ra import attribute_requests, branches, revocation
from ra.attribute_records import attribute_requests as requests_table
from ra.refusals import RefusedError
from ra.roles import Role
from ra.statements import Act
from tests.support.attributes import (
    ATTRIBUTES,
    OTHER_ROLE,
    ROLE,
    URLS,
    approve,
    attribute_authority,
    certify,
    enter,
    found_attribute_authority,
    holder,
    issue,
)
from tests.support.office import Office


@pytest.fixture
def person(office: Office) -> IssuedCertificate:
    """A holder, in an office with an attribute authority."""
    found_attribute_authority(office)
    return holder(office)


def state_of(office: Office, serial: int) -> State | None:
    (record,) = register.page(office.storage, register.AttributeFilter(serial=serial))
    return record.state


def test_a_request_becomes_an_attribute_certificate(office: Office, person: IssuedCertificate) -> None:
    issued = certify(office, person)
    read = read_attribute_certificate(issued.certificate)
    assert read.attributes == ATTRIBUTES
    assert read.holder.serial == person.serial
    assert describe_name(read.holder.issuer) == "C=CN, O=示范市数字证书认证中心, CN=sm2-issuing"
    assert describe_name(read.issuer) == "C=CN, O=示范市数字证书认证中心, CN=sm2-attributes"
    assert read.serial == issued.serial
    assert issued.serial.bit_length() > 136
    assert read.status_addresses == ("http://127.0.0.1:8081/oasp",)
    assert not read.never_revoked
    assert state_of(office, issued.serial) is State.VALID
    assert [act for act in office.acts() if ".attribute" in act] == [
        "ra.attribute.enter",
        "ra.attribute.approve",
        "ca.attribute.intend",
        "ca.attribute.issue",
        "ra.attribute.issue",
    ]


def test_the_signature_is_good_by_an_implementation_that_is_not_ours(office: Office, person: IssuedCertificate) -> None:
    read = read_attribute_certificate(certify(office, person).certificate)
    key = x509.Certificate.load(certificate_of(office.storage, "sm2-attributes")).public_key.dump()
    point = curve.point_of(key)
    assert point is not None
    assert algorithm_by_identifier(read.algorithm_identifier).name == "sm2-sm3"
    assert GmsslEngine().verify(point, read.signature, read.info)
    assert not GmsslEngine().verify(point, read.signature, read.info + b"\0")


def test_short_lived_ones_say_that_there_is_no_status_and_are_not_revoked(
    office: Office, person: IssuedCertificate
) -> None:
    issued = certify(office, person, terms=Terms.SHORT_LIVED)
    read = read_attribute_certificate(issued.certificate)
    assert read.never_revoked
    assert read.status_addresses == ()
    assert read.not_after - read.not_before == timedelta(hours=8)
    for order in (revocation.hold, revocation.resume):
        with pytest.raises(YinxinError, match="short-lived"):
            order(office.context, office.sessions["shen.review"], issued.authority, issued.serial)
    assert state_of(office, issued.serial) is State.VALID


def test_hold_resume_and_revocation_are_told_at_once(office: Office, person: IssuedCertificate) -> None:
    issued = certify(office, person)
    status = StatusReader(office.storage, ATTRIBUTE_BOOKS)
    (authority,) = status.issuers()
    reviewer = office.sessions["shen.review"]

    def state() -> State | None:
        found = status.status(authority.id, issued.serial)
        return found.state if found else None

    assert state() is State.VALID
    revocation.hold(office.context, reviewer, issued.authority, issued.serial)
    assert state() is State.HELD
    revocation.resume(office.context, reviewer, issued.authority, issued.serial)
    assert state() is State.VALID
    revocation.revoke(office.context, reviewer, issued.authority, issued.serial, Reason.PRIVILEGE_WITHDRAWN)
    assert state() is State.REVOKED
    with pytest.raises(YinxinError, match="revoked"):
        revocation.resume(office.context, reviewer, issued.authority, issued.serial)
    assert len(revocation.orders_about(office.context, issued.authority, issued.serial)) == 3
    # The same number under the certificates' books is another matter.
    assert StatusReader(office.storage).status(authority.id, issued.serial) is None


def test_whoever_entered_it_cannot_approve_it(office: Office, person: IssuedCertificate) -> None:
    number = enter(office, person, who="quan.all")
    with pytest.raises(RefusedError, match="cannot approve"):
        approve(office, number, "quan.all")
    with pytest.raises(YinxinError, match="entered"):
        issue(office, number)
    assert office.acts()[-1] == "ra.attribute.approve.refused"
    approve(office, number)
    assert issue(office, number)


@pytest.mark.parametrize(
    ("who", "act"), [("lu.enter", Act.APPROVE), ("zhi.make", Act.REJECT), ("he.review", Act.WITHDRAW)]
)
def test_each_act_takes_its_role(office: Office, person: IssuedCertificate, who: str, act: Act) -> None:
    number = enter(office, person)
    with pytest.raises(RefusedError, match="role"):
        attribute_requests.decide_attributes(office.context, office.sessions[who], number, act, "why")


def test_a_request_is_issued_once(office: Office, person: IssuedCertificate) -> None:
    number = enter(office, person)
    approve(office, number)
    issue(office, number)
    with pytest.raises(YinxinError, match="issued"):
        issue(office, number)
    assert len(office.rows(attribute_certificates)) == 1


def test_a_request_changed_in_the_database_is_not_issued(office: Office, person: IssuedCertificate) -> None:
    number = enter(office, person)
    approve(office, number)
    (row,) = office.rows(requests_table)
    changed = row.content.replace(ROLE.encode(), OTHER_ROLE.encode())
    assert changed != row.content
    office.execute(sa.update(requests_table).values(content=changed))
    with pytest.raises(RefusedError, match="altered"):
        issue(office, number)
    assert office.rows(attribute_certificates) == []


def test_only_holders_whose_certificate_holds_get_attributes(office: Office, person: IssuedCertificate) -> None:
    number = enter(office, person)
    approve(office, number)
    revocation.hold(office.context, office.sessions["shen.review"], person.authority, person.serial)
    with pytest.raises(YinxinError, match="does not hold"):
        issue(office, number)
    with pytest.raises(YinxinError, match="does not hold"):
        enter(office, person)
    revocation.resume(office.context, office.sessions["shen.review"], person.authority, person.serial)
    assert issue(office, number)
    stranger = dataclasses.replace(person, serial=person.serial + 1)
    with pytest.raises(YinxinError, match="no certificate of this number"):
        enter(office, stranger)
    office.clock.advance(timedelta(days=2000))
    with pytest.raises(YinxinError):
        enter(office, person)


def test_it_never_outlives_the_holders_certificate(office: Office, person: IssuedCertificate) -> None:
    end = x509.Certificate.load(person.certificate).not_valid_after
    office.clock.moment = end - timedelta(days=3)
    (issued,) = attribute_authority(office).issue(
        [
            ApprovedAttributes(
                "sm2-attributes",
                person.authority,
                person.serial,
                ATTRIBUTES,
                Terms.REVOCABLE,
                timedelta(days=366),
                (),
                Approval("R1", b"\0" * 32, ("a",)),
            )
        ],
        actor="test",
    )
    assert read_attribute_certificate(issued.certificate).not_after == end


def test_the_terms_limit_how_long_it_lasts(office: Office, person: IssuedCertificate) -> None:
    with pytest.raises(YinxinError, match="8784 hours at most"):
        enter(office, person, hours=24 * 367)


def test_a_ca_issues_no_attributes_and_an_attribute_authority_no_certificates(
    office: Office, person: IssuedCertificate
) -> None:
    with pytest.raises(YinxinError, match="does not issue attribute certificates"):
        enter(office, person, authority="sm2-issuing")
    with pytest.raises(YinxinError, match="does not issue certificates"):
        office.enter(authority="sm2-attributes")


def test_a_service_has_no_attributes(office: Office, person: IssuedCertificate) -> None:
    (issuing,) = [one for one in StatusReader(office.storage).issuers() if one.name == "sm2-issuing"]
    serial = x509.Certificate.load(certificate_of(office.storage, "sm2-attributes")).serial_number
    authority = dataclasses.replace(person, authority=issuing.name, serial=serial)
    with pytest.raises(YinxinError, match="only holders"):
        enter(office, authority)


def test_what_a_crash_left_is_presumed_issued_and_told_as_such(
    office: Office, person: IssuedCertificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = enter(office, person)
    approve(office, number)

    def die(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(AttributeAuthority, "_commit_results", die)
        with pytest.raises(KeyboardInterrupt):
            issue(office, number)
    (row,) = office.rows(attribute_certificates)
    assert row.certificate is None
    assert row.tbs
    assert state_of(office, row.serial) is None
    (presumed,) = reconciliation.reconcile(office.context)
    assert (presumed.authority, presumed.serial, presumed.approval_reference) == ("sm2-attributes", row.serial, number)
    assert reconciliation.reconcile(office.context) == []
    assert state_of(office, row.serial) is State.PRESUMED
    # The request is still approved, and leads to another one.
    (again,) = issue(office, number)
    assert again.serial != row.serial


def test_no_intent_no_signature(office: Office, person: IssuedCertificate, monkeypatch: pytest.MonkeyPatch) -> None:
    number = enter(office, person)
    approve(office, number)
    signed = []
    original = AuthorityKey.sign

    def counting(key: AuthorityKey, token: object) -> bytes:
        signed.append(len(office.rows(attribute_certificates)))
        return original(key, token)  # type: ignore[arg-type]

    monkeypatch.setattr(AuthorityKey, "sign", counting)
    issue(office, number)
    assert signed == [1]


def test_a_failing_record_leaves_an_intent_and_no_result(office: Office, person: IssuedCertificate) -> None:
    number = enter(office, person)
    approve(office, number)
    authority = AttributeAuthority(office.context, office.keys, URLS)

    def refuse(_connection: sa.Connection, _issued: object) -> None:
        raise YinxinError(Kind.CONFLICT, "no")

    with office.storage.reading() as connection:
        request = attribute_requests._approved(attribute_requests.read_attribute_dossier(connection, number))
    with pytest.raises(YinxinError, match="no"):
        authority.issue([request], actor="test", recording=refuse)
    (row,) = office.rows(attribute_certificates)
    assert row.certificate is None
    assert office.rows(attribute_events) == []


def test_two_reviewers_of_another_branch_cannot_touch_it(office: Office, person: IssuedCertificate) -> None:
    branches.establish(office.context, office.sessions["zhao.super"], "chencang", "陈仓区")
    office.appoint("bai.business", frozenset({Role.BUSINESS}), by="zhao.super", branch="chencang")
    office.appoint("bai.review", frozenset({Role.REVIEW}), by="bai.business", branch="chencang")
    number = enter(office, person)
    with pytest.raises(RefusedError, match="another branch"):
        approve(office, number, "bai.review")
    approve(office, number)
    (issued,) = issue(office, number)
    with pytest.raises(RefusedError, match="another branch"):
        revocation.hold(office.context, office.sessions["bai.review"], issued.authority, issued.serial)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"roles": (ROLE, ROLE)},
        {"roles": ("approver",)},
        {"groups": (" a",)},
        {"groups": ("a\u202eb",)},
        {"positions": ("",)},
        {"services": ({"service": "urn:a:b", "identity": "urn:a:c", "authInfo": "secret"},)},
    ],
)
def test_attributes_must_say_something_visible_and_nothing_twice(given: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Attributes.model_validate(given)
