"""A registration office with a million delivered requests in SQLite, made once and kept, to search in.

The rows are what `ra` keeps, but for what no search reads: the statements' signatures, and the books of the CA.
"""

import hashlib
import os
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from core.algorithms import KeyKind
from core.clock import FixedClock
from core.csr import build_csr
from core.keys.key_file import open_key_file
from core.keys.lookup import LookupKey
from core.keys.private_key import Sm2Key, generate
from core.storage import Storage
from core.subject import Identity, Subject
from ra import records
from ra.applications import Application
from tests.support.office import NOW, PIN, Office

FAMILY, GIVEN = "王李张刘陈杨黄赵吴周徐孙马朱胡郭何林罗高", "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英"
UNITS = 8_000
COUNTIES = ("jintai", "weibin", "fengxian")
OPERATORS = {"enter": ("li.one", "li.two"), "approve": ("wang.one", "wang.two"), "issue": ("zhao.one",)}
MINUTES = 3
"""Between two requests: a million in some six years."""
CHUNK = 20_000
COLUMNS = {
    records.requests: "id number content state profile branch unit",
    records.request_moves: "request_id sequence act operator branch at statement",
    records.request_certificates: (
        "id request_id authority serial certificate holder unit branch not_after sha256 sha1 sm3"
    ),
    records.certificate_identities: "digest certificate_id",
}


def prepare(count: int) -> Office:
    """The office, as it was made before with this program, or made now."""
    program = Path(__file__).read_bytes() + Path(records.__file__).read_bytes()
    name = f"yinxin-bench-{count}-{hashlib.sha256(program).hexdigest()[:12]}"
    folder = Path(os.environ.get("YINXIN_BENCH_FOLDER", tempfile.gettempdir())) / name
    if not folder.exists():
        staging = folder.with_suffix(".new")
        shutil.rmtree(staging, ignore_errors=True)
        staging.mkdir(parents=True)
        office = _open(staging)
        office.storage.migrate()
        office.found()
        office.storage.close()
        _fill(staging, _lookup_key(office), count)
        staging.rename(folder)
    office = _open(folder)
    office.storage.migrate()  # it may be of an earlier version
    office.lookup_key = _lookup_key(office)
    office.sessions["quan.all"] = office.open("quan.all")
    return office


def resident_of(place: int) -> str:
    """An identity number of its own for each holder."""
    return f"{610_000_000_000_000_000 + place}"


def _open(folder: Path) -> Office:
    return Office(folder, Storage(f"sqlite:///{folder}/yinxin.db"), FixedClock(NOW))


def _lookup_key(office: Office) -> LookupKey:
    """From a key that is kept with the office."""
    key = open_key_file(office.key_file("quan.all"), PIN)
    assert isinstance(key, Sm2Key)
    return LookupKey(key, b"bench")


def _fill(folder: Path, key: LookupKey, count: int) -> None:
    """Without indexes, which are made at the end, and without waiting for the disk."""
    connection = sqlite3.connect(folder / "yinxin.db")
    for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-1000000"):
        connection.execute(f"PRAGMA {pragma}")
    query = "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL AND tbl_name LIKE 'ra_%'"
    indexes = connection.execute(query).fetchall()
    for name, _sql in indexes:
        connection.execute(f"DROP INDEX {name}")
    draw, write = random.Random(3), _writer(key)
    for start in range(1, count + 1, CHUNK):
        rows: list[list[tuple[object, ...]]] = [[] for _table in COLUMNS]
        for place in range(start, min(start + CHUNK, count + 1)):
            for kept, new in zip(rows, write(place, draw), strict=True):
                kept += new
        for (table, columns), new in zip(COLUMNS.items(), rows, strict=True):
            names = columns.split()
            values = ", ".join("?" * len(names))
            connection.executemany(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values})", new)
        connection.commit()
    for _name, sql in indexes:
        connection.execute(sql)
    connection.commit()
    connection.execute("PRAGMA journal_mode=WAL")
    connection.close()


def _writer(key: LookupKey) -> Callable[[int, random.Random], Iterator[list[tuple[object, ...]]]]:
    """Gives the rows of one request, for each of the tables."""
    subject = Subject(organization="<U>", common_name="<H>", identity=Identity(resident_id="11010519491231002X"))
    request = Application(
        number="<N>",
        branch="<B>",
        authority="sm2-issuing",
        profile="<P>",
        approvals=1,
        subject=subject,
        csr=build_csr(generate(KeyKind.SM2), subject.name()),
        salt=bytes(16),
    )
    content = request.canonical().decode()

    def rows(place: int, draw: random.Random) -> Iterator[list[tuple[object, ...]]]:
        # Six of ten are the centre's own.
        branch = draw.choice(COUNTIES) if draw.random() < 0.4 else ""
        state = draw.choices(("delivered", "rejected", "withdrawn", "approved", "entered"), (980, 8, 6, 3, 3))[0]
        unit, holder = f"示范市第{draw.randrange(UNITS)}单位", draw.choice(FAMILY) + "".join(draw.choices(GIVEN, k=2))
        profile = "staff" if draw.random() < 0.98 else "unit"
        number, at = f"N{place:08}", NOW - timedelta(minutes=MINUTES * (1_000_000 - place))
        written = content.replace("<N>", number).replace("<U>", unit).replace("<H>", holder)
        written = written.replace("<B>", branch).replace("<P>", profile)
        yield [(place, number, written.encode(), state, profile, branch, unit.encode())]
        acts = {"delivered": ("enter", "approve", "issue"), "approved": ("enter", "approve")}.get(state, ("enter",))
        yield [
            (place, sequence, act, draw.choice(OPERATORS[act]), branch, _text(at + timedelta(minutes=sequence)), b"")
            for sequence, act in enumerate(acts, 1)
        ]
        if state != "delivered":
            yield from ([], [])
            return
        certificate, serial = draw.randbytes(900), b"\0\x01" + draw.randbytes(18)
        digests = (hashlib.sha256(certificate).digest(), certificate[:20], certificate[:32])
        expiry = _text(at + timedelta(days=1095))
        names = (holder.encode(), unit.encode(), branch)
        yield [(place, place, "sm2-issuing", serial, certificate, *names, expiry, *digests)]
        yield [(key.digest(resident_of(place).encode()), place)]

    return rows


def _text(moment: datetime) -> str:
    """As SQLAlchemy writes it."""
    return f"{moment:%Y-%m-%d %H:%M:%S}.000000"
