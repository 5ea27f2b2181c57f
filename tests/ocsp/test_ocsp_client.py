"""The client believes an answer only from whom may give it, about what it asked, at its time (RFC 6960 3.2)."""

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

import pytest
from cryptography import x509 as pyca_x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509 import ocsp as pyca_ocsp
from hypothesis import given, settings
from hypothesis import strategies as st

from core.algorithms import SHA1, SHA256, SM3, Digest, KeyKind
from core.clock import FixedClock
from core.errors import Kind, YinxinError
from core.keys.private_key import PycaKey
from ocsp import response as writing
from ocsp.certificate import Certificate
from ocsp.client import ask, explain, over_http
from ocsp.judgement import CLOCK_TOLERANCE, Standing, Verdict, judge
from ocsp.request import build_request
from ocsp.response import Letterhead, Reason, Refusal
from tests.support import pki
from tests.support.ocsp_world import (
    HELD,
    LONG_AGO,
    NEVER_ISSUED,
    NOW,
    REVOKED,
    TOWNS,
    VALID,
    VALIDITY,
    YESTERDAY,
    Status,
    Town,
    World,
    about,
    responder_of,
)

NONCE = bytes(range(32))


def certificate(party: pki.Party) -> Certificate:
    return Certificate.load(party.certificate)


def answer(world: World, serial: int = VALID, nonce: bytes | None = NONCE) -> bytes:
    return world.responder.respond(build_request([about(world.town.issuing, serial)], nonce))


def judged(world: World, response: bytes, serial: int = VALID, nonce: bytes | None = NONCE) -> Verdict:
    return judge(response, serial, certificate(world.town.issuing), world.clock.now(), nonce)


def written(
    world: World,
    signer: pki.Party,
    *,
    enclosed: bytes | None = None,
    about_whom: pki.Party | None = None,
    serial: int = VALID,
    from_now: timedelta = timedelta(0),
) -> bytes:
    """A response as anybody might write it who has this key."""
    when = NOW + from_now
    question = about(about_whom or world.town.issuing, serial)
    single = writing.single_response(question.encoded, writing.GOOD, when, when + VALIDITY)
    letterhead = Letterhead(signer.key, enclosed or signer.certificate)
    return letterhead.sign(letterhead.response_data(when, [single], NONCE))


@pytest.mark.parametrize("digest", [SHA1, SHA256, SM3], ids=lambda digest: digest.name)
def test_ask(world: World, digest: Digest) -> None:
    leaf = world.town.issuing.issue("Leaf", kind=world.town.kind, not_before=LONG_AGO)
    asked = certificate(leaf)
    world.books.statuses[2, asked.serial] = Status("valid")
    verdict = ask(asked, certificate(world.town.issuing), world.responder.respond, world.clock, digest, NONCE)
    assert verdict == Verdict(
        Standing.GOOD, None, None, NOW, NOW + VALIDITY, NOW, f"C=CN, O=Test, CN={world.town.kind} Responder", True, True
    )


class Said(NamedTuple):
    standing: Standing
    reason: Reason | None
    words: str


@pytest.mark.parametrize(
    ("serial", "said"),
    [
        (VALID, Said(Standing.GOOD, None, "is good")),
        (HELD, Said(Standing.REVOKED, Reason.CERTIFICATE_HOLD, "on hold since")),
        (REVOKED[Reason.KEY_COMPROMISE], Said(Standing.REVOKED, Reason.KEY_COMPROMISE, "other hands")),
        (REVOKED[Reason.SUPERSEDED], Said(Standing.REVOKED, Reason.SUPERSEDED, "replaced")),
        (REVOKED[Reason.UNSPECIFIED], Said(Standing.REVOKED, None, "no reason is given")),
        (NEVER_ISSUED, Said(Standing.UNKNOWN, None, "does not know")),
    ],
)
def test_standing_in_words(world: World, serial: int, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "en")
    verdict = judged(world, answer(world, serial), serial)
    assert (verdict.standing, verdict.reason) == said[:2]
    assert verdict.revoked_at == (YESTERDAY if said.standing is Standing.REVOKED else None)
    assert verdict.held is (serial == HELD)
    assert said.words in explain(verdict)


