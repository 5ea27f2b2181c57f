import io
import logging
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, abort
from werkzeug.exceptions import HTTPException
from werkzeug.test import Client, EnvironBuilder

from core.errors import Kind, YinxinError
from core.http import STATUS, in_readers_language, problem_response, read_body, register_errors
from core.i18n import _, current_language

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIEnvironment


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("LANGUAGE", "en")
    app = Flask("test")
    register_errors(app)

    @app.get("/refuse/<kind>")
    def refuse(kind: str) -> str:
        raise YinxinError(Kind(kind), "no such seal", subject="印章 7", remedy="list them")

    @app.get("/break")
    def break_() -> str:
        raise RuntimeError("the passphrase is 42")

    @app.get("/leave")
    def leave() -> str:
        abort(401)

    @app.get("/language")
    def language() -> str:
        return current_language()

    return Client(app)


@pytest.mark.parametrize("kind", list(Kind))
def test_our_errors_are_problem_documents(kind: Kind, client: Client) -> None:
    response = client.get(f"/refuse/{kind}")
    assert response.status_code == STATUS[kind]
    assert response.content_type == "application/problem+json"
    assert response.json == {
        "type": "about:blank",
        "title": STATUS[kind].phrase,
        "status": STATUS[kind],
        "detail": "no such seal",
        "kind": kind,
        "subject": "印章 7",
        "remedy": "list them",
    }


def test_defects_tell_nothing_to_strangers(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        response = client.get("/break", headers={"Accept-Language": "zh-CN"})
    assert response.status_code == 500
    assert response.json is not None
    assert response.json["detail"] == "内部错误，已记入日志。"
    assert response.headers["Content-Language"] == "zh-CN"
    assert "42" not in response.text
    assert "the passphrase is 42" in caplog.text


def test_the_frameworks_errors_are_problem_documents_too(client: Client) -> None:
    response = client.post("/language")
    assert response.status_code == 405
    assert response.content_type == "application/problem+json"
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD", "OPTIONS"}
    assert client.get("/nothing").json["status"] == 404  # type: ignore[index]
    assert client.get("/leave").status_code == 401


@pytest.mark.parametrize(
    ("accepted", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh_CN"),
        ("zh-Hans-CN", "zh_CN"),
        ("zh", "zh_CN"),
        ("en-GB,zh;q=0.5", "en"),
        ("fr", "en"),
        ("", "en"),
        ("*;;q=,", "en"),
    ],
)
def test_each_reader_in_the_readers_language(accepted: str, language: str, client: Client) -> None:
    assert client.get("/language", headers={"Accept-Language": accepted}).text == language
    assert current_language() == "en"


def test_bare_wsgi(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "en")

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> "Iterable[bytes]":
        error = YinxinError(Kind.UNAVAILABLE, _("interrupted"))
        return problem_response(error)(environ, start_response)

    response = Client(in_readers_language(application)).get("/", headers={"Accept-Language": "zh"})
    assert response.status_code == 503
    assert response.json == {
        "type": "about:blank",
        "title": "Service Unavailable",
        "status": 503,
        "detail": "已中断",
        "kind": "unavailable",
    }


def request(body: bytes, **environ: Any) -> "WSGIEnvironment":
    return {**EnvironBuilder(method="POST").get_environ(), "wsgi.input": io.BytesIO(body), **environ}


CHUNKED = {"HTTP_TRANSFER_ENCODING": "chunked", "wsgi.input_terminated": True}


def test_bodies_within_the_limit() -> None:
    assert read_body(request(b"12345", CONTENT_LENGTH="5"), 5) == b"12345"
    assert read_body(request(b"12345 and the next request", CONTENT_LENGTH="5"), 5) == b"12345"
    assert read_body(request(b"12345", **CHUNKED), 5) == b"12345"
    assert read_body(request(b"12345", **{"wsgi.input_terminated": True, "CONTENT_LENGTH": "5"}), 5) == b"12345"
    assert read_body(request(b"", CONTENT_LENGTH=""), 5) == b""
    assert read_body(request(b"not terminated by the server", CONTENT_LENGTH=""), 5) == b""


@pytest.mark.parametrize(
    ("body", "environ", "status"),
    [
        (b"123456", {"CONTENT_LENGTH": "6"}, 413),
        (b"", {"CONTENT_LENGTH": "9" * 30}, 413),
        (b"123456", CHUNKED, 413),
        (b"x" * 1_000_000, CHUNKED, 413),
        (b"1234", {"CONTENT_LENGTH": "5"}, 400),
        (b"1234", {"CONTENT_LENGTH": "5", "wsgi.input_terminated": True}, 400),
        (b"1234", {"CONTENT_LENGTH": "four"}, 400),
        (b"1234", {"CONTENT_LENGTH": "-1"}, 400),
        (b"1234", {"CONTENT_LENGTH": "\u0664"}, 400),
    ],
)
def test_bodies_that_are_refused(body: bytes, environ: dict[str, Any], status: int) -> None:
    with pytest.raises(HTTPException) as refusal:
        read_body(request(body, **environ), 5)
    assert refusal.value.code == status
