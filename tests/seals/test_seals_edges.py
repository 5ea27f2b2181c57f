"""The command and the service: thin, and clear about what went wrong."""

import json
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import click
import pytest
from asn1crypto import pem
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from core.algorithms import KeyKind
from core.cli import run
from core.config import FILE_NAME
from core.home import Home
from core.keys import passphrase
from core.keys.private_key import Sm2Key
from core.storage import Storage, metadata
from seals.api import api_keys
from seals.cli import group
from seals.contracts import PEOPLE, SUPPORT, SealingSupport
from seals.http import create_app
from tests.support import pdf
from tests.support.seal_people import AUDITOR, CUSTODIAN, MANAGERS, Crew
from tests.support.sealing import NAME, Office


class Support:
    def __init__(self, office: Office) -> None:
        self.office = office

    def support(self, _algorithm: object) -> SealingSupport:
        return self.office.support


@dataclass
class Installation:
    home: Home
    office: Office
    crew: Crew

    def act(self, who: str, *arguments: str | Path) -> int:
        """A command that somebody signs for."""
        key, pin = self.home.path / "key.pem", self.home.path / "pin"
        key.touch()
        pin.touch(mode=0o600)
        pin.write_text("123456")
        return self.run(*arguments, "--as", who, "--key", key, "--pin-file", pin)

    def run(self, *arguments: str | Path) -> int:
        """The command as the front door runs it."""

        @click.group()
        @click.pass_context
        def front_door(context: click.Context) -> None:
            context.obj = self.home
            context.meta[SUPPORT] = lambda _home: Support(self.office)
            context.meta[PEOPLE] = lambda _home: self.crew

        front_door.add_command(group, "seals")
        return run(front_door, ["seals", *map(str, arguments)])


@pytest.fixture(scope="module")
def with_seal(tmp_path_factory: pytest.TempPathFactory, sm2_office: Office) -> Installation:
    """A home with the keys and certificates of a unit and of a seal maker, and the unit's seal."""
    folder = tmp_path_factory.mktemp("installation") / "home"
    folder.mkdir()
    (folder / FILE_NAME).write_text("[seals]\nmaximum_document_mib = 1\n")
    home = Home(folder, sm2_office.clock)
    passphrase.create_file(home.passphrase_file("seals"))
    storage = Storage(home.database_url)
    storage.migrate()
    metadata.create_all(storage.engine)
    storage.close()
    store = home.key_store("seals")
    for name in ("unit", "maker"):
        key = store.create(name, KeyKind.SM2)
        assert isinstance(key, Sm2Key)
        party = sm2_office.issuing.issue(NAME, key=key, not_before=sm2_office.start)
        write(home.certificates("seals") / f"{name}.pem", [party.certificate, *party.chain])
    write(home.trust / "root.pem", [sm2_office.root.certificate])
    installation = Installation(home, sm2_office, Crew(sm2_office))
    register(installation, "office")
    return installation


def register(installation: Installation, name: str, *options: str) -> None:
    """A seal from its application to its activation, by the commands."""
    applicant, *approvers = MANAGERS
    order = ("--owner", NAME, "--key-name", "unit", "--custodian", CUSTODIAN, *options)
    assert installation.act(applicant, "register", "apply", name, *order) == 0
    for approver in approvers:
        assert installation.act(approver, "register", "approve", name) == 0
    assert installation.act(applicant, "register", "make", name, "--maker", "maker", "--json") == 0
    assert installation.act(CUSTODIAN, "register", "activate", name) == 0


def write(path: Path, certificates: list[bytes]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"".join(pem.armor("CERTIFICATE", certificate) for certificate in certificates))


def test_from_making_to_verifying(
    with_seal: Installation, tmp_path: Path, plain: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    notice, sealed = tmp_path / "notice.pdf", tmp_path / "notice-sealed.pdf"
    notice.write_bytes(plain)
    assert with_seal.run("stamp", "office", notice, "--page", "2", "--at", "100,100") == 0
    assert sealed.read_bytes().startswith(plain)
    capsys.readouterr()

    assert with_seal.run("verify", sealed, "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["schema"], report["verdict"]) == ("yinxin-seal-report/1", "valid")
    assert report["document"] == "notice-sealed.pdf"

    assert with_seal.run("verify", sealed) == 0
    words = capsys.readouterr().out
    assert NAME in words
    assert "valid" in words

    assert with_seal.run("list") == 0
    assert "active" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "pages"),
    [
        (["--straddle", "right", "--opacity", "0.8"], [1, 2]),
        (["--keyword", "Page", "--occurrence", "2", "--offset", "20,-30", "--blending", "cover"], [2]),
        (["--at", "30,30", "--origin", "upper-right", "--pages", "all", "--certify", "annotations"], [1, 2]),
    ],
)
def test_every_way_of_placing_by_command(
    with_seal: Installation,
    tmp_path: Path,
    plain: bytes,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    pages: list[int],
) -> None:
    notice = tmp_path / "notice.pdf"
    notice.write_bytes(plain)
    capsys.readouterr()
    assert with_seal.run("stamp", "office", notice, *options, "--level", "B-T", "--json") == 0
    assert json.loads(capsys.readouterr().out)["pages"] == pages


