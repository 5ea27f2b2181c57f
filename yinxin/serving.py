"""Starting the services: each in a process of its own, so that a process holds the keys of one authority only."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import FrameType
from typing import Any

from ca.kmc.installation import link_certificate
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from ocsp.service import responder_of
from tsa.installation import open_authority
from yinxin import applications

SERVICES = ("ca", "ra", "ocsp", "tsa", "seals", "kmc")
_OWN_SERVERS: dict[str, Callable[[Home], object]] = {"ocsp": responder_of, "tsa": open_authority}
"""Those on `core.server`, and what shows that each could work; the others are applications (WSGI)."""
START_SECONDS = 30
MAINTENANCE_SECONDS = 300
STOP_SECONDS = 10


def address(home: Home, service: str) -> tuple[str, int]:
    """Host and port where the service listens."""
    endpoint = getattr(home.configuration, service)
    return endpoint.host, endpoint.port


def services_of(home: Home) -> tuple[str, ...]:
    """Every service that this home can run: a key-management centre needs an end of the line."""
    return tuple(name for name in SERVICES if name != "kmc" or link_certificate(home).exists())


def url(home: Home, service: str) -> str:
    """The service's address for a client on this machine."""
    host, port = address(home, service)
    return f"http://{host}:{port}"


def become(home: Home, service: str) -> None:
    """Turn this process into the service. `YinxinError` if it could not work: better now than at the first request."""
    _require_working(home, service)
    _require_free(service, *address(home, service))
    os.execve(sys.executable, _arguments(home, service), _environment(home))  # noqa: S606 - that is the point


class Running:
    """Services in child processes: started together, stopped together."""

    def __init__(self, home: Home, services: Sequence[str] = SERVICES) -> None:
        self._home = home
        self._services = services
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._maintenance: subprocess.Popen[bytes] | None = None
        self._auditing: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._handlers: dict[int, Any] = {}

    def __enter__(self) -> "Running":
        """Start them, and wait until each accepts connections. From here on a signal to stop is heeded by `wait`."""
        try:
            for service in self._services:
                _require_working(self._home, service)
                _require_free(service, *address(self._home, service))
            # Not by KeyboardInterrupt: one between a child's start and its entry here would leave the child alone.
            self._handlers = {number: signal.signal(number, self._stop) for number in (signal.SIGINT, signal.SIGTERM)}
            for service in self._services:
                self._children[service] = subprocess.Popen(
                    _arguments(self._home, service),
                    env=_environment(self._home),
                    stdin=subprocess.DEVNULL,
                    start_new_session=True,  # a group of its own, so that its workers can be told by it
                )
            for service in self._services:
                self._wait_for(service)
            # One service works with its own keys only: beside `serve ca` the audit log has a process of its own.
            if "ca" in self._services and len(self._services) > 1:
                self._auditing = self._spawn("audit", "run")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        """Stop them, and what a service that was killed has left behind."""
        if self._maintenance:
            self._maintenance.kill()  # it may be interrupted anywhere: the next one goes on
            self._maintenance.wait()
        for child in self._children.values():
            child.terminate()
        for child in self._children.values():
            with suppress(subprocess.TimeoutExpired):
                child.wait(STOP_SECONDS)
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()
        if self._auditing:
            self._auditing.terminate()  # last of all, so that its last checkpoint is over everything
            with suppress(subprocess.TimeoutExpired):
                self._auditing.wait(STOP_SECONDS)
            self._auditing.kill()  # what it did not order, the next one does
            self._auditing.wait()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)

    def wait(self) -> None:
        """Wait until told to stop; `YinxinError` when a service ends by itself."""
        due = time.monotonic()
        while not self._stopping:
            for service, child in self._children.items():
                if child.poll() is not None:
                    raise YinxinError(Kind.UNAVAILABLE, _("the service ended by itself"), subject=service)
            if self._auditing and self._auditing.poll() is not None:
                raise YinxinError(Kind.UNAVAILABLE, _("the service ended by itself"), subject="audit")
            if "ca" in self._services and time.monotonic() >= due:
                self._maintain()
                due = time.monotonic() + MAINTENANCE_SECONDS
            time.sleep(0.2)

    def _maintain(self) -> None:
        """`yinxin ca maintain`, in a process that holds the authority's keys for as long as it takes."""
        if self._maintenance is None or self._maintenance.poll() is not None:
            self._maintenance = self._spawn("ca", "maintain")

    def _spawn(self, *command: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "yinxin", *command],
            env=_environment(self._home),
            stdin=subprocess.DEVNULL,  # what it wants to ask, nobody would answer
            stdout=subprocess.DEVNULL,
            start_new_session=command[0] == "audit",  # Ctrl+C is for us: it ends after the services
        )

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _wait_for(self, service: str) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._stopping:
                return
            if self._children[service].poll() is not None:
                break
            try:
                socket.create_connection(address(self._home, service), timeout=1).close()
            except OSError:
                time.sleep(0.05)
                continue
            return
        raise YinxinError(Kind.UNAVAILABLE, _("the service did not start"), subject=service)


def _require_working(home: Home, service: str) -> None:
    if service in _OWN_SERVERS:
        _OWN_SERVERS[service](home)
    else:
        applications.build(service, home)


def _require_free(service: str, host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise YinxinError(
                Kind.CONFLICT,
                _("cannot listen on {host}:{port}: {reason}").format(host=host, port=port, reason=error.strerror),
                subject=service,
                remedy=_("set another port: YINXIN_{service}__PORT").format(service=service.upper()),
            ) from None


def _arguments(home: Home, service: str) -> list[str]:
    if service in _OWN_SERVERS:
        return [sys.executable, "-m", f"{service}.server"]
    host, port = address(home, service)
    return [
        sys.executable,
        "-m",
        "granian",
        "--interface",
        "wsgi",
        "--factory",
        "--no-ws",
        # Signatures release the interpreter's lock: twice the cores keep them busy, more would only queue.
        "--blocking-threads",
        str(2 * (os.cpu_count() or 1)),
        "--backpressure",
        "128",
        "--host",
        host,
        "--port",
        str(port),
        "--log-level",
        "warning",
        f"yinxin.applications:{service}",
    ]


def _environment(home: Home) -> dict[str, str]:
    return {**os.environ, "YINXIN_HOME": str(home.path.absolute())}
