"""The register: seals are applied for, approved by two, made, used and handed in, each by those whose duty it is."""

import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from asn1crypto import cms as asn1_cms
from asn1crypto import x509

from core.algorithms import SM3, KeyKind
from core.asn1.ses import parse_seal
from core.asn1.ses_structures import CertificateListKind, Version
from core.audit import entries, read_entries
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.refusals import RefusedError
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.statements import sign_statement
from core.storage import Storage
from seals import records
from seals.api import api_keys
from seals.electronic.making import Maker, check_maker_signature
from seals.pictures.designs import Inscription, design_of
from seals.register import lists, register, registered
from seals.register.applications import parse_application
from seals.register.dossiers import read_dossier, sign
from seals.register.kinds import SealKind
from seals.register.life import State
from seals.register.orders import application_of
from seals.register.statements import Act, Statement, verify_statement
from seals.register.submissions import submit, submit_application, submit_made
from seals.tokens import time_of
from tests.support.seal_people import (
    AUDITOR,
    CUSTODIAN,
    MANAGERS,
    STRANGER,
    Bureau,
    Crew,
    bureau_of,
    order_of,
)
from tests.support.sealing import NAME, Office, picture

FIRST, SECOND, THIRD = MANAGERS


@pytest.fixture(scope="module")
def crew(sm2_office: Office) -> Crew:
    return Crew(sm2_office)


@pytest.fixture
def bureau(storage: Storage, sm2_office: Office, crew: Crew) -> Bureau:
    """An empty register."""
    return bureau_of(Context(storage, sm2_office.clock), sm2_office, crew)


@pytest.fixture(scope="module")
def filled(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, sm2_office: Office, crew: Crew) -> Path:
    """A database in which the seal `office` is in use; not to be changed."""
    file = tmp_path_factory.mktemp("filled") / "yinxin.db"
    shutil.copy(migrated_sqlite, file)
    storage = Storage(f"sqlite:///{file}")
    bureau_of(Context(storage, sm2_office.clock), sm2_office, crew).seal()
    storage.close()
    return file


@pytest.fixture
def with_seal(storage: Storage, filled: Path, tmp_path: Path, bureau: Bureau) -> Bureau:
    """The register with that seal."""
    storage.close()
    shutil.copy(filled, tmp_path / "yinxin.db")
    return bureau


def read(bureau: Bureau, name: str = "office") -> registered.RegisteredSeal:
    return registered.find(bureau.context, bureau.crew, name)


def rows(bureau: Bureau, table: sa.Table) -> list[Any]:
    with bureau.context.storage.reading() as connection:
        return list(connection.execute(sa.select(table).order_by(table.c.id)).all())


def acts(bureau: Bureau) -> list[str]:
    with bureau.context.storage.reading() as connection:
        return [entry["act"] for entry in read_entries(connection, limit=100)][::-1]


def refused(rule: str, attempt: Any) -> None:
    with pytest.raises(RefusedError) as caught:
        attempt()
    assert caught.value.rule == rule, caught.value


def test_a_seal_from_application_to_destruction(each_storage: Storage, sm2_office: Office, crew: Crew) -> None:
    bureau = bureau_of(Context(each_storage, sm2_office.clock), sm2_office, crew)
    bureau.apply(order_of(sm2_office))
    assert bureau.decide(Act.APPROVE, SECOND) is State.APPLIED
    assert bureau.decide(Act.APPROVE, THIRD) is State.APPROVED
    structure = bureau.make()
    assert lists.list_seals(bureau.context)[0].state is State.MADE
    assert lists.list_seals(bureau.context)[0].valid_until is None
    assert bureau.decide(Act.ACTIVATE, CUSTODIAN) is State.ACTIVE
    seal = read(bureau)
    assert (seal.owner, seal.kind, seal.state, seal.revision) == (NAME, SealKind.OFFICIAL, State.ACTIVE, 1)
    assert (seal.certificate, seal.chain) == (sm2_office.unit.certificate, tuple(sm2_office.unit.chain))
    assert (seal.structure, seal.picture, seal.custodians) == (structure, picture(), frozenset({CUSTODIAN}))
    assert seal.valid_until == x509.Certificate.load(seal.certificate).not_valid_after
    assert bureau.decide(Act.FREEZE, CUSTODIAN) is State.FROZEN
    assert bureau.decide(Act.RESUME, SECOND) is State.ACTIVE
    assert bureau.decide(Act.HAND_IN, FIRST) is State.HANDED_IN
    register.destroy(bureau.context, crew, crew[SECOND], bureau.keys, "office", "worn out")
    assert bureau.keys.removed == ["unit"]
    (entry,) = lists.list_seals(bureau.context)
    assert (entry.state, entry.valid_until) == (State.DESTROYED, seal.valid_until)
    words = ["apply", "approve", "approve", "make", "activate", "freeze", "resume", "hand-in", "destroy"]
    assert acts(bureau) == [f"seals.seal.{word}" for word in words]
    # Who was interrupted before the key was gone asks again.
    register.destroy(bureau.context, crew, crew[SECOND], bureau.keys, "office", "again")
    assert bureau.keys.removed == ["unit", "unit"]
    assert len(acts(bureau)) == len(words)


