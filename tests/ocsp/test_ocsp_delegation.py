"""By what right a responder signs, and how that is kept."""

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.algorithms import KeyKind
from core.audit import entries
from core.clock import FixedClock
from core.context import Context
from core.errors import YinxinError
from core.keys.encryption import encrypt_private_key
from core.keys.store import KeyStore
from core.storage import Storage
from ocsp.certificate import Certificate
from ocsp.delegation import Delegation, install, load_delegations
from ocsp.request import build_request
from tests.support import pki
from tests.support.ocsp_judges import enclosed_certificates
from tests.support.ocsp_world import LONG_AGO, TOWNS, VALID, Books, World, about, delegation, responder_of

PASSPHRASE = b"correct horse"
TOWN = TOWNS[KeyKind.SM2]


@pytest.fixture
def key_store(tmp_path: Path) -> KeyStore:
    """With the key of the town's responder."""
    keep(tmp_path, "sm2", TOWN.responder)
    return KeyStore(tmp_path, lambda: PASSPHRASE)


def keep(folder: Path, name: str, party: pki.Party) -> None:
    (folder / f"{name}.pem").write_bytes(encrypt_private_key(party.key, PASSPHRASE))


def test_installed_and_loaded(each_storage: Storage, clock: FixedClock, key_store: KeyStore, tmp_path: Path) -> None:
    context = Context(each_storage, clock)
    assert load_delegations(context, key_store) == ()
    install(context, key_store, "sm2", TOWN.responder.certificate)
    renewed = TOWN.delegate(TOWN.issuing, "Responder")
    keep(tmp_path, "sm2-2", renewed)
    install(context, key_store, "sm2-2", renewed.certificate)
    loaded = load_delegations(context, key_store)
    assert [one.certificate.encoded for one in loaded] == [TOWN.responder.certificate, renewed.certificate]
    clock.advance(timedelta(days=1000))
    assert load_delegations(context, key_store) == ()


def test_installing_is_recorded(context: Context, key_store: KeyStore) -> None:
    install(context, key_store, "sm2", TOWN.responder.certificate)
    with context.storage.reading() as connection:
        (act,) = connection.execute(sa.select(entries.c.act)).scalars()
    assert act == "ocsp.delegation.install"


@pytest.mark.parametrize(
    ("certificate", "words"),
    [
        (lambda: TOWN.root_responder.certificate, "not for this key"),
        (lambda: b"no certificate", "not a certificate"),
        (
            lambda: pki._certify("X", TOWN.responder.key, TOWN.issuing, 7, False, (0,), (), LONG_AGO, 900).certificate,
            "not for signing",
        ),
        (
            lambda: (
                pki._certify(
                    "X", TOWN.responder.key, TOWN.issuing, 7, False, (0,), (pki.OCSP_SIGNING,), LONG_AGO, 3
                ).certificate
            ),
            "expired",
        ),
    ],
)
def test_not_installed(context: Context, key_store: KeyStore, certificate: object, words: str) -> None:
    with pytest.raises(YinxinError, match=words):
        install(context, key_store, "sm2", certificate())  # type: ignore[operator]
    assert load_delegations(context, key_store) == ()
    with context.storage.reading() as connection:
        assert connection.execute(sa.select(entries)).all() == []


def test_no_such_key(context: Context, key_store: KeyStore) -> None:
    with pytest.raises(YinxinError, match="no such key"):
        install(context, key_store, "rsa", TOWN.responder.certificate)


def test_the_newest_that_is_valid_signs(world: World) -> None:
    """The old certificate goes on until the new one's time comes, and again should the new one end earlier."""
    town = world.town
    short = town.delegate(town.issuing, "Short", days=401)
    question = build_request([about(town.issuing, VALID)])
    for delegations, signer in ((short, short.certificate), (town.responder, town.responder.certificate)):
        others = [party for party in (town.responder, short) if party is not delegations]
        responder = responder_of(world.books, *others, delegations)
        assert enclosed_certificates(responder.respond(question)) == [signer]
    later = delegation(short).certificate.not_after + timedelta(seconds=1)
    responder = responder_of(world.books, town.responder, short, now=later)
    assert enclosed_certificates(responder.respond(question)) == [town.responder.certificate]


def test_a_responder_needs_a_delegation(world: World) -> None:
    with pytest.raises(YinxinError, match="no responder certificate is installed"):
        responder_of(world.books)
    with pytest.raises(YinxinError, match="no responder certificate is installed"):
        responder_of(Books(), world.town.responder)


def test_a_stranger_delegates_nothing(world: World) -> None:
    """At the start, not when the first client complains."""
    his = world.town.delegate(world.town.stranger, "Responder")
    with pytest.raises(YinxinError, match="none of our issuers"):
        responder_of(world.books, world.town.responder, his)


def test_a_certificate_for_another_key(world: World) -> None:
    with pytest.raises(YinxinError, match="not for this key"):
        Delegation(world.town.responder.key, Certificate.load(world.town.root_responder.certificate))
