"""Certification paths: what RFC 5280 6.1 refuses is refused, with words for it."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from core.errors import YinxinError
from core.path import MAXIMUM_LENGTH, build_path

NOW = datetime(2026, 11, 1, tzinfo=UTC)
KEY = ec.generate_private_key(ec.SECP256R1())
"""One for all: who issued whom is told by the names."""


def certificate(
    subject: str,
    issuer: str,
    *extra: x509.ExtensionType,
    authority: bool = True,
    length: int | None = None,
    may_sign: bool = True,
    key: ec.EllipticCurvePrivateKey = KEY,
) -> bytes:
    usage = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "crl_sign"), False
    ) | {"encipher_only": False, "decipher_only": False, "digital_signature": True, "key_cert_sign": may_sign}
    builder = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(KEY.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=1))
        .not_valid_after(NOW + timedelta(days=1))
        .add_extension(x509.BasicConstraints(authority, length), critical=True)
        .add_extension(x509.KeyUsage(**usage), critical=True)
    )
    for extension in extra:
        builder = builder.add_extension(extension, critical=True)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


ROOT = certificate("root", "root")
MIDDLE = certificate("middle", "root")
LEAF = certificate("leaf", "middle", authority=False, may_sign=False)


def test_a_path_is_found_in_any_order() -> None:
    others = [certificate("stranger", "root"), MIDDLE, LEAF]
    assert build_path(LEAF, others, [ROOT], NOW) == (LEAF, MIDDLE, ROOT)
    assert build_path(LEAF, others[::-1], [ROOT], NOW) == (LEAF, MIDDLE, ROOT)
    assert build_path(LEAF, [], [MIDDLE], NOW) == (LEAF, MIDDLE)


def test_a_better_way_is_taken_round_a_bad_one() -> None:
    weak = certificate("middle", "root", may_sign=False)
    for candidates in ([weak, MIDDLE], [MIDDLE, weak]):
        assert build_path(LEAF, candidates, [ROOT], NOW) == (LEAF, MIDDLE, ROOT)


ELSEWHERE = x509.Name([x509.NameAttribute(x509.oid.NameOID.COUNTRY_NAME, "XX")])


def test_names_that_are_permitted_are_certified() -> None:
    """Constraints about kinds of name that the certificate does not bear do not concern it (RFC 5280 4.2.1.10)."""
    middle = certificate("middle", "root", x509.NameConstraints([x509.DNSName("example.org")], None))
    assert build_path(LEAF, [middle], [ROOT], NOW) == (LEAF, middle, ROOT)


REFUSED = {
    "no keyCertSign": ([certificate("middle", "root", may_sign=False)], "not that of a certificate authority"),
    "no authority": ([certificate("middle", "root", authority=False)], "not that of a certificate authority"),
    "signed by another key": (
        [certificate("middle", "root", key=ec.generate_private_key(ec.SECP256R1()))],
        "no trusted issuer",
    ),
    "a loop": ([certificate("middle", "other"), certificate("other", "middle")], "no trusted issuer"),
    "name constraints": (
        [certificate("middle", "root", x509.NameConstraints([x509.DirectoryName(ELSEWHERE)], None))],
        "may not certify this name",
    ),
    "names that are excluded": (
        [certificate("middle", "root", x509.NameConstraints(None, [x509.DirectoryName(x509.Name([]))]))],
        "may not certify this name",
    ),
    "policy constraints": (
        [certificate("middle", "root", x509.PolicyConstraints(0, None))],
        "critical extension",
    ),
    "too many below": (
        [certificate("middle", "upper"), certificate("upper", "root", length=0)],
        "more authorities below",
    ),
    "too long": (
        [certificate("middle", "a1"), *(certificate(f"a{n}", f"a{n + 1}") for n in range(1, MAXIMUM_LENGTH + 2))],
        "no trusted issuer",
    ),
}


@pytest.mark.parametrize(("candidates", "words"), REFUSED.values(), ids=REFUSED)
def test_refused(candidates: list[bytes], words: str) -> None:
    with pytest.raises(YinxinError, match=words):
        build_path(LEAF, candidates, [ROOT], NOW)


def test_the_moment_decides() -> None:
    for moment in (NOW - timedelta(days=1), NOW + timedelta(days=1)):
        assert build_path(LEAF, [MIDDLE], [ROOT], moment)
        outside = moment + (moment - NOW) / 100
        with pytest.raises(YinxinError, match="was not valid at"):
            build_path(LEAF, [MIDDLE], [ROOT], outside)


def test_what_cannot_be_read() -> None:
    with pytest.raises(YinxinError, match="cannot be read"):
        build_path(b"hello", [], [ROOT], NOW)
