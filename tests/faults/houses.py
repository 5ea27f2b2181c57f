"""What is done with a whole house: migrated, founded, given new custodians. Each death is in a house of its own."""

import shutil
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa

from ca import custody
from ca.ceremony.plan import load_plan
from ca.records import certificates
from core.algorithms import KeyKind
from core.audit import entries
from core.home import Authority, Home
from core.keys.custody import Custody, is_entrusted, read_custody
from core.keys.key_file import open_kept_key
from core.keys.sealed import unseal
from core.keys.shares import Share, parse_share
from core.storage import Storage
from tests.faults.kills import Tell
from tests.faults.world import LONG_AGO
from tests.support import pki
from tests.support.ceremony import Stage
from yinxin import installation, root_home, upgrade

OLD_HOME = Path(__file__).parents[1] / "yinxin" / "home-of-revision-0003.tar.xz"
STORE: Authority = "audit"
ROOT = """
[[roots]]
name = "sm2-root"
key = "sm2"
path_length = 1
subject = { organization = "示范市数字证书认证中心", common_name = "示范市 SM2 根证书" }
"""


@dataclass(frozen=True)
class House:
    """How one is made ready, what is done with it, and what is wrong after somebody died and it was done again."""

    ready: Callable[[Path], None]
    act: Callable[[Path, Tell], None]
    findings: Callable[[Path, bool], Sequence[str]]
    """Handed whether the caller was told that it is done."""


def _old_home(folder: Path) -> None:
    with tarfile.open(OLD_HOME) as archive:
        archive.extractall(folder / "home", filter="data")


def _migrate(folder: Path, tell: Tell) -> None:
    """As `yinxin migrate` does."""
    home = Home(folder / "home")
    storage = Storage(home.database_url)
    storage.migrate()
    storage.close()
    upgrade.make_lookup_key(home)
    upgrade.begin_audit_log(home)
    installation.name_makers(home)
    upgrade.adopt_profiles(home, actor="campaign")
    home.storage.close()
    tell(done=True)


def _migrated(folder: Path, _told: bool) -> list[str]:
    _migrate(folder, lambda **_what: None)
    home = Home(folder / "home")
    shipped = {file.name for file in (installation.default_configuration() / "profiles").glob("*.toml")}
    found = [f"lost: profile {name}" for name in shipped - {file.name for file in home.profiles.glob("*.toml")}]
    with home.storage.reading() as connection:
        count = connection.scalar(sa.select(sa.func.count()).select_from(certificates))
        found += [] if connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok" else ["database damaged"]
        begun = connection.scalar(sa.select(sa.func.count()).where(entries.c.act == "audit.log.begin"))
    found += [] if begun == 1 else [f"double: the log was begun {begun} times"]
    found += [] if count and count >= 14 else [f"lost: {count} certificates are left"]
    for store in home.path.joinpath("keys").iterdir():
        keys = home.key_store(store.name)  # type: ignore[arg-type]
        for name in keys.names():
            keys.signer(name)
    home.storage.close()
    return found


class Shares:
    """Custodians with keys, who open the shares that they were sent."""

    def __init__(self) -> None:
        self.parties = [
            pki.root(KeyKind.SM2, not_before=LONG_AGO, common_name=f"custodian {number}") for number in range(3)
        ]
        issued = [
            one.issue(f"custodian {place}", key=one.key, usages=(2, 3), not_before=LONG_AGO)
            for place, one in enumerate(self.parties)
        ]
        self.custodians = [custody.Custodian(f"c{place}", one.certificate) for place, one in enumerate(issued)]

    def read(self, folder: Path) -> list[Share]:
        files = sorted(folder.glob("share-*.pem"))[:2]
        keys = {f"share-{place}.pem": one.key for place, one in enumerate(self.parties, 1)}
        return [parse_share(unseal(file.read_bytes(), keys[file.name]).decode()) for file in files]


def custody_house(template: Path) -> House:
    """The audit key goes from a passphrase in a file into the hands of three."""
    shares = Shares()

    def ready(folder: Path) -> None:
        shutil.copytree(template, folder / "home")

    def act(folder: Path, tell: Tell) -> None:
        home = Home(folder / "home")
        place = custody.Folders(None, folder / "shares")
        set_of = custody.renew(home, STORE, shares.custodians, 2, place, actor="campaign")
        tell(prepared=set_of.set_id)
        _confirm(home, folder)
        tell(done=True)

    def _confirm(home: Home, folder: Path) -> Custody:
        with pytest.MonkeyPatch.context() as patched:
            patched.setattr("ca.custody.collect", lambda *_arguments: shares.read(folder / "shares"))
            return custody.confirm(home, STORE, actor="campaign")

    def findings(folder: Path, told: bool) -> list[str]:
        home = Home(folder / "home")
        place = home.path / "keys" / STORE
        home.key_store(STORE)  # settles what was interrupted
        if not is_entrusted(place):
            if told:
                return ["lost: the new shares are not in force"]
            custody.open_every_key(home, STORE)  # by the passphrase of before
            shutil.rmtree(folder / "shares", ignore_errors=True)
            act(folder, lambda **_what: None)
            home = Home(folder / "home")
        in_force = read_custody(place)
        opened = in_force.combine(shares.read(folder / "shares"))
        found = [] if _opens(place, opened) else ["half: a key does not open with the shares in force"]
        with home.storage.reading() as connection:
            confirmed = connection.scalars(sa.select(entries.c.entry).where(entries.c.act == "core.custody.confirm"))
            if not any(in_force.set_id.encode() in one for one in confirmed):
                found.append("half: shares are in force, and the log says nothing")
        home.storage.close()
        leftover = [one.name for one in place.parent.iterdir() if one.name.startswith(f".{STORE}.old")]
        return found + [f"half: {one} is left over" for one in leftover]

    return House(ready, act, findings)


def _opens(folder: Path, passphrase: bytes) -> bool:
    return all(open_kept_key(file, passphrase) for file in folder.glob("*.pem"))


def ceremony_house(folder: Path) -> House:
    """Root keys are made by a ceremony, their shares encrypted to those present."""
    stage = Stage(folder)
    plan = stage.plan(ROOT, delivery="encrypted")
    text = plan.read_text(encoding="utf-8")

    def ready(place: Path) -> None:
        shutil.copytree(folder / "people", place / "people")
        (place / "ceremony.toml").write_text(text, encoding="utf-8")

    def act(place: Path, tell: Tell) -> None:
        root_home.hold(place / "home", load_plan(place / "ceremony.toml"), clock=stage.clock)
        tell(done=True)

    def findings(place: Path, told: bool) -> list[str]:
        there = [(place / name).exists() for name in ("home", "out")]
        if told and not all(there):
            return ["lost: the ceremony's results are not there"]
        if there[0] and not there[1]:
            return ["half: there is a home, and nothing of what it published"]
        if not there[0]:
            shutil.rmtree(place / "out", ignore_errors=True)  # as the command says that one may
            act(place, lambda **_what: None)
        names = sorted(path.name for path in (place / "out").iterdir())
        return [] if root_home.TRANSCRIPT in names else [f"half: {names}"]

    return House(ready, act, findings)


MIGRATION = House(_old_home, _migrate, _migrated)
