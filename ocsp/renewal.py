"""The responder's certificates, kept fresh while it answers."""

from core.home import Home
from core.service.keeper import Keeper
from ocsp.responder import Responder
from ocsp.service import load_delegations


def keeper_of(home: Home, *responders: Responder) -> Keeper:
    """Renews the certificates of one installation's responder, and has these take them up."""

    def take_up() -> None:
        delegations = load_delegations(home)
        for responder in responders:
            responder.delegate(delegations)

    return Keeper(home, "ocsp", take_up, when_expired="status is refused with tryLater")
