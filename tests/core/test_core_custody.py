"""Custody by m of n: any m of the shares give the passphrase, fewer nothing, and what is wrong has its own words."""

import base64
import itertools
import shutil
import subprocess
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from Crypto.Protocol.SecretSharing import Shamir
from hypothesis import given, settings
from hypothesis import strategies as st

from core.algorithms import KeyKind
from core.errors import Kind, YinxinError
from core.keys.custody import Custody, FormerSet, entrust, is_entrusted, read_custody
from core.keys.sealed import is_sealed, seal, unseal
from core.keys.shares import Share
from tests.support import pki
from tests.support.keys import key_of
from tests.support.openssl import RefusalError, openssl

AT = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
PEOPLE = ["赵敏", "钱进", "孙立", "李娜", "周强"]
CUSTODY, PASSPHRASE, SHARES = entrust(PEOPLE, 3, AT)


def test_any_three_of_five_and_never_two() -> None:
    for chosen in itertools.combinations(SHARES, 3):
        assert CUSTODY.combine(chosen) == PASSPHRASE
    assert CUSTODY.combine(SHARES) == PASSPHRASE
    for pair in itertools.combinations(SHARES, 2):
        with pytest.raises(YinxinError, match="3 shares are needed, and there are 2") as caught:
            CUSTODY.combine(pair)
        missing = [one for one in SHARES if one not in pair]
        assert all(f"{one.number} {PEOPLE[one.number - 1]}" in caught.value.remedy for one in missing)
        parts = [(one.number, one.value) for one in pair]
        assert Shamir.combine(parts, ssss=True).hex().encode() != PASSPHRASE


@settings(max_examples=20, deadline=None)
@given(st.data())
def test_every_size_of_set(data: st.DataObject) -> None:
    total = data.draw(st.integers(2, 15))
    needed = data.draw(st.integers(2, total))
    custody, passphrase, shares = entrust([f"c{number}" for number in range(total)], needed, AT)
    chosen = data.draw(st.permutations(shares))[:needed]
    assert custody.combine(chosen) == passphrase


def test_the_shares_can_be_combined_without_us() -> None:
    """By `ssss`, the Unix program: another implementation."""
    program = shutil.which("ssss-combine")
    if program is None:
        pytest.skip("ssss is not installed")
    told = "".join(f"{one.number}-{one.value.hex()}\n" for one in SHARES[1:4])
    done = subprocess.run(
        [program, "-t", "3", "-x", "-D", "-q", "-s", "128"], input=told.encode(), capture_output=True, timeout=30
    )
    assert done.stderr.strip() == PASSPHRASE


@pytest.mark.parametrize(("total", "needed"), [(1, 1), (5, 1), (3, 4), (16, 3), (0, 0)])
def test_what_cannot_be_shared(total: int, needed: int) -> None:
    with pytest.raises(YinxinError, match="cannot be needed"):
        entrust(["x"] * total, needed, AT)


def test_each_wrong_share_has_its_own_words() -> None:
    good = SHARES[:2]
    _other, _passphrase, others = entrust(PEOPLE, 3, AT)
    former = CUSTODY.model_copy(update={"former": (FormerSet(set_id=others[2].set_id, until=AT),)})
    forged = replace(SHARES[2], value=bytes(16))
    cases: list[tuple[Custody, Share, str]] = [
        (CUSTODY, SHARES[1], "entered twice"),
        (CUSTODY, others[2], "of another set"),
        (former, others[2], "was replaced on 2026-11-01"),
        (CUSTODY, forged, "not the share that was given out"),
        (CUSTODY, replace(SHARES[2], number=9), "not the share that was given out"),
        (CUSTODY, replace(SHARES[2], needed=2), "not the share that was given out"),
    ]
    for custody, share, words in cases:
        with pytest.raises(YinxinError, match=words) as caught:
            custody.combine([*good, share])
        assert caught.value.remedy
        assert not any(group in str(caught.value) for group in share.groups)


def test_digests_that_were_altered_with_the_share_are_found_by_the_whole() -> None:
    forged = replace(SHARES[2], value=bytes(16))
    entries = [one if one.number != 3 else one.model_copy(update={"digest": forged.digest}) for one in CUSTODY.shares]
    altered = CUSTODY.model_copy(update={"shares": tuple(entries)})
    with pytest.raises(YinxinError, match="together, these shares do not give the passphrase"):
        altered.combine([*SHARES[:2], forged])


def test_the_file_beside_the_keys(tmp_path: Path) -> None:
    assert not is_entrusted(tmp_path)
    with pytest.raises(YinxinError) as caught:
        read_custody(tmp_path)
    assert caught.value.kind is Kind.NOT_FOUND
    CUSTODY.write(tmp_path)
    assert is_entrusted(tmp_path)
    assert read_custody(tmp_path) == CUSTODY
    text = (tmp_path / "custody.json").read_text()
    assert PASSPHRASE.decode() not in text and not any(one.value.hex() in text for one in SHARES)
    (tmp_path / "custody.json").write_text(text.replace('"needed":3', '"needed":6'))
    with pytest.raises(YinxinError, match="damaged"):
        read_custody(tmp_path)


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA_2048])
def test_a_share_for_one_certificate_alone(kind: KeyKind, tmp_path: Path) -> None:
    root = pki.root(KeyKind.P256, not_before=AT)
    key = key_of(kind)
    holder = root.issue("custodian", key=key, not_before=AT)
    octets = seal(SHARES[0].text.encode(), holder.certificate)
    assert is_sealed(octets) and not is_sealed(SHARES[0].text.encode())
    assert unseal(octets, key).decode() == SHARES[0].text
    place = octets.index(b"\n", 40) - 1
    altered = octets[:place] + (b"A" if octets[place : place + 1] != b"A" else b"B") + octets[place + 1 :]
    other = key_of(KeyKind.RSA_2048 if kind is KeyKind.SM2 else KeyKind.SM2)
    for wrong, wrong_key in ((octets, other), (altered, key), (b"nothing", key)):
        with pytest.raises(YinxinError, match="another key, or was changed") as caught:
            unseal(wrong, wrong_key)
        assert caught.value.__cause__ is None
    # OpenSSL opens it too.
    (tmp_path / "key.der").write_bytes(key.pkcs8())
    lines = octets.decode().strip().splitlines()[1:-1]
    (tmp_path / "sealed").write_bytes(base64.b64decode("".join(lines)))
    options = ["-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:sha256"] if kind is not KeyKind.SM2 else []
    try:
        opened = openssl(
            "pkeyutl",
            "-decrypt",
            "-inkey",
            tmp_path / "key.der",
            "-keyform",
            "DER",
            "-in",
            tmp_path / "sealed",
            *options,
        )
    except RefusalError as error:  # pragma: no cover - said whole
        raise AssertionError(str(error)) from error
    assert opened.decode() == SHARES[0].text


def test_nothing_is_sealed_to_a_key_that_only_signs() -> None:
    holder = pki.root(KeyKind.P256, not_before=AT)
    with pytest.raises(YinxinError, match="nothing can be encrypted"):
        seal(b"x", holder.certificate)


def test_a_custody_is_numbered_and_has_enough_shares() -> None:
    document = CUSTODY.model_dump()
    for wrong in (
        {"needed": 6},
        {"shares": document["shares"][1:]},
        {"unknown": 1},
        {"made_at": AT.replace(tzinfo=None)},
    ):
        with pytest.raises(ValueError):
            Custody.model_validate(document | wrong)
    assert Custody.model_validate(document | {"made_at": AT + timedelta(days=1)}).needed == 3