def test_signed_by_the_issuer_itself(world: World) -> None:
    """Its certificate is not enclosed: whoever asks has it."""
    response = responder_of(world.books, world.town.issuing).respond(
        build_request([about(world.town.issuing, VALID)], NONCE)
    )
    assert pyca_ocsp.load_der_ocsp_response(response).certificates == []
    assert not judged(world, response).delegated


def test_nonce(world: World) -> None:
    assert judged(world, answer(world)).nonce_returned
    # A responder may leave it out (RFC 5019 2.1.1): the client is told.
    assert not judged(world, answer(world, nonce=None)).nonce_returned
    with pytest.raises(YinxinError, match="nonce"):
        judged(world, answer(world, nonce=b"another"))


def expired(town: Town) -> pki.Party:
    return town.delegate(town.issuing, "Expired", days=10)


def without_purpose(town: Town) -> pki.Party:
    return town.issuing.issue("No purpose", kind=town.kind, not_before=LONG_AGO)


def for_time_stamping(town: Town) -> pki.Party:
    return town.issuing.issue("TSA", extended=(pki.TIME_STAMPING,), kind=town.kind, not_before=LONG_AGO)


def without_usage(town: Town) -> pki.Party:
    return town.issuing.issue(
        "Cannot sign", usages=(2,), extended=(pki.OCSP_SIGNING,), kind=town.kind, not_before=LONG_AGO
    )


def namesake(town: Town) -> pki.Party:
    """A responder of an authority that calls itself like ours."""
    return town.delegate(pki.root(town.kind, not_before=LONG_AGO, common_name=f"{town.kind} Issuing"), "Responder")


@pytest.mark.parametrize(
    "impostor",
    [
        lambda town: town.stranger,
        lambda town: town.delegate(town.stranger, "Responder"),
        lambda town: town.root_responder,  # RFC 6960 4.2.2.2: issued directly by the authority in question
        lambda town: town.root,
        namesake,
        without_purpose,
        for_time_stamping,
        without_usage,
        expired,
    ],
    ids=["stranger", "his responder", "root's", "root", "namesake's", "no purpose", "TSA", "no usage", "expired"],
)
def test_impostors(world: World, impostor: Callable[[Town], pki.Party]) -> None:
    with pytest.raises(YinxinError, match="cannot be believed") as raised:
        judged(world, written(world, impostor(world.town)))
    assert raised.value.kind is Kind.INVALID


def test_the_right_certificate_with_another_key(world: World) -> None:
    """The responder is named and enclosed truly; only the signature is somebody else's."""
    town = world.town
    response = written(world, town.stranger, enclosed=town.responder.certificate)
    with pytest.raises(YinxinError, match="may not answer"):
        judged(world, response)


def test_changed_answers(world: World) -> None:
    """Revoked made good by an octet: CertStatus [1] and [0]."""
    true = answer(world, NEVER_ISSUED)
    assert true.count(writing.UNKNOWN + b"\x18\x0f") == 1
    forged = true.replace(writing.UNKNOWN + b"\x18\x0f", writing.GOOD + b"\x18\x0f")
    with pytest.raises(YinxinError, match="signature is not good"):
        judged(world, forged, NEVER_ISSUED)


def test_about_something_else(world: World) -> None:
    with pytest.raises(YinxinError, match="another certificate"):
        judged(world, answer(world, HELD))
    # The same serial number of another issuer, by a responder that may speak for ours.
    with pytest.raises(YinxinError, match="another certificate"):
        judged(world, written(world, world.town.responder, about_whom=world.town.root))


