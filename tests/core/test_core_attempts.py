"""Wrong PINs cost time, more with each, and no new process, clock, restart, copy of the count or kill makes it less."""

import multiprocessing
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from core.algorithms import KeyKind
from core.errors import Kind, YinxinError
from core.keys import attempts, encryption
from core.keys.attempts import FREE_ATTEMPTS, LONGEST_WAIT_SECONDS, WaitError, attempt, count_file, wait_after
from core.keys.encryption import WrongPassphraseError
from core.keys.key_file import create_key_file, open_key_file
from tests.support import processes

PIN = b"314159"


class Machine:
    """A start of the machine, and how long it runs."""

    def __init__(self) -> None:
        self.boot, self.uptime = "first", 1000.0

    def read(self) -> tuple[str, float]:
        return self.boot, self.uptime


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    machine = Machine()
    monkeypatch.setattr(attempts, "boot_and_uptime", machine.read)
    return machine


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(encryption, "COST", 2)
    create_key_file(tmp_path / "key.pem", KeyKind.P256, PIN)
    return tmp_path / "key.pem"


def fail(key_file: Path, times: int = 1) -> None:
    for _time in range(times):
        with pytest.raises(WrongPassphraseError):
            open_key_file(key_file, b"wrong")


def seconds_left(key_file: Path) -> int:
    with pytest.raises(WaitError) as caught:
        open_key_file(key_file, PIN)
    assert caught.value.kind is Kind.FORBIDDEN
    assert caught.value.subject == str(key_file)
    (seconds,) = (int(word) for word in caught.value.what.split("in ")[-1].split() if word.isdigit())
    return seconds


def test_the_waits_grow_and_end_at_an_hour() -> None:
    waits = [wait_after(wrong) for wrong in range(40)]
    assert waits[: FREE_ATTEMPTS + 3] == [0, 0, 0, 5, 10, 20]
    assert waits == sorted(waits)
    assert waits[-1] == LONGEST_WAIT_SECONDS == 3600
    assert wait_after(10**9) == LONGEST_WAIT_SECONDS


def test_the_first_wrong_ones_are_free(key_file: Path, machine: Machine) -> None:
    fail(key_file, FREE_ATTEMPTS)
    assert seconds_left(key_file) == 5


def test_a_right_one_clears(key_file: Path, machine: Machine) -> None:
    fail(key_file, FREE_ATTEMPTS - 1)
    open_key_file(key_file, PIN)
    assert [path.name for path in key_file.parent.iterdir()] == ["key.pem"]
    fail(key_file, FREE_ATTEMPTS)
    assert seconds_left(key_file) == 5


def test_while_one_must_wait_the_right_one_does_not_open_and_nothing_is_counted(
    key_file: Path, machine: Machine
) -> None:
    fail(key_file, FREE_ATTEMPTS)
    machine.uptime += 3
    for _time in range(5):
        assert seconds_left(key_file) == 2
    machine.uptime += 2
    open_key_file(key_file, PIN)


def test_each_wrong_one_doubles_the_wait(key_file: Path, machine: Machine) -> None:
    fail(key_file, FREE_ATTEMPTS)
    for wait in (5, 10, 20, 40):
        assert seconds_left(key_file) == wait
        machine.uptime += wait
        fail(key_file)


def test_the_machines_clock_has_no_part_in_it(key_file: Path, machine: Machine) -> None:
    fail(key_file, FREE_ATTEMPTS)
    for years in (-10, 10):
        elsewhen = mock.Mock(return_value=years * 3.2e7)
        with mock.patch("time.time", elsewhen), mock.patch("time.monotonic", elsewhen):
            assert seconds_left(key_file) == 5


def test_after_another_start_of_the_machine_one_waits_from_that_start(key_file: Path, machine: Machine) -> None:
    fail(key_file, FREE_ATTEMPTS)
    machine.boot, machine.uptime = "second", 1.5
    assert seconds_left(key_file) == 4
    machine.uptime = 5
    open_key_file(key_file, PIN)


def test_another_process_waits_as_well(key_file: Path) -> None:
    """The count lies on the disk, and the real uptime counts."""
    fail(key_file, FREE_ATTEMPTS + 0)
    script = (
        "import sys; from pathlib import Path; from core.keys.key_file import open_key_file\n"
        f"open_key_file(Path(sys.argv[1]), {PIN!r})"
    )
    command = [sys.executable, "-c", script, str(key_file)]
    done = subprocess.run(command, capture_output=True, text=True, env=processes.environment(), timeout=60)
    assert "WaitError" in done.stderr
    assert f"after {FREE_ATTEMPTS} wrong attempts" in done.stderr


def test_what_is_not_a_wrong_pin_is_not_counted(key_file: Path, machine: Machine) -> None:
    whole = key_file.read_bytes()
    for damage in (b"", b"printer manual", whole.replace(b"ENCRYPTED ", b"")):
        key_file.write_bytes(damage)
        for _time in range(FREE_ATTEMPTS + 1):
            with pytest.raises(YinxinError) as caught:
                open_key_file(key_file, PIN)
            assert not isinstance(caught.value, WaitError | WrongPassphraseError)
    key_file.write_bytes(whole)
    open_key_file(key_file, PIN)


