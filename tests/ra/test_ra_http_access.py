"""Who may come in over HTTP: signed requests (RFC 9421) and the edge's word, and attempts to get in without."""

import json
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
from asn1crypto import pem
from werkzeug.test import Client, TestResponse

from core.api.address import TAG
from core.api.edge import EDGE_HEADER
from core.api.outcomes import ABANDONED, HEADER
from core.api.outcomes import table as http_outcomes
from core.http_signatures import Message, sign_request
from ra import http_models as wire
from ra import personnel
from ra.dossiers import next_statement
from ra.http import PREFIX
from ra.roles import Role
from ra.statements import Act
from tests.support.office import BUSINESS, Office
from tests.support.office_server import application

EDGE = "192.0.2.1"


@dataclass
class Caller:
    """Somebody who sends signed requests, and may be told to do it wrongly."""

    office: Office
    client: Client
    who: str
    tag: str = TAG
    spoil: Callable[[dict[str, str]], None] = lambda _headers: None
    ago: timedelta = timedelta(0)
    signer: Any = None

    def ask(self, method: str, path: str, model: Any = None, *, nonce: str = "", **headers: str) -> TestResponse:
        body = model.model_dump_json().encode() if model is not None else b""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if body:
            sent.setdefault("Content-Type", "application/json")
        message = Message(method, f"http://localhost{PREFIX}{path}", sent)
        signed = sign_request(
            message,
            body,
            self.signer or self.office.sessions[self.who].signer,
            key_id=self.who,
            tag=self.tag,
            created=self.office.clock.now() - self.ago,
            nonce=nonce or secrets.token_urlsafe(16),
        )
        self.spoil(signed)
        return self.client.open(PREFIX + path, method=method, headers=signed, data=body or None)

    def statement(self, number: str, act: Act) -> wire.SignedStatement:
        session = self.office.sessions[self.who]
        signed = session.sign(next_statement(self.office.context, session, number, act))
        return wire.SignedStatement(statement=signed.message)


@pytest.fixture
def caller(office: Office, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Caller]:
    monkeypatch.setenv("YINXIN_RA__EDGE_ADDRESSES", f'["{EDGE}"]')
    client = Client(application(office))
    return lambda who="shen.review", **how: Caller(office, client, who, **how)


def test_an_operator_comes_in_with_a_signed_request(office: Office, caller: Callable[..., Caller]) -> None:
    number = office.enter()
    answer = caller().ask("GET", f"/requests/{number}")
    assert (answer.status_code, answer.json["entry"]["number"]) == (200, number)  # type: ignore[index]


def _cut(name: str) -> Callable[[dict[str, str]], None]:
    return lambda headers: headers.update({"Signature-Input": headers["Signature-Input"].replace(name, "")})


@pytest.mark.parametrize(
    "how",
    [
        {"ago": timedelta(minutes=7)},
        {"ago": -timedelta(minutes=2)},
        {"tag": "another-service"},
        {"spoil": lambda headers: headers.pop("Signature")},
        {"spoil": _cut(' "@query"')},
        {"spoil": lambda headers: headers.update({"Signature": "operator=:AAAA:"})},
        {"spoil": lambda headers: headers.update({"Signature-Input": "operator=)("})},
        {"spoil": lambda headers: headers.update({"If-Match": '"guarded"'})},
    ],
    ids=["old", "from the future", "other tag", "no signature", "less covered", "wrong", "no syntax", "header added"],
)
def test_a_request_that_is_not_signed_as_it_must_be(caller: Callable[..., Caller], how: dict[str, Any]) -> None:
    answer = caller(**how).ask("GET", "/requests")
    assert answer.status_code == 401
    assert answer.content_type == "application/problem+json"
    assert "signature" in answer.headers["WWW-Authenticate"].lower()


def test_nobody_and_strangers_are_told_the_same(office: Office, caller: Callable[..., Caller]) -> None:
    stranger = caller("no.such", signer=office.sessions["shen.review"].signer).ask("GET", "/requests")
    other_key = caller("he.review", signer=office.sessions["shen.review"].signer).ask("GET", "/requests")
    assert (stranger.status_code, other_key.status_code) == (401, 401)
    assert stranger.get_data() == other_key.get_data()


def test_a_request_is_taken_once(caller: Callable[..., Caller]) -> None:
    one = caller()
    assert one.ask("GET", "/requests", nonce="same").status_code == 200
    assert one.ask("GET", "/requests", nonce="same").status_code == 401
    assert caller("he.review").ask("GET", "/requests", nonce="same").status_code == 200


def test_the_nonce_outlives_the_signature(office: Office, caller: Callable[..., Caller]) -> None:
    one = caller(ago=-timedelta(seconds=50))
    assert one.ask("GET", "/requests", nonce="same").status_code == 200
    office.clock.advance(timedelta(minutes=5, seconds=100))
    one.ago = timedelta(minutes=5, seconds=50)
    assert one.ask("GET", "/requests", nonce="other").status_code == 200
    one.ago = timedelta(minutes=5, seconds=50)
    assert one.ask("GET", "/requests", nonce="same").status_code == 401


