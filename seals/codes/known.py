"""The certificates of the seals in the register: at the centre nobody has to bring them."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import sqlalchemy as sa

from core.context import Context
from core.errors import YinxinError
from seals import records
from seals.register.applications import parse_application


@dataclass
class KnownSeals:
    """What the register knows of its seals, by their names. Certificates in DER, not trusted for being here."""

    owners: dict[str, set[bytes]] = field(default_factory=dict)
    """The owner's certificates, of every version."""
    certificates: dict[bytes, None] = field(default_factory=dict)
    """Those, and their issuers."""

    def add(self, name: str, *chain: bytes) -> None:
        """The owner's certificate first."""
        self.owners.setdefault(name, set()).add(chain[0])
        self.certificates |= dict.fromkeys(chain)


NO_OWNERS: Mapping[str, set[bytes]] = {}


def known_seals(context: Context) -> KnownSeals:
    """Every version of every seal, of whatever state."""
    found, seals = KnownSeals(), records.seals.c
    version, older = records.versions.c, records.seal_certificates.c
    with context.storage.reading() as connection:
        query = sa.select(seals.name, version.content).join(records.versions, version.seal_id == seals.id)
        for name, content in connection.execute(query.where(version.revision > 0)):
            try:
                application = parse_application(content)
            except YinxinError:
                continue
            found.add(name, application.certificate, *application.chain)
        query = sa.select(seals.name, older.certificate).join(records.seal_certificates, older.seal_id == seals.id)
        for name, certificate in connection.execute(query.where(older.position == 0)):
            found.add(name, certificate)
        found.certificates |= dict.fromkeys(connection.scalars(sa.select(older.certificate)))
    return found
