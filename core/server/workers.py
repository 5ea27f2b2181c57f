"""Worker processes that share a port, each with a loop of its own.

The parent holds no key; it starts the workers, and ends when one of them does, so that whoever watches over the service
(systemd) starts all anew. SIGTERM lets each finish what it has begun.
"""

import asyncio
import gc
import logging
import multiprocessing
import os
import signal
import socket
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from multiprocessing.connection import wait
from typing import Any

import uvloop

from core.config import Endpoint
from core.server.connection import Clockwork
from core.server.door import Door
from core.server.exchange import Service
from core.server.pool import SigningPool

MAXIMUM_SIGNING = 256
"""Questions that may wait for a signature, in each process: RSA signs them in a tenth of a second."""
MAXIMUM_CONNECTIONS = 8192
BACKLOG = 2048
STOP_SECONDS = 5
SWITCH_SECONDS = 0.0005
"""How long the loop waits for a thread that computes, or a thread for the loop: a tenth of Python's usual."""

GARBAGE_THRESHOLD = 50_000
"""Objects that come to be, more than go, before the collector of garbage looks at them."""

OpenService = Callable[[int], AbstractContextManager[Service[Any]]]
"""Opens the service in a worker process, whose number (from 0) it is told."""


def worker_count(asked: int) -> int:
    """So many as asked for; 0: one for each core."""
    return asked or len(os.sched_getaffinity(0))


def serve(endpoint: Endpoint, count: int, open_service: OpenService, *, threads: int) -> int:
    """Answer until SIGTERM or SIGINT; the exit code. Each of `count` processes has so many threads that sign."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    told: list[int] = []
    processes = multiprocessing.get_context("fork")
    workers = [
        processes.Process(target=_work, args=(endpoint, number, open_service, threads), daemon=True)
        for number in range(count)
    ]
    for worker in workers:
        worker.start()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda told_by, _frame: told.append(told_by))
    while not told and all(worker.is_alive() for worker in workers):
        wait([worker.sentinel for worker in workers], timeout=0.2)
    for worker in workers:
        worker.terminate()
    for worker in workers:
        worker.join(STOP_SECONDS + 1)
    # One that was told before it could heed it has ended by the signal.
    return 0 if told and all(worker.exitcode in (0, -signal.SIGTERM) for worker in workers) else 1


def _work(endpoint: Endpoint, number: int, open_service: OpenService, threads: int) -> None:
    sys.setswitchinterval(SWITCH_SECONDS)
    with open_service(number) as service:
        # What is there stays; what comes and goes makes no cycles. So collecting finds little, and must not take long.
        gc.freeze()
        gc.set_threshold(GARBAGE_THRESHOLD)
        uvloop.run(_answer(service, _listening(endpoint.host, endpoint.port), threads))


def _listening(host: str, port: int) -> socket.socket:
    """Shared with the other workers: the kernel hands each connection to one of them."""
    family, kind, protocol, _name, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(address)
    return listener


async def _answer(service: Service[Any], listener: socket.socket, threads: int) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    pool = SigningPool(loop, service.answer, threads, MAXIMUM_SIGNING)
    clockwork = Clockwork(service, pool, MAXIMUM_CONNECTIONS)
    clockwork.tick(time.monotonic())
    door = Door(loop, listener, clockwork)
    door.open(BACKLOG)
    parent = os.getppid()
    while not stop.is_set() and os.getppid() == parent:
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), timeout=1)
        clockwork.tick(time.monotonic())
    door.close()
    clockwork.stop()
    deadline = time.monotonic() + STOP_SECONDS
    while clockwork.connections and time.monotonic() < deadline:
        await asyncio.sleep(0.02)
    for connection in list(clockwork.connections):
        connection.abort()
    pool.stop()