def test_every_statement_is_signed_as_another_implementation_finds(with_seal: Bureau) -> None:
    kept = rows(with_seal, records.statements)
    assert [row.act for row in kept] == ["apply", "approve", "approve", "make", "activate"]
    for row in kept:
        signed = verify_statement(row.statement)
        info = asn1_cms.ContentInfo.load(row.statement)["content"]["signer_infos"][0]
        point = curve.point_of(x509.Certificate.load(signed.certificate).public_key.dump())
        assert point is not None
        assert GmsslEngine().verify(point, info["signature"].native, b"\x31" + info["signed_attrs"].dump()[1:])


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


def test_another_version_takes_its_place_when_it_is_activated(with_seal: Bureau) -> None:
    former = read(with_seal)
    with_seal.change(order_of(with_seal.office, width_mm=40, custodians=["ma.hao"]), SECOND)
    with pytest.raises(YinxinError, match="is applied"):
        with_seal.change(order_of(with_seal.office))
    with_seal.approve(by=(FIRST, THIRD))
    with_seal.make()
    # Until then the former one is used, and can be frozen.
    assert read(with_seal) == former
    assert with_seal.decide(Act.FREEZE, CUSTODIAN) is State.FROZEN
    refused("custodian", lambda: with_seal.decide(Act.ACTIVATE, CUSTODIAN))
    assert with_seal.decide(Act.ACTIVATE, "ma.hao") is State.ACTIVE
    seal = read(with_seal)
    assert (seal.revision, seal.width_mm, seal.custodians) == (2, 40, frozenset({"ma.hao"}))
    assert seal.structure != former.structure
    with with_seal.context.storage.reading() as connection:
        history = read_dossier(connection, with_seal.crew, "office").history
    assert [version.state for version in history.versions] == [State.CHANGED, State.ACTIVE]
    refused("custodian", lambda: with_seal.decide(Act.FREEZE, CUSTODIAN))


def test_a_rejected_application_is_made_anew(bureau: Bureau) -> None:
    bureau.apply(order_of(bureau.office))
    with pytest.raises(YinxinError, match="needs a reason"):
        bureau.decide(Act.REJECT, SECOND, why=" ")
    assert bureau.decide(Act.REJECT, SECOND, why="too wide") is State.REJECTED
    with pytest.raises(YinxinError, match="already"):
        bureau.apply(order_of(bureau.office, width_mm=40))
    bureau.change(order_of(bureau.office, width_mm=40))
    bureau.put_to_use()
    assert (read(bureau).revision, read(bureau).width_mm) == (2, 40)


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


@pytest.mark.parametrize("standard", [Version.GBT_38540_2020, Version.GMT_0031_2025])
@pytest.mark.parametrize("named", list(CertificateListKind))
def test_the_structure_is_a_seal_of_its_standard(bureau: Bureau, standard: Version, named: CertificateListKind) -> None:
    bureau.seal(standard=standard, certificate_list=named)
    seal = parse_seal(read(bureau).structure)
    assert seal.version is standard
    check_maker_signature(seal)
    # GB/T 38540: the maker signs DER(eSealInfo), with Z of the default ID, and nothing beside it.
    point = curve.point_of(bureau.maker.signer.public_key_info)
    assert point is not None
    assert GmsslEngine().verify(point, seal.signature, seal.signed)
    assert seal.algorithm == "1.2.156.10197.1.501"
    info = seal.structure["seal_info"].native
    certificate = bureau.office.unit.certificate
    by_digest = [{"type": "SM3", "value": SM3.of(certificate)}]
    listed = [dict(one) if isinstance(one, dict) else one for one in info["property"]["cert_list"]]
    assert listed == ([certificate] if named is CertificateListKind.CERTIFICATES else by_digest)
    assert (info["picture"]["width"], info["picture"]["height"]) == (42, 42)
    if standard is Version.GBT_38540_2020:
        assert seal.timestamp is None
    else:
        assert seal.timestamp is not None
        at, authority = time_of(seal.timestamp, SM3, SM3.of(seal.signature))
        assert (at, authority) == (bureau.office.clock.now(), bureau.office.tsa.certificate)
    changed = parse_seal(seal.original.replace(NAME.encode(), NAME.encode()[:-1] + b"\xa5"))
    with pytest.raises(YinxinError, match="changed since"):
        check_maker_signature(changed)


