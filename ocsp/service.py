"""The responder of an installation: its delegations, the CA's status, the configured times."""

from datetime import timedelta

from ca.status import StatusReader
from core.home import Home
from ocsp.delegation import load_delegations
from ocsp.responder import Responder


def responder_of(home: Home) -> Responder:
    """Ready to answer. `YinxinError` if no valid responder certificate is installed, or its key does not open."""
    return Responder(
        StatusReader(home.storage),
        load_delegations(home.context, home.key_store("ocsp")),
        home.clock,
        timedelta(hours=home.configuration.ocsp.response_hours),
    )
