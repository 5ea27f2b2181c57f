"""Which certificates were imported, for whoever moves or shows them."""

from collections.abc import Iterator

import sqlalchemy as sa

from ca.importing.profile import NAME
from ca.records import authorities, certificates, profiles

_PROFILES = sa.select(profiles.c.id).where(profiles.c.name == NAME)


def imported_certificate(connection: sa.Connection, authority: str, serial: int) -> bytes | None:
    """The imported holder's certificate of this number (DER); None if there is none, or only its number is known.

    That of an authority is no holder's.
    """
    found: bytes | None = connection.scalar(
        sa.select(certificates.c.certificate)
        .join(authorities, authorities.c.id == certificates.c.authority_id)
        .where(
            authorities.c.name == authority,
            certificates.c.serial == serial,
            certificates.c.profile_id.in_(_PROFILES),
            certificates.c.certificate.not_in(
                sa.select(authorities.c.certificate).where(authorities.c.certificate.is_not(None)).correlate(None)
            ),
        )
    )
    return found


def imported_certificates(connection: sa.Connection) -> Iterator[bytes]:
    """All of them (DER), those of the authorities themselves too; for auditors."""
    query = sa.select(certificates.c.certificate).where(
        certificates.c.certificate.is_not(None), certificates.c.profile_id.in_(_PROFILES)
    )
    yield from connection.execution_options(yield_per=1000).scalars(query)
