"""Of a divided authority, a seal gets the lists that the certificates name."""

from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from ca import crl, hierarchy
from ca.issuance import Approval
from core.algorithms import KeyKind
from core.clock import FixedClock
from core.errors import YinxinError
from core.subject import Subject
from tests.support.ca import TestCentre
from yinxin.wiring import BookEvidence

SHARDS = 4


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
