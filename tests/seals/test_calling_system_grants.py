"""Who admits calling systems: seal administrators of the seal's branch, by statements that are kept."""

import json
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from core.algorithms import SM3
from core.audit import read_entries
from core.errors import YinxinError
from core.refusals import RefusedError
from seals import records
from seals.api import api_keys, granting
from seals.api.api_keys import Scope, Terms
from seals.contracts import Duty, Official
from seals.register.statements import verify_statement
from tests.support.seal_people import AUDITOR, CUSTODIAN, MANAGERS, STRANGER, Bureau

MANAGER = MANAGERS[0]


def admit(with_seal: Bureau, name: str = "oa", who: str = MANAGER, seals: tuple[str, ...] = ("office",)) -> str:
    terms = Terms((Scope.DOCUMENTS,), 30, "https://oa.example.gov.cn/told")
    return granting.admit(with_seal.context, with_seal.crew, with_seal.crew[who], name, seals, terms)


def rotate(with_seal: Bureau, who: str = MANAGER) -> str:
    return granting.rotate(
        with_seal.context, with_seal.crew, with_seal.crew[who], "oa", days=60, keep=timedelta(hours=1)
    )


def withdraw(with_seal: Bureau, who: str = MANAGER) -> None:
    granting.withdraw(with_seal.context, with_seal.crew, with_seal.crew[who], "oa")


def statements(with_seal: Bureau) -> list[Any]:
    table = records.api_key_statements
    with with_seal.context.storage.reading() as connection:
        return list(connection.execute(sa.select(table).order_by(table.c.id)).all())


def systems(with_seal: Bureau) -> int:
    return len(api_keys.list_systems(with_seal.context))


def test_each_act_is_a_persons_statement(with_seal: Bureau) -> None:
    first = admit(with_seal)
    second = rotate(with_seal, MANAGERS[1])
    assert api_keys.bearer(with_seal.context, first) and api_keys.bearer(with_seal.context, second)
    withdraw(with_seal, MANAGERS[2])
    assert api_keys.bearer(with_seal.context, second) is None
    rows = statements(with_seal)
    assert [(row.sequence, row.operator) for row in rows] == [(1, MANAGERS[0]), (2, MANAGERS[1]), (3, MANAGERS[2])]
    signed = [verify_statement(row.statement) for row in rows]
    assert [one.statement.act.value for one in signed] == ["admit-system", "rotate-key", "withdraw-system"]
    assert {one.statement.subject for one in signed} == {"system:oa"}
    for row, one in zip(rows, signed, strict=True):
        assert one.statement.digest == SM3.of(row.content).hex()
        assert one.certificate == with_seal.crew[row.operator].certificate
    granted = json.loads(rows[0].content)
    assert (granted["seals"], granted["scopes"], granted["webhook"]) == (
        ["office"],
        "documents",
        "https://oa.example.gov.cn/told",
    )
    assert not any(key.encode() in row.content for row in rows for key in (first, second))
    with with_seal.context.storage.reading() as connection:
        told = {one["act"]: one for one in read_entries(connection, limit=5)}
    assert told["seals.api-key.make"]["actor"] == MANAGERS[0]
    assert told["seals.api-key.withdraw"]["details"]["statement"] == signed[2].digest


@pytest.mark.parametrize("who", [CUSTODIAN, AUDITOR, STRANGER])
def test_nobody_else_can(with_seal: Bureau, who: str) -> None:
    admit(with_seal)
    attempts: list[Callable[[], object]] = [
        partial(admit, with_seal, "other", who),
        partial(rotate, with_seal, who),
        partial(withdraw, with_seal, who),
    ]
    for attempt in attempts:
        with pytest.raises(RefusedError) as caught:
            attempt()
        assert caught.value.rule == "duty"
    assert (systems(with_seal), len(statements(with_seal))) == (1, 1)
    with with_seal.context.storage.reading() as connection:
        refusals = [one["act"] for one in read_entries(connection, limit=3)]
    assert refusals == [f"seals.api-key.{act}.refused" for act in ("withdraw", "rotate", "make")]


def test_neither_suspended_people_nor_another_branch(with_seal: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    crew = with_seal.crew
    crew.suspended.add(MANAGER)
    try:
        with pytest.raises(RefusedError, match="suspended"):
            admit(with_seal)
    finally:
        crew.suspended.clear()
    elsewhere = Official(frozenset({Duty.MANAGE}), "fengxiang")
    monkeypatch.setattr(crew, "admit", lambda _connection, _signed: elsewhere)
    with pytest.raises(YinxinError, match="another branch"):
        admit(with_seal, "oa")
    assert (systems(with_seal), len(statements(with_seal))) == (0, 0)


def test_what_fails_leaves_nothing(with_seal: Bureau) -> None:
    with pytest.raises(YinxinError, match="no seal of this name"):
        admit(with_seal, seals=("office", "none"))
    admit(with_seal)
    with pytest.raises(YinxinError, match="already"):
        admit(with_seal)
    assert (systems(with_seal), len(statements(with_seal))) == (1, 1)
