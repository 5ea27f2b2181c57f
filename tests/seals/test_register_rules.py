"""The register's rules: each step by those whose duty it is, two of them, and in time."""

from dataclasses import replace
from datetime import timedelta

import pytest
import sqlalchemy as sa

from core.algorithms import SM3, KeyKind
from core.asn1.ses_structures import Version
from core.audit import read_entries
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from seals import records
from seals.api import api_keys
from seals.electronic.making import Maker
from seals.register import lists, register
from seals.register.life import State
from seals.register.statements import Act
from tests.support.seal_people import (
    AUDITOR,
    CUSTODIAN,
    MANAGERS,
    STRANGER,
    Bureau,
    Crew,
    acts,
    order_of,
    read,
    refused,
    rows,
)
from tests.support.sealing import Office

FIRST, SECOND, THIRD = MANAGERS


def test_management_use_and_audit_are_three_duties(bureau: Bureau) -> None:
    order = order_of(bureau.office)
    for who in (CUSTODIAN, AUDITOR, STRANGER):
        refused("duty", lambda who=who: bureau.apply(order, who))
    bureau.apply(order)
    for who in (CUSTODIAN, AUDITOR, STRANGER):
        refused("duty", lambda who=who: bureau.decide(Act.APPROVE, who))
        refused("duty", lambda who=who: bureau.decide(Act.REJECT, who))
    bureau.approve()
    for who in (CUSTODIAN, AUDITOR):
        refused("duty", lambda who=who: bureau.make(who))
    bureau.make()
    for who in (*MANAGERS, AUDITOR):
        refused("duty", lambda who=who: bureau.decide(Act.ACTIVATE, who))
    refused("custodian", lambda: bureau.decide(Act.ACTIVATE, "ma.hao"))
    bureau.decide(Act.ACTIVATE, CUSTODIAN)
    refused("custodian", lambda: bureau.decide(Act.FREEZE, "ma.hao"))
    refused("duty", lambda: bureau.decide(Act.FREEZE, AUDITOR))
    for act in (Act.RESUME, Act.HAND_IN):
        refused("duty", lambda act=act: bureau.decide(act, CUSTODIAN))
    assert acts(bureau)[0] == "seals.seal.apply.refused"


def test_whoever_applied_does_not_approve_and_nobody_twice(bureau: Bureau) -> None:
    bureau.apply(order_of(bureau.office))
    refused("self-approval", lambda: bureau.decide(Act.APPROVE, FIRST))
    assert bureau.decide(Act.APPROVE, SECOND) is State.APPLIED
    refused("approved-twice", lambda: bureau.decide(Act.APPROVE, SECOND))
    with pytest.raises(YinxinError, match="is applied"):
        bureau.make()
    assert not rows(bureau, records.versions)[0].structure


def test_whoever_had_it_handed_in_does_not_destroy_it_alone(with_seal: Bureau) -> None:
    with_seal.decide(Act.HAND_IN, FIRST)
    refused("alone", lambda: with_seal.decide(Act.DESTROY, FIRST))
    assert with_seal.decide(Act.DESTROY, SECOND) is State.DESTROYED


def test_an_approval_is_for_the_version_that_was_seen(bureau: Bureau) -> None:
    bureau.apply(order_of(bureau.office))
    seen = rows(bureau, records.versions)[0].content
    bureau.decide(Act.REJECT, SECOND)
    bureau.change(order_of(bureau.office, width_mm=40))
    digest = SM3.of(seen).hex()
    attempt = lambda: register.decide(  # noqa: E731
        bureau.context, bureau.crew, bureau.crew[SECOND], "office", Act.APPROVE, digest=digest
    )
    refused("other-content", attempt)


def test_no_seal_of_the_newest_standard_without_a_time_stamp(bureau: Bureau) -> None:
    bureau.apply(order_of(bureau.office, standard=Version.GMT_0031_2025))
    bureau.approve()
    with pytest.raises(YinxinError, match="has a time stamp") as caught:
        register.make(bureau.context, bureau.crew, bureau.crew[FIRST], bureau.maker, "office")
    assert caught.value.kind is Kind.UNAVAILABLE
    assert lists.list_seals(bureau.context)[0].state is State.APPROVED


