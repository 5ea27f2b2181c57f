"""The clock is watched: by the time daemon's report (a script in its place), by another authority, and by itself."""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from core.algorithms import SHA256
from core.clock import FixedClock
from core.config import TsaSettings
from core.context import Context
from core.errors import YinxinError
from core.health import Finding, Level, examine
from core.home import Home
from core.i18n import speaking
from core.storage import Storage
from tests.support.tsa import Stamps, read_response, write_home, write_pem
from tests.support.tsa_server import served
from tsa import sources
from tsa.authority import TimeStampAuthority
from tsa.health import clock, units
from tsa.installation import clock_watch
from tsa.request import MessageImprint, TimeStampRequest
from tsa.sources import Source
from tsa.watch import STALE_AFTER, ClockWatch

REQUEST = TimeStampRequest(MessageImprint.of(SHA256, bytes(32))).encode()
SECOND = timedelta(seconds=1)
CHRONY = "D590A72F,ntp.example,2,1793498400.0,{offset},0.00001,0.00002,-3.1,0.0,0.1,{delay},{dispersion},64.2,{leap}"
NTPQ = """associd=0 status=0615 leap_none, sync_ntp, 1 event, clock_sync,
version="ntpd 4.2.8p15", processor="x86_64", system="Linux", leap={leap}, stratum=3,
precision=-23, rootdelay={delay}, rootdisp={dispersion}, refid=10.0.0.1,
reftime=e8.1, clock=e8.2, peer=1, tc=6, mintc=3, offset={offset}, frequency=1.5
"""
Says = Callable[..., None]


