"""The responder of an installation: it answers by right of the certificates that lie in its home."""

from datetime import timedelta

from ca.status import StatusReader
from core.home import Home
from core.service.installed import installed
from ocsp.certificate import Certificate
from ocsp.delegation import Delegation
from ocsp.responder import Responder


def load_delegations(home: Home) -> list[Delegation]:
    """One for each certificate of the service in the home; the key has its name in the authority's key store.

    Expired ones are left out: their keys may be gone. `YinxinError` if a key is missing or does not fit.
    """
    key_store, now = home.key_store("ocsp"), home.clock.now()
    return [
        Delegation(key_store.signer(one.key_name), Certificate.load(one.certificate))
        for one in installed(home, "ocsp")
        if now <= one.not_after
    ]


def responder_of(home: Home) -> Responder:
    """Ready to answer. `YinxinError` if no valid responder certificate is installed, or its key does not open."""
    settings = home.configuration.ocsp
    return Responder(
        StatusReader(home.storage),
        load_delegations(home),
        home.clock,
        timedelta(hours=settings.response_hours),
        archive_cutoff=settings.archive_cutoff,
        extended_revoked=settings.extended_revoked,
    )