def test_what_is_wrong_with_an_order_is_said(bureau: Bureau, rsa_office: Office) -> None:
    order = order_of(bureau.office)
    wrong = [
        (replace(order, name="Amt!"), "a-z"),
        (replace(order, certificate=rsa_office.unit.certificate), "not for the key"),
        (replace(order, picture=b"picture"), "PNG"),
        (replace(order, owner=""), "needs a name"),
        (replace(order, custodians=[]), "needs a custodian"),
        (replace(order, width_mm=0), "width_mm"),
    ]
    for bad, words in wrong:
        with pytest.raises(YinxinError, match=words):
            bureau.apply(bad)
    assert lists.list_seals(bureau.context) == []
    bureau.apply(order)
    with pytest.raises(YinxinError, match="already") as caught:
        bureau.apply(order)
    assert caught.value.kind is Kind.CONFLICT
    bureau.approve()
    bureau.maker = Maker(rsa_office.unit.key, bureau.maker.certificate)
    with pytest.raises(YinxinError, match="does not belong"):
        bureau.make()


def test_who_has_expired_makes_nothing(bureau: Bureau) -> None:
    party = bureau.office.issuing.issue("Maker", kind=KeyKind.SM2, not_before=bureau.office.start, days=15)
    bureau.maker = Maker(party.key, party.certificate)
    bureau.apply(order_of(bureau.office))
    bureau.approve()
    for days, words in (
        (6, "seal maker's certificate is not valid now"),
        (2000, "owner's certificate is not valid now"),
    ):
        bureau.context = Context(bureau.context.storage, FixedClock(bureau.office.clock.now() + timedelta(days=days)))
        with pytest.raises(YinxinError, match=words):
            bureau.make()


def test_another_branch_has_no_say(bureau: Bureau, sm2_office: Office) -> None:
    bureau.crew = Crew(sm2_office, branches={SECOND: "chencang"})
    bureau.apply(order_of(sm2_office))
    with pytest.raises(YinxinError, match="another branch"):
        bureau.decide(Act.APPROVE, SECOND)


def test_who_is_suspended_states_nothing_but_what_they_stated_stays(with_seal: Bureau) -> None:
    with_seal.crew.suspended.add(FIRST)
    try:
        refused("suspended", lambda: with_seal.decide(Act.FREEZE, FIRST))
        assert read(with_seal).state is State.ACTIVE
    finally:
        with_seal.crew.suspended.clear()


def test_an_unknown_seal(with_seal: Bureau) -> None:
    with pytest.raises(YinxinError, match="no seal of this name") as caught:
        with_seal.decide(Act.FREEZE, FIRST, "none")
    assert caught.value.kind is Kind.NOT_FOUND


def test_an_api_key_opens_its_seals_and_no_others(with_seal: Bureau) -> None:
    with_seal.apply(order_of(with_seal.office, "other"))
    context = with_seal.context
    key = api_keys.create(context, "oa-system", ["office"], actor="tester")
    system = api_keys.bearer(context, key)
    assert system is not None and system.name == "oa-system"
    assert api_keys.bearer(context, key[:-1]) is None
    api_keys.require_use(system, api_keys.Scope.DOCUMENTS, "office")
    for seal in ("other", "none"):
        with pytest.raises(YinxinError, match="may not use") as caught:
            api_keys.require_use(system, api_keys.Scope.DOCUMENTS, seal)
        assert caught.value.kind is Kind.FORBIDDEN
    with context.storage.reading() as connection:
        (row,) = connection.execute(sa.select(records.api_keys)).all()
        assert key.encode() not in row.sha256
        assert all(key not in str(entry) for entry in read_entries(connection, limit=10))


@pytest.mark.parametrize(
    ("name", "seals", "words"),
    [("oa", ["none"], "no seal"), ("O A", ["office"], "a-z"), ("oa", [], "at least one")],
)
def test_an_api_key_that_cannot_be_made(with_seal: Bureau, name: str, seals: list[str], words: str) -> None:
    with pytest.raises(YinxinError, match=words):
        api_keys.create(with_seal.context, name, seals, actor="tester")
    assert rows(with_seal, records.api_keys) == []
