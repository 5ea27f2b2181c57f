"""The quick reader of common requests says what the full reader says, or nothing."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from core.algorithms import SHA1, SHA256, SHA512, SM3, Digest
from core.asn1 import der
from tsa.plain import read_plain
from tsa.request import ACCEPTED_DIGESTS, MessageImprint, TimeStampRequest, parse_request
from tsa.response import Rejection

V1 = der.integer(1)
VALUE = SHA256.of(b"document")
IMPRINT = MessageImprint.of(SHA256, VALUE).encoded
PARTS = (
    V1,
    IMPRINT,
    der.integer(2**64 - 1),
    der.integer(-7),
    der.TRUE,
    b"\1\1\0",
    der.oid("1.2.3"),
    der.tlv(0xA0, b""),
    b"\2\2\0\1",
    b"\2\2\xff\xff",
    b"\2\0",
    b"\2",
    b"\2\5\1",
    b"\0",
)


def fully(data: bytes) -> TimeStampRequest | None:
    try:
        return parse_request(data)
    except Rejection:
        return None


@pytest.mark.parametrize("certificates", [False, True])
@pytest.mark.parametrize("nonce", [None, 0, 127, 128, -1, -128, -129, 2**63, 2**64 - 1, 0x0101FF])
@pytest.mark.parametrize("parameters", [b"", der.NULL], ids=["absent", "NULL"])
@pytest.mark.parametrize("digest", ACCEPTED_DIGESTS, ids=lambda digest: digest.name)
def test_common_requests_are_read(digest: Digest, parameters: bytes, nonce: int | None, certificates: bool) -> None:
    value = digest.of(b"document")
    encoded = der.sequence(der.sequence(der.oid(digest.oid), parameters), der.octet_string(value))
    request = TimeStampRequest(MessageImprint(digest, value, encoded), None, nonce, certificates)
    assert read_plain(request.encode()) == request == fully(request.encode())


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x30",
        b"\x30\x00",
        der.sequence(der.integer(2), IMPRINT),
        der.sequence(V1, MessageImprint(SHA1, b"", der.sequence(SHA1.identifier, der.octet_string(bytes(20)))).encoded),
        der.sequence(V1, der.sequence(SHA256.identifier, der.octet_string(bytes(33)))),
        der.sequence(V1, IMPRINT[:-1]),
        der.sequence(V1, IMPRINT, b"\2\2\0\1"),
        der.sequence(V1, IMPRINT, b"\2\2\xff\x80"),
        der.sequence(V1, IMPRINT, b"\2\0"),
        der.sequence(V1, IMPRINT, b"\2\3\1\1"),
        der.sequence(V1, IMPRINT, der.TRUE, der.integer(5)),
        der.sequence(V1, IMPRINT, b"\1\1\0"),
        der.sequence(V1, IMPRINT, der.TRUE, der.TRUE),
        der.sequence(V1, IMPRINT) + b"\0",
        b"\x30\x81" + der.sequence(V1, IMPRINT)[1:],
        der.sequence(V1, IMPRINT, der.oid("1.2.3")),
        der.sequence(V1, IMPRINT, der.integer(1 << 1023)),
    ],
)
def test_whatever_else_is_left_to_the_full_reader(data: bytes) -> None:
    assert read_plain(data) is None


@given(st.lists(st.sampled_from(PARTS), max_size=4))
def test_any_parts_in_any_order(parts: list[bytes]) -> None:
    data = der.sequence(V1, IMPRINT, *parts)
    assert read_plain(data) in (None, fully(data))


@example(digest=SM3, nonce=5, changes=[(10, 9)], cut=0)
@example(digest=SHA512, nonce=0x0101FF, changes=[(1, 0x81)], cut=0)
@given(
    digest=st.sampled_from(ACCEPTED_DIGESTS),
    nonce=st.none() | st.integers(-(2**70), 2**70),
    changes=st.lists(st.tuples(st.integers(0, 110), st.integers(0, 255)), max_size=3),
    cut=st.integers(0, 3),
)
def test_mutated_requests(digest: Digest, nonce: int | None, changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(TimeStampRequest(MessageImprint.of(digest, bytes(digest.size)), None, nonce, True).encode())
    for place, octet in changes:
        data[place % len(data)] = octet
    posted = bytes(data[: len(data) - cut])
    assert read_plain(posted) in (None, fully(posted))
