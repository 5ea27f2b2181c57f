"""The same commands at the CA and at a distance: what they print, write and refuse is the same."""

import json
import re
import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import click
import pytest

from core.algorithms import KeyKind
from core.certificates import read_certificates
from core.cli import Group, run
from core.clock import FixedClock
from core.config import FILE_NAME
from core.csr import build_csr
from core.home import Home
from core.keys.private_key import generate
from core.storage import Storage
from core.subject import Subject
from ra.cli import group
from ra.delivery import armour_csr
from tests.support.office import BUSINESS, CA_PASSPHRASE, NOW, PIN, Office
from tests.support.office_server import application, serving

_VARIES = re.compile(r"\bR?\d{8}-[0-9A-Z]{8}\b|\bI[0-9A-F]{20}\b|\b[0-9a-f]{38,64}\b|\b\d{40,50}\b")


@dataclass
class Way:
    """One way to an office of its own."""

    office: Office
    folder: Path
    home: Path
    server: tuple[str, ...]

    def call(self, capsys: pytest.CaptureFixture[str], line: str, who: str | None) -> tuple[int, str, str]:
        """What the command line of words says; numbers that are random are called by their first appearance."""

        @click.group(cls=Group)
        @click.pass_context
        def front_door(context: click.Context) -> None:
            context.obj = Home(self.home, self.office.clock)

        front_door.add_command(group, "ra")
        acting = ["--as", who, "--key", str(self.office.key_file(who)), "--pin-file", "pin"] if who else []
        capsys.readouterr()
        code = run(front_door, ["ra", *self.server, *line.split(), *acting])
        printed = capsys.readouterr()
        return code, printed.out, printed.err


@pytest.fixture(scope="module")
def ways(founded: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Way]]:
    with ExitStack() as stack:
        stack.enter_context(pytest.MonkeyPatch.context()).setenv("YINXIN_CA_PASSPHRASE", CA_PASSPHRASE.decode())
        made = {}
        for name in ("here", "there"):
            folder = tmp_path_factory.mktemp(name)
            shutil.copytree(founded.folder, folder / "office")
            storage = Storage(f"sqlite:///{folder / 'office' / 'yinxin.db'}")
            stack.callback(storage.close)
            office = Office(folder / "office", storage, FixedClock(NOW), dict(founded.sessions))
            (office.folder / FILE_NAME).touch()
            server: tuple[str, ...] = ()
            if name == "there":
                server = ("--server", stack.enter_context(serving(application(office))))
            made[name] = Way(office, folder, office.folder if name == "here" else folder / "nowhere", server)
        csrs = {
            one: armour_csr(build_csr(generate(KeyKind.SM2), Subject(common_name=one).name()))
            for one in ("a", "b", "c", "d", "e")
        }
        for way in made.values():
            work = way.folder / "work"
            (work / "requests").mkdir(parents=True)
            (work / "pin").write_bytes(PIN)
            (work / "pin").chmod(0o600)
            for one, csr in csrs.items():
                (work / "requests" / f"{one}.csr").write_bytes(csr)
            (work / "staff.csv").write_text(
                "姓名或名称,所属单位,证书请求\n王五,市局,c.csr\n赵六,市局,d.csr\n", encoding="utf-8"
            )
            (work / "wrong.csv").write_text(
                "姓名或名称,所属单位,证书请求\n钱七,市局,nothing.csr\n孙八,市局,../pin\n周九,市局,e.csr\n",
                encoding="utf-8",
            )
        yield made


