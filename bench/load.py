"""Load for servers: as fast as they can (`wrk`, `ab`), or at a constant rate with latency from when each was due."""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

SERVER_CORE, LOAD_CORE = "0", "1"
CONNECTIONS = 32
TICK = 0.0005
"""Seconds between two batches of the constant rate."""

_LUA = """
local file = io.open(os.getenv("REQUESTS"), "rb"); local all = file:read("*a"); file:close()
local size = tonumber(os.getenv("SIZE")); local count = #all / size
local random = os.getenv("RANDOM") == "1"; local place = 0
math.randomseed(tonumber(os.getenv("SEED")))
function request()
  if random then place = math.random(0, count - 1) else place = (place + 1) % count end
  return all:sub(place * size + 1, (place + 1) * size)
end
"""


@dataclass(frozen=True)
class Requests:
    """Whole requests of HTTP, of the same size, in a file."""

    file: Path
    size: int

    @classmethod
    def write(cls, file: Path, requests: Sequence[bytes]) -> "Requests":
        (size,) = {len(request) for request in requests}
        file.write_bytes(b"".join(requests))
        return cls(file, size)


def post(body: bytes, kind: str = "application/ocsp-request") -> bytes:
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def wrk(
    port: int, requests: Requests, seconds: float = 1, *, random: bool = False, connections: int = CONNECTIONS
) -> float:
    """Requests per second on kept connections; AssertionError if any was not answered with 200."""
    script = requests.file.with_suffix(".lua")
    script.write_text(_LUA)
    settings = {"REQUESTS": str(requests.file), "SIZE": str(requests.size), "SEED": str(time.time_ns() % 1_000_000)}
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s"]
    command += ["-s", str(script), f"http://127.0.0.1:{port}/"]
    environment = {**os.environ, **settings, "RANDOM": "1" if random else "0"}
    said = subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said and "Socket errors" not in said, said
    (rate,) = re.findall(r"Requests/sec:\s+([\d.]+)", said)
    return float(rate)


def ab(port: int, body: Path, count: int = 8_000) -> float:
    """Requests per second, a connection for each."""
    command = ["taskset", "-c", LOAD_CORE, "ab", "-q", f"-c{CONNECTIONS}", f"-n{count}", "-p", str(body)]
    command += ["-T", "application/ocsp-request", f"http://127.0.0.1:{port}/"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "Non-2xx" not in said, said
    (rate,) = re.findall(r"Requests per second:\s+([\d.]+)", said)
    return float(rate)


def p99_at(port: int, requests: Requests, rate: float, seconds: float = 2) -> float:
    """The 99th percentile of latency in milliseconds at so many requests per second."""
    command = ["taskset", "-c", LOAD_CORE, sys.executable, "-m", "bench.load", str(port), str(requests.file)]
    command += [str(requests.size), str(rate), str(seconds)]
    result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
    assert result["answered"] == result["sent"], result
    return float(result["p99_ms"])


class _Client(asyncio.Protocol):
    """A connection; replies come in order, so each belongs to the oldest request."""

    def __init__(self, latencies: list[float]) -> None:
        self.due: deque[float] = deque()
        self._latencies = latencies
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        now = time.perf_counter()
        for _reply in range(data.count(b"HTTP/1.1 200")):
            self._latencies.append(now - self.due.popleft())


async def _at_rate(port: int, requests: Sequence[bytes], rate: float, seconds: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    clients = [
        (await loop.create_connection(lambda: _Client(latencies), "127.0.0.1", port))[1] for _c in range(CONNECTIONS)
    ]
    begin, sent = time.perf_counter(), 0
    while (elapsed := time.perf_counter() - begin) < seconds:
        while sent < elapsed * rate:
            client = clients[sent % CONNECTIONS]
            # Due when the schedule says, not when it could be sent: a server that stalls is charged for all who wait.
            client.due.append(begin + sent / rate)
            client.transport.write(requests[sent % len(requests)])
            sent += 1
        await asyncio.sleep(TICK)
    deadline = time.perf_counter() + 5
    while len(latencies) < sent and time.perf_counter() < deadline:
        await asyncio.sleep(0.01)
    return {"sent": sent, "answered": len(latencies), "p99_ms": statistics.quantiles(latencies, n=100)[-1] * 1000}


def main() -> None:
    import uvloop

    parser = argparse.ArgumentParser()
    for name, kind in (("port", int), ("file", Path), ("size", int), ("rate", float), ("seconds", float)):
        parser.add_argument(name, type=kind)
    given = parser.parse_args()
    content = given.file.read_bytes()[: given.size * 20_000]
    requests = [content[at : at + given.size] for at in range(0, len(content), given.size)]
    print(json.dumps(uvloop.run(_at_rate(given.port, requests, given.rate, given.seconds))))


if __name__ == "__main__":
    main()
