"""The case table of RFC 3161 2.4.1, and whatever else can be posted."""

import hashlib

import pytest
from asn1crypto import tsp
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from core.algorithms import SHA1, SHA256, SHA384, SHA512, SM3, Digest
from core.asn1 import der
from core.errors import YinxinError
from tests.support.tsa import Stamps, read_info, read_response, signed_data
from tsa.authority import TimeStampAuthority
from tsa.request import ACCEPTED_DIGESTS, MAXIMUM_SIZE, MessageImprint, TimeStampRequest, parse_request
from tsa.response import PKIFailureInfo, Rejection, token_of
from tsa.verification import read_token

VALUE = hashlib.sha256(b"document").digest()
V1 = der.integer(1)
SHA256_NULL = der.sequence(der.oid(SHA256.oid), der.NULL)
IMPRINT = der.sequence(SHA256_NULL, der.octet_string(VALUE))
OWN_POLICY = "1.3.6.1.4.1.32473.1.3.1.1"
EXTENSION = der.sequence(der.oid("1.2.3"), der.octet_string(b"x"))


def imprint(oid: str, value: bytes, *parameters: bytes) -> bytes:
    return der.sequence(der.sequence(der.oid(oid), *parameters), der.octet_string(value))


GRANTED = {
    "the least that can be asked": der.sequence(V1, IMPRINT),
    "digest parameters absent": der.sequence(V1, imprint(SHA256.oid, VALUE)),
    "SM3": der.sequence(V1, imprint(SM3.oid, bytes(32))),
    "SHA-384": der.sequence(V1, imprint(SHA384.oid, bytes(48))),
    "SHA-512": der.sequence(V1, imprint(SHA512.oid, bytes(64))),
    "a nonce": der.sequence(V1, IMPRINT, der.integer(2**64 - 1)),
    "a nonce of zero": der.sequence(V1, IMPRINT, der.integer(0)),
    "a negative nonce": der.sequence(V1, IMPRINT, der.integer(-7)),
    "a nonce of 1024 bits": der.sequence(V1, IMPRINT, der.integer(1 << 1023)),
    "our policy": der.sequence(V1, IMPRINT, der.oid(OWN_POLICY)),
    "every field": der.sequence(V1, IMPRINT, der.oid(OWN_POLICY), der.integer(5), der.TRUE),
}

REFUSED = {
    "nothing": (b"", PKIFailureInfo.BAD_DATA_FORMAT),
    "no DER": (b"hello", PKIFailureInfo.BAD_DATA_FORMAT),
    "cut short": (der.sequence(V1, IMPRINT)[:-1], PKIFailureInfo.BAD_DATA_FORMAT),
    "octets after it": (der.sequence(V1, IMPRINT) + b"\0", PKIFailureInfo.BAD_DATA_FORMAT),
    "a field too many": (der.sequence(V1, IMPRINT, der.TRUE, der.NULL), PKIFailureInfo.BAD_DATA_FORMAT),
    "fields in the wrong order": (der.sequence(V1, IMPRINT, der.TRUE, der.integer(5)), PKIFailureInfo.BAD_DATA_FORMAT),
    "certReq FALSE written out": (der.sequence(V1, IMPRINT, b"\1\1\0"), PKIFailureInfo.BAD_DATA_FORMAT),
    "BER, indefinite length": (b"\x30\x80" + V1 + IMPRINT + b"\0\0", PKIFailureInfo.BAD_DATA_FORMAT),
    "larger than a request": (
        der.sequence(V1, IMPRINT, der.integer(1 << 8 * MAXIMUM_SIZE)),
        PKIFailureInfo.BAD_DATA_FORMAT,
    ),
    "version 2": (der.sequence(der.integer(2), IMPRINT), PKIFailureInfo.BAD_REQUEST),
    "version 0": (der.sequence(der.integer(0), IMPRINT), PKIFailureInfo.BAD_REQUEST),
    "SHA-1": (der.sequence(V1, imprint(SHA1.oid, bytes(20), der.NULL)), PKIFailureInfo.BAD_ALG),
    "MD5": (der.sequence(V1, imprint("1.2.840.113549.2.5", bytes(16), der.NULL)), PKIFailureInfo.BAD_ALG),
    "SM2 with SM3 as a digest": (der.sequence(V1, imprint("1.2.156.10197.1.501", bytes(32))), PKIFailureInfo.BAD_ALG),
    "SM3, 31 octets": (der.sequence(V1, imprint(SM3.oid, bytes(31))), PKIFailureInfo.BAD_DATA_FORMAT),
    "SHA-256, 33 octets": (der.sequence(V1, imprint(SHA256.oid, bytes(33))), PKIFailureInfo.BAD_DATA_FORMAT),
    "SHA-512, no octets": (der.sequence(V1, imprint(SHA512.oid, b"")), PKIFailureInfo.BAD_DATA_FORMAT),
    "another's policy": (der.sequence(V1, IMPRINT, der.oid("1.2.3.4")), PKIFailureInfo.UNACCEPTED_POLICY),
    "an extension": (der.sequence(V1, IMPRINT, der.tlv(0xA0, EXTENSION)), PKIFailureInfo.UNACCEPTED_EXTENSION),
}


