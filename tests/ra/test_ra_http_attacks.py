"""Attempts of people who know the interface well: replays, half-signed requests, borrowed names, odd addresses."""

import re
from typing import Any
from urllib.parse import quote

import pytest
from asn1crypto import pem
from werkzeug.test import Client, TestResponse

from ca.state import Reason
from core import http_signatures
from core.api.address import TAG
from core.api.edge import EDGE_HEADER
from core.http_signatures import Message, sign_request
from ra import http_models as wire
from ra import http_revocation_models
from ra import revocation_batches as batches
from ra.applications import digest_of
from ra.http import PREFIX
from ra.issuance import issue
from ra.revocation_orders import draw_up
from ra.statements import Act, Statement
from tests.support.office import RESIDENT_ID, Office
from tests.support.office_server import application

EDGE = "192.0.2.1"
HOST = "http://localhost"


@pytest.fixture
def client(office: Office, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("YINXIN_RA__EDGE_ADDRESSES", f'["{EDGE}"]')
    return Client(application(office))


def signed(
    office: Office, method: str, path: str, body: bytes = b"", who: str = "shen.review", **headers: str
) -> dict[str, str]:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    message = Message(method, f"{HOST}{PREFIX}{path}", sent | ({"Content-Type": "application/json"} if body else {}))
    signer, now = office.sessions[who].signer, office.clock.now()
    nonce = f"{next(_numbers)}"
    return sign_request(message, body, signer, key_id=who, tag=TAG, created=now, nonce=nonce)


_numbers = iter(range(10_000))


def shown(office: Office, who: str) -> dict[str, str]:
    return {EDGE_HEADER: quote(pem.armor("CERTIFICATE", office.sessions[who].certificate))}


def at_the_edge(client: Client, method: str, path: str, **options: Any) -> TestResponse:
    return client.open(PREFIX + path, method=method, environ_overrides={"REMOTE_ADDR": EDGE}, **options)


def test_a_signature_is_good_for_one_request_only(office: Office, client: Client) -> None:
    query = b'{"by": "name", "what": "x"}'
    for method, path, body in (
        ("GET", "/people", b""),
        ("GET", "/requests?limit=2", b""),
        ("GET", "/requests/", b""),
        ("POST", "/requests", b""),
        ("HEAD", "/requests", b""),
        ("POST", "/certificates/search", query),
    ):
        headers = signed(office, "GET", "/requests")
        answer = client.open(PREFIX + path, method=method, headers=headers, data=body or None)
        assert answer.status_code in (401, 404), (method, path)  # 404: no such address, whoever asks
    headers = signed(office, "GET", "/requests")
    assert client.get(f"{PREFIX}/requests", headers=headers | {"Host": "other.example"}).status_code == 401
    # None of that has used the nonce up.
    assert client.get(f"{PREFIX}/requests", headers=headers).status_code == 200


@pytest.mark.parametrize("left_out", [*http_signatures.COMPONENTS, "content-type", "idempotency-key", "content-digest"])
def test_what_is_not_covered_is_not_believed(
    office: Office, client: Client, monkeypatch: pytest.MonkeyPatch, left_out: str
) -> None:
    number = office.enter()
    session = office.sessions["shen.review"]
    statement = Statement(
        act=Act.APPROVE,
        subject=number,
        sequence=2,
        digest=digest_of(requests_content(office, number)),
        at=office.clock.now(),
        operator="shen.review",
    )
    body = wire.SignedStatement(statement=session.sign(statement).message).model_dump_json().encode()
    path = f"/requests/{number}/decisions"
    with monkeypatch.context() as patch:
        for name in ("COMPONENTS", "GUARDED_HEADERS"):
            kept = tuple(one for one in getattr(http_signatures, name) if one != left_out)
            patch.setattr(http_signatures, name, kept)
        given = b"" if left_out == "content-digest" else body
        headers = signed(office, "POST", path, given, Idempotency_Key="a")
    headers["Content-Type"] = "application/json"
    assert client.post(PREFIX + path, headers=headers, data=body).status_code == 401
    whole = signed(office, "POST", path, body, Idempotency_Key="a")
    assert client.post(PREFIX + path, headers=whole, data=body).status_code == 200


def requests_content(office: Office, number: str) -> bytes:
    from ra.register import look_up

    return look_up(office.context, office.sessions["shen.review"], number).content


def test_the_edge_header_does_not_lend_a_name(office: Office, client: Client) -> None:
    """Whoever signs is whoever signed, whatever is shown besides; and a header that was doubled shows nobody."""
    both = signed(office, "GET", "/office", who="lu.enter") | shown(office, "zhao.super")
    answer = at_the_edge(client, "GET", "/office", headers=both)
    assert answer.json is not None and answer.json["me"]["name"] == "lu.enter"
    both["Signature"] = "operator=:AAAA:"
    assert at_the_edge(client, "GET", "/office", headers=both).status_code == 401
    (one,), (other,) = shown(office, "lu.enter").values(), shown(office, "zhao.super").values()
    for smuggled in (f"{one},{other}", f"{one}, {other}", one + other, f"{one}%0A{other}"):
        answer = at_the_edge(client, "GET", "/office", headers={EDGE_HEADER: smuggled})
        assert answer.status_code == 401 or answer.json["me"]["name"] == "lu.enter"  # type: ignore[index]


def test_a_page_elsewhere_cannot_make_a_browser_act(office: Office, client: Client) -> None:
    """With a certificate in the browser, a form on another site sends no JSON, and has no statement to send."""
    number = office.enter()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        headers = shown(office, "shen.review") | {"Content-Type": kind, "Origin": "https://elsewhere.example"}
        answer = at_the_edge(client, "POST", f"/requests/{number}/decisions", headers=headers, data=b'{"statement":""}')
        assert answer.status_code == 415
    headers = shown(office, "shen.review") | {"Content-Type": "application/json"}
    answer = at_the_edge(client, "POST", f"/requests/{number}/decisions", headers=headers, data=b'{"statement":""}')
    assert answer.status_code == 403
    assert not any(name.startswith("Access-Control") for name, _value in answer.headers)


def test_orders_of_somebody_else(office: Office, client: Client) -> None:
    """Neither the order of one who may, handed in by one who may not, nor one's own about another number."""
    number = office.approved()
    (made,) = issue(office.context, office.authority, office.sessions["zhi.make"], [number])
    chosen = [(made.authority, made.serial)]
    order, _lines = draw_up(office.context, office.sessions["lu.enter"], Reason.SUPERSEDED, chosen)
    entered = batches.enter(office.context, office.sessions["lu.enter"], order)

    def hand_in(who: str, by: str, act: Act, path: str, subject: str) -> int:
        statement = Statement(
            act=act,
            subject=subject,
            sequence=2,
            digest=digest_of(order.canonical()),
            at=office.clock.now(),
            operator=by,
        )
        body = wire.SignedStatement(statement=office.sessions[by].sign(statement).message).model_dump_json().encode()
        headers = signed(office, "POST", path, body, who=who)
        return client.post(PREFIX + path, headers=headers, data=body).status_code

    path = f"/revocations/{entered}/decisions"
    assert hand_in("lu.enter", "shen.review", Act.APPROVE, path, batches.PREFIX + entered) == 403
    assert hand_in("lu.enter", "lu.enter", Act.APPROVE, path, batches.PREFIX + entered) == 403
    assert hand_in("zhi.make", "zhi.make", Act.APPROVE, path, batches.PREFIX + entered) == 403
    assert hand_in("shen.review", "shen.review", Act.APPROVE, path, entered) == 400
    assert hand_in("shen.review", "shen.review", Act.ENTER, path, batches.PREFIX + entered) == 403
    assert hand_in("shen.review", "shen.review", Act.APPROVE, "/certificates/orders", batches.PREFIX + entered) == 400
    assert batches.look_up(office.context, office.sessions["shen.review"], entered)[0].state.value == "entered"
    assert hand_in("shen.review", "shen.review", Act.APPROVE, path, batches.PREFIX + entered) == 200


def test_administrators_draw_nothing_up(office: Office, client: Client) -> None:
    """Who may not read holders' names does not read them in an order that is never entered."""
    office.approved()
    asked = http_revocation_models.RevocationSelection(reason=Reason.SUPERSEDED, unit="宝鸡市人民政府办公室")
    body = asked.model_dump_json().encode()
    headers = signed(office, "POST", "/revocations/drafts", body, who="zhao.super")
    assert client.post(f"{PREFIX}/revocations/drafts", headers=headers, data=body).status_code == 403


NAMES = ("%00", "..%2F..%2Fyinxin.toml", "..", "%0d%0aX:1", "'%20OR%201=1--", "x" * 5000, "%FF")


def test_numbers_are_names_of_nothing_else(office: Office, client: Client) -> None:
    for place in ("requests", "revocations", "people", "authorities"):
        for number in NAMES:
            path = f"/{place}/{number}" + ("/chain" if place == "authorities" else "")
            answer = client.get(PREFIX + path, headers=signed(office, "GET", path))
            assert answer.status_code in (401, 404), (path, answer.get_data())
            assert "X" not in answer.headers


def test_no_page_is_larger_than_a_page(office: Office, client: Client) -> None:
    for path in (
        "/requests?limit=1000000",
        "/requests?limit=-1",
        f"/certificates?after={2**63}",
        f"/certificates/expiring?after={2**64}",
        "/certificates/expiring?within_days=999999999",
        "/requests/next-statements?" + "&".join(["number=x"] * 201),
        "/requests?limit=1&limit=2",
    ):
        assert client.get(PREFIX + path, headers=signed(office, "GET", path)).status_code == 400, path


def test_an_idempotency_key_is_for_one_address(office: Office, client: Client) -> None:
    bodies = dict.fromkeys(("/certificates/orders", "/requests/x/decisions"), b'{"statement": "AAAA"}')
    answers = [
        client.post(PREFIX + path, headers=signed(office, "POST", path, body, Idempotency_Key="a"), data=body)
        for path, body in bodies.items()
    ]
    assert [answer.status_code for answer in answers] == [403, 422]


def test_errors_say_nothing_that_was_confided(office: Office, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    number = office.enter()
    body = f'{{"by": "{RESIDENT_ID}", "what": "{RESIDENT_ID}"}}'.encode()
    wrong = client.post(
        f"{PREFIX}/certificates/search", headers=signed(office, "POST", "/certificates/search", body), data=body
    )
    assert wrong.status_code == 400 and RESIDENT_ID not in wrong.text

    def fail(*_arguments: object, **_options: object) -> None:
        raise RuntimeError(f"{office.folder} secret")

    monkeypatch.setattr("ra.http_requests.look_up", fail)
    broken = client.get(f"{PREFIX}/requests/{number}", headers=signed(office, "GET", f"/requests/{number}"))
    assert broken.status_code == 500
    assert not re.search("secret|Traceback|RuntimeError", broken.text) and str(office.folder) not in broken.text
