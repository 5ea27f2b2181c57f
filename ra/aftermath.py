"""What follows a revocation: an urgent CRL, and word to the key-management centre.

The revocation stands whatever becomes of this, and OCSP knows it already; what was missed is told, and made up for
later by whoever publishes what is due.
"""

from collections.abc import Collection

from ca.crl.urgency import publish_urgent
from ca.encryption_keys import tell_centre
from ca.state import Reason
from core.home import Home
from core.i18n import _


def follow_up(home: Home, authorities: Collection[str], reason: Reason, *, actor: str) -> tuple[str, ...]:
    """Do what is due after certificates of these authorities were revoked; what could not be done, in words."""
    if not authorities:
        return ()
    missed = [publish_urgent(home, name, reason, actor=actor)[1] for name in authorities]
    # A centre elsewhere is told by whoever publishes the CRL, at the authority's end of the line.
    if not home.configuration.kmc.url and (untold := tell_centre(home)):
        missed.append(_("The key-management centre was not told: {reason}").format(reason=untold))
    return tuple(filter(None, missed))
