"""The key-management centre over HTTP, in a process of its own, asked by the line of the certificate authority."""

import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from wsgiref.simple_server import WSGIRequestHandler, make_server

import pytest
from asn1crypto import x509

from ca.kmc import messages
from ca.kmc.client import RemoteCentre
from ca.kmc.handler import Handler
from ca.kmc.http import create_app
from ca.kmc.line import MESSAGE, HttpLine
from ca.kmc.messages import MAXIMUM_SIZE, Correspondent
from ca.kmc.pools import statistics
from ca.kmc.state import Pool
from ca.reconciliation import reconcile
from core.asn1 import key_management as structures
from core.context import Context
from core.errors import Kind, YinxinError
from core.keys.envelope_reading import open_envelope
from core.keys.private_key import Sm2Key
from tests.support.double import Double, double_centre
from tests.support.kmc import party


class Quiet(WSGIRequestHandler):
    def log_message(self, *_arguments: object) -> None:
        """Nothing on the terminal."""


@dataclass
class Served:
    """Two centres with HTTP between them."""

    double: Double
    url: str
    remote: RemoteCentre


@pytest.fixture
def served(context: Context, tmp_path: Path) -> Iterator[Served]:
    double = double_centre(context, tmp_path)
    caller, called = party("ca link"), party("kmc link")
    handler = Handler(
        double.kmc.desk, called.key, Correspondent(called.certificate), {"city": Correspondent(caller.certificate)}
    )
    with make_server("127.0.0.1", 0, create_app(handler), handler_class=Quiet) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        remote = RemoteCentre(
            HttpLine(url).send, caller.key, Correspondent(caller.certificate), handler.centre, context.clock
        )
        double.keys.source = remote
        yield Served(double, url, remote)
        server.shutdown()
        thread.join()


def status(url: str, data: bytes | None = None, kind: str = MESSAGE) -> int:
    request = urllib.request.Request(url, data, {"Content-Type": kind})
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        error.close()
        return error.code


def test_a_pair_by_a_centre_elsewhere(served: Served) -> None:
    double = served.double
    holder = double.holder()
    issued = double.centre.issue(key=holder)
    assert issued.encryption
    assert isinstance(holder, Sm2Key)
    opened = open_envelope(issued.encryption.envelope, holder)
    assert opened.public_key_info == x509.Certificate.load(issued.encryption.certificate).public_key.dump()
    double.keys.revoke(double.keys.asked[0].reference)
    assert {one.pool: one.count for one in statistics(double.centre.context)} == {Pool.HISTORICAL: 1}


def test_what_is_no_message_is_told_so(served: Served) -> None:
    url = served.url
    assert status(f"{url}/healthz") == 200
    assert status(f"{url}/healthz", b"x") == 405
    assert status(f"{url}/kmc") == 405
    assert status(f"{url}/", b"x") == 404
    assert status(f"{url}/kmc", b"x", "text/plain") == 415
    line = http.client.HTTPConnection("127.0.0.1", int(url.rpartition(":")[2]), timeout=20)
    line.putrequest("POST", "/kmc")
    for name, value in (("Content-Type", MESSAGE), ("Content-Length", str(MAXIMUM_SIZE + 1))):
        line.putheader(name, value)
    line.endheaders()
    assert line.getresponse().status == 413
    line.close()
    # Rubbish of the right kind gets the protocol's own refusal, signed by the centre.
    answer, signed = messages.parse_message(HttpLine(url).send(b"rubbish"), structures.KsRespond)
    messages.check_signature(signed, served.remote.centre)
    assert [one.name for one in answer["responds"]] == ["error"]


def test_when_the_line_is_down_nothing_is_issued(served: Served) -> None:
    double = served.double
    double.keys.source = RemoteCentre(
        HttpLine("http://127.0.0.1:9", timeout=2).send,
        served.remote.signer,
        served.remote.sender,
        served.remote.centre,
        served.remote.clock,
    )
    request = double.centre.request(reference="R1")
    with pytest.raises(YinxinError, match="does not answer") as caught:
        double.centre.ca.issue([request], actor="operator")
    assert caught.value.kind is Kind.UNAVAILABLE
    assert reconcile(double.centre.context) == []
    double.keys.source = served.remote
    assert double.centre.ca.issue([request], actor="operator")[0].encryption


def test_another_centre_is_not_believed(served: Served) -> None:
    double = served.double
    double.keys.source = RemoteCentre(
        HttpLine(served.url).send,
        served.remote.signer,
        served.remote.sender,
        Correspondent(party("somebody else").certificate),
        served.remote.clock,
    )
    with pytest.raises(YinxinError, match="not signed by whom"):
        double.centre.issue()


@pytest.mark.parametrize("url", ["", "ftp://kmc", "file:///etc/passwd", "kmc:8086"])
def test_addresses_that_are_none(url: str) -> None:
    with pytest.raises(YinxinError, match="not the address"):
        HttpLine(url)
