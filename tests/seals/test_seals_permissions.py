"""Custodians' permissions for single uses: given for one document, used up once, withdrawn in time or not at all."""

import shutil
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest
import sqlalchemy as sa

from core.algorithms import SM3
from core.audit import read_entries
from core.clock import FixedClock
from core.cms import check
from core.context import Context
from core.errors import Kind, YinxinError
from core.refusals import RefusedError
from core.statements import sign_statement
from core.storage import Storage
from seals import records, use
from seals.levels import Level
from seals.placement.placement import Placement
from seals.register.bounds import Bounds, Use
from seals.register.permissions import UsePermission, parse_permission, permit, submit_permission
from seals.register.registered import find
from seals.register.statements import Act, Statement
from seals.register.uses import Sealed, list_uses, record, usable
from seals.register.withdrawals import list_permissions, submit_withdrawal, withdraw_permission
from tests.support.seal_people import AUDITOR, CUSTODIAN, MANAGERS, Bureau, Crew, bureau_of, order_of, refused
from tests.support.sealing import Office


@pytest.fixture(scope="module")
def filled(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, sm2_office: Office, crew: Crew) -> Path:
    """A database with a seal in use that asks for permissions."""
    file = tmp_path_factory.mktemp("permissions") / "yinxin.db"
    shutil.copy(migrated_sqlite, file)
    storage = Storage(f"sqlite:///{file}")
    bureau_of(Context(storage, sm2_office.clock), sm2_office, crew).seal("strict", bounds=Bounds(approval=True))
    storage.close()
    return file


@pytest.fixture
def seals(with_seal: Bureau) -> Bureau:
    """The register with that seal."""
    return with_seal


def order_for(plain: bytes, level: Level = Level.B_LTA, **more: Any) -> use.UseOrder:
    return use.UseOrder(plain, Placement(1, 100, 100), level, purpose="a notice", **more)


def stamp(seals: Bureau, order: use.UseOrder, name: str) -> bytes:
    return use.stamp(seals.context, seals.keys, seals.support, seals.crew, name, order, actor="oa").read()


def enter(seals: Bureau, name: str, *, at: datetime | None = None, document: str = "0" * 64) -> int:
    """A use without a document, which takes no time."""
    context = seals.context if at is None else Context(seals.context.storage, FixedClock(at))
    seal = find(context, seals.crew, name)
    sealed = Sealed(document, "1" * 64, "B-B", 1, "100, 100 mm")
    return record(context, seals.crew, name, Use("oa"), sealed, digest=seal.digest)


def test_each_use_is_permitted_for_that_document_and_once(seals: Bureau, plain: bytes) -> None:
    order = order_for(plain, Level.B_B, person="张三")
    refused("permission", lambda: stamp(seals, order, "strict"))
    digest = sha256(plain).hexdigest()
    given = permit(seals.context, seals.crew, seals.crew[CUSTODIAN], "strict", digest, purpose="a notice")
    other = order_for(plain + b"\n", Level.B_B)
    refused("permission", lambda: stamp(seals, other, "strict"))
    stamp(seals, order, "strict")
    refused("permission", lambda: stamp(seals, order, "strict"))
    (one,) = list_uses(seals.context, seals.crew, seals.crew[AUDITOR], "strict")
    assert one.permission == given.number
    with seals.context.storage.reading() as connection:
        details = [one["details"] for one in read_entries(connection, limit=9) if one["act"] == "seals.document.seal"]
    assert details[0]["permitted_by"] == CUSTODIAN


def test_a_permission_ends_and_is_for_one_version(seals: Bureau) -> None:
    person = seals.crew[CUSTODIAN]
    digest = "ab" * 32
    permit(seals.context, seals.crew, person, "strict", digest, within=timedelta(hours=1))
    late = seals.context.clock.now() + timedelta(hours=2)
    refused("permission", lambda: enter(seals, "strict", at=late, document=digest))
    seals.change(order_of(seals.office, "strict", bounds=Bounds(approval=True)))
    seals.put_to_use("strict")
    with pytest.raises(RefusedError, match="another version"):
        enter(seals, "strict", document=digest)
    permit(seals.context, seals.crew, person, "strict", digest)
    assert enter(seals, "strict", document=digest) == 1


