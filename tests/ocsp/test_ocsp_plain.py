"""The fast reader: where it reads, it reads what the full one does; everything else it leaves alone."""

from pathlib import Path

import cryptography_vectors
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.algorithms import DIGESTS
from core.asn1 import der
from core.errors import YinxinError
from ocsp.plain import read_plain
from ocsp.request import MAXIMUM_NONCE, CertId, OcspRequest, build_request, nonce_extension, read_request

UNHURRIED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
VECTORS = sorted((Path(cryptography_vectors.__file__).parent / "x509" / "ocsp").glob("*req*.der"))
PLAIN_VECTORS = {"req-sha1.der", "req-ext-nonce.der"} | {
    f"ocsp-army.{name}-req.der" for name in ("valid", "revoked", "inapplicable")
}


def cert_id(name: str, hashes: bytes, serial: int, parameters: bytes) -> CertId:
    digest = DIGESTS[name]
    half = len(hashes) // 2
    encoded = der.sequence(
        der.sequence(der.oid(digest.oid), parameters),
        der.octet_string(hashes[:half]),
        der.octet_string(hashes[half:]),
        der.integer(serial),
    )
    return CertId(encoded, digest.oid, hashes[:half], hashes[half:], serial)


@st.composite
def questions(draw: st.DrawFn) -> CertId:
    name = draw(st.sampled_from(sorted(DIGESTS)))
    hashes = draw(st.binary(min_size=2 * DIGESTS[name].size, max_size=2 * DIGESTS[name].size))
    return cert_id(name, hashes, draw(st.integers(1, 1 << 160)), draw(st.sampled_from([b"", der.NULL])))


nonces = st.none() | st.binary(min_size=1, max_size=MAXIMUM_NONCE)


@UNHURRIED
@given(questions(), nonces)
def test_reads_the_common_request(question: CertId, nonce: bytes | None) -> None:
    request = build_request([question], nonce)
    assert read_plain(request) == OcspRequest((question,), nonce) == read_request(request)


def agrees(data: bytes) -> bool:
    """AssertionError where the fast reader reads something else than the full one; whether it reads."""
    plain = read_plain(data)
    if plain is not None:
        assert plain == read_request(data)  # which refuses what is no request
    return plain is not None


@UNHURRIED
@given(questions(), nonces, st.data())
def test_altered_requests_are_never_read_otherwise(question: CertId, nonce: bytes | None, data: st.DataObject) -> None:
    """Every octet counts: replaced, left out, put in, cut."""
    octets = bytearray(build_request([question], nonce))
    for _time in range(data.draw(st.integers(1, 3))):
        at = data.draw(st.integers(0, len(octets) - 1))
        match data.draw(st.sampled_from(["replace", "remove", "insert", "cut"])):
            case "replace":
                octets[at] = data.draw(st.integers(0, 255))
            case "remove":
                del octets[at]
            case "insert":
                octets.insert(at, data.draw(st.integers(0, 255)))
            case "cut":
                del octets[at:]
        if not octets:
            return
    agrees(bytes(octets))


@UNHURRIED
@given(st.binary(max_size=200))
def test_anything_at_all(data: bytes) -> None:
    agrees(data)


@pytest.mark.parametrize("path", VECTORS, ids=lambda path: path.name)
def test_the_requests_of_cryptography(path: Path) -> None:
    assert agrees(path.read_bytes()) == (path.name in PLAIN_VECTORS)


SHA1_ID = cert_id("sha1", bytes(40), 0x1001, der.NULL)
REQUEST = der.sequence(SHA1_ID.encoded)


def request(*parts: bytes) -> bytes:
    return der.sequence(der.sequence(*parts))


@pytest.mark.parametrize(
    "unusual",
    [
        request(der.sequence(REQUEST, REQUEST)),
        request(der.explicit(1, der.explicit(4, der.sequence())), der.sequence(REQUEST)),  # requestorName
        request(der.sequence(der.sequence(SHA1_ID.encoded, der.explicit(0, der.sequence())))),
        request(der.sequence(REQUEST), der.explicit(2, der.sequence())),
        request(der.sequence(REQUEST), der.explicit(2, der.sequence(nonce_extension(b"")))),
        request(der.sequence(REQUEST), der.explicit(2, der.sequence(nonce_extension(bytes(MAXIMUM_NONCE + 1))))),
        request(der.sequence(REQUEST), der.explicit(2, der.sequence(*2 * [nonce_extension(b"1")]))),
        der.sequence(der.sequence(der.sequence(REQUEST)), der.explicit(0, der.sequence())),  # signed
        request(der.sequence(der.sequence(cert_id("sha1", bytes(42), 1, der.NULL).encoded))),  # hashes of another size
        request(der.sequence(der.sequence(cert_id("sha1", bytes(40), -1, der.NULL).encoded))),
        request(der.sequence(der.sequence(cert_id("sha1", bytes(40), 0, der.NULL).encoded))),
        request(der.sequence(REQUEST)) + b"\x00",
        request(der.sequence(REQUEST))[:-1],
        b"",
        b"\x30",
        b"\x30\x80",
    ],
)
def test_leaves_the_unusual_to_the_full_reader(unusual: bytes) -> None:
    assert read_plain(unusual) is None
    try:
        read_request(unusual)
    except YinxinError as error:
        assert error.kind == "invalid"
