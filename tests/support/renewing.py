"""An installation whose responder is to renew its certificate, and whoever does what is to be done about it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import click

from ca import service_renewal
from ca.cli_services import group as service_certificates
from ca.cli_services import maintain
from ca.service import issue_service_certificate
from ca.status import StatusReader
from core.algorithms import SM3, KeyKind
from core.certificates import armour
from core.cli import Group, run
from core.clock import FixedClock
from core.home import Home
from core.keys import passphrase
from core.keys.private_key import kind_of
from core.service.installed import installed, newest
from core.service.keeper import Keeper
from core.subject import Subject
from ocsp.renewal import keeper_of
from ocsp.request import build_request, cert_id
from ocsp.responder import Responder
from ocsp.service import responder_of
from tests.support import ocsp_judges as judges
from tests.support.ca import TestCentre, pooled_key
from tests.support.ocsp_world import NOW, new_storage
from tests.support.pki import Party

DAY = timedelta(days=1)
DUE, OVERDUE, EXPIRED = NOW + 21 * DAY, NOW + 26 * DAY, NOW + 31 * DAY
KINDS = {"sm2": KeyKind.SM2, "rsa": KeyKind.P256}
"""The responders' keys: RSA takes long to make; a P-256 responder of an RSA authority is an ordinary thing."""


@dataclass
class Place:
    """An installation whose responder was certified NOW, for 30 days."""

    home: Home
    centre: TestCentre
    serial: int
    family: str
    responder: Responder = field(init=False)
    keeper: Keeper = field(init=False)

    def __post_init__(self) -> None:
        self.responder = responder_of(self.home)
        self.keeper = keeper_of(self.home, self.responder)

    @property
    def authority(self) -> str:
        return f"{self.family}-issuing"

    @property
    def clock(self) -> FixedClock:
        assert isinstance(self.home.clock, FixedClock)
        return self.home.clock

    def at(self, moment: datetime) -> "Place":
        self.clock.moment = moment
        return self

    def names(self) -> list[str]:
        return [one.key_name for one in installed(self.home, "ocsp")]

    def keys(self) -> list[str]:
        return sorted(path.stem for path in (self.home.path / "keys" / "ocsp").glob("*.pem"))

    def ask(self) -> bytes:
        (issuer,) = (one for one in StatusReader(self.home.storage).issuers() if one.name.endswith("-issuing"))
        return self.responder.respond(build_request([cert_id(issuer, self.serial, SM3)]))

    def signer(self) -> bytes:
        """The certificate that signs now; the answer is judged by software that is not ours."""
        (certificate,) = judges.enclosed_certificates(self.ask())
        return certificate

    def check_answer(self, folder: Path) -> None:
        response = self.ask()
        assert judges.statuses(response) == ["good"]
        newest_one = newest(self.home, "ocsp")[0]
        key = self.home.key_store("ocsp").signer(newest_one.key_name)
        if kind_of(key.public_key_info) is KeyKind.SM2:
            party = Party(b"", key, newest_one.certificate)  # type: ignore[arg-type]
            judges.check_signature(response, None, party, self.clock.now(), folder)

    def maintain(self) -> int:
        return len(service_renewal.grant_all(self.centre.ca)[0])

    def run(self, *arguments: str) -> int:
        @click.group(cls=Group)
        @click.pass_context
        def front_door(context: click.Context) -> None:
            context.obj = self.home

        front_door.add_command(service_certificates)
        front_door.add_command(maintain, "maintain")
        return run(front_door, arguments)


def found(family: str, folder: Path) -> Place:
    """A new one, of this family of keys."""
    home = Home(folder, FixedClock(NOW))
    (home.path / "yinxin.toml").write_text("")
    passphrase.create_file(home.passphrase_file("ocsp"))
    new_storage(home.database_url).close()
    centre = TestCentre(home.context).activate().build(KeyKind.SM2 if family == "sm2" else KeyKind.RSA_3072)
    authority = f"{family}-issuing"
    delegated = issue_service_certificate(
        centre.ca,
        authority=authority,
        profile="ocsp",
        subject=Subject.of_service("测试中心", f"OCSP {family}"),
        signer=home.key_store("ocsp").create(family, KINDS[family]),
        actor="keeper",
        reference="ceremony ocsp",
    )
    issuer = next(one for one in StatusReader(home.storage).issuers() if one.name == authority)
    certificates = home.certificates("ocsp")
    certificates.mkdir(parents=True)
    (certificates / f"{family}.pem").write_bytes(armour([delegated.certificate, issuer.certificate]))
    holder = centre.issue(authority=authority, key=pooled_key("holder", KINDS[family]))
    home.storage.close()
    return Place(home, centre, holder.serial, family)
