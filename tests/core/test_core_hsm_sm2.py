"""SM2 in a token by a vendor's mechanisms (a module compiled for this), and every way in which a token goes away."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.algorithms import SM2_SM3, KeyKind
from core.csr import build_csr, parse_csr
from core.errors import Kind, YinxinError
from core.keys.hsm import pool
from core.keys.hsm.pool import Access, pool_of
from core.keys.hsm.settings import Sm2Mechanisms
from core.keys.hsm.token import keys_in
from core.keys.hsm.token import remove as destroy
from core.keys.signer import DigestSigner
from core.keys.store import KeyStore
from core.keys.verification import message_digest
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.subject import Subject
from tests.support import sm2_token as stub
from tests.support.openssl import SM2_ID, verifies
from tests.support.sm2_token import BY_DIGEST, BY_MESSAGE, Sm2Token, sm2_token
from tests.support.softhsm import key_store

# python-pkcs11 ends a search that could not begin.
pytestmark = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")

DATA = "签章".encode()
AWAY = {
    "device removed": stub.DEVICE_REMOVED,
    "device error": stub.DEVICE_ERROR,
    "session lost": stub.SESSION_HANDLE_INVALID,
    "token not present": stub.TOKEN_NOT_PRESENT,
    "logged out": stub.NOT_LOGGED_IN,
    "not initialised": stub.NOT_INITIALIZED,
    "general error": stub.GENERAL_ERROR,
    "vendor's own": stub.VENDORS_OWN,
}


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Sm2Token:
    return sm2_token(tmp_path_factory.mktemp("module"))


@pytest.fixture(autouse=True)
def in_order(token: Sm2Token, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The token as it was delivered, and nobody waits."""
    monkeypatch.setattr(pool, "PAUSE_SECONDS", 0)
    token.control.token_empty()
    yield
    token.control.token_fail(b"", 0, 0)
    for setting, value in {"present": 1, "limit": 64, "leak": 0, "flags": 0x40D, "bare_points": 0}.items():
        getattr(token.control, f"token_{setting}")(value)
    pool._pools.clear()


def store(folder: Path, token: Sm2Token, sm2: Sm2Mechanisms = BY_DIGEST, pin: str = stub.PIN) -> KeyStore:
    return key_store(folder / "ca", token.uri, pin, sm2)


def holds(public_key_info: bytes, signature: bytes, data: bytes, folder: Path) -> bool:
    """Judged by two implementations that are not ours, with Z of the default identity."""
    point = curve.point_of(public_key_info)
    assert point is not None
    by_gmssl = GmsslEngine().verify(point, signature, data)
    assert verifies(folder, public_key_info, signature, data, "sm3", [SM2_ID]) is by_gmssl
    return by_gmssl


@pytest.mark.parametrize("sm2", [BY_DIGEST, BY_MESSAGE], ids=["digest", "message"])
def test_signatures_as_others_verify_them(token: Sm2Token, tmp_path: Path, sm2: Sm2Mechanisms) -> None:
    key = store(tmp_path, token, sm2).create("sm2", KeyKind.SM2)
    assert key.algorithm is SM2_SM3
    for data in (b"", DATA, bytes(100_000)):
        signature = key.sign(data)
        assert holds(key.public_key_info, signature, data, tmp_path)
        assert not holds(key.public_key_info, signature, data + b".", tmp_path)
    assert isinstance(key, DigestSigner) is (sm2 is BY_DIGEST)
    parse_csr(build_csr(key, Subject(common_name="根").name())).check_possession()


def test_a_digest_that_was_computed_elsewhere(token: Sm2Token, tmp_path: Path) -> None:
    key = store(tmp_path, token).create("sm2", KeyKind.SM2)
    assert isinstance(key, DigestSigner)
    digest = message_digest(key.public_key_info, SM2_SM3)
    digest.update(DATA)
    assert holds(key.public_key_info, key.sign_digest(digest.digest()), DATA, tmp_path)


def test_a_key_that_was_made_elsewhere_and_a_point_without_its_shell(token: Sm2Token, tmp_path: Path) -> None:
    made = store(tmp_path, token).create("sm2", KeyKind.SM2)
    token.control.token_bare_points(1)
    (found,) = keys_in(Access(token.uri, stub.PIN.encode), BY_DIGEST)
    assert found.public_key_info == made.public_key_info
    adopted = store(tmp_path / "another", token).adopt("mine", found.uri)
    assert holds(made.public_key_info, adopted.sign(DATA), DATA, tmp_path)
    assert (found.kept, found.born) == (True, True)


def test_the_octets_of_the_key_are_never_asked_for(token: Sm2Token, tmp_path: Path) -> None:
    before = token.control.token_peeks()
    keys = store(tmp_path, token)
    keys.create("sm2", KeyKind.SM2)
    keys.test("sm2")
    keys_in(Access(token.uri, stub.PIN.encode), BY_DIGEST)
    assert token.control.token_peeks() == before


