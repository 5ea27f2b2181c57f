"""Time stamps over HTTP, each recorded durably before it is given, beside the bare signature and `openssl ts`.

One core for the server, one for the load. They take turns in short rounds, of the same length and many of them, so that
each meets a quick moment of a machine whose speed changes by a third; the best round of each counts (`bench`).
All are measured by the same clock on the wall, so that waiting for the disk counts as ours. `openssl ts -reply` starts
a process for each token, as it can do no other. Latency is measured from the moment when a request was due; what the
disk alone takes to keep a group is measured beside it.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

import sqlalchemy as sa

from bench import Row, report, row
from bench.load import SERVER_CORE, Requests, p99_at_80, post, wrk
from bench.ocsp import RAW, best
from bench.ocsp_town import Server, free_port, running
from core.algorithms import SHA256, KeyKind
from core.certificates import armour
from core.home import Home
from core.keys.private_key import PycaKey
from core.storage import Storage
from tests.support.tsa import Hierarchy, make_hierarchy, write_home
from tsa.records import tokens
from tsa.request import QUERY, MessageImprint, TimeStampRequest
from tsa.response import token_of
from tsa.verification import read_token

ROUNDS, ROUND_SECONDS = 16, 1
COUNT = 2_000
"""Different requests."""
CONNECTIONS = 128
"""A group is on its way for 8 ms and a flush: 32 clients would wait for that together, and leave the core idle."""
GROUP_OCTETS = 16 * 1024
"""What SQLite writes and flushes for a group: some pages."""
PEER_COUNT = 40


@dataclass(frozen=True)
class Town:
    """A home with one unit."""

    home: Home
    hierarchy: Hierarchy
    requests: Requests

    def check(self, server: Server) -> None:
        """AssertionError unless a token is right, and in the books."""
        value = SHA256.of(b"checked")
        query = TimeStampRequest(MessageImprint.of(SHA256, value), nonce=9, wants_certificates=True).encode()
        request = Request(f"http://127.0.0.1:{server.port}/", query, {"Content-Type": QUERY})
        with urlopen(request, timeout=20) as answer:
            token = token_of(answer.read())
        stamped = read_token(token)
        assert stamped.imprint == value and stamped.certificate == self.hierarchy.tsa.certificate
        with self.home.storage.reading() as connection:
            digest = connection.scalar(sa.select(tokens.c.token_digest).where(tokens.c.serial == f"{stamped.serial:x}"))
        assert digest == SHA256.of(token)


def found(folder: Path, kind: KeyKind) -> Town:
    folder.mkdir()
    hierarchy = make_hierarchy(kind)
    write_home(folder, {"unit": hierarchy})
    home = Home(folder)
    storage = Storage(home.database_url)
    storage.migrate()
    storage.close()
    octets = [SHA256.of(place.to_bytes(4, "big")) for place in range(COUNT)]
    queries = [
        TimeStampRequest(MessageImprint.of(SHA256, value), None, (1 << 62) + place, True).encode()
        for place, value in enumerate(octets)
    ]
    requests = Requests.write(folder / "requests", [post(query, QUERY) for query in queries])
    return Town(home, hierarchy, requests)


@contextmanager
def ours(town: Town) -> Iterator[Server]:
    """Our service: one worker process."""
    port = free_port()
    environment = {"YINXIN_TSA__PORT": str(port), "YINXIN_TSA__WORKERS": "1", "YINXIN_HOME": str(town.home.path)}
    with running([sys.executable, "-m", "tsa.server"], port, town.home.path / "log", environment) as server:
        yield server


def openssl(folder: Path, hierarchy: Hierarchy) -> Callable[[], float]:
    """`openssl ts -reply` with the same key, on the server's core: tokens per second."""
    folder.mkdir()
    assert isinstance(hierarchy.tsa.key, PycaKey)
    (folder / "key.der").write_bytes(hierarchy.tsa.key.pkcs8())
    (folder / "unit.pem").write_bytes(armour([hierarchy.tsa.certificate]))
    (folder / "serial").write_text("01\n")
    (folder / "ts.cnf").write_text(
        "[tsa]\ndefault_tsa = t\n[t]\nserial = serial\nsigner_cert = unit.pem\nsigner_key = key.pem\n"
        "signer_digest = sha256\ndefault_policy = 1.2.3\ndigests = sha256\ncrypto_device = builtin\n"
    )
    convert = ["openssl", "pkey", "-inform", "DER", "-in", "key.der", "-out", "key.pem"]
    subprocess.run(convert, cwd=folder, check=True, capture_output=True)
    query = TimeStampRequest(MessageImprint.of(SHA256, SHA256.of(b"")), None, 7, True).encode()
    (folder / "query").write_bytes(query)
    reply = "openssl ts -reply -config ts.cnf -queryfile query -out reply 2>/dev/null"
    script = f"i=0; while [ $i -lt {PEER_COUNT} ]; do {reply} || exit 1; i=$((i+1)); done"

    def rate() -> float:
        begin = time.perf_counter()
        subprocess.run(["taskset", "-c", SERVER_CORE, "sh", "-c", script], cwd=folder, check=True)
        return PEER_COUNT / (time.perf_counter() - begin)

    rate()
    assert (folder / "reply").stat().st_size > 500
    return rate