def test_no_seal_of_the_newest_standard_without_a_time_stamp(bureau: Bureau) -> None:
    bureau.apply(order_of(bureau.office, standard=Version.GMT_0031_2025))
    bureau.approve()
    with pytest.raises(YinxinError, match="has a time stamp") as caught:
        register.make(bureau.context, bureau.crew, bureau.crew[FIRST], bureau.maker, "office")
    assert caught.value.kind is Kind.UNAVAILABLE
    assert lists.list_seals(bureau.context)[0].state is State.APPROVED


def test_an_rsa_maker_can_make_seals_too(bureau: Bureau, rsa_office: Office) -> None:
    party = rsa_office.issuing.issue("Maker", kind=KeyKind.RSA_2048, not_before=rsa_office.start)
    bureau.maker = Maker(party.key, party.certificate)
    bureau.seal()
    seal = parse_seal(read(bureau).structure)
    check_maker_signature(seal)
    assert seal.algorithm == "1.2.840.113549.1.1.11"


def test_a_drawing_is_kept_as_it_is(bureau: Bureau) -> None:
    emblem = picture()
    drawing = design_of(SealKind.OFFICIAL, Inscription(NAME, emblem=emblem)).drawing()
    bureau.seal(drawing=drawing, picture=drawing.png(150))
    assert read(bureau).drawing == drawing


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


def test_an_unknown_seal(with_seal: Bureau) -> None:
    with pytest.raises(YinxinError, match="no seal of this name") as caught:
        with_seal.decide(Act.FREEZE, FIRST, "none")
    assert caught.value.kind is Kind.NOT_FOUND


def test_a_key_of_two_seals_outlives_one_of_them(with_seal: Bureau) -> None:
    with_seal.apply(order_of(with_seal.office, "other"))
    with_seal.decide(Act.HAND_IN, FIRST)
    register.destroy(with_seal.context, with_seal.crew, with_seal.crew[SECOND], with_seal.keys, "office", "worn out")
    assert with_seal.keys.removed == []


def earlier(bureau: Bureau, structure: bytes) -> None:
    """A seal as it was before statements were kept, after the migration."""
    now, unit = bureau.context.clock.now(), bureau.office.unit
    with bureau.context.storage.transaction() as connection:
        row: dict[str, Any] = {
            "name": "old",
            "owner": NAME,
            "kind": "official",
            "key_name": "unit",
            "picture": picture(),
        }
        row |= {"width_mm": 42, "structure": structure, "made_at": now, "earlier_state": "active"}
        until = x509.Certificate.load(unit.certificate).not_valid_after
        connection.execute(sa.insert(records.seals).values(row | {"valid_until": until}))
        (seal_id,) = connection.execute(sa.select(records.seals.c.id).where(records.seals.c.name == "old")).one()
        event: dict[str, Any] = {"seal_id": seal_id, "at": now, "state": "active", "actor": "command", "reason": ""}
        connection.execute(sa.insert(records.seal_events).values(event))
        version: dict[str, Any] = {
            "seal_id": seal_id,
            "revision": 0,
            "content": b"",
            "picture": picture(),
            "structure": structure,
        }
        connection.execute(sa.insert(records.versions).values(version))
        for position, der in enumerate((unit.certificate, *unit.chain)):
            certificate = {"seal_id": seal_id, "position": position, "certificate": der}
            connection.execute(sa.insert(records.seal_certificates).values(certificate))


def test_a_seal_from_before_is_used_on_and_moved_by_statements(with_seal: Bureau) -> None:
    structure = read(with_seal).structure
    earlier(with_seal, structure)
    seal = read(with_seal, "old")
    assert (seal.state, seal.revision, seal.structure) == (State.ACTIVE, 0, structure)
    assert seal.certificate == with_seal.office.unit.certificate
    with_seal.decide(Act.FREEZE, FIRST, "old")
    assert read(with_seal, "old").state is State.FROZEN
    with_seal.change(order_of(with_seal.office, "old"))
    with_seal.put_to_use("old")
    assert (read(with_seal, "old").revision, read(with_seal, "old").state) == (1, State.ACTIVE)
    with_seal.decide(Act.HAND_IN, FIRST, "old")
    assert with_seal.decide(Act.DESTROY, SECOND, "old") is State.DESTROYED


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
