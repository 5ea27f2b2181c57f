"""Finding among 1,000,000 certificates in SQLite: the 95th percentile of each kind of search and of filtered lists.

The peer is SQLite alone: the same number of rows by their keys. What is reported as `search_p95_ms` is the worst kind.
"""

import argparse
import random
import sqlite3
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from bench import Row, report, row
from bench.million import COUNTIES, OPERATORS, UNITS, prepare, resident_of
from ra.filters import RequestFilter
from ra.moves import State
from ra.records import request_certificates
from ra.register import PAGE, list_requests
from ra.search import By, search
from ra.statements import Act
from tests.support.office import NOW, Office

COUNT = 1_000_000
SAMPLES = 100
Work = Callable[[], object]


def p95(works: list[Work]) -> float:
    """Milliseconds."""
    taken = []
    for work in works:
        begin = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begin) * 1000)
    return statistics.quantiles(taken, n=20)[-1]


def searches(office: Office, count: int) -> Iterator[tuple[str, list[Work]]]:
    """Each kind of search, for certificates here and there; a name of one or two characters, so that pages are full."""
    draw, session, table = random.Random(5), office.sessions["quan.all"], request_certificates
    with office.storage.reading() as connection:
        ids = [draw.randrange(1, count) for _sample in range(SAMPLES)]
        sample = connection.execute(sa.select(table).where(table.c.id.in_(ids))).all()
    what: dict[str, tuple[By, Callable[[sa.Row[Any]], str]]] = {
        "name": (By.NAME, lambda one: str(one.holder)[: draw.choice((1, 2, 3))]),
        "unit": (By.UNIT, lambda one: str(one.unit)),
        "serial": (By.SERIAL, lambda one: f"{one.serial:x}"),
        "serial_decimal": (By.SERIAL, lambda one: str(one.serial)),
        "sha256": (By.FINGERPRINT, lambda one: bytes(one.sha256).hex()),
        "sha1": (By.FINGERPRINT, lambda one: bytes(one.sha1).hex()),
        "sm3": (By.FINGERPRINT, lambda one: bytes(one.sm3).hex()),
        "identity": (By.IDENTITY, lambda one: resident_of(one.id)),
    }

    def one_of(by: By, text: str, after: int | None) -> Work:
        return lambda: search(office.context, session, by, text, after=after)

    for name, (by, text) in what.items():
        yield name, [one_of(by, text(one), None) for one in sample]
    yield "name_later_page", [one_of(By.NAME, str(one.holder)[0], one.id) for one in sample]


def lists(office: Office, count: int) -> Iterator[tuple[str, list[Work]]]:
    """Filters alone and together, from the first page and from somewhere within."""
    draw, session = random.Random(6), office.sessions["quan.all"]
    month = timedelta(days=30)

    def since() -> dict[str, object]:
        begin = NOW - timedelta(days=draw.randrange(60, 2000))
        return {"since": begin, "until": begin + month}

    def expiry() -> dict[str, object]:
        begin = NOW + timedelta(days=draw.randrange(900))
        return {"expires_from": begin, "expires_before": begin + month}

    def unit() -> str:
        return f"示范市第{draw.randrange(UNITS)}单位"

    def county() -> str:
        return draw.choice(COUNTIES)

    def open_state() -> State:
        return draw.choice((State.ENTERED, State.APPROVED, State.REJECTED, State.WITHDRAWN))

    def approver() -> dict[str, object]:
        return {"act": Act.APPROVE, "operator": draw.choice(OPERATORS["approve"])}

    kinds: dict[str, Callable[[], dict[str, object]]] = {
        "all": dict,
        "state": lambda: {"state": draw.choice((State.DELIVERED, open_state()))},
        "profile": lambda: {"profile": draw.choice(("staff", "unit"))},
        "unit": lambda: {"unit": unit()},
        "branch": lambda: {"branch": county()},
        "operator": approver,
        "time": lambda: {"act": draw.choice((Act.ENTER, Act.ISSUE)), **since()},
        "expiry": expiry,
        "state_time": lambda: {"state": open_state(), **since()},
        "branch_state": lambda: {"branch": county(), "state": draw.choice((State.DELIVERED, open_state()))},
        "branch_profile": lambda: {"branch": county(), "profile": "unit"},
        "branch_expiry": lambda: {"branch": county(), **expiry()},
        "branch_time": lambda: {"branch": county(), "act": Act.ISSUE, **since()},
        "profile_expiry": lambda: {"profile": "unit", **expiry()},
        "operator_time_state": lambda: {**approver(), **since(), "state": State.DELIVERED},
        "unit_time_state": lambda: {"unit": unit(), "state": State.DELIVERED, "since": NOW - 12 * month},
    }

    def page(wanted: RequestFilter, after: str | None) -> Work:
        return lambda: list_requests(office.context, session, wanted, after=after)

    for name, given in kinds.items():
        yield name, [page(RequestFilter(**given()), None) for _sample in range(SAMPLES // 2)]  # type: ignore[arg-type]
    places = [f"N{draw.randrange(1, count):08}" for _sample in range(SAMPLES // 2)]
    yield "later_page", [page(RequestFilter(state=State.DELIVERED), place) for place in places]


def peer(office: Office, count: int) -> list[Work]:
    """As many rows as a page has, by their keys, with nothing around them."""
    connection = sqlite3.connect(office.folder / "yinxin.db")
    draw = random.Random(7)
    marks = ", ".join("?" * PAGE)

    def fetch(ids: list[int]) -> Work:
        return lambda: connection.execute(f"SELECT * FROM ra_requests WHERE id IN ({marks})", ids).fetchall()

    return [fetch([draw.randrange(1, count) for _row in range(PAGE)]) for _sample in range(SAMPLES)]


def measured(count: int = COUNT) -> list[Row]:
    """The worst kind as `search_p95_ms`, and each kind."""
    office = prepare(count)
    by_key = p95(peer(office, count))
    kinds = [(f"search_{name}", works) for name, works in searches(office, count)]
    kinds += [(f"list_{name}", works) for name, works in lists(office, count)]
    taken = {name: p95(works) for name, works in kinds}
    office.storage.close()
    label = f"{PAGE} rows by their keys, SQLite alone"
    worst = row("search_p95_ms", max(taken.values()), "ms", label, by_key)
    return [worst, *(row(f"{name}_p95_ms", value, "ms", label, by_key) for name, value in taken.items())]


def worst_p95() -> Row:
    """The row `search_p95_ms`; reports every kind in `results/search.*`."""
    rows = measured()
    report("search", f"Finding among {COUNT:,} certificates, 95th percentiles", rows)
    return rows[0]


def main() -> None:
    """Measure and report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=COUNT)
    count = parser.parse_args().count
    report("search", f"Finding among {count:,} certificates, 95th percentiles", measured(count))


if __name__ == "__main__":
    main()
