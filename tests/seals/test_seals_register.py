"""The life of a seal: applied for, approved by two, made, used, changed, handed in, destroyed."""

from typing import Any

import pytest
import sqlalchemy as sa
from asn1crypto import x509

from core.algorithms import SM3, KeyKind
from core.asn1.ses import parse_seal
from core.asn1.ses_structures import CertificateListKind, Version
from core.context import Context
from core.errors import YinxinError
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from seals import records
from seals.electronic.making import Maker, check_maker_signature
from seals.pictures.designs import Inscription, design_of
from seals.register import lists, register
from seals.register.dossiers import read_dossier
from seals.register.kinds import SealKind
from seals.register.life import State
from seals.register.statements import Act
from seals.tokens import time_of
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
)
from tests.support.sealing import NAME, Office, picture

FIRST, SECOND, THIRD = MANAGERS


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