def test_a_token_that_would_let_the_key_out_gets_none(token: Sm2Token, tmp_path: Path) -> None:
    token.control.token_leak(1)
    with pytest.raises(YinxinError, match="let the private key out"):
        store(tmp_path, token).create("sm2", KeyKind.SM2)
    assert keys_in(Access(token.uri, stub.PIN.encode), BY_DIGEST) == []
    assert store(tmp_path, token).names() == []


@pytest.mark.parametrize(
    "wrong",
    [
        Sm2Mechanisms(stub.KEY_TYPE, stub.MAKE, 0x80000999, "digest", b""),
        Sm2Mechanisms(stub.KEY_TYPE, stub.MAKE, stub.SIGN_DIGEST, "message", b""),
    ],
    ids=["no such mechanism", "the message instead of the digest"],
)
def test_mechanisms_of_another_vendor_are_told_at_once(token: Sm2Token, tmp_path: Path, wrong: Sm2Mechanisms) -> None:
    key = store(tmp_path, token, wrong).create("sm2", KeyKind.SM2)
    logins = token.control.token_logins()
    with pytest.raises(YinxinError, match="does not do this") as caught:
        key.sign(DATA)
    assert caught.value.kind is Kind.UNSUPPORTED
    assert token.control.token_logins() == logins  # no fault of the token's: it is not opened anew


def test_a_wrong_identity_is_found_out_before_anything_leaves(token: Sm2Token, tmp_path: Path) -> None:
    wrong = Sm2Mechanisms(stub.KEY_TYPE, stub.MAKE, stub.SIGN_MESSAGE, "message", b"")
    key = store(tmp_path, token, wrong).create("sm2", KeyKind.SM2)
    for _time in range(2):
        with pytest.raises(YinxinError, match="signs otherwise than it is configured"):
            key.sign(DATA)


def test_modules_are_told_that_there_are_threads(token: Sm2Token, tmp_path: Path) -> None:
    """`python-pkcs11` alone says that there are none, whereupon modules do not lock (PKCS#11 2.40 5.4)."""
    store(tmp_path, token).create("sm2", KeyKind.SM2)
    assert token.control.token_locking() == 1


CALLS = (b"sign", b"sign-init", b"found", b"login", b"open", b"token", b"slots")
MOMENTS = [(where, "device removed") for where in CALLS] + [(b"sign", how) for how in AWAY]


@pytest.mark.parametrize(("where", "how"), MOMENTS)
def test_what_goes_away_for_a_moment_is_taken_up_unnoticed(
    token: Sm2Token, tmp_path: Path, where: bytes, how: str
) -> None:
    key = store(tmp_path, token).create("sm2", KeyKind.SM2)
    if where not in (b"sign", b"sign-init"):
        pool._pools.clear()  # so that all of it is done anew
    token.control.token_fail(where, AWAY[how], 1)
    assert GmsslEngine().verify(curve.point_of(key.public_key_info) or b"", key.sign(DATA), DATA)
    assert token.control.token_left() == 0


def test_a_module_that_does_not_begin_anew_at_once(token: Sm2Token, tmp_path: Path) -> None:
    key = store(tmp_path, token).create("sm2", KeyKind.SM2)
    token.control.token_restart()
    token.control.token_fail(b"initialize", stub.GENERAL_ERROR, 1)
    with pytest.raises(YinxinError, match="C_Initialize: 0x00000005"):
        key.sign(DATA)
    key.sign(DATA)


@pytest.mark.parametrize("how", AWAY)
def test_what_stays_away_is_told_in_words_until_it_is_back(token: Sm2Token, tmp_path: Path, how: str) -> None:
    key = store(tmp_path, token).create("sm2", KeyKind.SM2)
    token.control.token_fail(b"sign", AWAY[how], 1000)
    for _time in range(3):
        with pytest.raises(YinxinError, match="not there, or is out of order") as caught:
            key.sign(DATA)
        assert caught.value.kind is Kind.UNAVAILABLE
        assert caught.value.subject == str(token.uri)
        assert "without a restart" in caught.value.remedy
    token.control.token_fail(b"sign", 0, 0)
    key.sign(DATA)


def test_a_token_that_is_pulled_and_put_in_again(token: Sm2Token, tmp_path: Path) -> None:
    key = store(tmp_path, token).create("sm2", KeyKind.SM2)
    token.control.token_present(0)
    token.control.token_restart()
    with pytest.raises(YinxinError, match="no token that is there has this name"):
        key.sign(DATA)
    token.control.token_present(1)
    assert holds(key.public_key_info, key.sign(DATA), DATA, tmp_path)


