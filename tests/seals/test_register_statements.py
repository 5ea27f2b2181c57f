"""The statements that the register stands on: judged alike whoever made them, and missed when they are gone."""

from typing import Any

import pytest
import sqlalchemy as sa
from asn1crypto import cms as asn1_cms
from asn1crypto import x509

from core.algorithms import SM3
from core.audit import entries
from core.context import Context
from core.errors import YinxinError
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.statements import sign_statement
from core.storage import Storage
from seals import records
from seals.pictures.designs import Inscription, design_of
from seals.register import registered
from seals.register.applications import parse_application
from seals.register.dossiers import read_dossier, sign
from seals.register.kinds import SealKind
from seals.register.life import State
from seals.register.orders import application_of
from seals.register.statements import Act, Statement, verify_statement
from seals.register.submissions import submit, submit_application, submit_made
from tests.support.seal_people import (
    CUSTODIAN,
    MANAGERS,
    Bureau,
    Crew,
    acts,
    bureau_of,
    order_of,
    read,
    refused,
    rows,
)
from tests.support.sealing import Office

FIRST, SECOND, THIRD = MANAGERS


def test_every_statement_is_signed_as_another_implementation_finds(with_seal: Bureau) -> None:
    kept = rows(with_seal, records.statements)
    assert [row.act for row in kept] == ["apply", "approve", "approve", "make", "activate"]
    for row in kept:
        signed = verify_statement(row.statement)
        info = asn1_cms.ContentInfo.load(row.statement)["content"]["signer_infos"][0]
        point = curve.point_of(x509.Certificate.load(signed.certificate).public_key.dump())
        assert point is not None
        assert GmsslEngine().verify(point, info["signature"].native, b"\x31" + info["signed_attrs"].dump()[1:])


def forged(bureau: Bureau, who: str, **changes: Any) -> bytes:
    """A statement as only somebody with tools of their own makes it."""
    with bureau.context.storage.reading() as connection:
        dossier = read_dossier(connection, bureau.crew, "office")
    session = bureau.crew[who]
    signed = sign(bureau.context.clock, session, dossier, Act.FREEZE, decision="why")
    words = Statement.model_validate(signed.statement.model_dump() | changes)
    return sign_statement(words, session.signer, session.certificate).message


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"operator": SECOND}, "other-certificate"),
        ({"digest": "0" * 64}, "other-content"),
        ({"act": Act.MAKE}, "other-act"),
        ({"act": Act.APPLY}, "other-act"),
        ({"act": Act.ALLOW_USE}, "other-act"),
    ],
)
def test_statements_made_by_hand_are_judged_by_the_same_rules(
    with_seal: Bureau, changes: dict[str, Any], rule: str
) -> None:
    before = rows(with_seal, records.statements)
    refused(rule, lambda: submit(with_seal.context, with_seal.crew, forged(with_seal, FIRST, **changes)))
    assert rows(with_seal, records.statements) == before
    assert acts(with_seal)[-1].endswith(".refused")


def test_a_statement_is_taken_once_and_in_its_place(with_seal: Bureau) -> None:
    message = forged(with_seal, FIRST)
    assert submit(with_seal.context, with_seal.crew, message) is State.FROZEN
    with_seal.decide(Act.RESUME, SECOND)
    with pytest.raises(YinxinError, match="meanwhile"):
        submit(with_seal.context, with_seal.crew, message)
    with pytest.raises(YinxinError):
        submit(with_seal.context, with_seal.crew, forged(with_seal, FIRST, subject="seal:other"))
    refused("signature", lambda: submit(with_seal.context, with_seal.crew, message[:-1] + b"\0"))


def test_neither_the_picture_nor_the_structure_is_another(bureau: Bureau) -> None:
    order = order_of(bureau.office)
    bureau.apply(order)
    bureau.decide(Act.REJECT, SECOND)
    with bureau.context.storage.reading() as connection:
        dossier = read_dossier(connection, bureau.crew, "office")
    content = application_of(order, revision=2, branch="").canonical()
    session = bureau.crew[FIRST]
    signed = sign(bureau.context.clock, session, dossier, Act.APPLY, digest=SM3.of(content).hex())
    arguments = (bureau.context, bureau.crew, bureau.keys, signed.message)
    other = design_of(SealKind.OFFICIAL, Inscription("假")).drawing().png(150)
    refused("other-picture", lambda: submit_application(*arguments, content, other))
    refused("other-picture", lambda: submit_application(*arguments, content, order.picture, b"{}"))
    third = application_of(order, revision=3, branch="").canonical()
    with pytest.raises(YinxinError, match="next version"):
        submit_application(*arguments, third, order.picture)
    assert submit_application(*arguments, content, order.picture) is State.APPLIED
    bureau.approve()
    with bureau.context.storage.reading() as connection:
        dossier = read_dossier(connection, bureau.crew, "office")
    made = sign(bureau.context.clock, session, dossier, Act.MAKE, decision=SM3.of(b"one").hex())
    refused("other-structure", lambda: submit_made(bureau.context, bureau.crew, made.message, b"other"))


def tampered_content(content: bytes) -> bytes:
    application = parse_application(content)
    return application.model_copy(update={"custodians": ("lu.ren",)}).canonical()


@pytest.mark.parametrize(
    "change",
    [
        sa.update(records.versions).values(structure=b"another seal"),
        sa.update(records.versions).values(structure=None),
        sa.update(records.versions).values(picture=b"another picture"),
        sa.update(records.versions).values(drawing=b"{}"),
        sa.delete(records.versions),
        sa.delete(records.statements).where(records.statements.c.sequence == 2),
        sa.update(records.statements).where(records.statements.c.sequence == 5).values(sequence=6, statement=b"word"),
        sa.update(records.seals).values(earlier_state="active"),
    ],
)
def test_what_was_altered_in_the_database_is_not_used(with_seal: Bureau, change: sa.Update | sa.Delete) -> None:
    with with_seal.context.storage.transaction() as connection:
        connection.execute(change)
    registered._pictures.clear()  # as in another process
    with pytest.raises(YinxinError, match=r"altered|is approved|is made"):
        read(with_seal)


def test_an_altered_application_is_not_used(with_seal: Bureau) -> None:
    (version,) = rows(with_seal, records.versions)
    with with_seal.context.storage.transaction() as connection:
        connection.execute(sa.update(records.versions).values(content=tampered_content(version.content)))
    refused("altered", lambda: read(with_seal))


def test_what_cannot_be_recorded_does_not_happen(with_seal: Bureau) -> None:
    with with_seal.context.storage.transaction() as connection:
        entries.drop(connection)
    with pytest.raises(YinxinError, match="database"):
        with_seal.decide(Act.FREEZE, CUSTODIAN)
    assert len(rows(with_seal, records.statements)) == 5
    assert read(with_seal).state is State.ACTIVE


def test_who_reads_while_somebody_moves_the_seal_sees_no_forgery(
    each_storage: Storage, sm2_office: Office, crew: Crew
) -> None:
    bureau = bureau_of(Context(each_storage, sm2_office.clock), sm2_office, crew)
    bureau.seal()
    meanwhile = [lambda: bureau.change(order_of(sm2_office, width_mm=40))]

    def between_two_queries(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        if meanwhile and statement.startswith("SELECT seal_statements"):
            meanwhile.pop()()

    sa.event.listen(each_storage.engine, "before_cursor_execute", between_two_queries)
    assert read(bureau).state is State.ACTIVE
    assert not meanwhile
    assert [row.act for row in rows(bureau, records.statements)][-1] == "change"
