"""Keys in a token: RSA and ECDSA in SoftHSM2, checked by OpenSSL; threads, forks, a token that goes away."""

import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.algorithms import (
    ECDSA_P256_SHA256,
    ECDSA_P384_SHA384,
    RSA_PSS_SHA256,
    RSA_PSS_SHA384,
    RSA_SHA256,
    RSA_SHA512,
    SM2_SM3,
    Algorithm,
    Family,
    KeyKind,
)
from core.errors import Kind, YinxinError
from core.keys.hsm import pool
from core.keys.hsm.pool import Access
from core.keys.hsm.token import keys_in
from core.keys.hsm.uri import Pkcs11Uri
from core.keys.key_file import create_key_file
from core.keys.signer import DigestSigner
from core.keys.store import KeyStore
from core.keys.verification import message_digest, verify
from tests.support.openssl import openssl, verifies
from tests.support.softhsm import PIN, SoftToken, in_this_process, key_store, make_token

DATA = "印信 in a token".encode()
NAMES = {"rsa": RSA_SHA256, "pss": RSA_PSS_SHA256, "p256": ECDSA_P256_SHA256, "p384": ECDSA_P384_SHA384}
PSS_OPTIONS = ("rsa_padding_mode:pss", "rsa_pss_saltlen:digest")


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SoftToken]:
    with in_this_process(make_token(tmp_path_factory.mktemp("softhsm"))) as made:
        yield made


@pytest.fixture(scope="module")
def keys(token: SoftToken, tmp_path_factory: pytest.TempPathFactory) -> KeyStore:
    """One RSA key, for both paddings, and two on curves."""
    made = key_store(tmp_path_factory.mktemp("keys") / "tsa", token.uri)
    made.create("rsa", KeyKind.RSA_2048)
    uri = made.uri("rsa")
    assert uri is not None
    made.adopt("pss", uri, RSA_PSS_SHA256)
    made.create("p256", KeyKind.P256)
    made.create_in_token("p384", KeyKind.P384, token.uri)
    return made


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "PAUSE_SECONDS", 0)


def other_store(keys: KeyStore, token: SoftToken, folder: Path, pin: str = PIN) -> KeyStore:
    """Another process's view of the same keys."""
    (folder / "tsa").mkdir()
    for name in NAMES:
        (folder / "tsa" / f"{name}.toml").write_bytes((keys._folder / f"{name}.toml").read_bytes())
    return key_store(folder / "tsa", token.uri, pin)


@pytest.mark.parametrize("name", NAMES)
def test_openssl_finds_the_signatures_good(keys: KeyStore, name: str, tmp_path: Path) -> None:
    key = keys.signer(name)
    assert key.algorithm == NAMES[name]
    assert isinstance(key, DigestSigner)
    options = PSS_OPTIONS if name == "pss" else ()
    digest = message_digest(key.public_key_info, key.algorithm)
    digest.update(DATA)
    for signature in (key.sign(DATA), key.sign_digest(digest.digest())):
        assert verifies(tmp_path, key.public_key_info, signature, DATA, key.algorithm.digest.name, options)
        assert not verifies(tmp_path, key.public_key_info, signature, DATA + b".", key.algorithm.digest.name, options)


@pytest.mark.parametrize("algorithm", [RSA_SHA512, RSA_PSS_SHA384])
def test_one_key_under_two_names_signs_by_other_algorithms(
    keys: KeyStore, token: SoftToken, tmp_path: Path, algorithm: Algorithm
) -> None:
    uri = keys.uri("rsa")
    assert uri is not None
    key = key_store(tmp_path / "tsa", None).adopt("other", uri, algorithm)
    options = PSS_OPTIONS if algorithm.family is Family.RSA_PSS else ()
    assert verifies(tmp_path, key.public_key_info, key.sign(DATA), DATA, algorithm.digest.name, options)


def test_the_private_keys_cannot_be_taken_out(keys: KeyStore, token: SoftToken) -> None:
    found = keys_in(Access(token.uri, PIN.encode), None)
    assert {one.uri.object for one in found} == {"tsa-rsa", "tsa-p256", "tsa-p384"}
    assert all(one.kept and one.born for one in found)
    assert {one.public_key_info for one in found} == {keys.signer(name).public_key_info for name in NAMES}
    assert keys.test("rsa") is True


def test_without_the_pin_there_is_no_key(keys: KeyStore, token: SoftToken) -> None:
    """SoftHSM's own word, through another program."""
    tool = "/usr/bin/pkcs11-tool"
    if not Path(tool).exists():
        pytest.skip("pkcs11-tool is not installed (Debian: opensc)")
    shown = os.popen(f"{tool} --module {token.uri.module} --token-label {token.label} --list-objects 2>&1").read()
    assert "Public Key Object" in shown
    assert "Private Key Object" not in shown


