import json
import os
import pty
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import click
import pytest

from core.cli import Command, Group, Output, output_option, run
from core.errors import Kind, YinxinError

ROOT = Path(__file__).parents[2]
ROWS = [{"serial": "0a", "subject": "信息中心", "revoked": False, "since": datetime(2026, 1, 2, tzinfo=UTC)}]
COLUMNS = {"serial": "Serial", "subject": "Subject", "revoked": "Revoked"}


@click.group("yinxin", cls=Group, help="The authority.")
def front_door() -> None: ...


@front_door.command("list", help="List.", example="yinxin list --json\nyinxin list")
@output_option
def list_(output: Output) -> None:
    output.table(output.track(ROWS, "Listing"), COLUMNS)
    output.note("a remark")


@front_door.command()
@output_option
def show(output: Output) -> None:
    output.details(ROWS[0], COLUMNS)


@front_door.command()
@output_option
def empty(output: Output) -> None:
    output.table([], COLUMNS)


@front_door.command()
@click.argument("name")
@click.option("--how", required=True)
def fail(name: str, how: str) -> None:
    match how:
        case "refused":
            raise YinxinError(Kind.NOT_FOUND, "no such certificate", subject=name, remedy="list them")
        case "machine":
            Path(name).read_bytes()
        case "interrupted":
            raise KeyboardInterrupt
        case "code":
            click.get_current_context().exit(3)
        case _:
            raise RuntimeError(name)


front_door.add_later("later", "tests_later_commands:group", "Loaded when used.")


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.delenv("YINXIN_TRACEBACK", raising=False)


