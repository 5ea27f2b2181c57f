"""The responder of an installation: it answers by right of the certificates that lie in its home."""

from datetime import timedelta

from ca.books import ATTRIBUTES
from ca.status import StatusReader
from core.home import Home
from ocsp.certificate import Certificate
from ocsp.delegation import Delegation
from ocsp.responder import Responder


def load_delegations(home: Home) -> list[Delegation]:
    """One for each `certificates/ocsp/NAME.pem`; the key is NAME in the authority's key store.

    Expired ones are left out: their keys may be gone. `YinxinError` if a key is missing or does not fit.
    """
    key_store, now = home.key_store("ocsp"), home.clock.now()
    files = sorted(home.certificates("ocsp").glob("*.pem"))
    certificates = {file.stem: Certificate.read(file) for file in files}
    return [
        Delegation(key_store.signer(name), certificate)
        for name, certificate in certificates.items()
        if now <= certificate.not_after
    ]


def responder_of(home: Home) -> Responder:
    """Ready to answer. `YinxinError` if no valid responder certificate is installed, or its key does not open."""
    validity = timedelta(hours=home.configuration.ocsp.response_hours)
    return Responder(StatusReader(home.storage), load_delegations(home), home.clock, validity)


def attribute_responder_of(home: Home) -> Responder | None:
    """The responder for attribute certificates (OASP), ready to answer; None where there is no attribute authority.

    It signs with the keys of the responders that the attribute authorities' CAs have certified.
    """
    source = StatusReader(home.storage, ATTRIBUTES)
    issuers = source.issuers()
    if not issuers:
        return None
    delegations = [
        delegation
        for delegation in load_delegations(home)
        if any(delegation.certificate.answers_for(issuer.delegator) for issuer in issuers)
    ]
    return Responder(source, delegations, home.clock, timedelta(hours=home.configuration.ocsp.response_hours))
