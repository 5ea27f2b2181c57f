"""Whether a person's certificate still stands, where the books beside the centre's own know it."""

import sqlalchemy as sa
from asn1crypto import x509

from ca.history import steps_of
from ca.records import authorities
from ca.state import State
from core.errors import Kind, YinxinError
from core.i18n import _


def require_standing(connection: sa.Connection, certificate: bytes, *, subject: str) -> None:
    """Return unless the certificate (DER) is held or revoked; else `YinxinError` (forbidden).

    A certificate that is in none of our books passes: a centre on a machine of its own keeps no such books, and there
    removes an officer's file instead.
    """
    parsed = x509.Certificate.load(certificate)
    issuers = connection.scalars(sa.select(authorities.c.id).where(authorities.c.subject == parsed.issuer.dump()))
    for issuer in list(issuers):
        steps = steps_of(connection, issuer, parsed.serial_number)
        if steps and steps[-1].state in (State.HELD, State.REVOKED):
            raise YinxinError(
                Kind.FORBIDDEN,
                _("the certificate is {state}").format(state=steps[-1].state.value),
                subject=subject,
                remedy=_("name somebody whose certificate stands"),
            )