@pytest.fixture
def daemon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Says:
    """Put a program in the place of chronyc or ntpq."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")

    def says(program: str, text: str, code: int = 0) -> None:
        script = folder / program
        script.write_text(f"#!/bin/sh\ncat <<'END'\n{text}\nEND\nexit {code}\n")
        script.chmod(0o755)

    return says


def chrony_report(
    offset: str = "-0.000012", delay: str = "0.012", dispersion: str = "0.003", leap: str = "Normal"
) -> str:
    return CHRONY.format(offset=offset, delay=delay, dispersion=dispersion, leap=leap)


def ntpq_report(offset: str = "-0.12", delay: str = "12.0", dispersion: str = "3.0", leap: str = "00") -> str:
    return NTPQ.format(offset=offset, delay=delay, dispersion=dispersion, leap=leap)


@pytest.mark.parametrize(
    ("program", "report", "source"), [("chronyc", chrony_report, sources.chrony), ("ntpq", ntpq_report, sources.ntpd)]
)
def test_a_daemons_report(
    daemon: Says, clock: FixedClock, program: str, report: Callable[..., str], source: Callable[[], Source]
) -> None:
    unit = 1 if program == "chronyc" else 1000
    daemon(program, report())
    assert source().distance(clock) == pytest.approx(timedelta(milliseconds=9), abs=timedelta(milliseconds=0.2))
    daemon(program, report(offset=str(-0.7 * unit)))
    assert timedelta(milliseconds=700) < source().distance(clock) < timedelta(milliseconds=720)
    daemon(program, report(leap="Not synchronised" if unit == 1 else "11"))
    with pytest.raises(YinxinError, match="not synchronised"):
        source().distance(clock)
    for strange in (
        "",
        "506 Cannot talk to daemon",
        report(offset="nan"),
        report(offset="x"),
        report(dispersion="inf"),
    ):
        daemon(program, strange)
        with pytest.raises(YinxinError, match="cannot be read"):
            source().distance(clock)
    daemon(program, "506 Cannot talk to daemon", code=1)
    with pytest.raises(YinxinError, match="does not answer"):
        source().distance(clock)


def test_without_the_program(clock: FixedClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(YinxinError, match="not on this machine"):
        sources.chrony().distance(clock)


@dataclass
class Machine:
    """Two clocks: one that people set, and one that nobody sets."""

    clock: FixedClock
    watch: ClockWatch = field(init=False)
    off: dict[str, timedelta | None] = field(default_factory=lambda: {"one": timedelta(), "two": timedelta()})
    steady: float = 1000.0

    def __post_init__(self) -> None:
        def of(name: str) -> Source:
            def distance(_clock: object) -> timedelta:
                off = self.off[name]
                if off is None:
                    raise RuntimeError("silence")
                return off

            return Source(name, distance)

        self.watch = ClockWatch(
            [of("one"), of("two")], self.clock, SECOND / 2, interval=30 * SECOND, steady=lambda: self.steady
        )

    def run(self, seconds: float) -> None:
        self.clock.advance(timedelta(seconds=seconds))
        self.steady += seconds


@pytest.fixture
def machine(clock: FixedClock) -> Machine:
    return Machine(clock)


def test_every_source_that_speaks_must_agree(machine: Machine) -> None:
    machine.watch.require_agreement()
    machine.off["one"] = None
    machine.watch.look()
    machine.watch.require_agreement()
    machine.off["two"] = SECOND / 2
    machine.watch.look()
    machine.watch.require_agreement()
    machine.off["two"] = SECOND * 0.6
    machine.watch.look()
    with pytest.raises(YinxinError, match=r"off by 0\.600 s, more than the 0\.500 s"):
        machine.watch.require_agreement()
    machine.off |= {"one": timedelta(), "two": SECOND * 0.6}
    machine.watch.look()
    with pytest.raises(YinxinError, match="off by") as caught:
        machine.watch.require_agreement()
    assert caught.value.subject == "two"
    machine.off |= {"one": None, "two": None}
    machine.watch.look()
    with pytest.raises(YinxinError, match="silence"):
        machine.watch.require_agreement()


@pytest.mark.parametrize("leap", [-0.6, 0.6, 3600, -3600])
def test_a_leap_is_noticed_at_once(machine: Machine, leap: float) -> None:
    machine.watch.look()
    machine.run(10)
    machine.watch.require_agreement()
    machine.clock.advance(timedelta(seconds=leap))
    with pytest.raises(YinxinError, match="leapt"):
        machine.watch.require_agreement()
    machine.watch.look()  # the sources have been asked about the new time
    machine.watch.require_agreement()


def test_old_knowledge_is_worth_nothing(machine: Machine) -> None:
    machine.watch.look()
    machine.run(30 * STALE_AFTER)
    machine.watch.require_agreement()
    machine.run(1)
    with pytest.raises(YinxinError, match="not been asked for 91 s"):
        machine.watch.require_agreement()


def test_the_service_says_why(context: Context, stamps: Stamps, machine: Machine) -> None:
    authority = TimeStampAuthority(context, stamps.units, watch=machine.watch)
    with served(authority, machine.watch) as server:

        def health() -> tuple[int, Any]:
            answer = server.ask("GET", "/healthz", Accept_Language="en")
            return answer.status, json.loads(answer.data)

        def said() -> list[Finding]:
            checks = {"clock": lambda: clock(authority, machine.watch), "units": lambda: units(authority)}
            with speaking("en"):
                return [one for one in examine(checks) if one.level is Level.CRITICAL]

        assert read_response(server.post("/", REQUEST).data)[0] == 0
        assert health() == (200, {"status": "ok", "findings": []})
        machine.off["two"] = SECOND * 3
        machine.watch.look()
        for path in ("/", "/tsa/rsa"):
            assert read_response(server.post(path, REQUEST).data) == (2, {"time_not_available"}, None)
        assert health() == (503, {"status": "critical", "findings": [{"check": "clock", "level": "critical"}]})
        (problem,) = said()
        assert problem.subject == "two" and "3.000 s" in problem.what and "clock" in problem.remedy
        machine.off["two"] = timedelta()
        machine.watch.look()
        assert health()[0] == 200
        # The books know a later time: no source says so, and yet no token.
        machine.clock.advance(-10 * SECOND)
        machine.watch.look()
        assert read_response(server.post("/", REQUEST).data) == (2, {"time_not_available"}, None)
        assert health()[0] == 503 and "behind the latest token" in said()[0].what
        machine.clock.moment += timedelta(days=2000)
        machine.watch.look()
        assert health() == (503, {"status": "critical", "findings": [{"check": "units", "level": "critical"}]})
        assert {problem.subject for problem in said()} == {"sm2", "rsa", "p256"}


@pytest.fixture
def reference(stamps: Stamps, clock: FixedClock, tmp_path: Path) -> Iterator[tuple[FixedClock, str]]:
    """A second service, with a clock of its own."""
    own = FixedClock(clock.moment)
    (tmp_path / "reference").mkdir()
    with closing(Storage(f"sqlite:///{tmp_path / 'reference' / 'yinxin.db'}")) as storage:
        storage.migrate()
        with served(TimeStampAuthority(Context(storage, own), stamps.units)) as server:
            yield own, server.url


def test_another_authority(
    reference: tuple[FixedClock, str], stamps: Stamps, clock: FixedClock, tmp_path: Path
) -> None:
    its_clock, url = reference
    home_folder = tmp_path / "home"
    home_folder.mkdir()
    write_home(home_folder, stamps.hierarchies, f'[tsa]\nclock_sources = ["{url}"]\n')
    home = Home(home_folder, clock)
    (home_folder / "trust").mkdir()
    root = write_pem(home_folder / "trust" / "reference.pem", stamps.hierarchies["sm2"].root.certificate)
    watch = clock_watch(home)
    assert watch is not None
    watch.require_agreement()
    its_clock.advance(1.4 * SECOND)  # it tells the second, and says that it is accurate to one
    watch.look()
    watch.require_agreement()
    its_clock.advance(2 * SECOND)
    watch.look()
    with pytest.raises(YinxinError, match=r"off by 2\.000 s"):
        watch.require_agreement()
    write_pem(root, stamps.hierarchies["rsa"].root.certificate)
    watch.look()
    with pytest.raises(YinxinError, match="no trusted issuer"):
        watch.require_agreement()


def test_a_misspelt_source_refuses_to_start() -> None:
    with pytest.raises(ValueError, match="no source of time: chronyd"):
        TsaSettings(clock_sources=("chronyd",))
