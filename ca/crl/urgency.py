"""Lists that cannot wait: after a revocation of which those who rely on lists must learn at once."""

import os

from ca.crl.publication import URGENT, PublishedCrl, publish_due
from ca.state import Reason
from core.errors import YinxinError
from core.home import Home
from core.i18n import _


def publish_urgent(home: Home, authority: str, reason: Reason, *, actor: str) -> tuple[list[PublishedCrl], str]:
    """Publish, as far as this process has the key, what the revocation made due; else say why it was not done.

    The revocation stands in any case, and makes the list due: the next `publish` fulfils it.
    """
    if reason not in URGENT:
        return [], ""
    if not (home.passphrase_file("ca").exists() or "YINXIN_CA_PASSPHRASE" in os.environ):
        return [], _("The CRL is due; it is published where the CA's keys are: yinxin ca crl publish")
    published = []
    try:
        for outcome in publish_due(
            home.context, home.key_store("ca"), home.configuration.ca, only=authority, actor=actor
        ):
            if isinstance(outcome, YinxinError):
                raise outcome
            published.append(outcome)
    except (YinxinError, OSError) as error:
        return published, _("the CRL is due, but could not be published: {reason}").format(reason=error)
    return published, ""
