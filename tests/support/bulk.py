"""Lists of holders for tests, with sound requests and numbers, and the command that takes them."""

import csv
import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
import openpyxl
import pytest

from core.algorithms import KeyKind
from core.cli import Group, run
from core.config import FILE_NAME
from core.csr import build_csr
from core.home import Home
from core.keys.private_key import generate
from core.subject import Subject
from ra.cli import group
from tests.support.office import CA_PASSPHRASE, PIN, Office

UNIT_NAME = "宝鸡市人民政府办公室"
HEADINGS = {"common_name": "姓名或名称", "organization": "单位", "resident_id": "居民身份证号", "csr": "证书请求"}

Yinxin = Callable[..., int]


def resident_id(number: int) -> str:
    """A sound resident identity number (GB 11643), a different one for each number below 1000."""
    digits = f"61030219800101{number:03}"
    weights = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
    return digits + "10X98765432"[sum(int(digit) * weight for digit, weight in zip(digits, weights, strict=True)) % 11]


@dataclass
class HolderList:
    """Rows of a list, and the folder of their requests."""

    folder: Path
    rows: list[dict[str, str]] = field(default_factory=list)

    def add(self, **changes: str) -> dict[str, str]:
        """A sound row, with a key of its own, changed as given."""
        number = len(self.rows) + 1
        name = f"王{number:03}"
        row = {
            "common_name": name,
            "organization": UNIT_NAME,
            "resident_id": resident_id(number),
            "csr": f"{number}.csr",
        }
        subject = Subject(common_name=name, organization=UNIT_NAME)
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / row["csr"]).write_bytes(build_csr(generate(KeyKind.SM2), subject.name()))
        self.rows.append(row | changes)
        return self.rows[-1]

    def many(self, count: int) -> "HolderList":
        for _count in range(count):
            self.add()
        return self

    def table(self, headings: Mapping[str, str] = HEADINGS) -> Sequence[Sequence[str]]:
        return [list(headings.values()), *([row.get(name, "") for name in headings] for row in self.rows)]

    def csv(self, path: Path, encoding: str = "utf-8", headings: Mapping[str, str] = HEADINGS) -> Path:
        text = io.StringIO()
        csv.writer(text).writerows(self.table(headings))
        path.write_bytes(text.getvalue().encode(encoding))
        return path

    def xlsx(self, path: Path) -> Path:
        book = openpyxl.Workbook()
        for row in self.table():
            book.active.append(row)
        book.save(path)
        return path


def command_of(office: Office, monkeypatch: pytest.MonkeyPatch, folder: Path) -> Yinxin:
    """`yinxin ra ARGUMENTS` in the office's home, by the operator `who`; the exit code."""
    (office.folder / FILE_NAME).write_text("")
    monkeypatch.setenv("YINXIN_CA_PASSPHRASE", CA_PASSPHRASE.decode())
    monkeypatch.setenv("LANGUAGE", "en")
    monkeypatch.chdir(folder)
    pin_file = folder / "pin"
    pin_file.write_bytes(PIN)
    pin_file.chmod(0o600)

    @click.group(cls=Group)
    @click.pass_context
    def front_door(context: click.Context) -> None:
        context.obj = Home(office.folder, office.clock)

    front_door.add_command(group, "ra")

    def call(*arguments: str, who: str | None = None) -> int:
        acting = ("--as", who, "--key", str(office.key_file(who)), "--pin-file", "pin") if who else ()
        return run(front_door, ["ra", *arguments, *acting])

    return call
