"""What somebody can try who writes to the database: it makes nobody an operator."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from core.algorithms import KeyKind
from core.keys.private_key import generate
from ra import personnel, records, requests
from ra.appointments import appointment_of
from ra.operators import OperatorSession
from ra.roles import Role
from ra.statements import Act, sign_statement
from tests.support.office import BUSINESS, Office
from tests.support.people import career, operator, refused, said


def forge(office: Office, name: str, by: OperatorSession, act: Act, roles: set[Role], of: OperatorSession) -> None:
    """Record an appointment of `name` with the key and certificate that `of` has."""
    row = next(row for row in office.rows(records.operator_moves) if row.certificate == of.certificate)
    original = career(office, of.name).present.appointment
    appointment = original.model_copy(update={"operator": name, "roles": tuple(sorted(roles))})
    statement = said(office, act, name, 1, appointment.digest, by.name)
    office.execute(sa.insert(records.operators).values(name=name, roles="enter", branch="", state="active"))
    office.execute(
        sa.insert(records.operator_moves).values(
            operator=name,
            sequence=1,
            act=act.value,
            administrator=by.name,
            at=office.clock.now(),
            content=appointment.canonical(),
            authority=row.authority,
            serial=row.serial,
            certificate=row.certificate,
            statement=by.sign(statement).message,
        )
    )


def test_nobody_slips_an_appointment_into_the_database(office: Office) -> None:
    lu = office.sessions["lu.enter"]
    forge(office, "ghost", lu, Act.APPOINT, {Role.REVIEW}, lu)
    refused("altered", lambda: operator(office, "ghost"))
    forge(office, "lu.enter2", office.sessions[BUSINESS], Act.APPOINT, {Role.REVIEW}, lu)
    refused("altered", lambda: operator(office, "lu.enter2"))


def test_nobody_founds_themselves_in_the_database(office: Office) -> None:
    lu = office.sessions["lu.enter"]
    own = OperatorSession("ghost", lu.certificate, lu.signer)
    forge(office, "ghost", own, Act.FOUND, {Role.SUPER}, lu)
    refused("altered", lambda: operator(office, "ghost"))


@pytest.mark.parametrize("column", ["statement", "content", "certificate"])
def test_one_altered_octet_is_seen(office: Office, column: str) -> None:
    row = next(row for row in office.rows(records.operator_moves) if row.operator == "lu.enter")
    value = bytes(getattr(row, column))
    for place in (len(value) - 1, len(value) // 2):
        changed = value[:place] + bytes([value[place] ^ 1]) + value[place + 1 :]
        table = records.operator_moves
        office.execute(sa.update(table).where(table.c.id == row.id).values({column: changed}))
        refused("altered", lambda: operator(office, "lu.enter"))


def test_a_suspension_cannot_be_taken_out_of_the_middle(office: Office) -> None:
    for decide in (personnel.suspend, personnel.reinstate, personnel.suspend):
        office.clock.advance(timedelta(minutes=1))
        decide(office.context, office.sessions[BUSINESS], "lu.enter")
    table = records.operator_moves
    office.execute(sa.delete(table).where(table.c.operator == "lu.enter", table.c.sequence == 2))
    refused("altered", lambda: operator(office, "lu.enter"))


def test_columns_give_no_role(office: Office) -> None:
    office.execute(sa.update(records.operators).values(roles="review make", state="active"))
    assert operator(office, "lu.enter").roles == {Role.ENTER}
    number = office.enter()
    refused("role", lambda: requests.approve(office.context, office.sessions["lu.enter"], number))


def test_a_signature_by_another_key_appoints_nobody(office: Office) -> None:
    appointment = appointment_of("ghost", {Role.REVIEW}, office.csr(), authority="sm2-issuing", organization="某局")
    statement = said(office, Act.APPOINT, "ghost", 1, appointment.digest, BUSINESS)
    forged = sign_statement(statement, generate(KeyKind.SM2), office.sessions[BUSINESS].certificate)
    refused(
        "signature",
        lambda: personnel.submit_appointment(office.context, office.authority, forged.message, appointment.canonical()),
    )