def test_a_description_says_where_the_key_is_and_no_secret(keys: KeyStore, token: SoftToken) -> None:
    path = keys._folder / "rsa.toml"
    assert stat.S_IMODE(path.stat().st_mode) & 0o022 == 0
    text = path.read_text()
    assert "pkcs11:token=yinxin;object=tsa-rsa;id=%" in text
    assert 'algorithm = "rsa-sha256"' in text
    assert PIN not in text
    assert sorted(one.name for one in keys._folder.iterdir()) == [f"{name}.toml" for name in sorted(NAMES)]
    assert keys.names() == sorted(NAMES)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("rsa-sha256", "ecdsa-p256-sha256", "does not sign by"),
        ("rsa-sha256", "rsa-md5", "does not sign by"),
        ("uri = ", "url = ", "settings uri, algorithm"),
        ("pkcs11:token", "pkcs11:pin-value=1;token", "PIN does not belong"),
        ("module-path=", "module-name=", "not used"),
        ('public_key = "M', 'public_key = "?', "cannot be read"),
        ("algorithm = ", "algorithm = 1 # ", "settings uri, algorithm"),
        ("uri = ", "uri", "cannot be read"),
    ],
)
def test_a_description_that_is_wrong_is_named(
    keys: KeyStore, token: SoftToken, tmp_path: Path, old: str, new: str, words: str
) -> None:
    copy = other_store(keys, token, tmp_path)
    path = copy._folder / "rsa.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(YinxinError, match=words) as caught:
        copy.signer("rsa")
    assert caught.value.subject == str(path)
    assert caught.value.kind is Kind.INVALID


def test_a_description_that_others_can_write_is_not_believed(keys: KeyStore, token: SoftToken, tmp_path: Path) -> None:
    copy = other_store(keys, token, tmp_path)
    (copy._folder / "rsa.toml").chmod(0o666)
    with pytest.raises(YinxinError, match="others can change which PKCS#11 module") as caught:
        copy.signer("rsa")
    assert caught.value.kind is Kind.FORBIDDEN


def test_another_key_of_the_name_is_found_out(keys: KeyStore, token: SoftToken, tmp_path: Path) -> None:
    copy = other_store(keys, token, tmp_path)
    description = copy._folder / "p256.toml"
    description.write_text(description.read_text().replace(str(keys.uri("p256")), str(keys.uri("p384"))))
    with pytest.raises(YinxinError, match="another key of this name"):
        copy.signer("p256").sign(DATA)


def test_a_key_in_a_file_and_in_a_token_is_neither(keys: KeyStore, token: SoftToken, tmp_path: Path) -> None:
    copy = other_store(keys, token, tmp_path)
    create_key_file(copy._folder / "p256.pem", KeyKind.P256, b"passphrase")
    with pytest.raises(YinxinError, match="in a file and in a token"):
        copy.signer("p256")


def test_names_are_taken_only_once(keys: KeyStore, token: SoftToken) -> None:
    uri = keys.uri("p256")
    assert uri is not None
    before = len(keys_in(Access(token.uri, PIN.encode), None))
    for attempt in (
        lambda: keys.create("p256", KeyKind.P256),
        lambda: keys.create_decrypter("p256"),
        lambda: keys.adopt("p256", uri),
    ):
        with pytest.raises(YinxinError, match="exists already"):
            attempt()
    assert len(keys_in(Access(token.uri, PIN.encode), None)) == before


def test_a_key_whose_description_cannot_be_written_does_not_stay_in_the_token(token: SoftToken, tmp_path: Path) -> None:
    (tmp_path / "tsa").write_text("in the way")
    with pytest.raises(YinxinError, match="cannot write"):
        key_store(tmp_path / "tsa", token.uri).create("lost", KeyKind.P256)
    assert "tsa-lost" not in {one.uri.object for one in keys_in(Access(token.uri, PIN.encode), None)}


def test_removing_a_key_destroys_it_and_no_other(token: SoftToken, tmp_path: Path) -> None:
    store = key_store(tmp_path / "ocsp", token.uri)
    store.create("one", KeyKind.P256)
    store.create("two", KeyKind.P256)
    store.remove("one")
    store.remove("one")
    assert "one" not in store
    left = {one.uri.object for one in keys_in(Access(token.uri, PIN.encode), None)}
    assert "ocsp-two" in left
    assert "ocsp-one" not in left
    store.signer("two").sign(DATA)
    store.remove("two")


def test_what_must_decrypt_is_made_in_a_file(token: SoftToken, tmp_path: Path) -> None:
    store = key_store(tmp_path / "kmc", token.uri)
    store.create_decrypter("wrapping")
    assert (tmp_path / "kmc" / "wrapping.pem").exists()
    assert store.uri("wrapping") is None