@pytest.fixture
def chinese(english: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGUAGE", "zh_CN:zh")


def test_table_for_people(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(front_door, ["list"]) == 0
    out, err = capfd.readouterr()
    assert out.splitlines()[0].split() == ["Serial", "Subject", "Revoked"]
    assert out.splitlines()[-1].split() == ["0a", "信息中心", "no"]
    assert err == "a remark\n"


def test_table_for_programs_has_every_value(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(front_door, ["list", "--json"]) == 0
    out, err = capfd.readouterr()
    assert json.loads(out) == [
        {"serial": "0a", "subject": "信息中心", "revoked": False, "since": "2026-01-02T00:00:00Z"}
    ]
    assert err == ""


def test_details_for_both(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(front_door, ["show"]) == 0
    assert [line.split() for line in capfd.readouterr().out.splitlines()] == [
        ["Serial", "0a"],
        ["Subject", "信息中心"],
        ["Revoked", "no"],
    ]
    run(front_door, ["show", "--json"])
    assert json.loads(capfd.readouterr().out)["subject"] == "信息中心"


def test_nothing_to_show(capfd: pytest.CaptureFixture[str]) -> None:
    run(front_door, ["empty"])
    assert capfd.readouterr() == ("", "Nothing to show.\n")
    run(front_door, ["empty", "--json"])
    assert capfd.readouterr() == ("[]\n", "")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Make the seal NAME, whatever that is, and enter it in the register of seals. Then stop.", None),
        ("制作印章 NAME 并登记。印章所有者和制章人的密钥在印章密钥库中。", "制作印章 NAME 并登记。"),
        ("Write it to FILE.tst, or not", "Write it to FILE.tst, or not"),
        ("", ""),
    ],
)
def test_a_list_of_commands_gives_the_first_sentence_whole(text: str, line: str | None) -> None:
    expected = text.split(" Then")[0] if line is None else line
    assert Command("make", help=text).get_short_help_str() == expected


def test_long_values_are_not_cut_in_a_pipe(capfd: pytest.CaptureFixture[str]) -> None:
    Output().table([{"a": "x" * 500, "b": "[red]" + "y" * 500}], {"a": "A", "b": "B"})
    assert capfd.readouterr().out.split()[-2:] == ["x" * 500, "[red]" + "y" * 500]


def test_names_cannot_command_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    Output().table([{"a": "\x1b[2Jgone\nnext"}], {"a": "A"})
    Output().done("\x1b]0;title\x07done")
    assert not {"\x1b", "\x07"} & set(capfd.readouterr().out)


@pytest.mark.parametrize(
    ("how", "code", "line"),
    [
        ("refused", 2, "error: NAME: no such certificate (list them)\n"),
        ("machine", 2, "error: NAME: No such file or directory\n"),
        ("interrupted", 130, "\nerror: interrupted\n"),
        ("code", 3, ""),
        (
            "defect",
            70,
            "error: RuntimeError: NAME. This is a defect of Yinxin; YINXIN_TRACEBACK=1 shows where it happened\n",
        ),
    ],
)
def test_errors_are_one_line_and_an_exit_code(
    how: str, code: int, line: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(front_door, ["fail", "NAME", "--how", how]) == code
    assert capfd.readouterr() == ("", line)


def test_traceback_when_asked(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("YINXIN_TRACEBACK", "1")
    assert run(front_door, ["fail", "NAME", "--how", "defect"]) == 70
    assert "Traceback (most recent call last)" in capfd.readouterr().err


@pytest.mark.parametrize("arguments", [["fail"], ["fail", "x"], ["nothing"], ["list", "--nothing"]])
def test_wrong_usage_exits_with_2(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    assert run(front_door, arguments) == 2
    assert "Error: " in capfd.readouterr().err


def test_help_ends_with_the_example(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(front_door, ["list", "--help"]) == 0
    assert capfd.readouterr().out.endswith("Example:\n  yinxin list --json\n  yinxin list\n")


def test_help_in_chinese(chinese: None, capfd: pytest.CaptureFixture[str]) -> None:
    # A command of its own, because click keeps the help option that it has made once.
    run(Command("list", example="yinxin list"), ["--help"])
    out = capfd.readouterr().out
    assert all(word in out for word in ("用法: ", "选项:", "显示此帮助并退出。", "示例:\n  yinxin list"))
    assert "Show this" not in out


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["nothing"], "错误: 没有命令 'nothing'。"),
        (["fail", "x"], "错误: 缺少选项 '--how'."),
        (["lis"], "错误: 没有命令 'lis'。 您是否要输入 'list'？"),
        (["fail", "x", "--how", "interrupted"], "错误: 已中断"),
    ],
)
def test_errors_in_chinese(arguments: list[str], line: str, chinese: None, capfd: pytest.CaptureFixture[str]) -> None:
    run(front_door, arguments)
    assert capfd.readouterr().err.splitlines()[-1] == line


def test_commands_are_loaded_when_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.syspath_prepend(tmp_path)
    run(front_door, ["--help"])
    assert "Loaded when used." in capfd.readouterr().out  # and the module does not even exist yet
    (tmp_path / "tests_later_commands.py").write_text(
        "import click\nfrom core.cli import Group\n"
        "@click.group(cls=Group)\ndef group(): ...\n"
        "@group.command()\ndef hello(): click.echo('hello')\n"
    )
    assert run(front_door, ["later", "hello"]) == 0
    assert capfd.readouterr().out == "hello\n"


def test_subgroups_are_furnished_alike() -> None:
    @front_door.group("inner")
    def inner() -> None: ...

    @inner.command("leaf", example="yinxin inner leaf")
    def leaf() -> None: ...

    del front_door.commands["inner"]
    assert isinstance(inner, Group)
    assert isinstance(leaf, Command)


SAY_IT = """
import sys, click
from core.cli import output_option, run

@click.command()
@output_option
def say(output):
    output.details({"name": "印信"}, {"name": "名称"})
    output.done("印信")

sys.exit(run(say))
"""
PEOPLE_READ = "名称  印信\n印信\n"


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"LANG": "zh_CN.UTF-8"}, PEOPLE_READ.encode()),
        ({"LC_ALL": "C"}, PEOPLE_READ.encode()),
        ({"PYTHONIOENCODING": "gb18030"}, PEOPLE_READ.encode("gb18030")),
        ({"PYTHONIOENCODING": "latin-1"}, PEOPLE_READ.encode("latin-1", "replace")),
    ],
)
def test_any_locale_will_do(environment: dict[str, str], expected: bytes) -> None:
    assert in_own_process(SAY_IT, environment).replace(b"  \n", b"\n") == expected


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "gb18030", "utf-8"])
def test_json_loses_nothing_in_any_locale(encoding: str) -> None:
    printed = in_own_process(SAY_IT, {"PYTHONIOENCODING": encoding}, "--json").decode(encoding)
    assert json.JSONDecoder().raw_decode(printed)[0] == {"name": "印信"}


def test_output_that_nobody_reads_is_no_verdict() -> None:
    """`| head` ends early: neither done, nor refused, nor what a command's own codes say."""
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run([sys.executable, "-c", SAY_IT], stdout=writing, stderr=subprocess.PIPE, cwd=ROOT)
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def in_own_process(script: str, environment: dict[str, str], *arguments: str) -> bytes:
    command = [sys.executable, "-c", script, *arguments]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, check=True).stdout


@pytest.mark.parametrize(("json", "drawn"), [(False, True), (True, False)])
def test_progress_is_drawn_at_a_terminal_only(json: bool, drawn: bool) -> None:
    script = f"from core.cli import Output\nfor _ in Output(json={json}).track(range(3), 'Working'): pass"
    ours, theirs = pty.openpty()
    environment = {**os.environ, "TERM": "xterm"}
    subprocess.run([sys.executable, "-c", script], env=environment, cwd=ROOT, stderr=theirs, check=True)
    os.write(theirs, b"END")
    seen = b""
    while b"END" not in seen:
        seen += os.read(ours, 4096)
    os.close(ours)
    os.close(theirs)
    assert (b"Working" in seen) is drawn
