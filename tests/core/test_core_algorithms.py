"""The registry: digests against their published examples, identifiers against asn1crypto, what is unknown refused."""

import hashlib

import pytest
from asn1crypto import algos
from hypothesis import given
from hypothesis import strategies as st

from core.algorithms import (
    ALGORITHMS,
    DIGESTS,
    SM2_SM3,
    SM3,
    Algorithm,
    Family,
    KeyKind,
    algorithm_by_identifier,
    digest_by_oid,
)
from core.asn1 import der
from core.errors import Kind, YinxinError
from tests.support.openssl import openssl


@pytest.mark.parametrize(
    ("message", "digest"),
    [
        # GB/T 32905 annex A, and the empty message.
        (b"abc", "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"),
        (b"abcd" * 16, "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732"),
        (b"", "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b"),
    ],
)
def test_the_published_sm3_digests(message: bytes, digest: str) -> None:
    assert SM3.of(message).hex() == digest


def test_sm3_is_that_of_openssl() -> None:
    assert SM3.of(b"x" * 1000) == openssl("dgst", "-sm3", "-binary", data=b"x" * 1000)


@given(st.lists(st.binary(max_size=200)))
def test_a_digest_may_be_fed_in_pieces(pieces: list[bytes]) -> None:
    for digest in DIGESTS.values():
        context = digest.new()
        for piece in pieces:
            context.update(piece)
        assert context.digest() == digest.of(b"".join(pieces))


@pytest.mark.parametrize("name", ["sha1", "sha256", "sha384", "sha512"])
def test_the_other_digests_are_those_of_hashlib(name: str) -> None:
    assert DIGESTS[name].of(b"abc") == hashlib.new(name, b"abc").digest()


@pytest.mark.parametrize("digest", DIGESTS.values(), ids=DIGESTS)
def test_digests_are_found_by_their_oid(digest: object) -> None:
    known = DIGESTS[digest.name]  # type: ignore[attr-defined]
    assert digest_by_oid(known.oid) is known
    assert len(known.of(b"")) == known.size
    assert algos.DigestAlgorithm.load(known.identifier, strict=True)["algorithm"].native == known.name


@pytest.mark.parametrize("algorithm", ALGORITHMS.values(), ids=ALGORITHMS)
def test_algorithms_are_found_by_their_identifier(algorithm: Algorithm) -> None:
    assert algorithm_by_identifier(algorithm.identifier) is algorithm
    read = algos.SignedDigestAlgorithm.load(algorithm.identifier, strict=True)
    if algorithm.family is not Family.SM2:
        assert read.hash_algo == algorithm.digest.name
        expected = {"rsa": "rsassa_pkcs1v15", "rsa-pss": "rsassa_pss", "ecdsa": "ecdsa"}
        assert read.signature_algo == expected[algorithm.family]
    if algorithm.family is Family.RSA_PSS:
        assert read["parameters"]["salt_length"].native == algorithm.digest.size
        assert read["parameters"]["mask_gen_algorithm"]["parameters"]["algorithm"].native == algorithm.digest.name


@pytest.mark.parametrize("oid", ["1.2.156.10197.1.501", "1.2.156.10197.1.301.1"])
@pytest.mark.parametrize("parameters", [b"", der.NULL])
def test_every_way_in_which_sm2_is_named_in_the_field(oid: str, parameters: bytes) -> None:
    assert algorithm_by_identifier(der.sequence(der.oid(oid), parameters)) is SM2_SM3


@pytest.mark.parametrize("name", ["rsa-sha256", "rsa-sha384", "rsa-sha512"])
def test_rsa_parameters_may_be_absent(name: str) -> None:
    """RFC 4055 5."""
    absent = der.sequence(ALGORITHMS[name].identifier[2:-2])
    assert algorithm_by_identifier(absent) is ALGORITHMS[name]


@pytest.mark.parametrize(
    "identifier",
    [
        b"",
        der.sequence(),
        der.sequence(der.oid("1.2.840.113549.1.1.5"), der.NULL),  # SHA-1
        der.sequence(der.oid("1.2.840.113549.1.1.4"), der.NULL),  # MD5
        der.sequence(der.oid("1.2.840.113549.1.1.10")),  # PSS with its default, SHA-1
        der.sequence(der.oid("1.2.840.10045.4.1")),  # ECDSA with SHA-1
        ALGORITHMS["sm2-sm3"].identifier + b"\x00",
    ],
)
def test_weak_and_unknown_algorithms_are_not_ours(identifier: bytes) -> None:
    with pytest.raises(YinxinError, match="unknown signature algorithm") as caught:
        algorithm_by_identifier(identifier)
    assert caught.value.kind is Kind.UNSUPPORTED


def test_an_unknown_digest_is_refused() -> None:
    with pytest.raises(YinxinError, match=r"1\.2\.840\.113549\.2\.5") as caught:
        digest_by_oid("1.2.840.113549.2.5")
    assert caught.value.kind is Kind.UNSUPPORTED


def test_every_kind_of_key_has_an_algorithm() -> None:
    assert {kind.default_algorithm.family for kind in KeyKind} == {Family.SM2, Family.RSA, Family.ECDSA}
