"""Requests that are answered together: each gets its own answer, whatever becomes of the others."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest

from core.algorithms import SHA256, Algorithm
from core.clock import FixedClock
from core.context import Context
from core.keys.signer import Signer
from core.server.exchange import Exchange
from core.storage import Storage
from tests.support.tsa import Stamps, read_response
from tsa.authority import Asked, Outcome, TimeStampAuthority, answer_of
from tsa.http import TimeStampService
from tsa.request import QUERY, MessageImprint, TimeStampRequest
from tsa.response import Answer, PKIFailureInfo, token_of
from tsa.verification import read_token


def request(place: int, policy: str | None = None) -> bytes:
    imprint = MessageImprint.of(SHA256, SHA256.of(bytes([place])))
    return TimeStampRequest(imprint, policy, nonce=place + 1, wants_certificates=True).encode()


@dataclass
class Broken:
    """A signer whose second signature fails."""

    signer: Signer
    signed: list[bytes] = field(default_factory=list)

    @property
    def algorithm(self) -> Algorithm:
        return self.signer.algorithm

    @property
    def public_key_info(self) -> bytes:
        return self.signer.public_key_info

    def sign(self, data: bytes) -> bytes:
        self.signed.append(data)
        if len(self.signed) == 2:
            raise OSError("the device does not answer")
        return self.signer.sign(data)


def answers(authority: TimeStampAuthority, requests: list[bytes]) -> list[Answer]:
    """What each is told; those with tokens once the recorder has them."""
    told: dict[int, Outcome] = {}
    authority.answer([Asked(one, None, partial(told.__setitem__, place)) for place, one in enumerate(requests)])
    authority.respond(request(99))  # is recorded after them
    return [answer_of(told[place]) for place in range(len(requests))]


@pytest.mark.parametrize("ordering", [False, True])
def test_each_gets_its_own_answer(context: Context, stamps: Stamps, ordering: bool) -> None:
    unit = next(one for one in stamps.units if one.name == "p256")
    signer = Broken(unit.signer)
    authority = TimeStampAuthority(context, [replace(unit, signer=signer, ordering=ordering)], ordering=ordering)
    told = answers(authority, [request(0), b"no request", request(1), request(2, "1.2.3"), request(3)])
    assert [answer.failure for answer in told] == [
        None,
        PKIFailureInfo.BAD_DATA_FORMAT,
        PKIFailureInfo.SYSTEM_FAILURE,
        PKIFailureInfo.UNACCEPTED_POLICY,
        None,
    ]
    assert len(signer.signed) == 4  # with that of the last
    for place, answer in ((0, told[0]), (3, told[4])):
        _status, _failures, token = read_response(answer.response)
        assert token is not None
        stamped = read_token(token)  # checks the signature
        assert stamped.imprint == SHA256.of(bytes([place])) and stamped.nonce == place + 1


def test_all_who_come_too_late_are_told(storage: Storage, clock: FixedClock, stamps: Stamps) -> None:
    """Another process has given a later time, and the clock of this one never gets there."""
    ahead = TimeStampAuthority(Context(storage, FixedClock(clock.now() + timedelta(hours=1))), stamps.units)
    assert answers(ahead, [request(0)])[0].failure is None
    behind = TimeStampAuthority(Context(storage, clock), stamps.units)
    told = answers(behind, [request(1), request(2)])
    assert [answer.failure for answer in told] == [PKIFailureInfo.TIME_NOT_AVAILABLE] * 2


def test_each_is_told_in_their_own_language(context: Context, stamps: Stamps) -> None:
    service = TimeStampService(TimeStampAuthority(context, stamps.units))
    outcomes: dict[bytes, Any] = {}
    exchanges = {
        language: Exchange(b"POST", b"/tsa", b"no request", QUERY.encode(), accept_language=language)
        for language in (b"", b"zh-CN", b"en")
    }
    service.answer([(exchange, partial(outcomes.__setitem__, language)) for language, exchange in exchanges.items()])
    told = {language: service.finish(exchange, outcomes[language]).body for language, exchange in exchanges.items()}
    assert told[b""] == told[b"en"] != told[b"zh-CN"]
    assert "不是" in told[b"zh-CN"].decode(errors="replace")


def test_a_failure_is_told_in_the_clients_language(context: Context, stamps: Stamps) -> None:
    service = TimeStampService(TimeStampAuthority(context, stamps.units))
    exchange = Exchange(b"POST", b"/tsa", b"", QUERY.encode(), accept_language=b"zh-CN")
    status, failures, token = read_response(service.finish(exchange, OSError("no disk")).body)
    assert (status, failures, token) == (2, {"system_failure"}, None)
    assert "故障" in service.finish(exchange, OSError("no disk")).body.decode(errors="replace")


def test_those_who_are_served_together_have_serial_numbers_of_their_own(context: Context, stamps: Stamps) -> None:
    """Several policies at a time, and as many of each."""
    policies = [unit.policy for unit in stamps.units]
    authority = TimeStampAuthority(context, stamps.units)
    told = answers(authority, [request(place, policies[place % len(policies)]) for place in range(30)])
    serials = [read_token(token_of(answer.response)).serial for answer in told]
    assert len(set(serials)) == 30
