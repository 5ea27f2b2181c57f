"""Benchmarks, each beside a peer in the same run: `make bench-NAME` runs `bench/NAME.py` and writes `results/NAME.*`.

The machine is shared, and interference only ever takes away: ours and the peer's take turns in short rounds, and the
best round of each counts.
"""

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from cryptography.hazmat.backends.openssl import backend

ROUNDS = 10
ROUND_SECONDS = 0.5
RESULTS = Path(__file__).parent / "results"


@dataclass(frozen=True)
class Row:
    """One comparison."""

    name: str
    value: float
    unit: str
    peer: str
    peer_value: float
    ratio: float
    """value / peer_value."""


Round = Callable[[float], float]
"""Works so many seconds, and says how often in each of them."""


def rates(*works: Callable[[], object], rounds: int = ROUNDS, seconds: float = ROUND_SECONDS) -> list[float]:
    """Calls per second of each work: its best of so many rounds, in which they take turns."""
    return best_rounds(*map(repeating, works), rounds=rounds, seconds=seconds)


def best_rounds(*works: Round, rounds: int, seconds: float) -> list[float]:
    """The same of works that count for themselves."""
    best = [0.0] * len(works)
    for _round in range(rounds):
        for place, work in enumerate(works):
            best[place] = max(best[place], work(seconds))
    return best


def repeating(work: Callable[[], object]) -> Round:
    """Calls it again and again."""

    def round_of(seconds: float) -> float:
        count, begin = 0, time.perf_counter()
        while (elapsed := time.perf_counter() - begin) < seconds:
            work()
            count += 1
        return count / elapsed

    return round_of


@contextmanager
def elsewhere(module: str, *arguments: object) -> Iterator[Round]:
    """A work in a process of its own, on the same core: a module that is told seconds, and tells how often."""
    command = [sys.executable, "-m", module, *map(str, arguments)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        told, tells = process.stdin, process.stdout
        assert told is not None
        assert tells is not None

        def round_of(seconds: float) -> float:
            print(seconds, file=told, flush=True)
            return float(tells.readline())

        yield round_of


def row(name: str, value: float, unit: str, peer: str, peer_value: float) -> Row:
    """A row with its ratio."""
    return Row(name, round(value, 3), unit, peer, round(peer_value, 3), round(value / peer_value, 3))


def renewed(name: str, rows: Sequence[Row]) -> list[Row]:
    """The rows of the last report, with these in the place of those of the same name."""
    before = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))["rows"]
    by_name = {one["name"]: Row(**one) for one in before} | {one.name: one for one in rows}
    return list(by_name.values())


def report(name: str, title: str, rows: Sequence[Row]) -> None:
    """Write `results/NAME.json` and `.md`, and print the latter."""
    machine = {
        "processor": _processor(),
        "cores": os.cpu_count(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "cryptography": backend.openssl_version_text(),
    }
    RESULTS.mkdir(exist_ok=True)
    content = {"machine": machine, "rows": [asdict(one) for one in rows]}
    (RESULTS / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    lines = [f"# {title}", "", ", ".join(f"{key}: {value}" for key, value in machine.items()), ""]
    lines += ["| row | ours | peer | peer's | ratio |", "| --- | ---: | --- | ---: | ---: |"]
    for one in rows:
        values = f"{one.value:,.1f} {one.unit} | {one.peer} | {one.peer_value:,.1f} {one.unit}"
        lines.append(f"| {one.name} | {values} | {one.ratio:.2f} |")
    text = "\n".join(lines) + "\n"
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")
    print(text)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()