def bare(kind: KeyKind) -> float:
    """Signatures per second on the server's core, by the clock on the wall."""
    script = RAW.replace("thread_time", "perf_counter")
    command = ["taskset", "-c", SERVER_CORE, sys.executable, "-c", script, kind, str(ROUND_SECONDS)]
    return float(subprocess.run(command, capture_output=True, check=True).stdout)


def flush_times(folder: Path, count: int = 200) -> list[float]:
    """Milliseconds to append what a group writes, and have the disk keep it."""
    times = []
    with (folder / "flushed").open("wb", buffering=0) as file:
        for _group in range(count):
            begin = time.perf_counter()
            file.write(bytes(GROUP_OCTETS))
            os.fdatasync(file.fileno())
            times.append(1000 * (time.perf_counter() - begin))
    return times


def rows_of(folder: Path, kind: KeyKind, name: str) -> list[Row]:
    """Tokens beside the signature alone, and their latency; for what openssl knows, beside openssl."""
    town = found(folder / name, kind)
    label = name.partition("_")[0]
    with ours(town) as server:
        works = [lambda: wrk(server.port, town.requests, ROUND_SECONDS, connections=CONNECTIONS), lambda: bare(kind)]
        if kind is not KeyKind.SM2:
            works.append(openssl(folder / f"{name}-openssl", town.hierarchy))
        rate, raw_rate, *peer = best(*works, rounds=ROUNDS, between=lambda: town.check(server))
        rows = [row(name, rate, "per s", "the signature alone", raw_rate)]
        tail, _rate = p99_at_80(server.port, town.requests, rounds=8, connections=CONNECTIONS)
        if peer:
            rows.append(row(f"{label}_vs_openssl_ts", rate, "per s", "openssl ts -reply, a process each", peer[0]))
            rows.append(row(f"{label}_p99_ms_at_80", tail, "ms", "goal", 20))
        else:
            flushes = flush_times(folder)
            rows.append(row("p99_ms_at_80", tail, "ms", "goal", 20))
            longest = statistics.quantiles(flushes, n=100)[-1]
            rows.append(row("flush_ms", statistics.median(flushes), "ms", "the 99th percentile of flushes", longest))
    return rows


def main() -> None:
    """Found the homes, measure, report."""
    with tempfile.TemporaryDirectory(prefix="yinxin-bench-") as name:
        folder = Path(name)
        rows = rows_of(folder, KeyKind.SM2, "sm2_vs_raw")
        rows += rows_of(folder, KeyKind.RSA_2048, "rsa2048_vs_raw")
        rows += rows_of(folder, KeyKind.P256, "p256_per_s_vs_raw")
    report("tsa", "Time stamps over HTTP, recorded durably, one core", rows)


if __name__ == "__main__":
    main()
