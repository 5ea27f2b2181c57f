"""GM/T 0014: a certificate authority and a key-management centre that know each other only by signed bytes."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ca.escrow import EncryptionKeys
from ca.kmc import messages
from ca.kmc.client import LocalCentre, RemoteCentre, certificate_number
from ca.kmc.handler import Handler
from ca.kmc.messages import Correspondent
from ca.kmc.recovery_rules import Path as RecoveryPath
from ca.kmc.state import Pool
from core.algorithms import KeyKind
from core.asn1 import der
from core.asn1 import key_management as structures
from core.asn1.enveloped_key import GM_SIGNED_AND_ENVELOPED_DATA
from core.certificates import armour
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.keys.encryption import encrypt_private_key
from core.keys.envelope import open_cms
from core.keys.envelope_reading import Shape, inspect, open_envelope
from core.keys.private_key import PycaKey, Sm2Key
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from tests.support import pki
from tests.support.ca import NOW
from tests.support.kmc import Centre, party
from tests.support.openssl import openssl


class Line:
    """The CA at one end, the centre at the other, and what went over."""

    def __init__(self, centre: Centre) -> None:
        self.centre = centre
        self.sent: list[bytes] = []
        self.answers: list[bytes] = []
        caller, called = party("ca link"), party("kmc link")
        self.handler = Handler(
            centre.desk, called.key, Correspondent(called.certificate), {"city": Correspondent(caller.certificate)}
        )
        self.client = RemoteCentre(
            self.carry, caller.key, Correspondent(caller.certificate), self.handler.centre, centre.context.clock
        )

    def carry(self, message: bytes) -> bytes:
        self.sent.append(message)
        self.answers.append(self.handler.answer(message))
        return self.answers[-1]


@pytest.fixture
def line(context: Context, tmp_path: Path) -> Line:
    return Line(Centre(context, tmp_path))


def holder(name: str = "张三") -> Sm2Key:
    key = party(name).key
    assert isinstance(key, Sm2Key)
    return key


def reason_of(answer: bytes) -> str:
    respond, _signed = messages.parse_message(answer, structures.KsRespond)
    (one,) = respond["responds"]
    assert one.name == "error"
    return str(one.chosen["description"].native)


def pools_of(line: Line) -> dict[Pool, int]:
    from ca.kmc.pools import statistics

    return {one.pool: one.count for one in statistics(line.centre.context)}


def test_a_key_pair_over_the_line_as_from_here(line: Line) -> None:
    line.centre.fill(2)
    local = LocalCentre(line.centre.context, line.centre.custodian, "ca")
    sources: tuple[EncryptionKeys, ...] = (line.client, local)
    for source in sources:
        request = line.centre.request()
        first, again = source.allot(request), source.allot(request)
        assert first.public_key_info == again.public_key_info
        found = inspect(first.envelope, holder(), first.public_key_info)
        assert found.key is not None
        assert found.remarks == ()
    assert pools_of(line) == {Pool.ACTIVE: 2}


def test_both_messages_are_good_by_an_implementation_that_is_not_ours(line: Line) -> None:
    line.centre.fill()
    allotted = line.client.allot(line.centre.request())
    for message, name in ((line.sent[0], "ca link"), (line.answers[0], "kmc link")):
        signed = structures.SignedMessage.load(message, strict=True)
        point = curve.point_of(party(name).key.public_key_info)
        assert point is not None
        assert GmsslEngine().verify(point, signed["signature"].native, signed["content"].dump())
    respond, _signed = messages.parse_message(line.answers[0], structures.KsRespond)
    enveloped = respond["responds"][0].chosen["private_key"]
    # What the answer carries is a GM envelope on its own, which its readers open, and its inner signature is good.
    alone = der.sequence(der.oid(GM_SIGNED_AND_ENVELOPED_DATA), der.explicit(0, enveloped.dump()))
    found = inspect(alone, holder(), allotted.public_key_info)
    assert found.shape is Shape.SIGNED_AND_ENVELOPED
    assert found.key is not None
    point = curve.point_of(party("kmc link").key.public_key_info)
    assert point is not None
    (signer,) = enveloped["signer_infos"]
    assert GmsslEngine().verify(point, signer["signature"].native, found.key.private_number())


def test_revocation_over_the_line(line: Line) -> None:
    line.centre.fill()
    request = line.centre.request()
    line.client.allot(request)
    line.client.revoke(request.reference)
    assert pools_of(line) == {Pool.HISTORICAL: 1}
    line.client.revoke(request.reference)  # an answer may be lost
    assert pools_of(line) == {Pool.HISTORICAL: 1}
    with pytest.raises(YinxinError, match="no key was allotted"):
        line.client.revoke("unknown")


def test_a_key_comes_back_only_after_the_officers_delivered_it(line: Line) -> None:
    centre = line.centre
    centre.fill()
    request = centre.request()
    allotted = line.client.allot(request)
    new_key = holder("张三").public_key_info

    def refused() -> None:
        with pytest.raises(YinxinError, match="approved and delivered"):
            line.client.restore(request.reference, new_key)

    refused()
    from ca.kmc.allotment import find_by_reference

    with centre.context.storage.reading() as connection:
        key = find_by_reference(connection, f"city/{certificate_number(request.reference):x}")
    number = centre.desk.request(
        centre.session("甲"),
        key=key,
        path=RecoveryPath.HOLDER,
        recipient=[party("张三").certificate],
        reason="lost",
    )
    for name in ("乙", "丙"):
        refused()
        centre.desk.approve(centre.session(name), number)
    refused()
    centre.desk.deliver(centre.session("甲"), number)
    restored = line.client.restore(request.reference, new_key)
    assert restored.public_key_info == allotted.public_key_info
    assert open_envelope(restored.envelope, holder()).public_key_info == allotted.public_key_info
    with pytest.raises(YinxinError, match="approved and delivered"):
        line.client.restore(request.reference, holder("李四").public_key_info)


def test_strangers_are_not_served(line: Line) -> None:
    line.centre.fill()
    stranger = party("路人")
    ours = line.client.sender
    for client in (
        replace(line.client, signer=stranger.key, sender=Correspondent(stranger.certificate)),
        replace(line.client, signer=stranger.key, sender=ours),
    ):
        with pytest.raises(YinxinError, match="refuses"):
            client.allot(line.centre.request())
    assert pools_of(line) == {Pool.SPARE: 1}


def test_an_old_request_is_not_served(line: Line, clock: FixedClock) -> None:
    line.centre.fill()
    line.client.allot(line.centre.request())
    clock.advance(timedelta(minutes=11))
    assert "not made just now" in reason_of(line.handler.answer(line.sent[0]))


def test_several_requests_stand_each_for_itself(line: Line, clock: FixedClock) -> None:
    line.centre.fill()
    asked = [
        messages.apply_request(
            certificate_number=number,
            signing_key=holder().public_key_info,
            holder=name,
            begin=clock.now(),
            end=clock.now(),
        )
        for number, name in ((1, b"\x30\x00"), (2, b"rubbish"), (3, party("张三").name), (4, party("张三").name))
    ]
    asked.append(messages.revoke_message(99))
    message = messages.sign_message(asked, line.client.signer, line.client.sender, at=clock.now(), task_number=7)
    respond, signed = messages.parse_message(line.handler.answer(message), structures.KsRespond)
    messages.check_signature(signed, line.handler.centre)
    assert [one.name for one in respond["responds"]] == ["error", "error", "apply", "apply", "error"]
    assert respond["task_number"].native == 7


def test_answers_to_something_else_are_not_taken(line: Line) -> None:
    line.centre.fill(2)
    line.client.allot(line.centre.request())
    earlier = line.answers[0]
    with pytest.raises(YinxinError, match="something else"):
        replace(line.client, send=lambda _message: earlier).allot(line.centre.request())
    impostor = Handler(line.centre.desk, party("路人").key, line.handler.centre, line.handler.authorities)
    with pytest.raises(YinxinError, match="not signed") as caught:
        replace(line.client, send=impostor.answer).allot(line.centre.request())
    assert caught.value.kind is Kind.FORBIDDEN
    with pytest.raises(YinxinError, match="GM/T 0014"):
        replace(line.client, send=lambda _message: b"<html>").allot(line.centre.request())


def test_rsa_keys_travel_too_and_openssl_opens_them(line: Line, tmp_path: Path) -> None:
    """The first time without a certificate, since CMS names its recipient by the signing certificate."""
    person = pki.root(KeyKind.RSA_2048, not_before=NOW - timedelta(days=1))
    request = replace(
        line.centre.request(), kind=KeyKind.RSA_2048, holder=person.name, signing_key=person.key.public_key_info
    )
    first, second = line.client.allot(request), line.client.allot(request, person.certificate)
    assert (first.envelope, first.public_key_info) == (b"", second.public_key_info)
    assert isinstance(person.key, PycaKey)
    opened = open_cms(second.envelope, person.certificate, person.key)
    assert opened.public_key_info == first.public_key_info
    for name, data in (("key", encrypt_private_key(person.key, b"pin")), ("cert", armour([person.certificate]))):
        (tmp_path / name).write_bytes(data)
    options = ("-inform", "DER", "-recip", tmp_path / "cert", "-inkey", tmp_path / "key", "-passin", "pass:pin")
    assert openssl("cms", "-decrypt", *options, data=second.envelope) == opened.pkcs8()
    assert not any(opened.pkcs8() in answer for answer in line.answers)
    with pytest.raises(YinxinError, match="one family"):
        line.client.allot(replace(line.centre.request(), kind=KeyKind.RSA_2048))


def test_an_envelope_that_names_another_signer_is_not_passed_on(line: Line) -> None:
    line.centre.fill()
    other = Correspondent(party("somebody else").certificate)
    handler = line.handler

    class Wrong(Handler):
        def _give(self, *arguments: object) -> bytes:
            return replace(handler, centre=other)._give(*arguments)  # type: ignore[arg-type]

    wrong = Wrong(handler.desk, handler.signer, handler.centre, handler.authorities)
    with pytest.raises(YinxinError, match="another signer"):
        replace(line.client, send=wrong.answer).allot(line.centre.request())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=200), position=st.integers(0, 10**6), change=st.integers(1, 255))
def test_rubbish_and_changed_requests_get_a_signed_refusal(line: Line, data: bytes, position: int, change: int) -> None:
    message = bytearray(
        messages.sign_message(
            [messages.revoke_message(1)],
            line.client.signer,
            line.client.sender,
            at=line.centre.context.clock.now(),
            task_number=1,
        )
    )
    message[position % len(message)] ^= change
    for wrong in (data, bytes(message)):
        answer = line.handler.answer(wrong)
        respond, signed = messages.parse_message(answer, structures.KsRespond)
        messages.check_signature(signed, line.handler.centre)
        assert [one.name for one in respond["responds"]] == ["error"]
        assert "no key was allotted" not in reason_of(answer)
