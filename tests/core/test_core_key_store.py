"""A folder of keys: what it keeps, what it refuses, and that nothing in a home is ever written in clear (rule 8)."""

import os
import stat
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from core import files
from core.algorithms import KeyKind
from core.errors import Kind, YinxinError
from core.home import Home
from core.keys.passphrase import create_file
from core.keys.private_key import PycaKey, Sm2Key
from core.keys.store import KeyStore
from core.keys.verification import verify

PASSPHRASE = b"correct horse"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "keys"


@pytest.fixture
def store(folder: Path) -> KeyStore:
    return KeyStore(folder, lambda: PASSPHRASE)


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA_2048, KeyKind.P256])
def test_a_key_is_made_kept_and_opened_again(store: KeyStore, folder: Path, kind: KeyKind) -> None:
    made = store.create("sm2-root.2026_1", kind)
    assert "sm2-root.2026_1" in store
    assert store.signer("sm2-root.2026_1") is made
    opened = KeyStore(folder, lambda: PASSPHRASE).signer("sm2-root.2026_1")
    assert opened.public_key_info == made.public_key_info
    verify(made.public_key_info, opened.algorithm, opened.sign(b"data"), b"data")


def test_the_file_is_encrypted_and_the_owners_alone(store: KeyStore, folder: Path) -> None:
    store.create("root", KeyKind.SM2)
    (file,) = folder.iterdir()
    assert file.name == "root.pem"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_bytes().startswith(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")


def test_the_file_is_the_owners_alone_from_its_first_moment(
    store: KeyStore, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    modes = []
    genuine = os.fsync

    def looking(descriptor: int) -> None:
        modes.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
        genuine(descriptor)

    monkeypatch.setattr(os, "fsync", looking)
    previous = os.umask(0)
    try:
        store.create("root", KeyKind.SM2)
    finally:
        os.umask(previous)
    assert modes[0] == 0o600


def test_a_name_that_is_taken_leaves_the_old_key(store: KeyStore, folder: Path) -> None:
    store.create("root", KeyKind.SM2)
    before = (folder / "root.pem").read_bytes()
    for again in (store, KeyStore(folder, lambda: PASSPHRASE)):
        with pytest.raises(YinxinError, match="exists already") as caught:
            again.create("root", KeyKind.SM2)
        assert caught.value.kind is Kind.CONFLICT
        assert "root.pem" in caught.value.subject
    assert [file.name for file in folder.iterdir()] == ["root.pem"]
    assert (folder / "root.pem").read_bytes() == before


BAD_NAMES = [
    "",
    ".",
    "..",
    "../root",
    "/etc/passwd",
    "a/b",
    "a\\b",
    "a\x00",
    "a\n",
    "A",
    "根",
    ".a",
    "-a",
    "a" * 101,
    "a b",
]


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_that_could_lead_elsewhere_are_refused(store: KeyStore, folder: Path, name: str) -> None:
    for act in (lambda: store.create(name, KeyKind.SM2), lambda: store.signer(name), lambda: name in store):
        with pytest.raises(YinxinError, match="name") as caught:
            act()
        assert caught.value.kind is Kind.INVALID
    assert not folder.exists()


def test_a_missing_key_is_named(store: KeyStore) -> None:
    assert "root" not in store
    with pytest.raises(YinxinError, match="no such key") as caught:
        store.signer("root")
    assert caught.value.kind is Kind.NOT_FOUND
    assert caught.value.subject.endswith("root.pem")


def test_a_wrong_passphrase_names_the_file(store: KeyStore, folder: Path) -> None:
    store.create("root", KeyKind.SM2)
    with pytest.raises(YinxinError, match="wrong passphrase") as caught:
        KeyStore(folder, lambda: bytes(reversed(PASSPHRASE))).signer("root")
    assert caught.value.subject == str(folder / "root.pem")
    assert "esroh" not in "".join(traceback.format_exception(caught.value))


def test_a_damaged_key_names_the_file(store: KeyStore, folder: Path) -> None:
    store.create("root", KeyKind.SM2)
    (folder / "root.pem").write_bytes(b"-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
    with pytest.raises(YinxinError) as caught:
        KeyStore(folder, lambda: PASSPHRASE).signer("root")
    assert caught.value.subject == str(folder / "root.pem")


def test_an_empty_passphrase_writes_nothing(folder: Path) -> None:
    with pytest.raises(YinxinError, match="without a passphrase"):
        KeyStore(folder, lambda: b"").create("root", KeyKind.SM2)
    assert not folder.exists()


def test_the_passphrase_is_asked_for_once_and_only_at_need(folder: Path) -> None:
    asked: Iterator[bytes] = iter([PASSPHRASE])
    store = KeyStore(folder, lambda: next(asked))
    assert "root" not in store
    store.create("root", KeyKind.SM2)
    store.create("issuing", KeyKind.SM2)
    assert next(asked, None) is None


def secrets_of(key: object) -> list[bytes]:
    """What must not lie on the disk: the clear key as a whole, and its private numbers, as octets and as text."""
    assert isinstance(key, Sm2Key | PycaKey)
    clear = key.pkcs8()
    if isinstance(key, Sm2Key):
        numbers = [key._pair.scalar]
    else:
        private = key.key.private_numbers()
        values = [getattr(private, name) for name in ("p", "q", "d", "private_value") if hasattr(private, name)]
        numbers = [value.to_bytes((value.bit_length() + 7) // 8, "big") for value in values]
    forms = [clear, *numbers]
    return forms + [form.hex().encode() for form in forms] + [form.hex().upper().encode() for form in forms]


def test_no_private_key_lies_in_clear_anywhere_in_a_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Rule 8: every octet that is written while keys are made, used and delivered is looked through."""
    written: list[bytes] = []
    genuine = files.write

    def recorded(path: Path, data: bytes, *, mode: int = 0o644, replace: bool = True) -> None:
        written.append(data)
        genuine(path, data, mode=mode, replace=replace)

    monkeypatch.setattr(files, "write", recorded)
    caplog.set_level(0)
    home = Home(tmp_path)
    (tmp_path / "yinxin.toml").write_text("")
    create_file(home.passphrase_file("ca"))
    store = home.key_store("ca")
    keys = [store.create(kind, kind) for kind in (KeyKind.SM2, KeyKind.RSA_2048, KeyKind.P256)]
    for key in keys:
        key.sign(b"data")
    reopened = home.key_store("ca")
    for kind in (KeyKind.SM2, KeyKind.RSA_2048, KeyKind.P256):
        reopened.signer(kind).sign(b"data")
    lying = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()]
    assert len(lying) == 5  # and the empty configuration
    for secret in (secret for key in keys for secret in secrets_of(key)):
        assert not any(secret in data for data in (*lying, *written, caplog.text.encode()))


def test_each_authority_has_a_store_and_a_passphrase_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = Home(tmp_path)
    (tmp_path / "yinxin.toml").write_text("")
    create_file(home.passphrase_file("ca"))
    monkeypatch.setenv("YINXIN_OCSP_PASSPHRASE", "another")
    home.key_store("ca").create("root", KeyKind.SM2)
    home.key_store("ocsp").create("responder", KeyKind.SM2)
    assert "root" not in home.key_store("ocsp")
    stolen = tmp_path / "keys" / "ocsp" / "root.pem"
    stolen.write_bytes((tmp_path / "keys" / "ca" / "root.pem").read_bytes())
    with pytest.raises(YinxinError, match="wrong passphrase"):
        home.key_store("ocsp").signer("root")