def test_a_key_that_is_destroyed_behind_our_back_is_named(token: Sm2Token, tmp_path: Path) -> None:
    keys = store(tmp_path, token)
    key, other = keys.create("one", KeyKind.SM2), keys.create("two", KeyKind.SM2)
    key.sign(DATA)
    uri = keys.uri("one")
    assert uri is not None
    destroy(Access(token.uri, stub.PIN.encode), uri)
    with pytest.raises(YinxinError, match="no such private key") as caught:
        key.sign(DATA)
    assert (caught.value.kind, caught.value.subject) == (Kind.NOT_FOUND, str(uri))
    other.sign(DATA)


def test_another_key_after_the_token_came_back_signs_nothing(token: Sm2Token, tmp_path: Path) -> None:
    keys = store(tmp_path, token)
    key, other = keys.create("one", KeyKind.SM2), keys.create("two", KeyKind.SM2)
    for each in (key, other):
        each.sign(DATA)
    token.control.token_restart()
    token.control.token_swap(0, 1)
    with pytest.raises(YinxinError, match="another key of this name") as caught:
        key.sign(DATA)
    assert caught.value.kind is Kind.CONFLICT
    token.control.token_swap(0, 1)
    key.sign(DATA)


def test_after_a_failure_the_token_is_left_in_peace_for_a_moment(
    token: Sm2Token, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = store(tmp_path, token).create("sm2", KeyKind.SM2)
    monkeypatch.setattr(pool, "PAUSE_SECONDS", 3600)
    token.control.token_fail(b"sign", stub.DEVICE_ERROR, 1000)
    for _time in range(5):
        with pytest.raises(YinxinError, match="out of order"):
            key.sign(DATA)
        logins = token.control.token_logins()
    token.control.token_fail(b"sign", 0, 0)
    with pytest.raises(YinxinError, match="out of order"):
        key.sign(DATA)
    assert token.control.token_logins() == logins
    pool_of(Access(token.uri, stub.PIN.encode))._pause_until = 0
    key.sign(DATA)


def test_threads_outlive_a_restart_of_the_token(token: Sm2Token, tmp_path: Path) -> None:
    key = store(tmp_path, token).create("sm2", KeyKind.SM2)
    done, failures = threading.Barrier(5), list[YinxinError]()

    def work() -> None:
        done.wait()
        try:
            for _time in range(40):
                key.sign(DATA)
        except YinxinError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _time in range(4)]
    for thread in threads:
        thread.start()
    done.wait()
    for _time in range(5):
        token.control.token_restart()
    for thread in threads:
        thread.join()
    # A restart while a thread is at its second attempt is told; nothing else may happen.
    assert all(error.kind is Kind.UNAVAILABLE for error in failures)
    assert holds(key.public_key_info, key.sign(DATA), DATA, tmp_path)


def test_as_many_sessions_as_the_token_allows(token: Sm2Token, tmp_path: Path) -> None:
    key = store(tmp_path, token).create("sm2", KeyKind.SM2)
    token.control.token_restart()
    token.control.token_limit(2)
    failures: list[YinxinError] = []

    def work() -> None:
        try:
            for _time in range(20):
                key.sign(DATA)
        except YinxinError as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _time in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert 1 <= token.control.token_sessions() <= 2


def test_a_wrong_pin_is_sent_once(token: Sm2Token, tmp_path: Path) -> None:
    """The token counts wrong ones and locks itself; a service that tries again and again would lock it."""
    keys, before = store(tmp_path, token, pin="1111"), token.control.token_logins()
    for words in ("refuses the PIN", "refused this PIN before", "refused this PIN before"):
        with pytest.raises(YinxinError, match=words) as caught:
            keys.create("sm2", KeyKind.SM2)
        assert caught.value.kind is Kind.FORBIDDEN
        assert "1111" not in str(caught.value)
    assert token.control.token_logins() == before + 1


def test_a_corrected_pin_is_taken_without_a_restart(token: Sm2Token, tmp_path: Path) -> None:
    given = [b"1111", b"2468"]
    access = Access(token.uri, lambda: given[0])
    for _time in range(2):
        with pytest.raises(YinxinError, match="PIN"):
            keys_in(access, BY_DIGEST)
    given.pop(0)
    assert keys_in(access, BY_DIGEST) == []


@pytest.mark.parametrize("flag", [0x20000, 0x40000], ids=["final try", "locked"])
def test_the_last_try_is_left_to_people(token: Sm2Token, tmp_path: Path, flag: int) -> None:
    before = token.control.token_logins()
    token.control.token_flags(0x40D | flag)
    with pytest.raises(YinxinError, match="locked, or one wrong PIN away"):
        store(tmp_path, token).create("sm2", KeyKind.SM2)
    assert token.control.token_logins() == before


def test_a_forked_process_logs_in_by_itself(token: Sm2Token, tmp_path: Path) -> None:
    key = store(tmp_path, token).create("sm2", KeyKind.SM2)
    key.sign(DATA)
    before, child = token.control.token_logins(), os.fork()
    if child == 0:
        code = 1
        try:
            key.sign(DATA)
            code = 0 if token.control.token_logins() == before + 1 else 2
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    key.sign(DATA)
    assert token.control.token_logins() == before
