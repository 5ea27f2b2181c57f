"""A short part of the campaign (`make faults`), the same each time: every act dies once, the books are looked at."""

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from core.home import Home
from ra.records import requests
from seals.records import seal_uses
from tests.faults import books
from tests.faults.campaign import ACTS, Campaign
from tests.faults.kills import die_by_calls, die_by_clock
from tests.faults.world import World
from tsa.records import ledger

PARTS = dict(zip(ACTS, (0.9, 0.97, 0.8, 0.6, 0.7, 0.9, 0.95, 0.5, 0.9, 0.97, 0.95, 0.8, 0.75, 0.9), strict=True))
"""After which part of its calls an act dies: where it writes."""
CALLS = {"certificate, single": 14_000, "certificates, pair": 50_000, "certificates, batch": 150_000}
CALLS |= {"hold, resume, revoke": 40_000, "revocation list": 23_000, "attribute certificate": 47_000}
CALLS |= {"key recovery": 43_000, "time stamps, four at once": 4_300, "seal making": 61_000, "seal use": 90_000}
CALLS |= {"batch sealing": 150_000, "audit checkpoint": 11_000, "certificate of a service": 27_000, "backup": 44_000}
"""How many they are, about; where one comes to its end instead, that is looked at as well."""


@pytest.fixture(scope="module")
def campaign(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campaign]:
    folder = tmp_path_factory.mktemp("faults")
    home = Home(shutil.copytree(seeded_home, folder / "home"))
    campaign = Campaign(World(home), folder, random.Random(8))
    campaign.calls, campaign.spans = dict(CALLS), dict.fromkeys(CALLS, 0.0)
    yield campaign
    home.storage.close()


def test_every_act_dies_and_nothing_is_lost_or_half_done(campaign: Campaign) -> None:
    for name, part in PARTS.items():
        campaign.kill(name, by_clock=False, calls=int(part * CALLS[name]))
        assert campaign.tallies[name].findings == []
        assert campaign.look() == []
    assert campaign.deaths >= len(ACTS) / 2
    assert campaign.take_up() + campaign.look() + campaign.verify() == []


def test_what_is_lost_or_half_done_is_found(campaign: Campaign) -> None:
    """A checker that finds nothing would prove nothing."""
    storage = campaign.world.home.storage
    life = campaign.kill("seal use", by_clock=False, calls=10**9)
    assert not life.killed and campaign.look() == []
    with storage.transaction() as connection:
        connection.execute(sa.update(seal_uses).values(ordinal=seal_uses.c.ordinal + 100))
        connection.execute(sa.update(requests).values(state="entered").where(requests.c.id == 1))
        connection.execute(sa.update(ledger).values(issued=ledger.c.issued + 1))
    words = " ".join(campaign.look())
    for finding in ("uses, numbered 101 to", "is entered and has 2 certificates", "tokens were given"):
        assert finding in words
    with storage.reading() as connection:
        assert list(books.lost(connection, {"sealed": "ff" * 32})) == ["lost: sealed " + "ff" * 32]
        assert list(books.lost(connection, {"token": "ff" * 32})) == ["lost: token " + "ff" * 32]


def test_a_child_dies_where_it_is_told_and_what_it_said_is_known() -> None:
    def work(tell):  # type: ignore[no-untyped-def]
        for number in range(1000):
            tell(number=number)

    death = die_by_calls(work, 500)
    assert death.killed and 0 < len(death.told) < 1000
    assert [one["number"] for one in death.told] == list(range(len(death.told)))
    assert die_by_clock(work, 0.01).killed
    life = die_by_calls(work, 0)
    assert not life.killed and len(life.told) == 1000 and life.calls > 1000
