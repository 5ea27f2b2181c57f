"""Whatever octets come, the answer is a well-formed OCSPResponse, and never that something inside broke."""

from cryptography.x509 import ocsp as pyca_ocsp
from hypothesis import given, settings
from hypothesis import strategies as st

from core.algorithms import DIGESTS, KeyKind
from core.errors import YinxinError
from ocsp.request import MAXIMUM_NONCE, MAXIMUM_QUESTIONS, CertId, build_request, read_request
from ocsp.response import Refusal, refusal
from tests.support.ocsp_world import HELD, TOWNS, VALID, World, about

WORLD = World(TOWNS[KeyKind.SM2], TOWNS[KeyKind.RSA_2048])

serials = st.one_of(st.sampled_from([VALID, HELD]), st.integers(-(1 << 170), 1 << 170))
parties = st.sampled_from([WORLD.town.issuing, WORLD.town.root, WORLD.other.issuing, WORLD.town.stranger])
cert_ids = st.builds(about, parties, serials, st.sampled_from(list(DIGESTS.values())))
nonces = st.none() | st.binary(min_size=1, max_size=MAXIMUM_NONCE)
requests = st.builds(build_request, st.lists(cert_ids, min_size=1, max_size=4), nonces)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A request with octets changed, taken out, put in or doubled."""
    data = bytearray(draw(requests))
    for _round in range(draw(st.integers(1, 4))):
        start = draw(st.integers(0, len(data)))
        end = draw(st.integers(start, min(len(data), start + 8)))
        data[start:end] = draw(st.one_of(st.binary(max_size=8), st.just(bytes(data[start:end] * 2))))
    return bytes(data)


def check_answered(data: bytes) -> None:
    response = WORLD.responder.respond(data)
    if response == refusal(Refusal.MALFORMED_REQUEST):
        return
    assert pyca_ocsp.load_der_ocsp_response(response).response_status is pyca_ocsp.OCSPResponseStatus.SUCCESSFUL
    assert [single.serial_number for single in pyca_ocsp.load_der_ocsp_response(response).responses] == [
        question.serial for question in read_request(data).questions
    ]


@given(st.binary(max_size=400))
@settings(deadline=None)
def test_random_octets(data: bytes) -> None:
    check_answered(data)


@given(mutated())
@settings(deadline=None, max_examples=80)
def test_mutated_requests(data: bytes) -> None:
    check_answered(data)


@given(mutated())
@settings(deadline=None, max_examples=80)
def test_read_as_cryptography_reads(data: bytes) -> None:
    """Of what we take for a request, `cryptography` reads the same as we do."""
    try:
        ours = read_request(data)
    except YinxinError:
        return
    if len(ours.questions) == 1:
        theirs = pyca_ocsp.load_der_ocsp_request(data)
        (question,) = ours.questions
        assert question.serial == theirs.serial_number
        assert question.issuer_name_hash == theirs.issuer_name_hash
        assert question.issuer_key_hash == theirs.issuer_key_hash


@given(st.lists(cert_ids, min_size=1, max_size=MAXIMUM_QUESTIONS), nonces)
@settings(deadline=None, max_examples=50)
def test_written_is_read(questions: list[CertId], nonce: bytes | None) -> None:
    read = read_request(build_request(questions, nonce))
    assert (list(read.questions), read.nonce) == (questions, nonce)