SUBJECT = "--organization 市局 --common-name"
SCRIPT: list[tuple[str, str | None]] = [
    (f"apply --profile staff --authority sm2-issuing --csr requests/a.csr {SUBJECT} 张三 --json", "lu.enter"),
    (f"apply --profile staff --authority sm2-issuing --csr requests/a.csr {SUBJECT} 张三", "shen.review"),
    (f"apply --profile nothing --authority sm2-issuing --csr requests/a.csr {SUBJECT} 张三", "lu.enter"),
    (f"apply --profile staff --authority nothing --csr requests/a.csr {SUBJECT} 张三", "lu.enter"),
    (f"apply --profile staff --authority sm2-issuing --csr requests/b.csr {SUBJECT} 李四", "lu.enter"),
    ("list", "shen.review"),
    ("list --limit 1 --json", "shen.review"),
    ("list --limit 0", "shen.review"),
    ("list --unit 市局 --by lu.enter --since 2026-10-01 --json", "shen.review"),
    ("list --branch nowhere", "shen.review"),
    ("list", "zhao.super"),
    ("amend {1} --organizational-unit 秘书科", "lu.enter"),
    ("show {1}", "shen.review"),
    ("approve {1} --digest " + "0" * 64, "shen.review"),
    ("approve {1} 20261101-NONESUCH", "shen.review"),
    ("approve {1}", "shen.review"),
    ("approve {2}", "lu.enter"),
    ("reject {2} --why 材料不全", "he.review"),
    ("reject {2} --why 材料不全", "he.review"),
    ("withdraw {2}", "lu.enter"),
    ("issue {2}", "zhi.make"),
    ("issue --approved --json", "zhi.make"),
    ("issue --approved", "zhi.make"),
    ("deliver {1} --out chain.pem --form chain", "zhi.make"),
    ("deliver {1} --out chain.pem --form chain", "zhi.make"),
    ("show {1} --export evidence", "shen.review"),
    ("search --by name 张 --json", "quan.all"),
    ("search --by serial xyz", "quan.all"),
    ("search --by name 张", "shen.review"),
    ("statistics --by operator --json", "quan.all"),
    ("statistics --of certificates", "quan.all"),
    ("statistics --of certificates --by operator", "quan.all"),
    ("statistics --since 2026-02-01 --until 2026-01-01 --by month", "quan.all"),
    ("statistics", "shen.review"),
    ("hold {serial}", "shen.review"),
    ("hold {serial}", "shen.review"),
    ("resume {serial}", "shen.review"),
    ("rekey {serial} --csr requests/e.csr --revoke superseded", "lu.enter"),
    ("expiring --within 5y --json", "shen.review"),
    ("expiring --within 5y --unit 无 --after 7", "shen.review"),
    ("expiring --limit 0", "shen.review"),
    ("expiring", "zhao.super"),
    ("revoke-batch --unit 市局 --reason keyCompromise --check --json", "lu.enter"),
    ("revoke-batch --unit 市局 --reason certificateHold", "lu.enter"),
    ("revoke-batch --unit 无 --reason superseded", "lu.enter"),
    ("revoke-batch --unit 市局 --reason superseded", "zhi.make"),
    ("revoke-batch --search 市局 --by unit --reason superseded --check", "lu.enter"),
    ("revoke-batch --search 市局 --by unit --reason superseded --check", "quan.all"),
    ("revoke-batch --file staff.csv --reason superseded", "lu.enter"),
    ("revoke-batch --unit 市局 --reason superseded --json", "lu.enter"),
    ("revoke-batch --unit 市局 --reason keyCompromise", "lu.enter"),
    ("batch list --json", "shen.review"),
    ("batch show {R1}", "shen.review"),
    ("batch show R20261101-00000000", "shen.review"),
    ("batch show {R1}", "zhao.super"),
    ("batch approve {R1}", "lu.enter"),
    ("batch approve {R1} --digest " + "0" * 64, "shen.review"),
    ("batch reject {R1} --why 名单有误", "shen.review"),
    ("batch approve {R1}", "shen.review"),
    ("batch withdraw {R2}", "zhi.make"),
    ("batch approve {R2} --json", "shen.review"),
    ("batch withdraw {R2}", "lu.enter"),
    ("batch show {R2} --json", "shen.review"),
    ("revoke {serial} --reason superseded", "zhi.make"),
    ("revoke {serial} --reason superseded --json", "shen.review"),
    ("resume {serial}", "shen.review"),
    ("revoke 01 --reason superseded", "shen.review"),
    ("import wrong.csv --csr-folder requests --profile staff --authority sm2-issuing", "lu.enter"),
    ("import staff.csv --csr-folder requests --authority sm2-issuing", "lu.enter"),
    ("import staff.csv --csr-folder requests --profile staff --authority sm2-issuing --check", "lu.enter"),
    ("import staff.csv --csr-folder requests --profile staff --authority sm2-issuing --json", "lu.enter"),
    ("import staff.csv --csr-folder requests --profile staff --authority sm2-issuing", "lu.enter"),
    ("export requests --out requests.csv", "quan.all"),
    ("export certificates --format jsonl --out certificates.jsonl", "quan.all"),
    ("export certificates --state nothing --out none.csv", "quan.all"),
    ("template --out template.xlsx", "quan.all"),
    ("branch add chencang --title 陈仓区", "zhao.super"),
    ("branch add chencang --title 陈仓区", "zhao.super"),
    ("branch add jintai --title 金台区", BUSINESS),
    ("branch list --json", "quan.all"),
    ("operator suspend he.review --why 休假", BUSINESS),
    ("list", "quan.all"),
    ("operator reinstate he.review", BUSINESS),
    ("operator change he.review --role make", BUSINESS),
    ("operator change he.review --role make", "quan.all"),
    ("operator remove nobody", BUSINESS),
    ("operator list", "quan.all"),
]
FILES = ["requests.csv", "certificates.jsonl"]


