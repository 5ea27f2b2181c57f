"""The command as its own processes, as a stranger runs it: no state of the test session but its environment."""

import contextlib
import fcntl
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

CHECKOUT = Path(__file__).parents[2]


def environment(**changes: str) -> dict[str, str]:
    """That of this process without its settings for Yinxin, speaking English."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("YINXIN_", "LC_", "LANG"))}
    if kept.pop("PYTHONDONTWRITEBYTECODE", ""):
        # Each process would compile every library again, which takes longer than what it does.
        kept["PYTHONPYCACHEPREFIX"] = str(CHECKOUT / ".pytest_cache" / "pycache")
    return {**kept, "PYTHONPATH": str(CHECKOUT), "LANG": "C.UTF-8", **changes}


def command(*arguments: str | Path) -> list[str]:
    """How to start `yinxin ARGUMENTS`."""
    return [sys.executable, "-m", "tests.support.thrift", *map(str, arguments)]


def run(
    *arguments: str | Path, settings: Mapping[str, str] | None = None, before: tuple[str, ...] = (), data: str = ""
) -> subprocess.CompletedProcess[str]:
    """Run `yinxin ARGUMENTS` to its end. `before`: a program that runs it, such as `unshare -n`."""
    return subprocess.run(
        [*before, *command(*arguments)],
        input=data,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        timeout=300,
        env=environment(**(settings or {})),
    )


def succeed(*arguments: str | Path, settings: Mapping[str, str] | None = None) -> str:
    """What `yinxin ARGUMENTS` prints; AssertionError unless it ends well."""
    done = run(*arguments, settings=settings)
    assert done.returncode == 0, done.stderr
    return done.stdout


def refusal(*arguments: str | Path, settings: Mapping[str, str] | None = None) -> str:
    """The one line with which `yinxin ARGUMENTS` refuses; AssertionError unless it is just that."""
    done = run(*arguments, settings=settings)
    assert (done.returncode, done.stdout) == (2, ""), done
    assert done.stderr.startswith("error: ") and done.stderr.count("\n") == 1, done.stderr
    return done.stderr


@contextlib.contextmanager
def once(folder: Path) -> Iterator[bool]:
    """Whether the folder is still to be made; other processes that ask wait until the block ends."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_name(f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield not folder.exists()