def test_only_custodians_permit_and_nobody_for_themselves(seals: Bureau) -> None:
    digest = "cd" * 32
    for who in (*MANAGERS, AUDITOR, "ma.hao"):
        refused("custodian", partial(permit, seals.context, seals.crew, seals.crew[who], "strict", digest))
    permit(seals.context, seals.crew, seals.crew[CUSTODIAN], "strict", digest)
    own = Use("oa", person=CUSTODIAN)
    refused("own-permission", lambda: usable(seals.context, seals.crew, "strict", own, digest))
    usable(seals.context, seals.crew, "strict", Use("oa", person="张三"), digest)
    with pytest.raises(YinxinError, match="64 hexadecimal"):
        permit(seals.context, seals.crew, seals.crew[CUSTODIAN], "strict", "zz")
    seals.decide(Act.FREEZE, CUSTODIAN, "strict")
    with pytest.raises(YinxinError, match="not in use"):
        permit(seals.context, seals.crew, seals.crew[CUSTODIAN], "strict", digest)


def test_permissions_made_by_hand_are_judged_by_the_same_rules(seals: Bureau) -> None:
    seal = find(seals.context, seals.crew, "strict")
    now = seals.context.clock.now()
    good = UsePermission(
        number="0" * 32, seal="strict", seal_digest=seal.digest, document_sha256="ef" * 32, until=now + timedelta(1)
    )

    def submitted(permission: UsePermission, **changes: Any) -> None:
        content = permission.canonical()
        fields = {"act": Act.ALLOW_USE, "subject": f"use:{permission.number}", "sequence": 1}
        fields |= {"digest": SM3.of(content).hex(), "at": now, "operator": CUSTODIAN}
        session = seals.crew[CUSTODIAN]
        statement = Statement.model_validate(fields | changes)
        message = sign_statement(statement, session.signer, session.certificate).message
        submit_permission(seals.context, seals.crew, message, content)

    for changes in ({"act": Act.APPROVE}, {"subject": "use:1"}, {"digest": "0" * 64}, {"sequence": 2}):
        refused("other-content", partial(submitted, good, **changes))
    with pytest.raises(YinxinError, match="ended already"):
        submitted(good.model_copy(update={"until": now}))
    with pytest.raises(YinxinError, match="not in use"):
        submitted(good.model_copy(update={"seal_digest": "0" * 64}))
    submitted(good)
    with pytest.raises(YinxinError, match="already"):
        submitted(good)


@pytest.mark.parametrize("column", ["document_sha256", "statement", "content"])
def test_an_altered_permission_permits_nothing(seals: Bureau, column: str) -> None:
    one, other = "ab" * 32, "cd" * 32
    for digest in (one, other):
        permit(seals.context, seals.crew, seals.crew[CUSTODIAN], "strict", digest)
    enter(seals, "strict", document=other)
    table = records.use_permissions
    with seals.context.storage.transaction() as connection:
        taken = connection.scalar(sa.select(table.c[column]).where(table.c.document_sha256 == other))
        wanted = "ff" * 32 if column == "document_sha256" else taken
        connection.execute(sa.update(table).where(table.c.document_sha256 == one).values({column: wanted}))
    refused("altered", lambda: enter(seals, "strict", document="ff" * 32 if column == "document_sha256" else one))


def test_a_used_permission_cannot_be_given_to_another_use(seals: Bureau) -> None:
    digest = "ab" * 32
    permit(seals.context, seals.crew, seals.crew[CUSTODIAN], "strict", digest)
    enter(seals, "strict", document=digest)
    with seals.context.storage.reading() as connection:
        content = connection.scalar(sa.select(records.use_permissions.c.content))
    assert parse_permission(content).document_sha256 == digest
    refused("permission", lambda: enter(seals, "strict", document=digest))


def given_for(seals: Bureau, digest: str) -> str:
    return permit(seals.context, seals.crew, seals.crew[CUSTODIAN], "strict", digest).number


def withdraw(seals: Bureau, number: str, who: str = CUSTODIAN) -> str:
    return withdraw_permission(seals.context, seals.crew, seals.crew[who], number, "a mistake")


def standings(seals: Bureau, who: str = CUSTODIAN, **page: Any) -> list[tuple[str, str]]:
    found = list_permissions(seals.context, seals.crew, seals.crew[who], "strict", **page)
    return [(one.document_sha256[:2], one.standing.value) for one in found]


def test_a_withdrawn_permission_is_not_used(seals: Bureau) -> None:
    number = given_for(seals, "ab" * 32)
    assert withdraw(seals, number) == "strict"
    refused("permission", lambda: enter(seals, "strict", document="ab" * 32))
    with pytest.raises(YinxinError, match="used or withdrawn already") as caught:
        withdraw(seals, number)
    assert caught.value.kind is Kind.CONFLICT
    # Another for the same document is another.
    given_for(seals, "ab" * 32)
    assert enter(seals, "strict", document="ab" * 32) == 1
    with seals.context.storage.reading() as connection:
        (told,) = [one for one in read_entries(connection, limit=9) if one["act"] == "seals.use.withdraw"]
        kept = connection.scalar(sa.select(records.use_permissions.c.withdrawal).limit(1))
    assert (told["actor"], told["details"]["number"], told["details"]["why"]) == (CUSTODIAN, number, "a mistake")
    assert kept is not None
    assert check(kept).certificate == seals.crew[CUSTODIAN].certificate
    assert told["details"]["statement"] == SM3.of(kept).hex()