def test_a_key_that_is_not_there_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(YinxinError, match="no such file"):
        open_key_file(tmp_path / "none.pem", PIN)
    assert list(tmp_path.iterdir()) == []


def test_a_program_that_is_killed_at_the_attempt_has_made_it(key_file: Path, machine: Machine) -> None:
    """Whoever ends the program as soon as a PIN turns out to be wrong wins nothing."""

    def guess() -> None:
        with attempt(key_file):
            os.kill(os.getpid(), signal.SIGKILL)

    for _time in range(FREE_ATTEMPTS):
        process = multiprocessing.get_context("fork").Process(target=guess)
        process.start()
        process.join()
        assert process.exitcode == -signal.SIGKILL
    assert seconds_left(key_file) == 5


def test_an_interrupted_attempt_counts(key_file: Path, machine: Machine) -> None:
    for _time in range(FREE_ATTEMPTS):
        with pytest.raises(KeyboardInterrupt), attempt(key_file):
            raise KeyboardInterrupt
    assert seconds_left(key_file) == 5


def test_guesses_at_the_same_time_are_made_one_after_the_other(key_file: Path) -> None:
    def guess() -> None:
        try:
            open_key_file(key_file, b"wrong")
        except WrongPassphraseError:
            os._exit(3)
        except WaitError:
            os._exit(4)

    guessing = [multiprocessing.get_context("fork").Process(target=guess) for _time in range(12)]
    for process in guessing:
        process.start()
    for process in guessing:
        process.join()
    codes = [process.exitcode for process in guessing]
    assert codes.count(3) == FREE_ATTEMPTS
    assert codes.count(4) == 12 - FREE_ATTEMPTS


def test_right_ones_at_the_same_time_all_open(key_file: Path) -> None:
    opening = [
        multiprocessing.get_context("fork").Process(target=open_key_file, args=(key_file, PIN)) for _ in range(12)
    ]
    for process in opening:
        process.start()
    for process in opening:
        process.join()
    assert [process.exitcode for process in opening] == [0] * 12
    assert not count_file(key_file).exists()


@pytest.mark.parametrize("content", [b"{}", b"[]", b"0", b"\x00" * 160, b'{"wrong": "x", "boot": "", "at": 0}', b"{"])
def test_a_count_that_was_changed_opens_nothing(key_file: Path, content: bytes) -> None:
    count_file(key_file).write_bytes(content)
    with pytest.raises(YinxinError, match="cannot be read") as caught:
        open_key_file(key_file, PIN)
    assert caught.value.subject == str(count_file(key_file))


def test_where_nothing_can_be_counted_nothing_is_opened(key_file: Path) -> None:
    count_file(key_file).mkdir()
    with pytest.raises(YinxinError, match="cannot be counted") as caught:
        open_key_file(key_file, PIN)
    assert "copy the key file" in caught.value.remedy


def test_the_count_is_the_owners_alone_and_holds_no_secret(key_file: Path, machine: Machine) -> None:
    fail(key_file)
    assert stat.S_IMODE(count_file(key_file).stat().st_mode) == 0o600
    assert b'wrong": 1' in count_file(key_file).read_bytes()
    assert len(count_file(key_file).read_bytes()) == 160


class Guessing(RuleBasedStateMachine):
    """Attempts, time and restarts in any order: never more guesses than the waits allow."""

    @initialize()
    def begin(self) -> None:
        self.folder = Path(os.environ["PYTEST_ATTEMPTS"])
        self.file = self.folder / "guessed.pem"
        count_file(self.file).unlink(missing_ok=True)
        self.wrong, self.since, self.now, self.boots = 0, 0.0, 50.0, 0
        self.started = 0.0

    def machine(self) -> tuple[str, float]:
        return f"boot {self.boots}", self.now - self.started

    def attempt(self, *, right: bool) -> bool:
        with mock.patch.object(attempts, "boot_and_uptime", self.machine):
            try:
                with attempt(self.file):
                    if not right:
                        raise WrongPassphraseError
            except WaitError:
                return False
            except WrongPassphraseError:
                pass
        return True

    @rule(right=st.booleans())
    def guess(self, right: bool) -> None:
        allowed = self.now - self.since >= wait_after(self.wrong) or not self.wrong
        made = self.attempt(right=right)
        assert allowed or not made, "somebody guessed too early"
        if made:
            self.wrong, self.since = (0, self.since) if right else (self.wrong + 1, self.now)

    @rule(seconds=st.sampled_from([0.5, 4, 6, 11, 50, 4000]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule()
    def restart(self) -> None:
        self.boots, self.started = self.boots + 1, self.now

    @rule()
    def wait_as_told_and_open(self) -> None:
        self.now += wait_after(self.wrong)
        assert self.attempt(right=True), "the wait was over, and the right PIN was not taken"
        self.wrong = 0

    @invariant()
    def no_count_without_wrong_ones(self) -> None:
        assert count_file(self.file).exists() is (self.wrong > 0)


def test_no_order_of_events_gives_more_guesses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hypothesis.stateful import run_state_machine_as_test

    monkeypatch.setenv("PYTEST_ATTEMPTS", str(tmp_path))
    run_state_machine_as_test(Guessing, settings=settings(max_examples=60, stateful_step_count=25, deadline=None))
