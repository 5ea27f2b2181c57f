"""Who admits calling systems: seal administrators of the seal's branch, by statements that are kept."""

import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from core.algorithms import SM3
from core.audit import read_entries
from core.context import Context
from core.errors import YinxinError
from core.refusals import RefusedError
from core.storage import Storage
from seals import records
from seals.api import api_keys, granting
from seals.api.api_keys import Scope, Terms
from seals.contracts import Duty, Official
from seals.register.statements import verify_statement
from tests.support.seal_people import AUDITOR, CUSTODIAN, MANAGERS, STRANGER, Bureau, Crew, bureau_of
from tests.support.sealing import Office

MANAGER = MANAGERS[0]


@pytest.fixture(scope="module")
def filled(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, sm2_office: Office) -> Path:
    file = tmp_path_factory.mktemp("grants") / "yinxin.db"
    shutil.copy(migrated_sqlite, file)
    storage = Storage(f"sqlite:///{file}")
    bureau_of(Context(storage, sm2_office.clock), sm2_office, _crew(sm2_office)).seal()
    storage.close()
    return file


_crews: dict[int, Crew] = {}


def _crew(office: Office) -> Crew:
    return _crews.setdefault(id(office), Crew(office))


@pytest.fixture
def bureau(storage: Storage, filled: Path, tmp_path: Path, sm2_office: Office) -> Bureau:
    storage.close()
    shutil.copy(filled, tmp_path / "yinxin.db")
    return bureau_of(Context(storage, sm2_office.clock), sm2_office, _crew(sm2_office))


def admit(bureau: Bureau, name: str = "oa", who: str = MANAGER, seals: tuple[str, ...] = ("office",)) -> str:
    terms = Terms((Scope.DOCUMENTS,), 30, "https://oa.example.gov.cn/told")
    return granting.admit(bureau.context, bureau.crew, bureau.crew[who], name, seals, terms)


def rotate(bureau: Bureau, who: str = MANAGER) -> str:
    return granting.rotate(bureau.context, bureau.crew, bureau.crew[who], "oa", days=60, keep=timedelta(hours=1))


def withdraw(bureau: Bureau, who: str = MANAGER) -> None:
    granting.withdraw(bureau.context, bureau.crew, bureau.crew[who], "oa")


def statements(bureau: Bureau) -> list[Any]:
    table = records.api_key_statements
    with bureau.context.storage.reading() as connection:
        return list(connection.execute(sa.select(table).order_by(table.c.id)).all())


def systems(bureau: Bureau) -> int:
    return len(api_keys.list_systems(bureau.context))


def test_each_act_is_a_persons_statement(bureau: Bureau) -> None:
    first = admit(bureau)
    second = rotate(bureau, MANAGERS[1])
    assert api_keys.bearer(bureau.context, first) and api_keys.bearer(bureau.context, second)
    withdraw(bureau, MANAGERS[2])
    assert api_keys.bearer(bureau.context, second) is None
    rows = statements(bureau)
    assert [(row.sequence, row.operator) for row in rows] == [(1, MANAGERS[0]), (2, MANAGERS[1]), (3, MANAGERS[2])]
    signed = [verify_statement(row.statement) for row in rows]
    assert [one.statement.act.value for one in signed] == ["admit-system", "rotate-key", "withdraw-system"]
    assert {one.statement.subject for one in signed} == {"system:oa"}
    for row, one in zip(rows, signed, strict=True):
        assert one.statement.digest == SM3.of(row.content).hex()
        assert one.certificate == bureau.crew[row.operator].certificate
    granted = json.loads(rows[0].content)
    assert (granted["seals"], granted["scopes"], granted["webhook"]) == (
        ["office"],
        "documents",
        "https://oa.example.gov.cn/told",
    )
    assert not any(key.encode() in row.content for row in rows for key in (first, second))
    with bureau.context.storage.reading() as connection:
        told = {one["act"]: one for one in read_entries(connection, limit=5)}
    assert told["seals.api-key.make"]["actor"] == MANAGERS[0]
    assert told["seals.api-key.withdraw"]["details"]["statement"] == signed[2].digest


@pytest.mark.parametrize("who", [CUSTODIAN, AUDITOR, STRANGER])
def test_nobody_else_can(bureau: Bureau, who: str) -> None:
    admit(bureau)
    attempts: list[Callable[[], object]] = [
        partial(admit, bureau, "other", who),
        partial(rotate, bureau, who),
        partial(withdraw, bureau, who),
    ]
    for attempt in attempts:
        with pytest.raises(RefusedError) as caught:
            attempt()
        assert caught.value.rule == "duty"
    assert (systems(bureau), len(statements(bureau))) == (1, 1)
    with bureau.context.storage.reading() as connection:
        refusals = [one["act"] for one in read_entries(connection, limit=3)]
    assert refusals == [f"seals.api-key.{act}.refused" for act in ("withdraw", "rotate", "make")]


def test_neither_suspended_people_nor_another_branch(bureau: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    crew = bureau.crew
    crew.suspended.add(MANAGER)
    try:
        with pytest.raises(RefusedError, match="suspended"):
            admit(bureau)
    finally:
        crew.suspended.clear()
    elsewhere = Official(frozenset({Duty.MANAGE}), "fengxiang")
    monkeypatch.setattr(crew, "admit", lambda _connection, _signed: elsewhere)
    with pytest.raises(YinxinError, match="another branch"):
        admit(bureau, "oa")
    assert (systems(bureau), len(statements(bureau))) == (0, 0)


def test_what_fails_leaves_nothing(bureau: Bureau) -> None:
    with pytest.raises(YinxinError, match="no seal of this name"):
        admit(bureau, seals=("office", "none"))
    admit(bureau)
    with pytest.raises(YinxinError, match="already"):
        admit(bureau)
    assert (systems(bureau), len(statements(bureau))) == (1, 1)
