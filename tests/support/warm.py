"""The command `yinxin` as a process of its own that need not begin from nothing: it is forked from one that has it all.

A page of the documentation has a hundred commands, and to import what they use takes longer than what they do. The
command that stands in the path sends its arguments, folder, environment and open files here, and ends as its fork does.
That the command works from nothing is shown by the tests that start it through `tests.support.processes`.
"""

import contextlib
import importlib
import json
import os
import pkgutil
import signal
import socket
import subprocess
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path

from tests.support import thrift
from tests.support.processes import environment

ROOMS = ("core", "ca", "ra", "ocsp", "tsa", "seals", "audit", "yinxin")
_COMMAND = """#!{python} -IS
import array, json, os, signal, socket, sys
asked = socket.socket(socket.AF_UNIX)
asked.connect({address!r})
mask = os.umask(0)
told = json.dumps([sys.argv, os.getcwd(), mask, dict(os.environ)]).encode() + b"\\n"
socket.send_fds(asked, [told[:1]], [0, 1, 2])
asked.sendall(told[1:])
answer = asked.makefile()
process = int(answer.readline())
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    signal.signal(number, lambda number, _frame: os.kill(process, number))
os._exit(int(answer.readline() or 70))
"""


@contextlib.contextmanager
def warm_command(folder: Path) -> Iterator[Path]:
    """A program of this name in the folder, for as long as the block lasts."""
    address = folder / "warm.socket"
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(address))
        listening.listen(64)
        command = [sys.executable, "-m", "tests.support.warm", str(listening.fileno())]
        with subprocess.Popen(
            command, pass_fds=[listening.fileno()], env=environment(), start_new_session=True
        ) as warm:
            try:
                program = folder / "yinxin"
                program.write_text(_COMMAND.format(python=sys.executable, address=str(address)))
                program.chmod(0o755)
                yield program
            finally:
                warm.terminate()


def main() -> None:
    """Fork for each that asks, until told to end."""
    listening = socket.socket(fileno=int(sys.argv[1]))
    for room in ROOMS:
        for module in pkgutil.walk_packages([room], f"{room}."):
            if not module.name.endswith((".__main__", ".server", ".env")) and ".versions." not in module.name:
                importlib.import_module(module.name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    while True:
        asking, _address = listening.accept()
        if os.fork() == 0:
            listening.close()
            _run(asking)
        asking.close()


def _run(asking: socket.socket) -> None:
    from yinxin.cli import main as yinxin

    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    first, files, _flags, _address = socket.recv_fds(asking, 1, 3)
    arguments, folder, mask, variables = json.loads(first + asking.makefile("rb").readline())
    for place, file in enumerate(files):
        os.dup2(file, place)
        os.close(file)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", closefd=False, buffering=1, errors="backslashreplace")  # noqa: SIM115
    os.chdir(folder)
    os.umask(mask)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = [thrift.__file__, *arguments[1:]]
    asking.sendall(b"%d\n" % os.getpid())
    code = 1
    try:
        yinxin()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
    except BaseException:  # noqa: BLE001 - as Python ends
        traceback.print_exc()
    finally:
        with contextlib.suppress(OSError):
            sys.stdout.flush()
            sys.stderr.flush()
        asking.sendall(b"%d\n" % code)
        os._exit(code)


if __name__ == "__main__":
    main()
