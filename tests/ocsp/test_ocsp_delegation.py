"""By what right a responder signs."""

from datetime import timedelta

import pytest

from core.errors import YinxinError
from ocsp.certificate import Certificate
from ocsp.delegation import Delegation
from ocsp.request import build_request
from tests.support.ocsp_judges import enclosed_certificates
from tests.support.ocsp_world import LONG_AGO, VALID, Books, World, about, delegation, responder_of


def test_the_newest_that_is_valid_signs(world: World) -> None:
    """From the day that a new certificate begins; and the old one again, should the new one end earlier."""
    town, day = world.town, timedelta(days=1)
    old, new = town.responder, town.delegate(town.issuing, "New", not_before=LONG_AGO + 100 * day, days=10)
    begin, end = delegation(new).certificate.not_before, delegation(new).certificate.not_after
    for moment, signer in ((begin - day, old), (begin, new), (end, new), (end + day, old)):
        for order in ((old, new), (new, old)):
            responder = responder_of(world.books, *order, now=moment)
            response = responder.respond(build_request([about(town.issuing, VALID)]))
            assert enclosed_certificates(response) == [signer.certificate]


def test_a_responder_needs_a_delegation(world: World) -> None:
    with pytest.raises(YinxinError, match="no valid responder certificate is installed"):
        responder_of(world.books)
    with pytest.raises(YinxinError, match="no valid responder certificate is installed"):
        responder_of(Books(), world.town.responder)


def test_a_stranger_delegates_nothing(world: World) -> None:
    """At the start, not when the first client complains."""
    his = world.town.delegate(world.town.stranger, "Responder")
    with pytest.raises(YinxinError, match="none of our issuers"):
        responder_of(world.books, world.town.responder, his)


def test_a_certificate_for_another_key(world: World) -> None:
    with pytest.raises(YinxinError, match="not for this key"):
        Delegation(world.town.responder.key, Certificate.load(world.town.root_responder.certificate))
