"""CRLs and CA certificates over HTTP."""

from datetime import timedelta

import pytest
from asn1crypto import pem
from werkzeug.test import Client

from ca import crl
from ca.authorities import certificate_of, chain_of
from ca.http import create_app
from core.clock import FixedClock
from tests.support.ca import TestCentre


@pytest.fixture
def client(centre: TestCentre) -> Client:
    return Client(create_app(centre.context))


def test_crl(centre: TestCentre, client: Client, clock: FixedClock) -> None:
    crl.publish(centre.context, centre.keys, "sm2-issuing", 24)
    published = crl.latest(centre.context, "sm2-issuing")
    response = client.get("/crl/sm2-issuing.crl")
    assert (response.status_code, response.data) == (200, published)
    assert response.content_type == "application/pkix-crl"
    assert response.last_modified == clock.now()
    assert response.cache_control.max_age == 300
    etag = response.headers["ETag"]
    assert client.get("/crl/sm2-issuing.crl", headers={"If-None-Match": etag}).status_code == 304
    modified = response.headers["Last-Modified"]
    assert client.get("/crl/sm2-issuing.crl", headers={"If-Modified-Since": modified}).status_code == 304
    clock.advance(timedelta(hours=1))
    crl.publish(centre.context, centre.keys, "sm2-issuing", 24)
    assert client.get("/crl/sm2-issuing.crl", headers={"If-None-Match": etag}).status_code == 200
    clock.advance(timedelta(hours=25))
    assert client.get("/crl/sm2-issuing.crl").cache_control.max_age == 0


def test_head_has_no_body(centre: TestCentre, client: Client) -> None:
    crl.publish(centre.context, centre.keys, "sm2-issuing", 24)
    published = crl.latest(centre.context, "sm2-issuing")
    response = client.head("/crl/sm2-issuing.crl")
    assert (response.status_code, response.data) == (200, b"")
    assert response.headers["Content-Length"] == str(len(published))


def test_certificates(centre: TestCentre, client: Client) -> None:
    response = client.get("/ca/sm2-issuing.cer")
    assert response.content_type == "application/pkix-cert"
    assert response.data == certificate_of(centre.context.storage, "sm2-issuing")
    response = client.get("/ca/sm2-issuing.pem")
    parts = [der for _label, _headers, der in pem.unarmor(response.data, multiple=True)]
    assert parts == chain_of(centre.context.storage, "sm2-issuing")
    assert len(parts) == 2


def test_addresses_in_certificates_are_those_served(centre: TestCentre, client: Client) -> None:
    crl.publish(centre.context, centre.keys, "sm2-issuing", 24)
    certificate = centre.issue().certificate
    for path in ("/crl/sm2-issuing.crl", "/ca/sm2-issuing.cer"):
        assert f"http://ca.test{path}".encode() in certificate
        assert client.get(path).status_code == 200


@pytest.mark.parametrize(
    "path",
    ["/", "/crl/nobody.crl", "/crl/sm2-issuing.crl", "/ca/nobody.cer", "/ca/../keys", "/ca/sm2-root.key", "/ca/.cer"],
)
def test_what_is_not_there(client: Client, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.content_type == "application/problem+json"
    assert response.json
    assert response.json["kind"] == "not-found"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_nothing_is_written_here(client: Client, method: str) -> None:
    response = client.open("/ca/sm2-root.cer", method=method)
    assert response.status_code == 405
    assert set(response.headers["Allow"].split(", ")) == {"GET", "HEAD"}
