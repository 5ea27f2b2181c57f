"""Revoking many certificates by two persons: the exact list, all of it or nothing, once."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

import ca.revocation
from ca.records import events
from ca.state import Reason
from ca.state import State as CertificateState
from core.errors import Kind, YinxinError
from ra import records, requests, revocation, revocation_orders
from ra import revocation_batches as batches
from ra.issuance import issue
from ra.moves import State
from ra.refusals import RefusedError
from ra.replacement import certificate_state
from ra.revocation_selection import find_listed, of_unit, read_list, searched
from ra.search import By
from ra.statements import verify_statement
from tests.support.office import STAFF, Office

LU, SHEN, HE, ZHI, QUAN = "lu.enter", "shen.review", "he.review", "zhi.make", "quan.all"
CLOSED = Reason.CESSATION_OF_OPERATION


def issued(office: Office, count: int, organization: str = "某局") -> list[int]:
    numbers = [
        office.enter(subject=STAFF.model_copy(update={"organization": organization, "common_name": f"张{place}"}))
        for place in range(count)
    ]
    for number in numbers:
        requests.approve(office.context, office.sessions[SHEN], number)
    return [one.serial for one in issue(office.context, office.authority, office.sessions[ZHI], numbers)]


def states(office: Office, serials: list[int]) -> list[CertificateState | None]:
    with office.storage.reading() as connection:
        return [certificate_state(connection, "sm2-issuing", serial) for serial in serials]


def ordered(office: Office, serials: list[int], reason: Reason = CLOSED) -> str:
    chosen = [("sm2-issuing", serial) for serial in serials]
    order, _lines = revocation_orders.draw_up(office.context, office.sessions[LU], reason, chosen)
    return batches.enter(office.context, office.sessions[LU], order)


def refused(rule: str, act: Callable[[], object]) -> None:
    with pytest.raises(RefusedError) as refusal:
        act()
    assert refusal.value.rule == rule


def test_two_persons_revoke_a_unit_all_at_once(each_office: Office) -> None:
    office = each_office
    serials, others = issued(office, 3), issued(office, 1, "另一局")
    revocation.revoke(office.context, office.sessions[SHEN], "sm2-issuing", serials[2], Reason.SUPERSEDED)
    revocation.hold(office.context, office.sessions[SHEN], "sm2-issuing", serials[1])
    lu = office.sessions[LU]
    order, lines = revocation_orders.draw_up(office.context, lu, CLOSED, of_unit(office.context, lu, "某局"))
    assert {line.serial for line in lines} == set(serials[:2])
    number = batches.enter(office.context, lu, order)
    assert states(office, serials[:1]) == [CertificateState.VALID]
    digest = batches.look_up(office.context, office.sessions[SHEN], number)[0].history.digest
    refused("other-content", lambda: batches.approve(office.context, office.sessions[SHEN], number, digest="00" * 32))
    done = batches.approve(office.context, office.sessions[SHEN], number, digest=digest)
    assert (done.state, done.revoked, done.passed_over, done.authorities) == (State.APPROVED, 2, 0, ("sm2-issuing",))
    assert states(office, serials + others) == [CertificateState.REVOKED] * 3 + [CertificateState.VALID]
    order_kept = revocation.orders_about(office.context, "sm2-issuing", serials[1])[-1]
    assert verify_statement(order_kept).statement.digest == digest
    reasons = {row.reason for row in office.rows(events) if row.serial in serials[:2] and row.state == "revoked"}
    assert reasons == {"cessationOfOperation"}
    with pytest.raises(YinxinError) as error:
        batches.approve(office.context, office.sessions[HE], number)
    assert error.value.kind is Kind.CONFLICT


def test_nobody_approves_their_own_order_and_only_with_the_role(office: Office) -> None:
    serials = issued(office, 1)
    order, _lines = revocation_orders.draw_up(
        office.context, office.sessions[QUAN], CLOSED, [("sm2-issuing", serials[0])]
    )
    number = batches.enter(office.context, office.sessions[QUAN], order)
    refused("self-approval", lambda: batches.approve(office.context, office.sessions[QUAN], number))
    refused("role", lambda: batches.approve(office.context, office.sessions[LU], number))
    refused("role", lambda: batches.enter(office.context, office.sessions[ZHI], order))
    refused(
        "reason",
        lambda: batches.enter(
            office.context, office.sessions[LU], order.model_copy(update={"reason": Reason.CA_COMPROMISE})
        ),
    )
    assert states(office, serials) == [CertificateState.VALID]
    assert batches.reject(office.context, office.sessions[SHEN], number, "名单有误").state is State.REJECTED
    with pytest.raises(YinxinError):
        batches.approve(office.context, office.sessions[SHEN], number)
    assert states(office, serials) == [CertificateState.VALID]


def test_what_dies_half_way_has_done_nothing_and_is_approved_again(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    serials = issued(office, 3)
    number = ordered(office, serials)
    revocation.revoke(office.context, office.sessions[SHEN], "sm2-issuing", serials[0], Reason.SUPERSEDED)

    def dies(*_given: object) -> None:
        raise RuntimeError("power cut")

    with monkeypatch.context() as patch:
        patch.setattr(batches, "_keep_orders", dies)
        with pytest.raises(RuntimeError):
            batches.approve(office.context, office.sessions[SHEN], number)
    assert states(office, serials)[1:] == [CertificateState.VALID] * 2
    assert batches.list_batches(office.context, office.sessions[SHEN])[0].state is State.ENTERED
    done = batches.approve(office.context, office.sessions[SHEN], number)
    assert (done.revoked, done.passed_over) == (2, 1)
    assert states(office, serials) == [CertificateState.REVOKED] * 3


def test_large_orders_go_through_in_pieces_but_one_transaction(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation_orders, "CHUNK", 2)
    monkeypatch.setattr(ca.revocation, "BATCH", 2)
    serials = issued(office, 5)
    assert batches.approve(office.context, office.sessions[SHEN], ordered(office, serials)).revoked == 5
    assert states(office, serials) == [CertificateState.REVOKED] * 5


def test_whoever_writes_to_the_database_does_not_widen_an_order(office: Office) -> None:
    serials = issued(office, 2)
    number = ordered(office, serials[:1])
    wider, _lines = revocation_orders.draw_up(
        office.context, office.sessions[LU], CLOSED, [("sm2-issuing", serial) for serial in serials]
    )
    office.execute(sa.update(records.revocation_batches).values(content=wider.canonical()))
    refused("altered", lambda: batches.approve(office.context, office.sessions[SHEN], number))
    twice = wider.model_copy(update={"certificates": wider.certificates * 2})
    refused("other-content", lambda: batches.enter(office.context, office.sessions[LU], twice))
    assert states(office, serials) == [CertificateState.VALID] * 2


def test_lists_name_certificates_by_serial_and_every_row_must_be_known(office: Office, tmp_path: Path) -> None:
    serials = issued(office, 2)
    file = tmp_path / "serials.csv"
    file.write_text(f"签发机构 Authority,序列号 Serial number\nsm2-issuing,{serials[0]:x}\nsm2-issuing,{serials[1]}\n")
    assert find_listed(office.context, read_list(file)) == [("sm2-issuing", serial) for serial in serials]
    file.write_text(f"{serials[0]:X}\n\n{serials[1]:x}\n")
    assert len(find_listed(office.context, read_list(file))) == 2
    file.write_text("serial\n01ab\n01ac\n")
    with pytest.raises(YinxinError, match="row 2, 3"):
        find_listed(office.context, read_list(file))
    file.write_text("serial\nnonsense\n")
    with pytest.raises(YinxinError):
        find_listed(office.context, read_list(file))
    found = searched(office.context, office.sessions[QUAN], By.UNIT, "某")
    assert sorted(found) == sorted(("sm2-issuing", one) for one in serials)
    refused("role", lambda: searched(office.context, office.sessions[LU], By.UNIT, "某"))
    for nothing in ([("sm2-issuing", 0x01AB)], []):
        with pytest.raises(YinxinError):
            revocation_orders.draw_up(office.context, office.sessions[LU], CLOSED, nothing)