def test_a_used_permission_cannot_be_withdrawn(seals: Bureau) -> None:
    number = given_for(seals, "ab" * 32)
    enter(seals, "strict", document="ab" * 32)
    with pytest.raises(YinxinError, match="used or withdrawn already"):
        withdraw(seals, number)
    with pytest.raises(YinxinError, match="no permission of this number"):
        withdraw(seals, "0" * 32)


def test_only_custodians_withdraw(seals: Bureau) -> None:
    number = given_for(seals, "ab" * 32)
    for who in (*MANAGERS, AUDITOR, "ma.hao"):
        refused("custodian", partial(withdraw, seals, number, who))
    assert enter(seals, "strict", document="ab" * 32) == 1


def test_withdrawals_made_by_hand_are_judged_by_the_same_rules(seals: Bureau) -> None:
    number, other = given_for(seals, "ab" * 32), given_for(seals, "cd" * 32)
    with seals.context.storage.reading() as connection:
        table = records.use_permissions.c
        content = {row.number: row.content for row in connection.execute(sa.select(table.number, table.content))}
    session = seals.crew[CUSTODIAN]

    def submitted(**changes: Any) -> None:
        fields = {"act": Act.WITHDRAW_USE, "subject": f"use:{number}", "sequence": 2, "operator": CUSTODIAN}
        fields |= {"digest": SM3.of(content[number]).hex(), "at": seals.context.clock.now()}
        statement = Statement.model_validate(fields | changes)
        message = sign_statement(statement, session.signer, session.certificate).message
        submit_withdrawal(seals.context, seals.crew, message)

    for changes in (
        {"act": Act.ALLOW_USE},
        {"subject": f"use:{other}"},
        {"digest": SM3.of(content[other]).hex()},
        {"sequence": 1},
    ):
        refused("other-content", partial(submitted, **changes))
    refused("other-certificate", partial(submitted, operator="ma.hao"))
    submitted()


def test_permissions_are_listed_for_those_who_answer_for_the_seal(seals: Bureau) -> None:
    numbers = [given_for(seals, digit * 64) for digit in "abc"]
    permit(seals.context, seals.crew, seals.crew[CUSTODIAN], "strict", "d" * 64, within=timedelta(0, 1))
    withdraw(seals, numbers[0])
    enter(seals, "strict", document="b" * 64)
    expected = [("dd", "open"), ("cc", "open"), ("bb", "used"), ("aa", "withdrawn")]
    assert standings(seals) == standings(seals, AUDITOR) == expected
    assert standings(seals, limit=1, before=numbers[2]) == [("bb", "used")]
    later = Context(seals.context.storage, FixedClock(seals.context.clock.now() + timedelta(minutes=1)))
    (newest, *_others) = list_permissions(later, seals.crew, seals.crew[AUDITOR], "strict")
    assert newest.standing.value == "expired"
    for who in (MANAGERS[0], "ma.hao"):
        refused("duty", partial(standings, seals, who))


def test_of_a_use_and_a_withdrawal_at_once_one_happens(each_storage: Storage, sm2_office: Office, crew: Crew) -> None:
    seals = bureau_of(Context(each_storage, sm2_office.clock), sm2_office, crew)
    seals.seal("strict", bounds=Bounds(approval=True))
    used = withdrawn = 0
    with ThreadPoolExecutor(2) as pool:
        for turn in range(8):
            digest = f"{turn:064x}"
            number, together = given_for(seals, digest), Barrier(2)

            def attempt(act: Callable[[], object], together: Barrier = together) -> bool:
                together.wait(10)
                try:
                    act()
                except YinxinError:
                    return False
                return True

            one = pool.submit(attempt, partial(enter, seals, "strict", document=digest))
            other = pool.submit(attempt, partial(withdraw, seals, number))
            assert one.result(30) is not other.result(30)
            used, withdrawn = used + one.result(), withdrawn + other.result()
    assert used + withdrawn == 8
    found = [standing for _digest, standing in standings(seals)]
    assert (found.count("used"), found.count("withdrawn")) == (used, withdrawn)
