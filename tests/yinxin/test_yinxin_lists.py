"""Revocation lists at the front door: published by themselves, and only those that are needed put into a seal."""

import time
import urllib.request
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from cryptography import x509

from ca import crl, hierarchy, register, revocation
from ca.issuance import Approval
from ca.register import Filter
from ca.state import Reason
from core.algorithms import KeyKind
from core.clock import FixedClock
from core.errors import YinxinError
from core.home import Home
from core.subject import Subject
from tests.support.ca import TestCentre
from tests.support.demonstration import Serving
from yinxin.wiring import BookEvidence

PATIENCE_SECONDS = 60
SHARDS = 4


def test_a_compromise_is_on_the_served_list_without_a_command(home_copy: Path) -> None:
    home = Home(home_copy)
    held = next(register.every(home.storage, Filter(authority="rsa-issuing", subject="李四")))
    # By a process that has none of the authority's keys.
    revocation.revoke(home.context, "rsa-issuing", held.serial, Reason.KEY_COMPROMISE, actor="operator")
    assert held.serial not in listed(crl.latest(home.context, "rsa-issuing"))
    with Serving(home_copy, "ca", "ocsp") as serving:
        end = time.monotonic() + PATIENCE_SECONDS
        while held.serial not in (served := listed(fetched(f"{serving.url('ca')}/crl/rsa-issuing.crl"))):
            assert time.monotonic() < end, served
            time.sleep(0.3)


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as response:
        content: bytes = response.read()
    return content


def listed(octets: bytes) -> set[int]:
    return {entry.serial_number for entry in x509.load_der_x509_crl(octets)}


@pytest.fixture
def divided(centre: TestCentre) -> TestCentre:
    hierarchy.create_issuing(
        centre.ca, "sm2-divided", KeyKind.SM2, Subject.of_service("测试中心", "Divided"), issuer="sm2-root",
        approval=Approval("ceremony divided", bytes(32), ("keeper",)), actor="keeper", shards=SHARDS,
    )  # fmt: skip
    for authority in ("sm2-root", "sm2-divided"):
        crl.publish(centre.context, centre.keys, authority, 24)
    return centre


def test_a_seal_gets_the_lists_that_its_certificates_name(divided: TestCentre, clock: FixedClock) -> None:
    context = divided.context
    home: Any = SimpleNamespace(storage=context.storage, context=context, clock=clock)
    source = BookEvidence(home, "sm2-divided")
    chain = list(hierarchy.chain_of(context.storage, "sm2-divided"))
    root = crl.latest(context, "sm2-root")
    lists = [crl.latest(context, "sm2-divided", shard=shard) for shard in range(SHARDS)]
    made = [divided.issue(authority="sm2-divided") for _ in range(3)]
    for wanted in (made[:1], made):
        evidence = source.evidence([*(one.certificate for one in wanted), *chain])
        assert list(evidence.certificates) == chain
        assert sorted(evidence.crls) == sorted(
            [root, *(lists[shard] for shard in {one.serial % SHARDS for one in wanted})]
        )
    assert list(source.evidence(chain).crls) == [root]
    stranger = divided.issue()  # of sm2-issuing, whose list is whole
    assert list(source.evidence([stranger.certificate, *chain]).crls) == [root]
    clock.advance(timedelta(hours=24))
    with pytest.raises(YinxinError, match="out of date"):
        source.evidence([made[0].certificate, *chain])
