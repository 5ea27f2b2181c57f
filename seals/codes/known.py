"""The certificates of the seals in the register: at the centre nobody has to bring them."""

import sqlalchemy as sa

from core.context import Context
from core.errors import YinxinError
from seals import records
from seals.register.applications import parse_application


def certificates_of_seals(context: Context) -> list[bytes]:
    """Those of every version of every seal, with their issuers, DER; not trusted for being here."""
    found: dict[bytes, None] = {}
    table = records.versions.c
    with context.storage.reading() as connection:
        for content in connection.scalars(sa.select(table.content).where(table.revision > 0)):
            try:
                application = parse_application(content)
            except YinxinError:
                continue
            found |= dict.fromkeys([application.certificate, *application.chain])
        found |= dict.fromkeys(connection.scalars(sa.select(records.seal_certificates.c.certificate)))
    return list(found)
