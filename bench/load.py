"""Load for servers: as fast as they can (`wrk`, `ab`), or at a constant rate with latency from when each was due."""

import argparse
import gc
import json
import os
import re
import select
import socket
import statistics
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

SERVER_CORE, LOAD_CORE = "0", "1"
CONNECTIONS = 32

_LUA = """
local file = io.open(os.getenv("REQUESTS"), "rb"); local all = file:read("*a"); file:close()
local size = tonumber(os.getenv("SIZE")); local count = #all / size
local random = os.getenv("RANDOM") == "1"; local place = tonumber(os.getenv("START")) - 1
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
    def write(cls, file: Path, requests: Iterable[bytes]) -> "Requests":
        sizes = set()
        with file.open("wb") as output:
            for request in requests:
                sizes.add(len(request))
                output.write(request)
        (size,) = sizes
        return cls(file, size)


def post(body: bytes, kind: str = "application/ocsp-request") -> bytes:
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def wrk(
    port: int,
    requests: Requests,
    seconds: int = 1,
    *,
    random: bool = False,
    start: int = 0,
    connections: int = CONNECTIONS,
) -> float:
    """Requests per second on kept connections, from the `start`th on in their order, or any at random.

    AssertionError if one was not answered with 200.
    """
    script = requests.file.with_suffix(".lua")
    script.write_text(_LUA)
    settings = {"REQUESTS": str(requests.file), "SIZE": str(requests.size), "SEED": str(time.time_ns() % 1_000_000)}
    settings |= {"RANDOM": "1" if random else "0", "START": str(start)}
    command = ["taskset", "-c", LOAD_CORE, "wrk", "-t1", f"-c{connections}", f"-d{seconds}s"]
    command += ["-s", str(script), f"http://127.0.0.1:{port}/"]
    said = subprocess.run(command, env={**os.environ, **settings}, capture_output=True, text=True, check=True).stdout
    assert "Non-2xx" not in said and "Socket errors" not in said, said
    (rate,) = re.findall(r"Requests/sec:\s+([\d.]+)", said)
    return float(rate)


def ab(port: int, body: Path, count: int = 8_000) -> float:
    """Requests per second, a connection for each."""
    command = ["taskset", "-c", LOAD_CORE, "ab", "-q", "-s5", f"-c{CONNECTIONS}", f"-n{count}", "-p", str(body)]
    command += ["-T", "application/ocsp-request", f"http://127.0.0.1:{port}/"]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "Non-2xx" not in said, said
    (rate,) = re.findall(r"Requests per second:\s+([\d.]+)", said)
    return float(rate)


def p99_at(port: int, requests: Requests, rate: float, seconds: float = 1, *, connections: int = CONNECTIONS) -> float:
    """The 99th percentile of latency in milliseconds at so many requests per second."""
    command = ["taskset", "-c", LOAD_CORE, sys.executable, "-m", "bench.load", str(port), str(requests.file)]
    command += [str(requests.size), str(rate), str(seconds), str(connections)]
    result = json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)
    assert result["answered"] == result["sent"], result
    return float(result["p99_ms"])


def p99_at_80(port: int, requests: Requests, *, rounds: int, connections: int = CONNECTIONS) -> tuple[float, float]:
    """The least 99th percentile of the rounds, each at 80 % of the rate sustained just before, and that rate.

    Not of the best rate: this machine is shared, and has not the same speed from one second to the next.
    """
    tails = []
    for _round in range(rounds):
        rate = 0.8 * wrk(port, requests, 2, connections=connections)
        tails.append((p99_at(port, requests, rate, connections=connections), rate))
    return min(tails)


_REPLY = b"HTTP/1.1 200"


class _Client:
    """A connection; replies come in order, so each belongs to the oldest request."""

    def __init__(self, port: int) -> None:
        self.due: deque[float] = deque()
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def replies(self) -> int:
        """How many begin in what has come."""
        come = self._rest + self.socket.recv(1 << 16)
        self._rest = come[1 - len(_REPLY) :]  # the beginning of one may be cut in two
        return come.count(_REPLY)


def _at_rate(port: int, requests: Sequence[bytes], rate: float, seconds: float, connections: int) -> dict[str, float]:
    """Plain sockets. Asleep while there is nothing to do: the two cores may be one, whose halves slow each other."""
    gc.disable()
    clients = [_Client(port) for _connection in range(connections)]
    by_number = {client.socket.fileno(): client for client in clients}
    poll = select.epoll()
    for number in by_number:
        poll.register(number, select.EPOLLIN)
    latencies: list[float] = []
    total, sent, begin = int(rate * seconds), 0, time.perf_counter()
    deadline = begin + seconds + 10
    while len(latencies) < total and (now := time.perf_counter()) < deadline:
        while sent < total and begin + sent / rate <= now:
            client = clients[sent % connections]
            # Due when the schedule says, not when it could be sent: a server that stalls is charged for all who wait.
            client.due.append(begin + sent / rate)
            client.socket.sendall(requests[sent % len(requests)])
            sent += 1
            if not sent % connections:
                break  # being behind the schedule does not keep it from reading replies
        pause = begin + sent / rate - time.perf_counter() if sent < total else deadline - now
        select.select([poll], [], [], max(0, pause))  # to the microsecond, which epoll cannot
        for number, _event in poll.poll(0):
            client = by_number[number]
            replies = client.replies()
            now = time.perf_counter()
            for _reply in range(replies):
                latencies.append(now - client.due.popleft())
    return {"sent": total, "answered": len(latencies), "p99_ms": statistics.quantiles(latencies, n=100)[-1] * 1000}


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, kind in (
        ("port", int),
        ("file", Path),
        ("size", int),
        ("rate", float),
        ("seconds", float),
        ("connections", int),
    ):
        parser.add_argument(name, type=kind)
    given = parser.parse_args()
    content = given.file.read_bytes()[: given.size * 20_000]
    requests = [content[at : at + given.size] for at in range(0, len(content), given.size)]
    print(json.dumps(_at_rate(given.port, requests, given.rate, given.seconds, given.connections)))


if __name__ == "__main__":
    main()