def test_times(world: World) -> None:
    second = timedelta(seconds=1)
    at = world.town.responder
    judged(world, written(world, at, from_now=CLOCK_TOLERANCE))
    with pytest.raises(YinxinError, match="future"):
        judged(world, written(world, at, from_now=CLOCK_TOLERANCE + second))
    judged(world, written(world, at, from_now=-VALIDITY - CLOCK_TOLERANCE))
    with pytest.raises(YinxinError, match="outdated"):
        judged(world, written(world, at, from_now=-VALIDITY - CLOCK_TOLERANCE - second))


def test_refusals(world: World) -> None:
    for status in Refusal:
        with pytest.raises(YinxinError, match="gives no answer") as raised:
            judged(world, writing.refusal(status))
        assert raised.value.kind is Kind.UNAVAILABLE


@given(st.binary(max_size=100), st.integers(0, 3000), st.integers(0, 20))
@settings(deadline=None, max_examples=60)
def test_damaged_answers(put_in: bytes, start: int, taken_out: int) -> None:
    """Damage gives a refusal in words, or what was said."""
    world = World(TOWNS[KeyKind.SM2], TOWNS[KeyKind.RSA_2048])
    true = answer(world, HELD)
    damaged = true[:start] + put_in + true[start + taken_out :]
    try:
        verdict = judged(world, damaged, HELD)
    except YinxinError:
        return
    assert verdict.standing is Standing.REVOKED


def _nobody(request: bytes) -> bytes:
    raise AssertionError("asked")


def test_another_issuer_than_that_of_the_certificate(world: World) -> None:
    leaf = world.town.issuing.issue("Leaf", kind=world.town.kind, not_before=LONG_AGO)
    with pytest.raises(YinxinError, match="was not issued by"):
        ask(certificate(leaf), certificate(world.town.root), _nobody, FixedClock(NOW), SHA1, NONCE)


@pytest.mark.parametrize("by_name", [True, False])
def test_an_answer_that_cryptography_wrote(by_name: bool) -> None:
    """Another responder, RSA, that names itself by name or by key and gives no nextUpdate and no nonce."""
    town = TOWNS[KeyKind.RSA_2048]
    issuer, responder = (
        pyca_x509.load_der_x509_certificate(party.certificate) for party in (town.issuing, town.responder)
    )
    leaf = pyca_x509.load_der_x509_certificate(
        town.issuing.issue("Leaf", kind=KeyKind.RSA_2048, not_before=LONG_AGO).certificate
    )
    key = town.responder.key
    assert isinstance(key, PycaKey)
    encoding = pyca_ocsp.OCSPResponderEncoding.NAME if by_name else pyca_ocsp.OCSPResponderEncoding.HASH
    response = (
        pyca_ocsp.OCSPResponseBuilder()
        .add_response(
            leaf,
            issuer,
            hashes.SHA256(),
            pyca_ocsp.OCSPCertStatus.REVOKED,
            NOW,
            None,
            YESTERDAY,
            pyca_x509.ReasonFlags.superseded,
        )
        .responder_id(encoding, responder)
        .certificates([responder])
        .sign(key.key, hashes.SHA256())
        .public_bytes(serialization.Encoding.DER)
    )
    produced = pyca_ocsp.load_der_ocsp_response(response).produced_at_utc
    verdict = judge(response, leaf.serial_number, certificate(town.issuing), produced, NONCE)
    assert (verdict.standing, verdict.reason, verdict.revoked_at) == (Standing.REVOKED, Reason.SUPERSEDED, YESTERDAY)
    assert verdict.next_update is None
    assert not verdict.nonce_returned


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://example.org", "example.org", ""])
def test_not_an_address(url: str) -> None:
    with pytest.raises(YinxinError, match="not an address"):
        over_http(url)


def test_nobody_there() -> None:
    with pytest.raises(YinxinError, match="cannot be asked") as raised:
        over_http("http://127.0.0.1:9/")(b"")
    assert raised.value.kind is Kind.UNAVAILABLE
