"""The documentation is true: every ```console block runs, in its order, and prints what it shows.

`$ ` begins a command, `> ` goes on with it, other lines are output: each must be among the lines that were printed.
Blocks of other kinds (```sh, ```toml) are only read by people.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.processes import CHECKOUT, environment
from tests.support.warm import warm_command

_BLOCK = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PROGRAM = re.compile(r"^(?:\w+=\$\()?\(?(?:[A-Z_]+=\S+ )*(\w+)")
_BUILT_IN = {"export", "cd", "for", "umask", "while"}


@dataclass
class Command:
    """One command and the lines that the page shows under it."""

    text: str
    shown: list[str] = field(default_factory=list)

    @property
    def program(self) -> str:
        match = _PROGRAM.match(self.text)
        assert match, self.text
        return match[1]


def commands_of(page: str) -> list[Command]:
    found: list[Command] = []
    for block in _BLOCK.findall((CHECKOUT / page).read_text(encoding="utf-8")):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append(Command(line[2:]))
            elif line.startswith("> "):
                found[-1].text += "\n" + line[2:]
            else:
                found[-1].shown.append(line)
    return found


def play(page: str, folder: Path, replacements: Mapping[str, str] | None = None, **settings: str) -> None:
    """Run the commands of a page in one shell; pytest's skip, after all others ran, if programs are not installed."""
    (folder / "bin").mkdir()
    with warm_command(folder / "bin") as yinxin:
        _play(page, folder, f"{yinxin.parent}{os.pathsep}{os.environ['PATH']}", replacements or {}, settings)


def _play(page: str, folder: Path, path: str, replacements: Mapping[str, str], settings: Mapping[str, str]) -> None:
    commands = commands_of(page)
    assert commands, "no ```console blocks"
    missing = {
        one.program for one in commands if one.program not in _BUILT_IN and not shutil.which(one.program, path=path)
    }
    wanted = [one for one in commands if one.program not in missing]
    script = "set -e -o pipefail\n"
    for number, command in enumerate(wanted):
        text = command.text
        for old, new in replacements.items():
            text = text.replace(old, new)
        script += f"printf '\\n<<{number}>>\\n'\n{text}\n"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        timeout=200,
        env=environment(PATH=path, **settings),
    )
    assert done.returncode == 0, done.stdout
    printed = re.split(r"^<<\d+>>\n", done.stdout, flags=re.MULTILINE)[1:]
    for command, output in zip(wanted, printed, strict=True):
        lines = {line.strip() for line in output.splitlines()}
        assert not [line for line in command.shown if line.strip() not in lines], f"{command.text}\n{output}"
    if missing:
        pytest.skip(f"{page}: not installed, so left out: {', '.join(sorted(missing))}")
