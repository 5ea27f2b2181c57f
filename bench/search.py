"""Searches among 1,000,000 certificates in SQLite: the 95th percentile, beside fetching a row by its key."""

import argparse
import hashlib
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import sqlalchemy as sa

from bench import report, row
from core.clock import FixedClock
from core.storage import Storage
from ra import records
from ra.search import By, search
from tests.support.office import NOW, Office

FAMILY, GIVEN = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英"
UNITS = 8_000
CHUNK = 20_000
ROUNDS = 400


def people(count: int, request: int, octets: random.Random) -> Iterator[dict[str, object]]:
    """So many certificates as the register keeps them; the certificate itself is random, and its length usual."""
    for _place in range(count):
        certificate = octets.randbytes(900)
        given = "".join(octets.choices(GIVEN, k=octets.choice((1, 2, 2))))
        yield {
            "request_id": request,
            "authority": "sm2-issuing",
            "serial": int.from_bytes(b"\x01" + octets.randbytes(18), "big"),
            "certificate": certificate,
            "holder": octets.choice(FAMILY) + given,
            "unit": f"示范市第{octets.randrange(UNITS)}单位",
            "branch": "",
            "not_after": NOW + timedelta(days=octets.randrange(1096)),
            "sha256": hashlib.sha256(certificate).digest(),
            "sm3": octets.randbytes(32),
        }


def fill(office: Office, count: int) -> list[sa.Row[tuple[object, ...]]]:
    """Put them in; some of them, to be searched for."""
    office.enter()
    octets = random.Random(3)
    table = records.request_certificates
    for start in range(0, count, CHUNK):
        with office.storage.transaction() as connection:
            connection.execute(sa.insert(table), list(people(min(CHUNK, count - start), 1, octets)))
    ids = [octets.randrange(1, count) for _place in range(ROUNDS)]
    with office.storage.reading() as connection:
        return list(connection.execute(sa.select(table).where(table.c.id.in_(ids))))


def p95(works: list[Callable[[], object]]) -> float:
    """Milliseconds."""
    taken = []
    for work in works:
        begin = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begin) * 1000)
    return statistics.quantiles(taken, n=20)[-1]


def main() -> None:
    """Fill, search, report."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1_000_000)
    count = parser.parse_args().count
    with tempfile.TemporaryDirectory(prefix="yinxin-bench-") as folder:
        storage = Storage(f"sqlite:///{folder}/yinxin.db")
        storage.migrate()
        office = Office(Path(folder), storage, FixedClock(NOW))
        office.found()
        sample = fill(office, count)
        session = office.sessions["quan.all"]

        def look(by: By, what: str) -> Callable[[], object]:
            return lambda: search(office.context, session, by, what)

        def fetch(identifier: int) -> Callable[[], object]:
            table = records.request_certificates

            def one() -> object:
                with storage.reading() as connection:
                    return connection.execute(sa.select(table).where(table.c.id == identifier)).one()

            return one

        criteria: dict[By, Callable[[sa.Row[tuple[object, ...]]], str]] = {
            By.NAME: lambda one: str(one.holder)[:2],
            By.UNIT: lambda one: str(one.unit),
            By.SERIAL: lambda one: f"{one.serial:x}",
            By.FINGERPRINT: lambda one: bytes(one.sha256).hex(),
        }
        by_key = p95([fetch(one.id) for one in sample])
        works = {by: [look(by, what(one)) for one in sample] for by, what in criteria.items()}
        every = [work for each in zip(*works.values(), strict=True) for work in each]
        rows = [row("search_p95_ms", p95(every), "ms", "a row by its key", by_key)]
        rows += [
            row(f"search_{by.value}_p95_ms", p95(each), "ms", "a row by its key", by_key) for by, each in works.items()
        ]
        report("search", f"Searches among {count:,} certificates", rows)
        storage.close()


if __name__ == "__main__":
    main()
