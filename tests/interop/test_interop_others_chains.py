"""SM2 chains and lists of others through our own code: the national roots, and the double certificates of Tongsuo."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from asn1crypto import crl, pem, x509

from core.algorithms import algorithm_by_identifier
from core.certificates import read_certificates
from core.clock import FixedClock
from core.errors import YinxinError
from core.keys.verification import InvalidSignature, verify
from core.path import build_path
from tests.interop.test_others_seals import FOLDER
from tests.support.openssl import SM2_ID, RefusalError, openssl

CHAINS = FOLDER / "chains"
NATIONAL, DOUBLE = CHAINS / "national", CHAINS / "double"
WHEN_PUBLISHED = FixedClock(datetime(2022, 5, 20, tzinfo=UTC))
NOW = FixedClock(datetime(2026, 11, 1, tzinfo=UTC))
ISSUED = {"Taier_CA": "ROOTCA", "TJCA": "Civil_Servant_ROOT"}
LEAVES = {
    "client_sign": {"digital_signature", "non_repudiation"},
    "server_sign": {"digital_signature", "non_repudiation"},
    "client_enc": {"key_encipherment", "data_encipherment", "key_agreement"},
    "server_enc": {"key_encipherment", "data_encipherment", "key_agreement"},
}

pytestmark = pytest.mark.skipif(
    not CHAINS.is_dir(), reason=f"no chains of others in {CHAINS}; name their folder in YINXIN_INTEROP"
)


def national(name: str) -> bytes:
    (certificate,) = read_certificates(NATIONAL / f"{name}.pem")
    return certificate


def leaf(name: str) -> bytes:
    """The file begins with text for people."""
    content: bytes = pem.unarmor((DOUBLE / f"{name}.crt").read_bytes())[2]
    return content


@pytest.fixture(scope="module")
def authorities() -> dict[str, bytes]:
    """`root ca` and `sub ca`, by their common name."""
    return {
        x509.Certificate.load(certificate).subject.native["common_name"]: certificate
        for certificate in read_certificates(DOUBLE / "chain-ca.crt")
    }


@pytest.mark.parametrize(("name", "root"), ISSUED.items())
def test_a_national_authority_verifies_to_its_root(name: str, root: str) -> None:
    for clock in (WHEN_PUBLISHED, NOW):
        path = build_path(national(name), [], [national(root)], clock.now())
        assert path == (national(name), national(root))


@pytest.mark.parametrize(("name", "root"), ISSUED.items())
def test_a_national_authority_does_not_verify_to_the_other_root(name: str, root: str) -> None:
    other = next(one for one in ISSUED.values() if one != root)
    with pytest.raises(YinxinError, match="no trusted issuer is known"):
        build_path(national(name), [], [national(other)], NOW.now())


@pytest.mark.parametrize("root", ISSUED.values())
def test_a_roots_extensions_that_are_not_critical_are_no_error(root: str) -> None:
    certificate = x509.Certificate.load(national(root))
    assert certificate.critical_extensions == set()
    assert build_path(national(root), [], [national(root)], NOW.now()) == (national(root),)
    check(certificate, "tbs_certificate", "signature_value", national(root))


def check(structure: x509.Certificate | crl.CertificateList, body: str, value: str, issuer: bytes) -> None:
    key = x509.Certificate.load(issuer)["tbs_certificate"]["subject_public_key_info"].dump()
    algorithm = algorithm_by_identifier(structure["signature_algorithm"].dump())
    verify(key, algorithm, structure[value].native, structure[body].dump())


@pytest.mark.parametrize("root", ISSUED.values())
def test_a_national_crl_verifies_and_was_in_force(root: str) -> None:
    published = crl.CertificateList.load((NATIONAL / f"{root}.crl").read_bytes(), strict=True)
    check(published, "tbs_cert_list", "signature", national(root))
    body = published["tbs_cert_list"]
    assert body["this_update"].native <= WHEN_PUBLISHED.now() <= body["next_update"].native < NOW.now()
    other = next(one for one in ISSUED.values() if one != root)
    with pytest.raises(InvalidSignature):
        check(published, "tbs_cert_list", "signature", national(other))


@pytest.mark.parametrize(("name", "usages"), LEAVES.items())
def test_each_of_the_double_certificates_verifies_to_the_root(
    name: str, usages: set[str], authorities: dict[str, bytes]
) -> None:
    path = build_path(leaf(name), [authorities["sub ca"]], [authorities["root ca"]], NOW.now())
    assert path == (leaf(name), authorities["sub ca"], authorities["root ca"])
    assert set(x509.Certificate.load(leaf(name)).key_usage_value.native) == usages


@pytest.mark.parametrize("name", LEAVES)
def test_a_certificate_that_was_changed_has_no_path(name: str, authorities: dict[str, bytes]) -> None:
    certificate = leaf(name)
    changed = certificate[:-1] + bytes([certificate[-1] ^ 1])
    with pytest.raises(YinxinError, match="no trusted issuer is known"):
        build_path(changed, [], [authorities["sub ca"]], NOW.now())


def test_the_expired_one_is_refused_for_its_time(authorities: dict[str, bytes]) -> None:
    with pytest.raises(YinxinError, match="its validity runs from 2000-01-01"):
        build_path(leaf("client_sign_expire"), [], [authorities["sub ca"]], NOW.now())
    # It is the time alone: its signature is good.
    certificate = x509.Certificate.load(leaf("client_sign_expire"))
    check(certificate, "tbs_certificate", "signature_value", authorities["sub ca"])


def test_openssl_agrees(authorities: dict[str, bytes], tmp_path: Path) -> None:
    """Link by link: it applies the identity to the last certificate of a chain alone."""
    for name, certificate in authorities.items():
        (tmp_path / f"{name}.pem").write_bytes(pem.armor("CERTIFICATE", certificate))
    options = ("-partial_chain", "-vfyopt", SM2_ID, "-CAfile")
    for one in [f"{name}.crt" for name in LEAVES]:
        openssl("verify", *options, tmp_path / "sub ca.pem", DOUBLE / one)
    openssl("verify", *options, tmp_path / "root ca.pem", tmp_path / "sub ca.pem")
    with pytest.raises(RefusalError, match="certificate has expired"):
        openssl("verify", *options, tmp_path / "sub ca.pem", DOUBLE / "client_sign_expire.crt")
    for name, root in ISSUED.items():
        openssl("verify", *options, NATIONAL / f"{root}.pem", NATIONAL / f"{name}.pem")


def every_certificate() -> Iterator[Path]:
    yield from sorted(CHAINS.glob("*/*.pem"))
    yield from sorted(CHAINS.glob("*/*.crt"))


def test_every_file_is_read_as_it_is() -> None:
    counts = {file.name: len(read_certificates(file)) for file in every_certificate()}
    assert counts.pop("chain-ca.crt") == 2
    assert set(counts.values()) == {1}
