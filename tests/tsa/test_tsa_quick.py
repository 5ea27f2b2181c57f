"""Where tokens are signed: in the loop by a unit that is quick, in the pool by others; and groups that make room."""

import threading
from dataclasses import dataclass, field, replace

import pytest

from core.algorithms import SHA256, Algorithm
from core.clock import FixedClock
from core.context import Context
from core.keys.signer import Signer
from core.storage import Storage
from tests.support.tsa import Stamps
from tests.support.tsa_server import served
from tsa.authority import TimeStampAuthority
from tsa.recorder import Recorder
from tsa.records import TokenRecord
from tsa.request import MessageImprint, TimeStampRequest
from tsa.response import token_of
from tsa.verification import read_token

REQUEST = TimeStampRequest(MessageImprint.of(SHA256, SHA256.of(b"document")), nonce=7, wants_certificates=True).encode()


@dataclass
class Observed:
    """A signer that remembers in which threads it was asked."""

    signer: Signer
    threads: list[str] = field(default_factory=list)

    @property
    def algorithm(self) -> Algorithm:
        return self.signer.algorithm

    @property
    def public_key_info(self) -> bytes:
        return self.signer.public_key_info

    def sign(self, data: bytes) -> bytes:
        self.threads.append(threading.current_thread().name)
        return self.signer.sign(data)


@pytest.mark.parametrize(
    ("unit", "path", "in_pool"),
    [
        ("p256", "/tsa", False),
        ("p256", "/tsa/p256", False),
        ("rsa", "/tsa/rsa", True),
        ("sm2", "/tsa/sm2", True),
        ("sm2", "/", True),
    ],
)
def test_who_signs_where(context: Context, stamps: Stamps, unit: str, path: str, in_pool: bool) -> None:
    units = [replace(one, signer=Observed(one.signer)) for one in stamps.units]
    chosen = next(one for one in units if one.name == unit)
    authority = TimeStampAuthority(context, [chosen, *(one for one in units if one is not chosen)])
    with served(authority) as server:
        for _request in range(2):
            stamped = read_token(token_of(server.post(path, REQUEST).data))
            assert stamped.certificate == stamps.hierarchies[unit].tsa.certificate
        assert server.post("/tsa/none", REQUEST).status == 404
        assert server.ask("GET", "/healthz").status == 200
    assert isinstance(chosen.signer, Observed)
    assert len(chosen.signer.threads) == 2
    assert all(name.startswith("signing-") is in_pool for name in chosen.signer.threads)


def test_a_quick_unit_is_busy_too(context: Context, stamps: Stamps) -> None:
    with served(TimeStampAuthority(context, stamps.units), waiting=0) as server:
        assert b"too many requests wait" in server.post("/tsa/p256", REQUEST).data


def test_who_asks_for_one_after_the_other_waits_for_nothing(
    storage: Storage, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Groups of several keep their distance from the next; here it is longer than the test waits."""
    monkeypatch.setattr("tsa.recorder.GROUP_SECONDS", 3600)
    recorder = Recorder(storage)
    for serial in (1, 2, 3):
        told = threading.Event()
        entry = TokenRecord(serial, "sm2", "1.2.3", "sm3", bytes(32), clock.now(), bytes(32))
        recorder.record([(entry, lambda _failure, told=told: told.set())])  # type: ignore[misc]
        assert told.wait(20)
