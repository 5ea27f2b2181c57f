"""What the whole house leaves behind, made once in a session for all its processes: a demonstration, a seeded home."""

import json
import random
import signal
import socket
import subprocess
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from asn1crypto import pem

from tests.support import processes

LABELS = ("sm2", "rsa")
SERVICES = ("ca", "ocsp", "tsa", "seals", "ra", "kmc")
DOCUMENTS = {"sm2": "valid", "rsa": "valid", "tampered": "invalid"}
START_SECONDS = 300
"""A bound for a machine that is busy with other things; nothing is timed by it."""


@dataclass(frozen=True)
class Demonstration:
    """The folder that `yinxin demo` left, and what it said."""

    folder: Path

    def read(self, name: str) -> bytes:
        return (self.folder / name).read_bytes()

    def json(self, name: str) -> Any:
        return json.loads(self.read(name))

    def der(self, name: str) -> bytes:
        """A PEM file's content."""
        content: bytes = pem.unarmor(self.read(name))[2]
        return content

    @property
    def printed(self) -> str:
        return self.folder.with_suffix(".printed").read_text(encoding="utf-8")


def demonstration(shared: Path) -> Demonstration:
    """The session's demonstration, made when the first asks."""
    made = Demonstration(shared / "demo")
    with processes.once(made.folder) as missing:
        if missing:
            printed = processes.succeed("demo", "--out", made.folder)
            made.folder.with_suffix(".printed").write_text(printed, encoding="utf-8")
    return made


def seeded_home(shared: Path) -> Path:
    """The session's home with sample people and seals, as `yinxin serve --seed` makes it. To be copied, not changed."""
    home = shared / "home"
    with processes.once(home) as missing:
        if missing:
            # Two that start quickly: tests of the services start them all.
            with Serving(home, "--seed", "ocsp", "tsa"):
                pass
    return home


class Serving:
    """`yinxin serve` on free ports."""

    def __init__(self, home: Path, *arguments: str, **settings: str) -> None:
        self.home = home
        self.exit_code = 0
        """What is expected in the end."""
        self.ports = dict(zip(SERVICES, free_ports(len(SERVICES)), strict=True))
        self.settings = {f"YINXIN_{name.upper()}__PORT": str(port) for name, port in self.ports.items()} | settings
        self._services = [name for name in arguments if name in SERVICES] or list(SERVICES)
        self._arguments = arguments
        self.said = home.with_name(f"{home.name}.serving.txt")
        """What the command says on stderr."""
        self.process: subprocess.Popen[bytes]

    def url(self, service: str) -> str:
        return f"http://127.0.0.1:{self.ports[service]}"

    def __enter__(self) -> "Serving":
        self.process = subprocess.Popen(
            processes.command("--home", self.home, "serve", *self._arguments),
            env=processes.environment(**self.settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.said.open("wb"),
        )
        try:
            for service in self._services:
                self._wait_for(self.ports[service])
        except BaseException:
            self.process.kill()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(20)
        assert code == self.exit_code, self._ended()

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            assert self.process.poll() is None, self._ended()
            if listens(port):
                return
            time.sleep(0.05)
        raise AssertionError(f"nothing listens on port {port}")

    def _ended(self) -> str:
        return f"yinxin serve ended with {self.process.returncode}: {self.said.read_text(errors='replace')}"

    def descendants(self) -> set[int]:
        """The processes under the command, by what Linux says."""
        found: set[int] = set()
        waiting = [self.process.pid]
        while waiting:
            pid = waiting.pop()
            children = [
                int(child)
                for task in Path(f"/proc/{pid}/task").glob("*")
                for child in (task / "children").read_text().split()
            ]
            found.update(children)
            waiting += children
        return found


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, below those that Linux gives to outgoing connections by itself."""
    return [port for port in random.sample(range(15_000, 32_000), 1_000) if not listens(port)][:count]


def is_alive(pid: int) -> bool:
    """Not ended; one whose end nobody has asked for yet (a zombie) has ended too."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def gone(pids: Iterable[int], seconds: float = 5) -> bool:
    """Whether all of them end within that time."""
    deadline = time.monotonic() + seconds
    while any(map(is_alive, pids)):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


@contextmanager
def occupied(port: int) -> Iterator[None]:
    """Somebody else listens there."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", port))
        holder.listen()
        yield
