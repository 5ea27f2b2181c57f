"""People of the office as the tests look at them."""

from collections.abc import Callable

import pytest

from ra import operators
from ra.appointments import Career
from ra.operators import Roster, find_operator
from ra.refusals import RefusedError
from ra.statements import Act, Statement
from tests.support.office import Office


def refused(rule: str, attempt: Callable[[], object]) -> None:
    with pytest.raises(RefusedError) as refusal:
        attempt()
    assert refusal.value.rule == rule


def operator(office: Office, name: str) -> operators.Operator:
    with office.storage.reading() as connection:
        return find_operator(connection, name)


def career(office: Office, name: str) -> Career:
    with office.storage.reading() as connection:
        return Roster(connection).career(name)


def said(office: Office, act: Act, about: str, sequence: int, digest: str, by: str) -> Statement:
    subject, at = f"operator:{about}", office.clock.now()
    return Statement(act=act, subject=subject, sequence=sequence, digest=digest, at=at, operator=by)