def test_the_exit_code_is_the_worst_verdict(
    with_seal: Installation, tmp_path: Path, plain: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    notice = tmp_path / "notice.pdf"
    notice.write_bytes(plain)
    made = {}
    for level, code in (("B-LTA", 0), ("B-B", 2)):
        made[code] = tmp_path / f"{level}.pdf"
        with_seal.run("stamp", "office", notice, "--at", "100,100", "--level", level, "--out", made[code])
    made[3] = tmp_path / "changed.pdf"
    made[3].write_bytes(pdf.updated(made[0].read_bytes(), pdf.add_text))
    for code, file in made.items():
        assert with_seal.run("verify", file) == code
    issuing, root = with_seal.office.crls()
    for name, crl in (("issuing", issuing), ("root", root)):
        (tmp_path / f"{name}.crl").write_bytes(crl)
    lists = ("--crl", tmp_path / "issuing.crl", "--crl", tmp_path / "root.crl")
    assert with_seal.run("verify", made[2], *lists) == 1
    capsys.readouterr()
    assert with_seal.run("verify", *made.values(), "--json") == 3
    verdicts = [report["verdict"] for report in json.loads(capsys.readouterr().out)]
    assert verdicts == ["valid", "indeterminate", "invalid"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["stamp", "none", "notice.pdf", "--at", "100,100"], "no seal of this name"),
        (["stamp", "office", "notice.pdf", "--at", "middle"], "not a place on a page"),
        (["stamp", "office", "notice.pdf"], "no empty signature field that waits for it (say it: --at X,Y, --keyword"),
        (["stamp", "office", "notice.pdf", "--page", "2"], "not where on it"),
        (["stamp", "office", "notice.pdf", "--at", "9,9", "--field", "F"], "placed in one way"),
        (["stamp", "office", "notice.pdf", "--keyword", "盖章处"], "not found on the pages 1 to 2"),
        (["stamp", "office", "notice.pdf", "--field", "F"], "no empty signature field"),
        (["stamp", "office", "notice.pdf", "--straddle", "right", "--pages", "1"], "at least two pages"),
        (["stamp", "office", "notice.pdf", "--at", "60,60", "--opacity", "7"], "opacity"),
        (["stamp", "office", "notice.pdf", "--at", "60,60", "--pages", "some"], "no page numbers"),
        (["stamp", "office", "none.pdf", "--at", "100,100"], "no such file"),
        (["stamp", "office", "text.pdf", "--at", "100,100"], "not a PDF"),
        (["stamp", "office", "notice.pdf", "--at", "100,100", "--out", "text.pdf"], "exists already"),
        (["stamp", "office", "notice.pdf", "--at", "1,1"], "not wholly on the page"),
        (["verify", "notice.pdf", "--trust", "nowhere"], "no such folder"),
        (["verify", "none.pdf"], "no such file"),
        (["register", "show", "none"], "no seal of this name"),
    ],
)
def test_errors_are_one_line_and_change_nothing(
    with_seal: Installation,
    tmp_path: Path,
    plain: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notice.pdf").write_bytes(plain)
    Path("text.pdf").write_text("not a PDF")
    before = sorted(tmp_path.iterdir())
    capsys.readouterr()
    assert with_seal.run(*arguments) == 2
    error = capsys.readouterr().err.strip()
    assert words in error
    assert "\n" not in error
    assert sorted(tmp_path.iterdir()) == before


ORDER = ["--owner", NAME, "--custodian", CUSTODIAN, "--key-name"]


@pytest.mark.parametrize(
    ("who", "arguments", "words"),
    [
        (MANAGERS[0], ["register", "apply", "office", *ORDER, "unit"], "already"),
        (MANAGERS[0], ["register", "apply", "two", *ORDER, "none"], "no such file"),
        (MANAGERS[0], ["register", "apply", "two", *ORDER, "unit", "--hours", "8-18"], "08:30-18:00"),
        (MANAGERS[0], ["register", "apply", "two", *ORDER, "unit", "--picture", "text.pdf"], "--width-mm"),
        (MANAGERS[0], ["api-key", "new", "oa", "--seal", "none"], "no seal of this name"),
        (CUSTODIAN, ["api-key", "new", "oa", "--seal", "office"], "for seal administrators to admit"),
        (CUSTODIAN, ["register", "apply", "two", *ORDER, "unit"], "not for he.qing to decide"),
        (MANAGERS[0], ["register", "approve", "office"], "the seal is active"),
        (MANAGERS[0], ["register", "make", "office", "--maker", "maker"], "the seal is active"),
        (MANAGERS[0], ["register", "make", "office", "--maker", "none"], "none"),
        (MANAGERS[0], ["register", "resume", "office", "--reason", "found"], "the seal is active"),
        (MANAGERS[0], ["register", "destroy", "office", "--reason", "old"], "the seal is active"),
        (CUSTODIAN, ["permit", "office", "none.pdf"], "no such file"),
        (MANAGERS[0], ["uses", "office"], "for auditors and its custodians"),
    ],
)
def test_what_people_cannot_do_is_one_line(
    with_seal: Installation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    who: str,
    arguments: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("text.pdf").write_text("not a picture")
    capsys.readouterr()
    assert with_seal.act(who, *arguments) == 2
    error = capsys.readouterr().err.strip()
    assert words in error
    assert "\n" not in error


def test_a_seal_is_shown_with_its_history(
    with_seal: Installation, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register(with_seal, "shown", "--per-day", "3", "--standard", "5", "--digests", "--hours", "00:00-24:00")
    capsys.readouterr()
    assert with_seal.run("register", "show", "shown", "--picture", tmp_path / "shown.png", "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["versions"][0]["bounds"] == ["per_day: 3", "hours: 00:00-24:00"]
    assert [one["act"] for one in shown["statements"]] == ["apply", "approve", "approve", "make", "activate"]
    assert (tmp_path / "shown.png").read_bytes().startswith(b"\x89PNG")
    assert with_seal.run("register", "show", "shown") == 0
    words = capsys.readouterr().out
    assert all(text in words for text in (NAME, "GM/T 0031-2025", "he.qing", "active"))


def test_each_use_is_permitted_and_listed(
    with_seal: Installation, tmp_path: Path, plain: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    register(with_seal, "strict", "--permission", "--type", "notice", "--person", "张三")
    notice = tmp_path / "notice.pdf"
    notice.write_bytes(plain)
    stamp = ("stamp", "strict", notice, "--at", "100,100", "--level", "B-B", "--person", "张三", "--type", "notice")
    capsys.readouterr()
    assert with_seal.run(*stamp) == 2
    assert "yinxin seals permit strict" in capsys.readouterr().err
    assert with_seal.act(CUSTODIAN, "permit", "strict", notice) == 0
    assert with_seal.run(*stamp) == 0
    capsys.readouterr()
    assert with_seal.act(AUDITOR, "uses", "strict", "--json") == 0
    (use,) = json.loads(capsys.readouterr().out)
    assert (use["ordinal"], use["person"], use["document_type"], use["actor"]) == (1, "张三", "notice", "command")
    assert with_seal.act(AUDITOR, "uses", "strict") == 0
    assert "张三" in capsys.readouterr().out


def test_a_frozen_seal_can_be_resumed(with_seal: Installation, tmp_path: Path, plain: bytes) -> None:
    notice = tmp_path / "notice.pdf"
    notice.write_bytes(plain)
    stamp = ("stamp", "office", notice, "--at", "100,100", "--level", "B-B")
    assert with_seal.act(CUSTODIAN, "register", "freeze", "office", "--reason", "lost") == 0
    assert with_seal.run(*stamp) == 2
    assert with_seal.act(MANAGERS[0], "register", "resume", "office", "--reason", "found") == 0
    assert with_seal.run(*stamp) == 0


@pytest.fixture(scope="module")
def api_key(with_seal: Installation) -> str:
    return api_keys.create(with_seal.home.context, "oa-system", ["office"], actor="tester")


@pytest.fixture(scope="module")
def client(with_seal: Installation) -> FlaskClient:
    return create_app(with_seal.home, Support(with_seal.office), with_seal.crew).test_client()


STAMP = "/api/seals/v1/seals/office/stamp"
PLACE = {"page": "1", "x_mm": "100", "y_mm": "100"}


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_document_is_sealed_and_verified_over_http(
    client: FlaskClient, api_key: str, plain: bytes, with_seal: Installation
) -> None:
    for sent in (
        {"data": plain, "query_string": PLACE, "content_type": "application/pdf"},
        {"data": {**PLACE, "document": (BytesIO(plain), "notice.pdf"), "reason": "发文"}},
    ):
        answer = client.post(STAMP, headers=bearer(api_key), **sent)
        assert answer.status_code == 200, answer.text
        assert answer.content_type == "application/pdf"
        assert answer.data.startswith(plain)
        report = client.post("/api/seals/v1/verify", data=answer.data).get_json()
        assert report["verdict"] == "valid"
        assert report["signatures"][0]["level"] == "B-LTA"
    told = client.get("/healthz").get_json()
    assert set(told) == {"status", "findings"} and "database" not in {one["check"] for one in told["findings"]}
    name = client.post("/api/seals/v1/verify", data={"document": (BytesIO(plain), "notice.pdf")}).get_json()["document"]
    assert name == "notice.pdf"


def problem(answer: TestResponse) -> dict[str, str]:
    assert answer.content_type == "application/problem+json"
    document: dict[str, str] = json.loads(answer.text)
    return document


def test_who_may_not_is_told_so(client: FlaskClient, api_key: str, plain: bytes) -> None:
    for headers in ({}, bearer("nonsense"), {"Authorization": "Basic eDp5"}):
        answer = client.post(STAMP, headers=headers, data=plain, query_string=PLACE)
        assert answer.status_code == 401
        assert "API key" in problem(answer)["detail"]
        assert answer.headers["WWW-Authenticate"].lower().startswith("bearer")
    other = client.post(STAMP.replace("office", "other"), headers=bearer(api_key), data=plain, query_string=PLACE)
    assert other.status_code == 403
    assert "may not use" in problem(other)["detail"]


@pytest.mark.parametrize(
    ("place", "data", "status", "words"),
    [
        (PLACE, b"", 400, "no document"),
        (PLACE, b"text", 400, "not a PDF"),
        ({**PLACE, "page": "one"}, None, 400, "page: must be a whole number"),
        ({**PLACE, "page": "9"}, None, 400, "no page 9"),
        ({**PLACE, "x_mm": ""}, None, 400, "x_mm: must be a number"),
        ({**PLACE, "x_mm": "nan"}, None, 400, "x_mm: must be a number"),
        ({**PLACE, "keyword": "date"}, None, 400, "in one way"),
        ({"page": "1", "x_mm": "100"}, None, 400, "not whole"),
        ({**PLACE, "y": "1"}, None, 400, "y: unknown field"),
        ({**PLACE, "level": "B-X"}, None, 400, "level: must be one of"),
        (PLACE, b"%PDF-" + bytes(2 << 20), 413, ""),
    ],
)
def test_bad_requests_are_problem_documents(
    client: FlaskClient, api_key: str, plain: bytes, place: dict[str, str], data: bytes | None, status: int, words: str
) -> None:
    body = plain if data is None else data
    answer = client.post(STAMP, headers=bearer(api_key), data=body, query_string=place, content_type="application/pdf")
    assert answer.status_code == status, answer.text
    assert words in problem(answer).get("detail", "")


def test_an_unsealed_document_gets_its_report(client: FlaskClient, plain: bytes) -> None:
    report = client.post("/api/seals/v1/verify", data=plain).get_json()
    # As `curl --data-binary` sends it.
    as_form = client.post("/api/seals/v1/verify", data=plain, content_type="application/x-www-form-urlencoded")
    assert as_form.get_json()["sha256"] == report["sha256"]
    assert report["verdict"] == "invalid"
    assert [finding["code"] for finding in report["findings"]] == ["no-signature"]


def test_an_api_key_is_told_once(with_seal: Installation, capsys: pytest.CaptureFixture[str]) -> None:
    assert with_seal.act(MANAGERS[0], "api-key", "new", "another", "--seal", "office") == 0
    key = capsys.readouterr().out.strip()
    assert key.startswith(api_keys.PREFIX)
    system = api_keys.bearer(with_seal.home.context, key)
    assert system is not None and system.name == "another"
    for file in with_seal.home.path.glob("yinxin.db*"):
        assert key.encode() not in file.read_bytes()


def test_the_page_says_the_verdict_in_the_readers_language(client: FlaskClient, sealed_sm2: bytes) -> None:
    form = {"document": (BytesIO(sealed_sm2), "notice.pdf")}
    page = client.post("/verify", data=form, headers={"Accept-Language": "zh-CN"})
    assert page.status_code == 200
    assert '<html lang="zh-CN">' in page.text
    assert "有效</h2>" in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert "<script" not in page.text


def test_the_page_escapes_what_strangers_write(client: FlaskClient) -> None:
    form = {"document": (BytesIO(b"%PDF-1.7 none"), "<script>alert(1)</script>.pdf")}
    page = client.post("/verify", data=form, headers={"Accept-Language": "en"})
    assert "invalid</h2>" in page.text
    assert "<script>" not in page.text


def test_the_page_without_a_document_says_so(client: FlaskClient) -> None:
    assert client.get("/").headers["Location"] == "/verify"
    assert client.get("/verify").status_code == 200
    empty = client.post("/verify", data={}, headers={"Accept-Language": "en"})
    assert empty.status_code == 400
    assert "no document" in empty.text
