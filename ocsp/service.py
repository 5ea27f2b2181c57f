"""The responder of an installation: it answers by right of the certificates that lie in its home."""

from collections.abc import Sequence
from datetime import timedelta

from ca.books import ATTRIBUTES
from ca.status import StatusReader
from core.health import Health
from core.home import Home
from core.service.installed import installed
from ocsp.allowance import Allowance
from ocsp.cache import AnswerCache
from ocsp.certificate import Certificate
from ocsp.counters import Counters
from ocsp.delegation import Delegation
from ocsp.desk import Desk
from ocsp.feed import Feed
from ocsp.health import checks
from ocsp.http import Service
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
    return _responder(home, StatusReader(home.storage))


class AttributeResponder(Responder):
    """Answers about attribute certificates (OASP), by right of the CAs that certified their authorities."""

    def delegate(self, delegations: Sequence[Delegation]) -> None:
        """Sign by those of the delegations that these CAs gave."""
        delegators = [issuer.delegator for issuer in self._known]
        super().delegate([one for one in delegations if any(map(one.certificate.answers_for, delegators))])


def attribute_responder_of(home: Home) -> Responder | None:
    """Ready to answer; None where there is no attribute authority. `YinxinError` as for `responder_of`."""
    reader = StatusReader(home.storage, ATTRIBUTES)
    return _responder(home, reader, AttributeResponder) if reader.issuers() else None


def _responder(
    home: Home, reader: StatusReader, kind: type[Responder] = Responder, feed: Feed | None = None
) -> Responder:
    settings = home.configuration.ocsp
    return kind(
        reader,
        load_delegations(home),
        home.clock,
        timedelta(hours=settings.response_hours),
        feed.next_crl if feed else reader.next_crl,
        archive_cutoff=settings.archive_cutoff,
        extended_revoked=settings.extended_revoked,
    )


def open_service(home: Home, counters: Counters) -> tuple[Service, Feed, list[Responder]]:
    """What answers over HTTP, the feed that must be started with it, and who signs. `YinxinError` as above."""
    settings, reader = home.configuration.ocsp, StatusReader(home.storage)
    cache = AnswerCache(settings.cache_mib * 1024 * 1024)
    feed = Feed(reader, reader.issuers(), cache)
    responder = _responder(home, reader, feed=feed)
    allowance = Allowance(settings.nonce_per_second)
    desks = {b"": Desk(responder, home.clock, allowance, cache, feed, at_hand=reader.at_hand)}
    responders = [responder]
    if attributes := attribute_responder_of(home):
        # Without a feed: each answer is read from the books, which are small.
        desks[b"/oasp"] = Desk(attributes, home.clock, Allowance(settings.nonce_per_second), AnswerCache(0))
        responders.append(attributes)
    return Service(desks, home.clock, counters, Health(checks(home))), feed, responders
