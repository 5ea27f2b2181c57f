"""The responder of an installation: it answers by right of the certificates that lie in its home."""

from datetime import timedelta

from ca.status import StatusReader
from core.home import Home
from ocsp.allowance import Allowance
from ocsp.cache import AnswerCache
from ocsp.certificate import Certificate
from ocsp.counters import Counters
from ocsp.delegation import Delegation
from ocsp.desk import Desk
from ocsp.feed import Feed
from ocsp.http import Service
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
    return _responder(home, StatusReader(home.storage))


def _responder(home: Home, reader: StatusReader) -> Responder:
    validity = timedelta(hours=home.configuration.ocsp.response_hours)
    return Responder(reader, load_delegations(home), home.clock, validity, reader.next_crl)


def open_service(home: Home, counters: Counters) -> tuple[Service, Feed]:
    """What answers over HTTP, and the feed that must be started with it. `YinxinError` as above."""
    settings, reader = home.configuration.ocsp, StatusReader(home.storage)
    cache = AnswerCache(settings.cache_mib * 1024 * 1024)
    feed = Feed(reader, reader.issuers(), cache)
    desk = Desk(_responder(home, reader), home.clock, Allowance(settings.nonce_per_second), cache, feed)
    return Service({b"": desk}, home.clock, counters), feed