@pytest.mark.parametrize("request_der", GRANTED.values(), ids=GRANTED)
def test_granted(authority: TimeStampAuthority, request_der: bytes) -> None:
    status, failures, token = read_response(authority.respond(request_der))
    assert (status, failures) == (0, set())
    assert token is not None
    asked = tsp.TimeStampReq.load(request_der, strict=True)
    said = tsp.TSTInfo.load(read_info(token), strict=True)
    # RFC 3161 2.4.2: the imprint and the nonce are those of the request, octet for octet.
    assert said["message_imprint"].dump() == asked["message_imprint"].dump()
    assert said["nonce"].native == asked["nonce"].native
    assert said["version"].native == "v1"
    assert said["accuracy"]["seconds"].native == 1
    assert said["ordering"].native is False
    assert len(signed_data(token)["certificates"] or ()) == (2 if asked["cert_req"].native else 0)


@pytest.mark.parametrize(("request_der", "failure"), REFUSED.values(), ids=REFUSED)
def test_refused(authority: TimeStampAuthority, request_der: bytes, failure: PKIFailureInfo) -> None:
    with pytest.raises(YinxinError):  # a refusal is readable for our own client
        token_of(authority.respond(request_der))
    status, failures, _token = read_response(authority.respond(request_der))
    names = {
        PKIFailureInfo.BAD_ALG: "bad_alg",
        PKIFailureInfo.BAD_REQUEST: "bad_request",
        PKIFailureInfo.BAD_DATA_FORMAT: "bad_data_format",
        PKIFailureInfo.UNACCEPTED_POLICY: "unaccepted_policy",
        PKIFailureInfo.UNACCEPTED_EXTENSION: "unaccepted_extensions",
    }
    assert (status, failures) == (2, {names[failure]})


@example(digest=SM3, seed=b"", policy=None, nonce=-128, certificates=False)
@given(
    digest=st.sampled_from(ACCEPTED_DIGESTS),
    seed=st.binary(),
    policy=st.none() | st.sampled_from(["1.2.156.10197.1", "2.999.1234567890.0"]),
    nonce=st.none() | st.integers(-(2**80), 2**200),
    certificates=st.booleans(),
)
def test_what_we_write_we_read(
    digest: Digest, seed: bytes, policy: str | None, nonce: int | None, certificates: bool
) -> None:
    request = TimeStampRequest(MessageImprint.of(digest, digest.of(seed)), policy, nonce, certificates)
    assert parse_request(request.encode()) == request
    theirs = tsp.TimeStampReq.load(request.encode(), strict=True)
    assert theirs["message_imprint"]["hashed_message"].native == digest.of(seed)
    assert theirs["nonce"].native == nonce


@given(st.binary(max_size=200))
def test_random_octets_are_read_or_refused(data: bytes) -> None:
    try:
        parse_request(data)
    except Rejection:
        return
    raise AssertionError("random octets are no request")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150, deadline=None)
@given(
    base=st.sampled_from([*GRANTED.values(), *(data for data, _failure in REFUSED.values() if len(data) < 300)]),
    changes=st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4),
    cut=st.integers(0, 400),
)
def test_mutated_requests_get_a_response(
    authority: TimeStampAuthority, stamps: Stamps, base: bytes, changes: list[tuple[int, int]], cut: int
) -> None:
    data = bytearray(base or b"\0")
    for place, octet in changes:
        data[place % len(data)] = octet
    posted = bytes(data[: cut or None])
    status, failures, token = read_response(authority.respond(posted))
    if token is None:
        assert status == 2
        assert failures
    else:
        asked = tsp.TimeStampReq.load(posted, strict=True)
        assert (
            read_token(token, [stamps.units[0].certificate]).imprint
            == asked["message_imprint"]["hashed_message"].native
        )
