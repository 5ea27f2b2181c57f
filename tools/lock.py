"""The lock files as `make lock` writes them: every package with its version, its hashes, and whom it is there for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement

_HASH = re.compile(r"--hash=(\w+):([0-9a-f]+)")


@dataclass
class Locked:
    """One package."""

    requirement: Requirement
    hashes: list[tuple[str, str]] = field(default_factory=list)
    """Algorithm and hexadecimal digest, of each file that may be installed."""
    via: list[str] = field(default_factory=list)
    """What needs it: packages, and the project itself as `project:group` or its file."""

    @property
    def name(self) -> str:
        """As the lock file has it: normalised."""
        return self.requirement.name

    @property
    def version(self) -> str:
        """The only one that fits."""
        (specifier,) = self.requirement.specifier
        if specifier.operator != "==":
            raise ValueError(f"{self.requirement} is not pinned")
        return specifier.version


def read_lock(path: Path) -> list[Locked]:
    """Everything in a lock file; ValueError if a line is not understood."""
    found: list[Locked] = []
    for line in path.read_text(encoding="utf-8").splitlines():
        text = line.strip().removesuffix("\\").strip()
        if not text:
            continue
        if not line.startswith((" ", "#")):
            found.append(Locked(Requirement(text)))
        elif hashed := _HASH.fullmatch(text):
            found[-1].hashes.append((hashed[1], hashed[2]))
        elif text.startswith("#"):
            found[-1].via += _via(text)
        else:
            raise ValueError(f"not understood: {line}")
    return found


def _via(comment: str) -> Iterator[str]:
    name = comment.removeprefix("#").strip().removeprefix("via").strip()
    if name:
        yield name
