"""`--help` of every command: with an example that would run, in English and in Chinese, whatever the terminal."""

import shlex
from collections.abc import Iterator
from importlib.metadata import Distribution

import click
import pytest

from core.cli import Command, Group, LaterCommand
from tests.support import processes
from tests.yinxin.conftest import Yinxin
from yinxin.cli import front_door

CommandPath = tuple[str, ...]


def every_command(command: click.Command, path: CommandPath = ()) -> Iterator[tuple[CommandPath, click.Command]]:
    if isinstance(command, LaterCommand):
        command = command.load()
    yield path, command
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from every_command(inner, (*path, name))


COMMANDS = dict(every_command(front_door))
LEAVES = {path: command for path, command in COMMANDS.items() if not isinstance(command, click.Group)}
by_path = pytest.mark.parametrize("path", COMMANDS, ids=" ".join)


def test_all_rooms_have_a_door() -> None:
    assert {path[0] for path in COMMANDS if len(path) == 1} == {
        *("init", "migrate", "demo", "serve", "renew", "audit", "keys", "backup", "restore", "health"),
        *("ca", "ra", "ocsp", "tsa", "seals"),
    }
    assert len(LEAVES) > 40


@by_path
def test_help_says_what_it_does(yinxin: Yinxin, path: CommandPath) -> None:
    shown = yinxin(*path, "--help")
    assert (shown.code, shown.err) == (0, "")
    assert shown.out.startswith("Usage: ")
    assert (COMMANDS[path].help or "").split()[0] in shown.out
    assert isinstance(COMMANDS[path], Command)
    if path in LEAVES:
        assert "\nExample:\n  yinxin " in shown.out


@by_path
def test_help_in_chinese(yinxin: Yinxin, path: CommandPath, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "zh_CN")
    shown = yinxin(*path, "--help")
    assert shown.code == 0
    assert shown.out.startswith("用法: ")


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_the_example_is_of_this_command_with_options_that_exist(path: CommandPath) -> None:
    command = LEAVES[path]
    assert isinstance(command, Command)
    for line in command.example.splitlines():
        program, *words = shlex.split(line.split(" | ")[0])
        assert program == "yinxin"
        known = {option for parameter in front_door.params for option in parameter.opts}
        while words[0] in known:
            words = words[2:]
        assert tuple(words[: len(path)]) == path, line
        options = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
        given = {word for word in words[len(path) :] if word.startswith("--")}
        assert given <= options, line
        required = {
            parameter.opts[0] for parameter in command.params if parameter.required and parameter.opts[0][0] == "-"
        }
        assert required <= given, line


@pytest.mark.parametrize("path", LEAVES, ids=" ".join)
def test_what_is_required_has_no_default_that_would_stand_in_for_it(path: CommandPath) -> None:
    command = LEAVES[path]
    for parameter in command.params:
        if parameter.required and isinstance(parameter, click.Option):
            context = click.Context(command)
            with pytest.raises(click.MissingParameter):
                parameter.process_value(context, parameter.consume_value(context, {})[0])


def test_groups_are_told_apart_from_commands() -> None:
    for path, command in COMMANDS.items():
        assert isinstance(command, Group) == (path not in LEAVES)


@pytest.mark.parametrize("locale", ["C", "zh_CN.UTF-8", "zh_CN.GB18030"])
def test_any_locale_can_show_it(locale: str) -> None:
    """Also one that this machine does not have, or that lacks the characters."""
    done = processes.run("seals", "register", "make", "--help", settings={"LANG": locale})
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_the_language_is_that_of_the_locale() -> None:
    assert processes.succeed("--help", settings={"LANG": "zh_CN.UTF-8", "PYTHONUTF8": "1"}).startswith("用法")
    assert processes.succeed("--help", settings={"LANG": "en_GB.UTF-8"}).startswith("Usage")


@pytest.mark.skipif(not list(Distribution.discover(name="yinxin")), reason="run from a checkout that is not installed")
def test_the_version() -> None:
    assert processes.succeed("--version").startswith("yinxin ")