def test_a_body_that_was_changed(office: Office, caller: Callable[..., Caller]) -> None:
    number = office.enter()
    one = caller()
    original = one.client.open

    def change(*arguments: Any, data: bytes | None = None, **options: Any) -> TestResponse:
        return original(*arguments, data=(data or b"") + b" ", **options)

    one.client.open = change  # type: ignore[method-assign]
    answer = one.ask("POST", f"/requests/{number}/decisions", one.statement(number, Act.APPROVE))
    assert answer.status_code == 401


def test_the_edge_is_believed_and_nobody_else(office: Office, caller: Callable[..., Caller]) -> None:
    client = caller().client
    shown = {EDGE_HEADER: quote(pem.armor("CERTIFICATE", office.sessions["shen.review"].certificate))}
    for address, status in ((EDGE, 200), ("192.0.2.2", 401), ("127.0.0.1", 401)):
        answer = client.get(f"{PREFIX}/office", headers=shown, environ_overrides={"REMOTE_ADDR": address})
        assert answer.status_code == status
    for wrong in ("", "x", quote(pem.armor("CERTIFICATE", b"0\x00"))):
        answer = client.get(f"{PREFIX}/office", headers={EDGE_HEADER: wrong}, environ_overrides={"REMOTE_ADDR": EDGE})
        assert answer.status_code == 401


def test_a_replaced_certificate_at_the_edge(office: Office, caller: Callable[..., Caller]) -> None:
    client, before = caller().client, office.sessions["lu.enter"].certificate
    personnel.renew(office.context, office.authority, office.sessions["lu.enter"], "lu.enter", office.csr())
    shown = {EDGE_HEADER: quote(pem.armor("CERTIFICATE", before))}
    assert client.get(f"{PREFIX}/office", headers=shown, environ_overrides={"REMOTE_ADDR": EDGE}).status_code == 401


def test_somebody_suspended_does_not_even_read(office: Office, caller: Callable[..., Caller]) -> None:
    personnel.suspend(office.context, office.sessions[BUSINESS], "shen.review")
    answer = caller().ask("GET", "/office")
    assert (answer.status_code, answer.json["kind"]) == (403, "forbidden")  # type: ignore[index]


def test_a_statement_is_handed_in_by_whoever_signed_it(office: Office, caller: Callable[..., Caller]) -> None:
    number = office.enter()
    statement = caller("shen.review").statement(number, Act.APPROVE)
    answer = caller("he.review").ask("POST", f"/requests/{number}/decisions", statement)
    assert answer.status_code == 403
    assert caller("shen.review").ask("GET", f"/requests/{number}").json["entry"]["state"] == "entered"  # type: ignore[index]


def test_the_address_does_not_say_more_than_the_statement(office: Office, caller: Callable[..., Caller]) -> None:
    one, other = office.enter(), office.enter()
    reviewer = caller()
    statement = reviewer.statement(one, Act.APPROVE)
    assert reviewer.ask("POST", f"/requests/{other}/decisions", statement).status_code == 400
    assert reviewer.ask("POST", f"/requests/{one}/delivery", statement).status_code == 400
    assert reviewer.ask("POST", "/certificates/orders", statement).status_code in (400, 403)
    assert (
        reviewer.ask("POST", "/requests/issue", wire.SignedOrders(statements=[statement.statement])).status_code == 403
    )
    for number in (one, other):
        assert reviewer.ask("GET", f"/requests/{number}").json["entry"]["state"] == "entered"  # type: ignore[index]


def test_who_entered_does_not_approve_over_http_either(office: Office, caller: Callable[..., Caller]) -> None:
    number = office.enter("quan.all")
    answer = caller("quan.all").ask(
        "POST", f"/requests/{number}/decisions", caller("quan.all").statement(number, Act.APPROVE)
    )
    assert answer.status_code == 403
    assert "ra.request.approve.refused" in office.acts()


def test_branches_do_not_see_each_other(office: Office, caller: Callable[..., Caller]) -> None:
    from ra import branches

    branches.establish(office.context, office.sessions["zhao.super"], "chencang", "陈仓区")
    office.appoint("chen.business", frozenset({Role.BUSINESS}), by="zhao.super", branch="chencang")
    office.appoint("chen.review", frozenset({Role.REVIEW, Role.QUERY}), by="chen.business", branch="chencang")
    number = office.enter()
    there = caller("chen.review")
    assert there.ask("GET", f"/requests/{number}").status_code == 403
    assert there.ask("GET", f"/requests/next-statements?number={number}").status_code == 403
    assert there.ask("GET", "/requests").json["entries"] == []  # type: ignore[index]
    assert [one["name"] for one in there.ask("GET", "/people").json["people"]] == ["chen.business", "chen.review"]  # type: ignore[index]
    assert there.ask("GET", "/people/lu.enter").status_code == 403
    assert caller("zhao.super").ask("GET", f"/requests/{number}").status_code == 403


