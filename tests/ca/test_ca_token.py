"""Rule 2: the signer takes only the linter's token: one use, bound to issuer, purpose and the bytes."""

import ast
import copy
import pickle
from pathlib import Path

import pytest

from ca import signing
from ca.activation import active_profile
from ca.authorities import Authority, authority_of
from ca.certificate import CertificateTemplate
from ca.lint import LintedTbs, lint, redeem
from ca.signing import AuthorityKey
from core.algorithms import KeyKind
from core.errors import Kind, YinxinError
from core.keys.private_key import generate
from tests.support.ca import URLS, TestCentre, make_subject

SOURCES = Path(signing.__file__).parent
KEY_MANAGEMENT = SOURCES / "kmc"


@pytest.fixture
def authority(centre: TestCentre) -> Authority:
    with centre.context.storage.reading() as connection:
        return authority_of(connection, "sm2-issuing")


def make_tbs(centre: TestCentre, authority: Authority) -> bytes:
    with centre.context.storage.reading() as connection:
        profile = active_profile(connection, "staff").profile
    assert authority.limits.not_before
    return CertificateTemplate(profile, authority, URLS).tbs(
        serial=1 << 144 | 5,
        not_before=authority.limits.not_before,
        not_after=authority.limits.not_before.replace(year=2027),
        subject=make_subject("staff").name(),
        public_key_info=generate(KeyKind.SM2).public_key_info,
    )


@pytest.fixture
def token(centre: TestCentre, authority: Authority) -> LintedTbs:
    with centre.context.storage.reading() as connection:
        profile = active_profile(connection, "staff").profile
    return lint(make_tbs(centre, authority), profile, authority.limits)


@pytest.fixture
def key(centre: TestCentre, authority: Authority) -> AuthorityKey:
    return AuthorityKey(authority, centre.keys)


def refused(key: AuthorityKey, token: object) -> None:
    with pytest.raises(YinxinError) as caught:
        key.sign(token)  # type: ignore[arg-type]
    assert caught.value.kind is Kind.FORBIDDEN


def test_a_token_serves_once(key: AuthorityKey, token: LintedTbs) -> None:
    assert token.tbs in key.sign(token)
    refused(key, token)


def test_bytes_alone_are_not_signed(key: AuthorityKey, token: LintedTbs) -> None:
    refused(key, token.tbs)
    refused(key, None)


def test_nobody_else_makes_tokens(key: AuthorityKey, token: LintedTbs) -> None:
    with pytest.raises(TypeError):
        LintedTbs(token.tbs, token.purpose)
    forged = object.__new__(LintedTbs)
    forged.tbs, forged.purpose = token.tbs, token.purpose
    refused(key, forged)


def test_copies_are_worth_nothing(key: AuthorityKey, token: LintedTbs) -> None:
    for copied in (lambda: copy.copy(token), lambda: copy.deepcopy(token), lambda: pickle.loads(pickle.dumps(token))):
        with pytest.raises((TypeError, YinxinError)):
            key.sign(copied())


def test_look_alikes_are_worth_nothing(key: AuthorityKey, token: LintedTbs) -> None:
    class Same(LintedTbs):
        def __hash__(self) -> int:
            return hash(token)

        def __eq__(self, other: object) -> bool:
            return True

    imposter = object.__new__(Same)
    imposter.tbs, imposter.purpose = b"\x30\x00", token.purpose
    refused(key, imposter)


@pytest.mark.parametrize("field", ["tbs", "purpose"])
def test_altered_tokens_are_refused(key: AuthorityKey, token: LintedTbs, field: str) -> None:
    value = getattr(token, field)
    setattr(token, field, value[:-1] + bytes((value[-1] ^ 1,)))
    refused(key, token)


def test_a_token_is_for_one_issuer(centre: TestCentre, token: LintedTbs) -> None:
    with centre.context.storage.reading() as connection:
        root = authority_of(connection, "sm2-root")
    refused(AuthorityKey(root, centre.keys), token)


def test_a_token_that_was_refused_is_spent(token: LintedTbs, authority: Authority) -> None:
    with pytest.raises(YinxinError):
        redeem(token, b"another key")
    with pytest.raises(YinxinError):
        redeem(token, authority.public_key_info)


def test_ca_keys_are_used_in_one_place_and_tokens_made_in_one(authority: Authority) -> None:
    """What the structure promises, read from the source."""
    signers, makers = set(), set()
    for path in SOURCES.rglob("*.py"):
        if path.is_relative_to(KEY_MANAGEMENT):  # signs with keys of its own, see below
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                if isinstance(node.func, ast.Attribute) and node.func.attr in ("sign", "sign_list", "sign_digest"):
                    signers.add((path.name, ast.unparse(node.func)))
                if isinstance(node.func, ast.Name) and node.func.id == "permit":
                    makers.add(str(path.relative_to(SOURCES)))
    assert makers == {"lint/__init__.py", "lint/crl.py", "attributes/lint.py"}
    assert signers == {
        ("signing.py", "self._signer.sign"),
        ("signing.py", "self._signer.sign_digest"),
        ("issuance.py", "keys[intent.authority.id].sign"),  # an AuthorityKey
        ("issue.py", "key.sign_list"),  # an AuthorityKey
        ("specimen.py", "issuer_key.sign"),  # thrown away
        ("preview.py", "key.sign"),  # likewise: how a root will look
    }


def test_the_key_management_centre_opens_no_key_store_but_its_own() -> None:
    opened = set()
    for path in KEY_MANAGEMENT.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "key_store":
                opened.add(ast.unparse(node.args[0]))
    assert opened == {"'kmc'"}
