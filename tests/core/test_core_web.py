"""Fetching what strangers point at: nobody is asked whom nobody allowed, and nothing without end is taken."""

import socket
from collections.abc import Iterator
from ipaddress import ip_address

import pytest

from core.errors import Kind, YinxinError
from core.web import Reach, fetch
from tests.support.online import Files, file_server

LOCAL = Reach.of(["127.0.0.0/8"])


@pytest.fixture(scope="module")
def files() -> Iterator[Files]:
    with file_server() as served:
        served.content |= {"/a": b"content", "/a.gz": b"content", "/empty": b""}
        yield served


def refused(url: str, reach: Reach = LOCAL, **options: object) -> YinxinError:
    with pytest.raises(YinxinError) as caught:
        fetch(url, reach, **{"most_octets": 1000, **options})  # type: ignore[arg-type]
    return caught.value


def test_what_lies_there(files: Files) -> None:
    assert fetch(f"{files.url}/a", LOCAL, most_octets=7) == b"content"
    assert fetch(f"{files.url}/empty", LOCAL, most_octets=7) == b""
    # By name, at the address that was looked at.
    url = f"http://status.test:{files.port}/a"
    assert fetch(url, LOCAL, most_octets=7, resolve=lambda _host, _port: ["127.0.0.1"]) == b"content"


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/a", "more than 6 octets"),
        ("/endless", "more than 6 octets"),
        ("/elsewhere", "is not followed"),
        ("/a.gz", "compressed"),
        ("/nothing", "HTTP 404"),
    ],
)
def test_what_is_not_taken(files: Files, path: str, words: str) -> None:
    error = refused(files.url + path, most_octets=6)
    assert error.kind is Kind.UNAVAILABLE
    assert words in error.what
    assert error.subject == files.url + path


def test_a_server_that_is_not_there_or_says_nothing(files: Files) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
        assert "takes more than 0.2 s" in refused(url, seconds=0.2).what
    assert refused(url).kind is Kind.UNAVAILABLE
    assert refused("http://nowhere.test/", resolve=lambda *_: []).kind is Kind.FORBIDDEN


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "::1",
        "fe80::1",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
    ],
)
def test_nobody_inside_is_asked_unless_it_was_allowed(files: Files, address: str) -> None:
    answers = lambda _host, _port: [address]  # noqa: E731
    error = refused(f"http://status.test:{files.port}/a", Reach(), resolve=answers)
    assert error.kind is Kind.FORBIDDEN
    # One public address beside it does not help.
    both = lambda _host, _port: ["93.184.216.34", address]  # noqa: E731
    assert refused(f"http://status.test:{files.port}/a", Reach(), resolve=both).kind is Kind.FORBIDDEN
    assert Reach.of(["status.test"]).permits("Status.Test", ip_address(address))
    assert not Reach.of(["other.test"]).permits("status.test", ip_address(address))


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1"])
def test_public_addresses_are_asked(address: str) -> None:
    assert Reach().permits("status.test", ip_address(address))


@pytest.mark.parametrize(
    "url",
    [
        "ldap://127.0.0.1/cn=CRL",
        "file:///etc/passwd",
        "http://user:word@127.0.0.1/",
        "http:///a",
        "http://127.0.0.1:x/",
        "http://[::1/",
        "http://127.0.0.1/\r\nX: y",
        "//127.0.0.1/",
        "",
        "http://市.test/",
    ],
)
def test_what_is_no_address(url: str) -> None:
    assert refused(url).kind is Kind.INVALID


@pytest.mark.parametrize("name", ["10.0.0.0/99", "10.0.0.1/8", "http://ca.test", ""])
def test_what_is_neither_host_nor_network(name: str) -> None:
    with pytest.raises(YinxinError):
        Reach.of([name])
