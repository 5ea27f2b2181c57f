"""The register over HTTP: the life of a seal with every key at home, and what is refused on the way."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from asn1crypto import x509

from core.algorithms import SM3
from core.api.address import Server
from core.api.signed_client import SignedClient
from core.cli import run
from core.errors import Kind, YinxinError
from core.home import Home
from seals.cli import group
from seals.client import PREFIX as CALLERS
from seals.contracts import PEOPLE
from seals.http import create_app
from seals.register import wire
from seals.register.dossiers import sign
from seals.register.life import State
from seals.register.lists import SealFilter
from seals.register.remote import PREFIX, RemoteRegister
from seals.register.statements import Act
from tests.support.office_server import serving
from tests.support.seal_people import AUDITOR, CUSTODIAN, MANAGERS, STRANGER, order_of
from tests.support.seal_service import URL, Service
from tests.support.sealing import Office

At = Callable[[str], RemoteRegister]


@pytest.fixture(scope="module")
def client(service: Service) -> Callable[..., SignedClient]:
    def of(name: str, key_of: str = "") -> SignedClient:
        signer = service.bureau.crew[key_of or name].signer
        transport = httpx.WSGITransport(app=service.app)
        return SignedClient(Server(URL), PREFIX, name, signer, service.bureau.office.clock, transport)

    return of


@pytest.fixture(scope="module")
def at(service: Service, client: Callable[..., SignedClient]) -> At:
    return lambda name: RemoteRegister(client(name), service.bureau.crew[name], "", service.bureau.office.clock)


def refused(kind: Kind, words: str, attempt: Callable[..., Any], *arguments: Any) -> None:
    with pytest.raises(YinxinError, match=words) as caught:
        attempt(*arguments)
    assert caught.value.kind is kind, caught.value


def test_a_seals_life_at_a_distance(service: Service, at: At, sm2_office: Office) -> None:
    applicant, *approvers = MANAGERS
    at(applicant).apply(order_of(sm2_office, "afar"))
    refused(Kind.CONFLICT, "already", at(applicant).apply, order_of(sm2_office, "afar"))
    refused(Kind.FORBIDDEN, "cannot approve it", at(applicant).decide, "afar", Act.APPROVE, "", "")
    digest = at(applicant).show("afar").versions[0].digest
    for approver in approvers:
        at(approver).decide("afar", Act.APPROVE, "", digest)
    service.bureau.make(name="afar")
    assert at(CUSTODIAN).decide("afar", Act.ACTIVATE, "", "") is State.ACTIVE
    assert at(CUSTODIAN).decide("afar", Act.FREEZE, "lost", "") is State.FROZEN
    at(applicant).decide("afar", Act.RESUME, "found", "")
    at(applicant).change(order_of(sm2_office, "afar", owner="宝鸡市档案馆"))
    refused(Kind.INVALID, "needs a reason", at(approvers[0]).decide, "afar", Act.REJECT, " ", "")
    at(approvers[0]).decide("afar", Act.REJECT, "misspelt", "")
    dossier = at(AUDITOR).show("afar")
    assert [version.state for version in dossier.history.versions] == [State.ACTIVE, State.REJECTED]
    local = service.bureau
    with local.context.storage.reading() as connection:
        from seals.register.dossiers import read_dossier

        here = read_dossier(connection, local.crew, "afar")
    assert dossier.history.statements == here.history.statements
    assert dossier.versions == here.versions
    assert SM3.of(at(AUDITOR).picture("afar")).hex() == here.versions[1].application.picture  # type: ignore[union-attr]
    assert at(applicant).decide("afar", Act.HAND_IN, "closed", "") is State.HANDED_IN


def test_lists_are_narrowed_and_paged(service: Service, at: At, sm2_office: Office) -> None:
    for name, unit in (("b-1", "档案馆"), ("b-2", "档案馆"), ("b-3", "100%_")):
        at(MANAGERS[0]).apply(order_of(sm2_office, name, unit=unit))

    def found(limit: int = 100, after: str = "", **wanted: Any) -> list[str]:
        return [one.name for one in at(AUDITOR).seals(SealFilter(**wanted), limit, after)]

    assert found(unit="档案馆") == ["b-1", "b-2"]
    assert found(unit="档案馆", limit=1) == ["b-1"]
    assert found(unit="档案馆", after="b-1") == ["b-2"]
    assert found(text="0%_") == ["b-3"]
    assert found(text="%") == ["b-3"]
    assert found(state=State.APPLIED) == ["b-1", "b-2", "b-3"]
    (entry,) = at(AUDITOR).seals(SealFilter(text="office", state=State.ACTIVE), 9, "")
    assert entry.valid_until is not None
    assert found(ends_before=entry.valid_until) == []
    later = x509.Certificate.load(sm2_office.unit.certificate).not_valid_after.replace(year=2100)
    assert "office" in found(ends_before=later)


def test_who_may_not_look(client: Callable[..., SignedClient], service: Service) -> None:
    refused(Kind.FORBIDDEN, "people with seals", client(STRANGER).get, "/me", wire.Me)
    refused(Kind.INVALID, "limit", lambda: client(AUDITOR).get("/seals", wire.SealPage, limit=0))
    # An API key is no person, and a person is no calling system.
    key = service.key("not-a-person")
    web = service.app.test_client()
    assert web.get(f"{PREFIX}/seals", headers={"Authorization": f"Bearer {key}"}).status_code != 200
    assert web.get(f"{CALLERS}/seals").status_code == 401


def test_nobody_hands_in_anothers_statement(
    service: Service, at: At, client: Callable[..., SignedClient], sm2_office: Office
) -> None:
    at(MANAGERS[0]).apply(order_of(sm2_office, "own"))
    dossier, clock = at(AUDITOR).show("own"), service.bureau.office.clock
    signed = sign(clock, service.bureau.crew[MANAGERS[1]], dossier, Act.APPROVE)
    body = wire.SignedDecision(statement=signed.message)
    refused(Kind.FORBIDDEN, "not by the operator", client(AUDITOR).post, "/decisions", body, wire.SealState)
    client(MANAGERS[1]).post("/decisions", body, wire.SealState)
    refused(Kind.FORBIDDEN, "approved it already", client(MANAGERS[1]).post, "/decisions", body, wire.SealState)
    garbage = wire.SignedDecision(statement=b"\x30\x00")
    refused(Kind.INVALID, "not a CMS", client(MANAGERS[1]).post, "/decisions", garbage, wire.SealState)


def test_a_service_that_lies_is_found_out(service: Service, at: At, monkeypatch: pytest.MonkeyPatch) -> None:
    true = at(AUDITOR).show("office")
    told = wire.dossier_model(true, [])

    def answering(model: wire.DossierModel) -> RemoteRegister:
        office = at(MANAGERS[1])
        monkeypatch.setattr(office._client, "get", lambda *_path: model)
        return office

    refused(Kind.UNAVAILABLE, "another seal", answering(told).show, "other")
    renamed = told.model_copy(update={"name": "other"})
    refused(Kind.UNAVAILABLE, "another seal", answering(renamed).show, "other")
    content = told.versions[0].content
    assert content is not None
    altered = told.versions[0].model_copy(update={"content": content.replace(b'"revision":1', b'"revision":2')})
    # Another content has another digest, which nothing that was stated is about.
    shown = answering(told.model_copy(update={"versions": [altered]})).show("office")
    assert shown.versions[0].digest != true.versions[0].digest


def test_by_command_from_a_seeded_home(home_copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from yinxin.seal_people import SealPeople

    home = Home(home_copy)
    people = SealPeople(home.context)
    app = create_app(home, None, people)  # type: ignore[arg-type]
    keys, pin = home_copy / "people" / "operators", home_copy / "people" / "pin"

    @click.group()
    @click.pass_context
    def elsewhere(context: click.Context) -> None:
        context.obj = Home(tmp_path / "nowhere")
        context.meta[PEOPLE] = lambda _home: None

    elsewhere.add_command(group, "seals")

    def call(address: str, who: str, *arguments: str) -> int:
        person = ("--as", who, "--key", str(keys / f"{who}.pem"), "--pin-file", str(pin))
        return run(elsewhere, ["seals", "register", "--server", address, *arguments, *person])

    with serving(app) as address:
        assert call(address, "song.lin", "list", "--state", "active", "--json") == 0
        names = [one["name"] for one in json.loads(capsys.readouterr().out)]
        assert names == ["gm-office", "rsa-office", "sm2-office"]
        assert call(address, "song.lin", "freeze", "sm2-office", "--reason", "lost") == 0
        assert call(address, "song.lin", "show", "sm2-office", "--picture", str(tmp_path / "seal.png")) == 0
        assert "lost" in capsys.readouterr().out
        assert (tmp_path / "seal.png").read_bytes().startswith(b"\x89PNG")
        assert call(address, "song.lin", "resume", "sm2-office", "--reason", "found") == 0
        assert call(address, "liu.yang", "list") == 2
        assert "people with seals" in capsys.readouterr().err
        assert run(elsewhere, ["seals", "register", "--server", address, "list"]) == 2
        assert "asks who looks" in capsys.readouterr().err
        assert call(address, "song.lin", "destroy", "sm2-office", "--reason", "x") == 2
        assert "without --server" in capsys.readouterr().err
    home.storage.close()
