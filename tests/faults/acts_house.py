"""What the house does for itself: checkpoints, certificates of services, backups."""

from functools import partial
from pathlib import Path

import sqlalchemy as sa
from asn1crypto import x509

from audit.checkpoints import Notary
from audit.key import public_keys
from audit.rotation import open_key
from ca import service_renewal
from core.audit import entries
from core.errors import Kind, YinxinError
from core.home import Authority, Home
from core.service.installed import installed
from core.service.renewal import renew
from tests.faults.kills import Tell
from tests.faults.world import LABEL, World
from yinxin.backup import container
from yinxin.backup.making import make
from yinxin.backup.records import backups

SERVICE: Authority = "ocsp"


def sign_checkpoint(world: World, tell: Tell) -> None:
    """Everything is ordered, and a checkpoint signed over it."""
    home = world.home
    made = Notary.of(home.context, partial(open_key, home), home.configuration.audit, None).checkpoint()
    tell(checkpoint=[made.checkpoint.size, made.note.decode()])


def renew_service(world: World, tell: Tell) -> None:
    """A responder's certificate: asked for, issued, installed, the older one removed with its key."""
    names = {LABEL}
    if asked := renew(world.home, SERVICE, names=names, early=True).asked:  # else it was before, and cut short
        tell(house=["asked", *asked])
    service_renewal.grant_all(world.ca)
    tell(house=["installed", *renew(world.home, SERVICE, names=set()).installed])


def service_findings(home: Home) -> list[str]:
    """After the next round: a key for each certificate, one certificate for each name, each installation recorded."""
    renew(home, SERVICE, names=set())
    present = installed(home, SERVICE)
    named = {one.key_name for one in present}
    keys = set(home.key_store(SERVICE).names())
    with home.storage.reading() as connection:
        recorded = _logged(connection, "service.certificate.install")
        removed = _logged(connection, "service.certificate.remove")
    found = [f"half: {one} has a certificate and no key" for one in named - keys]
    current = {one.next_key_name for one in present}
    found += [f"half: the key {one} is left over" for one in keys - named - current]
    found += [f"half: {one} was installed, and the log says nothing" for one in named - recorded if ".g" in one]
    generations = max((one.generation for one in present if one.name == LABEL), default=1)
    for generation in range(1, generations):
        name = LABEL if generation == 1 else f"{LABEL}.g{generation}"
        if name not in named and name not in removed:
            found.append(f"half: {name} was removed, and the log says nothing")
    for one in present:
        signer = home.key_store(SERVICE).signer(one.key_name)
        if x509.Certificate.load(one.certificate).public_key.dump() != signer.public_key_info:
            found.append(f"half: {one.key_name} has another key's certificate")
    return found


def _logged(connection: sa.Connection, act: str) -> set[str]:
    """What entries of this act are about."""
    return {str(one) for one in connection.scalars(sa.select(entries.c.subject).where(entries.c.act == act))}


def back_up(world: World, tell: Tell) -> None:
    """A backup of everything, encrypted to one custodian."""
    folder = world.home.path.parent / "backups"
    folder.mkdir(exist_ok=True)
    try:
        made = make(world.home, folder, [world.custodian], actor="campaign")
    except YinxinError as error:
        if error.kind is not Kind.CONFLICT:
            raise
        return  # one of this very second has the name
    tell(house=["backup", made.file.name])


def backup_findings(home: Home) -> list[str]:
    """Every backup that has its name is whole, and every one that the books have is there."""
    folder = home.path.parent / "backups"
    whole = set()
    keys = public_keys(home)
    for file in folder.glob("*.backup"):
        with container.opened(file, audit_keys=keys):
            whole.add(file.name)
    with home.storage.reading() as connection:
        known = {Path(place).name for place in connection.scalars(sa.select(backups.c.place))}
        logged = _logged(connection, "backup.make")
    return [f"half: the backup {one} is in the books and not there" for one in known - whole] + [
        f"half: the backup {one} is there, and the log says nothing" for one in whole - logged
    ]
