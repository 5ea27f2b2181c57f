"""`pkilint` on everything that the house issues: nothing at WARNING or above."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from asn1crypto import pem

from ca.conformance import lint_certificate, lint_crl
from ca.records import authorities, certificates, crl_parts
from core.home import Home
from tests.support.demonstration import LABELS, Demonstration
from tests.support.ocsp_judges import findings as lint_ocsp_response


def certificates_of(demonstration: Demonstration) -> Iterator[tuple[str, bytes]]:
    for folder in ("trust", "ca", "certs"):
        for file in sorted((demonstration.folder / folder).iterdir()):
            yield file.name, pem.unarmor(file.read_bytes())[2]


def test_certificates(demonstration: Demonstration) -> None:
    found = {name: lint_certificate(certificate) for name, certificate in certificates_of(demonstration)}
    assert len(found) == 20  # holders have pairs
    assert {name: words for name, words in found.items() if words} == {}


def test_the_linter_would_have_found_something(demonstration: Demonstration) -> None:
    certificate = demonstration.der("certs/rsa-lisi.pem")
    # basicConstraints, its OID replaced by one that does not exist: critical and unknown.
    assert lint_certificate(certificate.replace(bytes.fromhex("0603551d23"), bytes.fromhex("0603551d7f")))


@pytest.mark.parametrize("label", LABELS)
def test_crls(demonstration: Demonstration, label: str) -> None:
    assert lint_crl(demonstration.read(f"crl/{label}.crl")) == []


@pytest.mark.parametrize("answer", ["good", "revoked", "unknown"])
@pytest.mark.parametrize("label", LABELS)
def test_ocsp_responses(demonstration: Demonstration, label: str, answer: str) -> None:
    assert lint_ocsp_response(demonstration.read(f"ocsp/{label}-{answer}.der")) == []


def test_everything_in_the_books(seeded_home: Path) -> None:
    with Home(seeded_home).storage.reading() as books:
        issued = [row.certificate for row in books.execute(sa.select(certificates))]
        assert {row.certificate for row in books.execute(sa.select(authorities))} <= set(issued)
        lists = [row.octets for row in books.execute(sa.select(crl_parts))]  # short: each is one piece
    assert [finding for certificate in issued for finding in lint_certificate(certificate)] == []
    assert [finding for published in lists for finding in lint_crl(published)] == []
