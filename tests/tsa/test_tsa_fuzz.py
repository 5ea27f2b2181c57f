"""Whatever is sent: an answer in the protocol, never a failure of ours, and never a token for anything else than asked.

What was asked is read by asn1crypto, not by our own reader. `make fuzz` goes on for ten minutes.
"""

import os
import secrets
import time
from collections.abc import Callable, Iterator

import pytest
from asn1crypto import tsp
from asn1crypto.core import Integer
from hypothesis import HealthCheck, given, seed, settings
from hypothesis import strategies as st

from core.algorithms import SHA1, Digest
from core.asn1 import der
from core.clock import SystemClock
from core.context import Context
from core.storage import Storage
from tests.support.tsa import Stamps, in_gm_shape, read_info, read_response, signed_data
from tests.support.tsa_server import Server, served
from tsa.authority import TimeStampAuthority
from tsa.request import ACCEPTED_DIGESTS, MAXIMUM_SIZE
from tsa.verification import read_token

FUZZ_SECONDS = int(os.environ.get("YINXIN_FUZZ_SECONDS", "600"))
REFUSALS = {"bad_alg", "bad_request", "bad_data_format", "unaccepted_policy", "unaccepted_extensions"}
POLICIES = [f"1.3.6.1.4.1.32473.1.3.1.{arc}" for arc in (1, 2, 3, 4, 99)]

digests = st.sampled_from([*ACCEPTED_DIGESTS, SHA1])


@st.composite
def requests(draw: st.DrawFn) -> bytes:
    """TimeStampReq, most of it right; each part is wrong now and then."""

    def rarely(part: bytes, *others: bytes) -> bytes:
        return draw(st.sampled_from([*[part] * 9, *others, draw(st.binary(max_size=8))]))

    digest: Digest = draw(digests)
    size = draw(st.sampled_from([digest.size] * 9 + [0, digest.size - 1, digest.size + 1]))
    identifier = rarely(digest.identifier, der.sequence(der.oid(digest.oid), der.NULL), der.sequence(der.oid("1.2.3")))
    imprint = der.sequence(identifier, der.octet_string(draw(st.binary(min_size=size, max_size=size))))
    nonce = draw(st.integers(-(2**70), 2**200))
    extension = der.sequence(der.oid("1.2.3.4"), der.octet_string(b"\x05\x00"))
    parts = [
        rarely(der.integer(1), der.integer(2), der.integer(0)),
        rarely(imprint),
        draw(st.sampled_from([b"", b"", *map(der.oid, POLICIES)])),
        draw(st.sampled_from([b"", der.integer(nonce)])),
        draw(st.sampled_from([b"", der.TRUE, rarely(der.TRUE, b"\x01\x01\x00", b"\x01\x01\x01")])),
        rarely(b"", der.implicit(0, der.sequence(extension)), der.implicit(0, der.sequence())),
    ]
    return der.sequence(*parts)


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    """A request that was damaged: octets changed, left out, put in, repeated."""
    octets = bytearray(draw(requests()))
    for _step in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(octets)))
        end = draw(st.integers(place, min(len(octets), place + 8)))
        octets[place:end] = draw(st.binary(max_size=6) | st.just(bytes(octets[place:end]) * 2))
    return bytes(octets)


anything = requests() | mutations() | st.binary(max_size=64) | st.binary(max_size=MAXIMUM_SIZE + 9)
Ask = Callable[[bytes], bytes]


def judge(octets: bytes, response: bytes) -> None:
    """AssertionError unless the response is right."""
    status, failures, token = read_response(response)
    if token is None:
        assert status == 2 and len(failures) == 1 and failures <= REFUSALS, failures
        return
    asked = tsp.TimeStampReq.load(octets, strict=True)
    info = tsp.TSTInfo.load(read_info(token), strict=True)
    assert asked["version"].native == "v1" and asked["extensions"].native is None
    assert info["message_imprint"].dump() == asked["message_imprint"].dump()
    assert info["message_imprint"]["hash_algorithm"]["algorithm"].dotted != SHA1.oid
    assert info["nonce"].native == asked["nonce"].native
    assert info["policy"].dotted in POLICIES[:4]
    assert asked["req_policy"].native is None or asked["req_policy"].dotted == info["policy"].dotted
    embedded = signed_data(token)["certificates"]
    assert bool(len(embedded) if embedded.native else 0) is bool(asked["cert_req"].native)
    assert Integer(info["serial_number"].native).native.bit_length() <= 160
    if embedded.native:
        read_token(token)


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory, stamps: Stamps) -> Iterator[tuple[Ask, Server]]:
    storage = Storage(f"sqlite:///{tmp_path_factory.mktemp('fuzz')}/yinxin.db")
    storage.migrate()
    units = [*stamps.units, in_gm_shape(stamps)]
    authority = TimeStampAuthority(Context(storage, SystemClock()), units)
    with served(authority) as server:
        yield authority.respond, server
    storage.close()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(octets=anything)
def test_whatever_is_sent(asking: tuple[Ask, Server], octets: bytes) -> None:
    judge(octets, asking[0](octets))


@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    octets=anything,
    path=st.sampled_from(["/", "/tsa", "/tsa/sm2", "/tsa/p256"]) | st.text("/ab%?=.2", max_size=9).map("/".__add__),
    method=st.sampled_from(["POST"] * 6 + ["GET", "PUT", "HEAD", "OPTIONS", "DELETE"]),
    kind=st.sampled_from(["application/timestamp-query"] * 6 + ["", "text/html", "application/timestamp-query;x"]),
    language=st.text("zh-CNq=;,.019*", max_size=12),
)
def test_whatever_is_sent_over_http(
    asking: tuple[Ask, Server], octets: bytes, path: str, method: str, kind: str, language: str
) -> None:
    said = asking[1].ask(method, path, octets, Content_Type=kind, Accept_Language=language)
    assert said.status in (200, 404, 405, 415)
    if said.status == 200 and said.headers["Content-Type"] == "application/timestamp-reply":
        judge(octets, said.data)


def test_the_judge_sees_what_is_wrong(asking: tuple[Ask, Server]) -> None:
    """A token for other octets, or with another nonce, is not let pass."""
    imprint = der.sequence(ACCEPTED_DIGESTS[0].identifier, der.octet_string(bytes(32)))
    plain = der.sequence(der.integer(1), imprint)
    answer = asking[0](plain)
    judge(plain, answer)
    other = der.sequence(ACCEPTED_DIGESTS[0].identifier, der.octet_string(b"\x01" * 32))
    for asked in (
        der.sequence(der.integer(1), other),
        der.sequence(der.integer(1), imprint, der.integer(5)),
        der.sequence(der.integer(1), imprint, der.TRUE),
        der.sequence(der.integer(1), imprint, der.oid(POLICIES[1])),
    ):
        with pytest.raises(AssertionError):
            judge(asked, answer)


@pytest.mark.fuzz
@pytest.mark.timeout(0)
def test_for_ten_minutes(asking: tuple[Ask, Server]) -> None:
    end, count = time.monotonic() + FUZZ_SECONDS, 0
    while time.monotonic() < end:

        @seed(secrets.randbits(64))
        @settings(max_examples=500, deadline=None, database=None, suppress_health_check=list(HealthCheck))
        @given(octets=anything)
        def some(octets: bytes) -> None:
            nonlocal count
            count += 1
            judge(octets, asking[0](octets))

        some()
    print(f"{count} requests")