def test_the_same_key_gives_the_same_answer(office: Office, caller: Callable[..., Caller]) -> None:
    number = office.enter()
    one = caller()
    statement = one.statement(number, Act.APPROVE)
    path = f"/requests/{number}/decisions"
    first = one.ask("POST", path, statement, Idempotency_Key="a")
    again = one.ask("POST", path, statement, Idempotency_Key="a")
    assert (first.status_code, again.status_code, first.get_data()) == (200, 200, again.get_data())
    assert office.acts().count("ra.request.approve") == 1
    without = one.ask("POST", path, statement)
    assert without.status_code == 409
    other = one.ask("POST", path, one.statement(number, Act.WITHDRAW), Idempotency_Key="a")
    assert other.status_code == 422


def test_keys_are_each_operators_own(office: Office, caller: Callable[..., Caller]) -> None:
    number = office.enter(profile="staff")
    path = f"/requests/{number}/decisions"
    reviewer, other = caller(), caller("he.review")
    assert reviewer.ask("POST", path, reviewer.statement(number, Act.APPROVE), Idempotency_Key="a").status_code == 200
    answer = other.ask("POST", path, other.statement(number, Act.REJECT), Idempotency_Key="a")
    assert (answer.status_code, answer.json["state"]) == (200, "rejected")  # type: ignore[index]


def test_while_it_is_carried_out_and_after_a_crash(office: Office, caller: Callable[..., Caller]) -> None:
    import sqlalchemy as sa

    number = office.enter()
    one = caller()
    path, statement = f"/requests/{number}/decisions", one.statement(number, Act.APPROVE)
    first = one.ask("POST", path, statement, Idempotency_Key="a")
    office.execute(sa.update(http_outcomes).values(status=None))
    assert one.ask("POST", path, statement, Idempotency_Key="a").status_code == 409
    office.clock.advance(ABANDONED + timedelta(seconds=1))
    answer = one.ask("POST", path, statement, Idempotency_Key="a")
    assert (first.status_code, answer.status_code) == (200, 409)
    assert office.acts().count("ra.request.approve") == 1


def test_a_failure_of_ours_is_not_kept(
    office: Office, caller: Callable[..., Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    number = office.enter()
    one = caller()
    path, statement = f"/requests/{number}/decisions", one.statement(number, Act.APPROVE)

    def fail(*_arguments: object) -> None:
        raise RuntimeError("the disk is on fire")

    with monkeypatch.context() as patch:
        patch.setattr("ra.requests.submit", fail)
        assert one.ask("POST", path, statement, Idempotency_Key="a").status_code == 500
    assert one.ask("POST", path, statement, Idempotency_Key="a").status_code == 200


def test_if_match_and_etags(office: Office, caller: Callable[..., Caller]) -> None:
    number = office.enter()
    one = caller()
    seen = one.ask("GET", f"/requests/{number}")
    etag = seen.headers["ETag"]
    assert one.ask("GET", f"/requests/{number}", If_None_Match=etag).status_code == 304
    path, statement = f"/requests/{number}/decisions", one.statement(number, Act.APPROVE)
    assert one.ask("POST", path, statement, If_Match='"another"').status_code == 412
    assert one.ask("POST", path, statement, If_Match=etag).status_code == 200
    assert one.ask("GET", f"/requests/{number}").headers["ETag"] != etag


@pytest.mark.parametrize(
    ("method", "path", "model", "headers", "status"),
    [
        ("GET", "/nothing", None, {}, 404),
        ("DELETE", "/requests", None, {}, 405),
        ("POST", "/requests", wire.Done(), {"Content_Type": "text/plain"}, 415),
        ("POST", "/requests", wire.Done(), {}, 400),
        ("GET", "/requests?limit=0", None, {}, 400),
        ("GET", "/requests?colour=red", None, {}, 400),
        ("GET", "/office?x=1", None, {}, 400),
        ("GET", "/requests/20261101-NONESUCH", None, {}, 404),
        ("POST", "/branches", wire.SignedContent(statement=b"x", content=b"y" * 800_000), {}, 413),
    ],
)
def test_what_is_wrong_is_said_in_the_readers_language(
    caller: Callable[..., Caller], method: str, path: str, model: Any, headers: dict[str, str], status: int
) -> None:
    said = []
    for language in ("zh-CN", "en"):
        answer = caller().ask(method, path, model, **(headers | {"Accept_Language": language}))
        assert (answer.status_code, answer.content_type) == (status, "application/problem+json"), answer.get_data()
        assert answer.headers["Content-Language"] == language
        problem = json.loads(answer.get_data())
        assert problem["status"] == status and problem["detail"]
        said.append(problem["detail"])
    if status != 400:
        # Of the fields of a body, pydantic speaks English.
        assert said[0] != said[1] or status in (404, 405, 413, 415)


def test_an_idempotency_key_is_reasonable(office: Office, caller: Callable[..., Caller]) -> None:
    number = office.enter()
    one = caller()
    statement = one.statement(number, Act.APPROVE)
    answer = one.ask("POST", f"/requests/{number}/decisions", statement, **{HEADER.replace("-", "_"): "k" * 256})
    assert answer.status_code == 400
