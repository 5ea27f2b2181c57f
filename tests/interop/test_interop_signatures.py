"""Every signature of the house verified by software that is not ours: PyPI `gmssl`, OpenSSL, BouncyCastle."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from asn1crypto import keys

from core.sm2.fallback import GmsslEngine
from tests.support import artefacts, pdf
from tests.support.artefacts import Digested, Signed
from tests.support.bouncycastle import cms_refusal
from tests.support.demonstration import LABELS, Demonstration
from tests.support.openssl import SM2_ID, openssl, verifies

IN_DEMONSTRATION = {
    "certificate": 10,
    "csr": 1,
    "crl": 3,
    "ocsp": 3,
    "time stamp": 1,
    "pdf seal": 1,
    "pdf seal time stamp": 1,
    "pdf document time stamp": 1,
}


@pytest.fixture(scope="module", params=LABELS)
def found(request: pytest.FixtureRequest, demonstration: Demonstration) -> list[Signed | Digested]:
    return list(artefacts.of_demonstration(demonstration, request.param))


@pytest.fixture(scope="module")
def in_books(seeded_home: Path) -> list[Signed | Digested]:
    return list(artefacts.of_home(seeded_home))


def by_gmssl(signed: Signed) -> bool:
    point = bytes(keys.PublicKeyInfo.load(signed.key)["public_key"])
    return GmsslEngine().verify(point, signed.signature, signed.data)


def by_openssl(folder: Path, signed: Signed) -> bool:
    options = [SM2_ID] if signed.digest == "sm3" else []
    return verifies(folder, signed.key, signed.signature, signed.data, signed.digest, options)


def refused(found: Iterable[Signed | Digested], folder: Path) -> list[str]:
    """What one of the judges does not accept."""
    words = []
    for one in found:
        if isinstance(one, Digested):
            if openssl("dgst", f"-{one.digest}", "-binary", data=one.content) != one.value:
                words.append(f"{one.what}: OpenSSL computes another digest")
            continue
        if not by_openssl(folder, one):
            words.append(f"{one.what}: refused by OpenSSL")
        if one.digest == "sm3" and not by_gmssl(one):
            words.append(f"{one.what}: refused by gmssl")
    return words


def test_every_signature_of_the_demonstration(found: list[Signed | Digested], tmp_path: Path) -> None:
    assert Counter(one.kind for one in found if isinstance(one, Signed)) == IN_DEMONSTRATION
    assert sum(isinstance(one, Digested) for one in found) == 7
    assert refused(found, tmp_path) == []


def test_every_signature_in_the_books(in_books: list[Signed | Digested], tmp_path: Path) -> None:
    kinds = Counter((one.kind, one.digest) for one in in_books if isinstance(one, Signed))
    # Six requests entered, approved (two of them by two people), issued; ten appointments; three seals in five steps.
    assert kinds["statement", "sm3"] == 45
    # Of ten people, of both ends of the line to the key-management centre, and of the attribute authority.
    assert kinds["certificate", "sm3"] == kinds["certificate", "sha256"] + 13
    for label, lists in (("sm3", 3), ("sha256", 2)):  # the attribute authority has one too
        assert kinds["crl", label] == lists
    assert (kinds["seal", "sm3"], kinds["seal", "sha256"]) == (2, 1)  # one of them of the GM form
    assert refused(in_books, tmp_path) == []


def test_the_judges_refuse_what_was_changed(found: list[Signed | Digested], tmp_path: Path) -> None:
    judges: list[Callable[[Signed], bool]] = [partial(by_openssl, tmp_path)]
    one = next(one for one in found if isinstance(one, Signed))
    if one.digest == "sm3":
        judges.append(by_gmssl)
    for judge in judges:
        assert judge(one)
        assert not judge(replace(one, data=one.data + b"\x00"))
        assert not judge(replace(one, signature=one.signature[:-1] + bytes([one.signature[-1] ^ 1])))


def test_sm2_signatures_are_over_the_identity_of_the_standard(found: list[Signed | Digested], tmp_path: Path) -> None:
    """OpenSSL takes the empty identity unless told otherwise: a signature that verifies so is good nowhere in China."""
    signatures = [one for one in found if isinstance(one, Signed) and one.digest == "sm3"]
    for one in signatures[:3]:
        assert not verifies(tmp_path, one.key, one.signature, one.data, "sm3")


def test_bouncycastle_verifies_the_seal_and_the_time_stamps(demonstration: Demonstration) -> None:
    document = demonstration.read("sealed/sm2.pdf")
    assert cms_refusal(pdf.contents(document, 0), content=pdf.signed_octets(document, 0)) == ""
    assert cms_refusal(pdf.contents(document, 1)) == ""
    changed = pdf.signed_octets(document, 0) + b" "
    assert cms_refusal(pdf.contents(document, 0), content=changed) != ""
