"""What follows a revocation: an urgent CRL, and word to the key-management centre.

The revocation stands whatever becomes of this, and OCSP knows it already; what was missed is told, and made up for
later by whoever publishes what is due.
"""

from collections.abc import Iterable

from ca.authorities import authority_of
from ca.crl import hours_of, publish
from ca.encryption_keys import tell_centre
from ca.state import Reason
from core.errors import YinxinError
from core.home import Home
from core.i18n import _


def follow_up(home: Home, authorities: Iterable[str], reason: Reason, *, actor: str) -> tuple[str, ...]:
    """Do what is due after certificates of these authorities were revoked; what could not be done, in words."""
    missed = []
    if reason is Reason.KEY_COMPROMISE:
        missed += [text for name in authorities if (text := _publish(home, name, actor))]
    # A centre elsewhere is told by whoever publishes the CRL, at the authority's end of the line.
    if not home.configuration.kmc.url and (reason_untold := tell_centre(home)):
        missed.append(_("The key-management centre was not told: {reason}").format(reason=reason_untold))
    return tuple(missed)


def _publish(home: Home, name: str, actor: str) -> str:
    try:
        with home.storage.reading() as connection:
            hours = hours_of(home.configuration.ca, authority_of(connection, name))
        publish(home.context, home.key_store("ca"), name, hours, actor=actor)
    except YinxinError as error:
        text = _("the CRL could not be published: {error}; run: yinxin ca crl publish {name}")
        return text.format(error=error, name=name)
    return ""