def test_a_key_in_a_token_does_not_decrypt(keys: KeyStore) -> None:
    with pytest.raises(YinxinError, match="in a file serves for this"):
        keys.decrypter("p256")


def test_a_token_without_sm2_makes_no_sm2_key(keys: KeyStore) -> None:
    with pytest.raises(YinxinError, match="not configured by which mechanisms") as caught:
        keys.create("sm2", KeyKind.SM2)
    assert "keys.sm2" in caught.value.remedy
    assert "sm2" not in keys


def test_an_algorithm_of_another_kind_of_key_leaves_nothing(keys: KeyStore, token: SoftToken) -> None:
    before = len(keys_in(Access(token.uri, PIN.encode), None))
    with pytest.raises(YinxinError, match="does not sign by"):
        keys.create_in_token("wrong", KeyKind.P256, token.uri, ECDSA_P384_SHA384)
    with pytest.raises(YinxinError):
        keys.create_in_token("wrong", KeyKind.P256, token.uri, SM2_SM3)
    assert "wrong" not in keys
    assert len(keys_in(Access(token.uri, PIN.encode), None)) == before


def test_threads_share_the_sessions(keys: KeyStore) -> None:
    failures: list[YinxinError] = []

    def work(name: str) -> None:
        try:
            key = keys.signer(name)
            for number in range(20):
                data = f"{name} {number}".encode()
                verify(key.public_key_info, key.algorithm, key.sign(data), data)
        except YinxinError as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("p256", "rsa") * 6]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_forked_process_signs_and_so_does_its_parent_afterwards(keys: KeyStore) -> None:
    """PKCS#11 2.40 5.4: what the parent opened does not hold in the child."""
    key = keys.signer("p256")
    key.sign(DATA)
    child = os.fork()
    if child == 0:
        code = 1
        try:
            for _time in range(3):
                verify(key.public_key_info, key.algorithm, key.sign(DATA), DATA)
            code = 0
        finally:
            os._exit(code)
    _pid, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    verify(key.public_key_info, key.algorithm, key.sign(DATA), DATA)


def test_a_token_that_is_taken_away_and_comes_back(keys: KeyStore, token: SoftToken, tmp_path: Path) -> None:
    key = keys.signer("p256")
    key.sign(DATA)
    away = token.folder / "away"
    token.tokens.rename(away)
    try:
        for _time in range(2):
            with pytest.raises(YinxinError, match="not there, or is out of order") as caught:
                key.sign(DATA)
            assert caught.value.kind is Kind.UNAVAILABLE
            assert "without a restart" in caught.value.remedy
            assert "token=yinxin" in caught.value.subject
    finally:
        away.rename(token.tokens)
    assert verifies(tmp_path, key.public_key_info, key.sign(DATA), DATA, "sha256")


def test_a_token_of_another_name_is_not_there(keys: KeyStore, token: SoftToken, tmp_path: Path) -> None:
    elsewhere = Pkcs11Uri(token="other", module_path=token.uri.module)
    with pytest.raises(YinxinError, match="no token that is there has this name"):
        key_store(tmp_path / "tsa", elsewhere).create("key", KeyKind.P256)
    keys.signer("p256").sign(DATA)


@pytest.mark.parametrize("path", ["/nowhere/module.so", "/etc/hostname"])
def test_a_module_that_is_none(path: str, tmp_path: Path) -> None:
    place = Pkcs11Uri(token="yinxin", module_path=path)
    with pytest.raises(YinxinError, match="PKCS#11 module") as caught:
        key_store(tmp_path / "tsa", place).create("key", KeyKind.P256)
    assert caught.value.subject == path


def test_a_key_that_is_gone_from_the_token(keys: KeyStore, token: SoftToken, tmp_path: Path) -> None:
    uri = keys.uri("p256")
    assert uri is not None
    store = key_store(tmp_path / "tsa", None)
    with pytest.raises(YinxinError, match="0 private keys"):
        store.adopt("gone", Pkcs11Uri(token=uri.token, module_path=uri.module, object="gone"))
    with pytest.raises(YinxinError, match="3 private keys"):
        store.adopt("many", token.uri)
    assert store.names() == []


def test_a_certificate_request_that_openssl_verifies(keys: KeyStore, tmp_path: Path) -> None:
    from core.csr import build_csr
    from core.subject import Subject

    for name in NAMES:
        file = tmp_path / "request.der"
        file.write_bytes(build_csr(keys.signer(name), Subject(common_name="Test").name()))
        openssl("req", "-in", file, "-inform", "DER", "-verify", "-noout")
