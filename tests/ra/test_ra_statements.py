"""Statements are what they say, bind to whom they name, and others can check them without us."""

import json
import shutil
import subprocess
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import pytest
import rfc8785
from asn1crypto import cms as asn1_cms
from asn1crypto import pem
from hypothesis import given, settings
from hypothesis import strategies as st

from core import cms
from core.algorithms import KeyKind
from core.errors import YinxinError
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from ra.statements import Act, SignedStatement, Statement, sign_statement, verify_statement
from tests.support import pki

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
KINDS = [KeyKind.SM2, KeyKind.RSA_2048]


@cache
def operator(kind: KeyKind) -> pki.Party:
    return pki.root(kind, not_before=NOW - timedelta(days=1)).issue("王审核", kind=kind, not_before=NOW)


def statement(**changes: object) -> Statement:
    facts = {
        "act": Act.APPROVE,
        "subject": "20261101-7K3M9QX2",
        "sequence": 2,
        "digest": "ab" * 32,
        "decision": "材料齐全",
        "at": NOW,
        "operator": "王审核",
    }
    return Statement.model_validate(facts | changes)


def signed(kind: KeyKind, **changes: object) -> SignedStatement:
    party = operator(kind)
    return sign_statement(statement(**changes), party.key, party.certificate)


@pytest.mark.parametrize("kind", KINDS)
def test_a_statement_comes_back_as_it_was_signed(kind: KeyKind) -> None:
    made = signed(kind)
    assert verify_statement(made.message) == made


def test_what_is_signed_is_canonical_json() -> None:
    content = statement().canonical()
    assert rfc8785.dumps(json.loads(content)) == content
    assert json.loads(content)["at"] == "2026-11-01T02:00:00.000000+00:00"


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), mask=st.integers(1, 255))
def test_no_changed_octet_changes_what_a_statement_says(kind: KeyKind, place: float, mask: int) -> None:
    made = signed(kind)
    changed = bytearray(made.message)
    changed[int(place * len(changed))] ^= mask
    try:
        read = verify_statement(bytes(changed))
    except YinxinError:
        return
    # Parts that nobody reads, such as a version number, are not covered by the signature; what was said is.
    assert (read.statement, read.certificate) == (made.statement, made.certificate)


def test_other_spellings_of_the_same_json_are_refused() -> None:
    party = operator(KeyKind.SM2)
    loose = json.dumps(json.loads(statement().canonical())).encode()
    with pytest.raises(YinxinError):
        verify_statement(cms.sign(loose, party.key, party.certificate))


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"act":"approve"}'])
def test_other_signed_messages_are_no_statements(content: bytes) -> None:
    party = operator(KeyKind.SM2)
    with pytest.raises(YinxinError):
        verify_statement(cms.sign(content, party.key, party.certificate))


def test_a_time_stamp_token_is_no_statement() -> None:
    party = operator(KeyKind.SM2)
    token = cms.sign(statement().canonical(), party.key, party.certificate, content_type="1.2.840.113549.1.9.16.1.4")
    with pytest.raises(YinxinError):
        verify_statement(token)


@given(st.text(max_size=60).filter(lambda text: text.isprintable()), st.datetimes(timezones=st.just(UTC)))
def test_any_words_and_any_time_survive(words: str, at: datetime) -> None:
    made = statement(decision=words, at=at)
    assert Statement.model_validate(json.loads(made.canonical())) == made


def test_sm2_statements_are_verified_by_another_implementation() -> None:
    made = signed(KeyKind.SM2)
    info = asn1_cms.ContentInfo.load(made.message)["content"]["signer_infos"][0]
    attributes = b"\x31" + info["signed_attrs"].dump()[1:]
    point = curve.point_of(operator(KeyKind.SM2).key.public_key_info)
    assert point is not None
    assert GmsslEngine().verify(point, info["signature"].native, attributes)
    assert not GmsslEngine().verify(point, info["signature"].native, attributes + b"x")


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")
def test_rsa_statements_are_verified_by_openssl(tmp_path: Path) -> None:
    party = operator(KeyKind.RSA_2048)
    made = signed(KeyKind.RSA_2048)
    (tmp_path / "statement.der").write_bytes(made.message)
    (tmp_path / "root.pem").write_bytes(pem.armor("CERTIFICATE", party.chain[-1]))
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", "statement.der", "-CAfile", "root.pem"]
    command += ["-purpose", "any", "-binary", "-attime", str(int((NOW + timedelta(hours=1)).timestamp()))]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == made.statement.canonical()


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")
def test_sm2_statements_are_verified_by_openssl(tmp_path: Path) -> None:
    made = signed(KeyKind.SM2)
    info = asn1_cms.ContentInfo.load(made.message)["content"]["signer_infos"][0]
    (tmp_path / "attributes").write_bytes(b"\x31" + info["signed_attrs"].dump()[1:])
    (tmp_path / "signature").write_bytes(info["signature"].native)
    (tmp_path / "key.pem").write_bytes(pem.armor("PUBLIC KEY", operator(KeyKind.SM2).key.public_key_info))
    command = ["openssl", "pkeyutl", "-verify", "-rawin", "-digest", "sm3", "-pkeyopt", "distid:1234567812345678"]
    command += ["-pubin", "-inkey", "key.pem", "-in", "attributes", "-sigfile", "signature"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
