"""A home with the keys and certificates of a unit and of a seal maker; its seals are made by the commands."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from core import files
from core.algorithms import KeyKind
from core.certificates import armour
from core.config import FILE_NAME
from core.home import DATABASE, Home
from core.keys import passphrase
from core.keys.private_key import Sm2Key
from tests.support.seal_people import CUSTODIAN, MANAGERS, Crew, OfficeSupport
from tests.support.seal_service import front_door
from tests.support.sealing import NAME, Office


@dataclass
class Installation:
    home: Home
    office: Office
    crew: Crew

    def act(self, who: str, *arguments: str | Path) -> int:
        """A command that somebody signs for."""
        key, pin = self.home.path / "key.pem", self.home.path / "pin"
        key.touch()
        pin.touch(mode=0o600)
        pin.write_text("123456")
        return self.run(*arguments, "--as", who, "--key", key, "--pin-file", pin)

    def run(self, *arguments: str | Path) -> int:
        """The command as the front door runs it."""
        return front_door(self.home, lambda: OfficeSupport(self.office), self.crew)(*arguments)


def installation_in(folder: Path, database: Path, office: Office) -> Installation:
    """In a new folder, with a copy of the database."""
    folder.mkdir()
    (folder / FILE_NAME).write_text("[seals]\nmaximum_document_mib = 1\n")
    shutil.copy(database, folder / DATABASE)
    home = Home(folder, office.clock)
    passphrase.create_file(home.passphrase_file("seals"))
    store = home.key_store("seals")
    for name in ("unit", "maker"):
        key = store.create(name, KeyKind.SM2)
        assert isinstance(key, Sm2Key)
        party = office.issuing.issue(NAME, key=key, not_before=office.start)
        files.write(home.certificates("seals") / f"{name}.pem", armour([party.certificate, *party.chain]))
    files.write(home.trust / "root.pem", armour([office.root.certificate]))
    return Installation(home, office, Crew(office))


def register(installation: Installation, name: str, *options: str) -> None:
    """A seal from its application to its activation, by the commands."""
    applicant, *approvers = MANAGERS
    order = ("--owner", NAME, "--key-name", "unit", "--custodian", CUSTODIAN, *options)
    assert installation.act(applicant, "register", "apply", name, *order) == 0
    for approver in approvers:
        assert installation.act(approver, "register", "approve", name) == 0
    assert installation.act(applicant, "register", "make", name, "--maker", "maker", "--json") == 0
    assert installation.act(CUSTODIAN, "register", "activate", name) == 0