def _settled(text: str) -> str:
    """The text with what is random in it called by the order of its first appearance."""
    seen: dict[str, str] = {}
    folded = re.sub(r" +", " ", text)
    return _VARIES.sub(lambda match: seen.setdefault(match[0], f"<{len(seen)}>"), folded)


def test_both_ways_say_the_same(
    ways: dict[str, Way], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LANGUAGE", "en")
    said: dict[str, list[tuple[str, int, str, str]]] = {}
    for name, way in ways.items():
        monkeypatch.chdir(way.folder / "work")
        known: dict[str, str] = {}
        said[name] = []
        for line, who in SCRIPT:
            for label, value in known.items():
                line = line.replace("{" + label + "}", value)
            code, out, err = way.call(capsys, line, who)
            if line.startswith("apply") and code == 0:
                (number,) = re.findall(r"\d{8}-[0-9A-Z]{8}", out)
                known[str(len(known) + 1)] = number
            if line.startswith("revoke-batch") and (ordered := re.findall(r"\bR\d{8}-[0-9A-F]{8}", out)):
                known[f"R{sum(label.startswith('R') for label in known) + 1}"] = ordered[0]
            if line.startswith("issue --approved --json"):
                known["serial"] = json.loads(out)[0]["serial"]
            said[name].append((_settled(line), code, _settled(out), _settled(err)))
    pairs = zip(said["here"], said["there"], strict=True)
    assert [pair for pair in pairs if pair[0] != pair[1]] == []
    assert {code for _line, code, _out, _err in said["here"]} == {0, 2}
    assert not (ways["there"].folder / "nowhere").exists()
    for file in FILES:
        here_text, there_text = (_settled((way.folder / "work" / file).read_text("utf-8")) for way in ways.values())
        assert here_text == there_text, file
    for way in ways.values():
        assert len(read_certificates(way.folder / "work" / "chain.pem")) == 3
        assert len(list((way.folder / "work" / "evidence").iterdir())) == 8
    # Who works here opens a key file here; who works at a distance signs each request instead, and is seen looking.
    passed_over = (".refused", "ra.session.open", "ra.api.admit", ".view", ".search", "core.keys.open")
    acts = [[act for act in way.office.acts() if not act.endswith(passed_over)] for way in ways.values()]
    assert acts[0] == acts[1]
