"""The seal service over HTTP: thin, and clear about what went wrong."""

import json
from io import BytesIO

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from seals.api import api_keys
from seals.http import create_app
from tests.support.seal_installation import Installation
from tests.support.seal_people import OfficeSupport


@pytest.fixture(scope="module")
def api_key(installation: Installation) -> str:
    return api_keys.create(installation.home.context, "oa-system", ["office"], actor="tester")


@pytest.fixture(scope="module")
def client(installation: Installation) -> FlaskClient:
    return create_app(installation.home, OfficeSupport(installation.office), installation.crew).test_client()


STAMP = "/api/seals/v1/seals/office/stamp"


PLACE = {"page": "1", "x_mm": "100", "y_mm": "100"}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_document_is_sealed_and_verified_over_http(
    client: FlaskClient, api_key: str, plain: bytes, installation: Installation
) -> None:
    for sent in (
        {"data": plain, "query_string": PLACE, "content_type": "application/pdf"},
        {"data": {**PLACE, "document": (BytesIO(plain), "notice.pdf"), "reason": "发文"}},
    ):
        answer = client.post(STAMP, headers=bearer(api_key), **sent)
        assert answer.status_code == 200, answer.text
        assert answer.content_type == "application/pdf"
        assert answer.data.startswith(plain)
        report = client.post("/api/seals/v1/verify", data=answer.data).get_json()
        assert report["verdict"] == "valid"
        assert report["signatures"][0]["level"] == "B-LTA"
    told = client.get("/healthz").get_json()
    assert set(told) == {"status", "findings"} and "database" not in {one["check"] for one in told["findings"]}
    name = client.post("/api/seals/v1/verify", data={"document": (BytesIO(plain), "notice.pdf")}).get_json()["document"]
    assert name == "notice.pdf"


def problem(answer: TestResponse) -> dict[str, str]:
    assert answer.content_type == "application/problem+json"
    document: dict[str, str] = json.loads(answer.text)
    return document


def test_who_may_not_is_told_so(client: FlaskClient, api_key: str, plain: bytes) -> None:
    for headers in ({}, bearer("nonsense"), {"Authorization": "Basic eDp5"}):
        answer = client.post(STAMP, headers=headers, data=plain, query_string=PLACE)
        assert answer.status_code == 401
        assert "API key" in problem(answer)["detail"]
        assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")
    other = client.post(STAMP.replace("office", "other"), headers=bearer(api_key), data=plain, query_string=PLACE)
    assert other.status_code == 403
    assert "may not use" in problem(other)["detail"]


@pytest.mark.parametrize(
    ("place", "data", "status", "words"),
    [
        (PLACE, b"", 400, "no document"),
        (PLACE, b"text", 400, "not a PDF"),
        ({**PLACE, "page": "one"}, None, 400, "page: must be a whole number"),
        ({**PLACE, "page": "9"}, None, 400, "no page 9"),
        ({**PLACE, "x_mm": ""}, None, 400, "x_mm: must be a number"),
        ({**PLACE, "x_mm": "nan"}, None, 400, "x_mm: must be a number"),
        ({**PLACE, "keyword": "date"}, None, 400, "in one way"),
        ({"page": "1", "x_mm": "100"}, None, 400, "not whole"),
        ({**PLACE, "y": "1"}, None, 400, "y: unknown field"),
        ({**PLACE, "level": "B-X"}, None, 400, "level: must be one of"),
        (PLACE, b"%PDF-" + bytes(2 << 20), 413, ""),
    ],
)
def test_bad_requests_are_problem_documents(
    client: FlaskClient, api_key: str, plain: bytes, place: dict[str, str], data: bytes | None, status: int, words: str
) -> None:
    body = plain if data is None else data
    answer = client.post(STAMP, headers=bearer(api_key), data=body, query_string=place, content_type="application/pdf")
    assert answer.status_code == status, answer.text
    assert words in problem(answer).get("detail", "")


def test_an_unsealed_document_gets_its_report(client: FlaskClient, plain: bytes) -> None:
    report = client.post("/api/seals/v1/verify", data=plain).get_json()
    # As `curl --data-binary` sends it.
    as_form = client.post("/api/seals/v1/verify", data=plain, content_type="application/x-www-form-urlencoded")
    assert as_form.get_json()["sha256"] == report["sha256"]
    assert report["verdict"] == "invalid"
    assert [finding["code"] for finding in report["findings"]] == ["no-signature"]


def test_the_page_says_the_verdict_in_the_readers_language(client: FlaskClient, sealed_sm2: bytes) -> None:
    form = {"document": (BytesIO(sealed_sm2), "notice.pdf")}
    page = client.post("/verify", data=form, headers={"Accept-Language": "zh-CN"})
    assert page.status_code == 200
    assert '<html lang="zh-CN">' in page.text
    assert "有效</h2>" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text


def test_the_page_escapes_what_strangers_write(client: FlaskClient) -> None:
    form = {"document": (BytesIO(b"%PDF-1.7 none"), "<script>alert(1)</script>.pdf")}
    page = client.post("/verify", data=form, headers={"Accept-Language": "en"})
    assert "invalid</h2>" in page.text
    assert "<script>" not in page.text


def test_the_page_without_a_document_says_so(client: FlaskClient) -> None:
    assert client.get("/").headers["Location"] == "/verify"
    assert client.get("/verify").status_code == 200
    empty = client.post("/verify", data={}, headers={"Accept-Language": "en"})
    assert empty.status_code == 400
    assert "no document" in empty.text
