"""What the operator of a document system types: a folder sealed by a service, batches, what webhooks are told."""

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path
from typing import Any

import click
import pytest
import sqlalchemy as sa

from core.cli import run
from core.home import Home
from core.storage import Storage
from seals import records
from seals.api.api_keys import Scope
from seals.api.models import DocumentEntry
from seals.batches.remote import documents_named, place_of
from seals.cli import group
from seals.verification.report import Verdict
from tests.support.office_server import serving
from tests.support.seal_service import Service, service_of
from tests.support.sealing import Office

Listening = tuple[Service, "Tap", str, dict[str, str]]
WEBHOOK = "https://oa.example.gov.cn/sealed"


@dataclass
class Tap:
    """The application, and everything that was sent to it."""

    application: Callable[..., Any]
    bodies: list[bytes] = field(default_factory=list)

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        self.bodies.append(body)
        environ["wsgi.input"] = BytesIO(body)
        return self.application(environ, start_response)


@dataclass
class Desk:
    """A machine without a home, and what is typed there."""

    service: Service
    overheard: Tap
    address: str
    folder: Path
    capture: pytest.CaptureFixture[str]

    def __post_init__(self) -> None:
        self.drafts = self.folder / "drafts"
        (self.drafts / "deep").mkdir(parents=True)

    def call(self, *arguments: str | Path, key: str = "oa") -> tuple[int, str, str]:
        """Exit code, stdout, stderr."""

        @click.group()
        @click.pass_context
        def elsewhere(context: click.Context) -> None:
            context.obj = Home(self.folder / "nowhere", self.service.bureau.office.clock)

        elsewhere.add_command(group, "seals")
        self.capture.readouterr()
        at = ("--server", self.address, "--api-key-file", self.folder / f"{key}.key")
        code = run(elsewhere, ["seals", *map(str, (*arguments, *at))])
        return code, *self.capture.readouterr()

    def json(self, *arguments: str | Path) -> Any:
        return json.loads(self.call(*arguments, "--json")[1])

    @property
    def uses(self) -> int:
        with self.service.context.storage.reading() as connection:
            return connection.scalar(sa.select(sa.func.count()).select_from(records.seal_uses)) or 0


@pytest.fixture(scope="module")
def served(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, sm2_office: Office) -> Iterator[Listening]:
    folder = tmp_path_factory.mktemp("commands")
    shutil.copy(migrated_sqlite, folder / "yinxin.db")
    storage = Storage(f"sqlite:///{folder / 'yinxin.db'}")
    service = service_of(storage, folder / "home", sm2_office)
    keys = {"oa": service.key("oa", webhook=WEBHOOK), "few": service.key("few", scopes=[Scope.USES])}
    overheard = Tap(service.app)
    with serving(overheard) as address:
        yield service, overheard, address, keys
    storage.close()


@pytest.fixture
def desk(served: Listening, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Desk:
    service, overheard, address, keys = served
    for name, key in keys.items():
        (tmp_path / f"{name}.key").touch(mode=0o600)
        (tmp_path / f"{name}.key").write_text(key)
    overheard.bodies.clear()
    return Desk(service, overheard, address, tmp_path, capsys)


@pytest.mark.parametrize("by_digest", [False, True])
def test_a_folder_is_sealed_by_a_service_and_gone_on_with(desk: Desk, plain: bytes, *, by_digest: bool) -> None:
    for place in ("一.pdf", "deep/two.pdf"):
        (desk.drafts / place).write_bytes(plain)
    (desk.drafts / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    out, before = desk.folder / "sealed", desk.uses
    command: list[str | Path] = [
        "stamp-folder",
        "office",
        desk.drafts,
        "--at",
        "100,100",
        "--out",
        out,
        "--level",
        "B-T",
    ]
    command += ["--workers", "2", *(["--by-digest"] if by_digest else [])]
    code, printed, noted = desk.call(*command, "--report", desk.folder / "report.json")
    assert (code, desk.uses) == (1, before + 2)
    assert "2 sealed, 0 were there, 1 failed." in noted
    assert "broken.pdf" in printed
    rows = json.loads((desk.folder / "report.json").read_bytes())
    assert sorted(row["outcome"] for row in rows) == ["failed", "sealed", "sealed"]
    for place in ("一.pdf", "deep/two.pdf"):
        sealed = (out / place).read_bytes()
        assert desk.service.bureau.office.report(sealed, status=True).verdict is Verdict.VALID
    left = any(plain[:200] in body for body in desk.overheard.bodies)
    assert left is not by_digest, "whether the documents were sent"
    (out / "一.pdf").unlink()
    (desk.drafts / "broken.pdf").unlink()
    code, printed, noted = desk.call(*command)
    # What was sent is had again for a day, by the same words; of a document that stayed here, only digests are known.
    assert (code, desk.uses) == (0, before + (3 if by_digest else 2))
    assert "1 sealed, 1 were there, 0 failed." in noted


def test_a_folder_that_cannot_be_sealed_is_refused_at_once(desk: Desk, plain: bytes) -> None:
    (desk.drafts / "one.pdf").write_bytes(plain)
    command = ("stamp-folder", "office", desk.drafts, "--at", "100,100", "--out", desk.folder / "sealed")
    assert "not for documents" in desk.call(*command, key="few")[2]
    assert "not for digests" in desk.call(*command, "--by-digest", key="few")[2]
    assert "may not use the seal" in desk.call("stamp-folder", "other", *command[2:])[2]
    (desk.folder / "oa.key").write_text("nobody's")
    assert desk.call(*command)[0] == 2
    desk.address = "http://127.0.0.1:9"
    assert "does not answer" in desk.call(*command)[2]
    assert not (desk.folder / "sealed").exists()


def test_a_batch_from_the_drafts_to_the_sealed_folder(desk: Desk, plain: bytes) -> None:
    for place in ("一.pdf", "deep/two.pdf"):
        (desk.drafts / place).write_bytes(plain)
    (desk.drafts / "broken.pdf").write_bytes(b"%PDF-1.7 broken")
    out, before = desk.folder / "sealed", desk.uses
    told = desk.json("batch", "submit", "office", desk.drafts, "--at", "100,100", "--level", "B-T", "--purpose", "年报")
    number = told["number"]
    assert (told["documents"], desk.uses) == (3, before)
    assert desk.json("batch", "status", number)["counts"] == {"waiting": 3}
    code, _printed, noted = desk.call("batch", "fetch", number, "--out", out)
    assert code == 1
    assert "3 are not sealed yet" in noted
    desk.service.work()
    assert desk.uses == before + 2
    code, printed, _noted = desk.call("batch", "status", number)
    assert "finished" in printed
    assert "broken.pdf" in printed
    code, printed, noted = desk.call("batch", "fetch", number, "--wait", "--out", out, "--report", out / "r.csv")
    assert code == 1
    assert "2 sealed, 0 were there, 1 failed." in noted
    assert "broken.pdf" in (out / "r.csv").read_text(encoding="utf-8-sig")
    sealed = (out / "deep" / "two.pdf").read_bytes()
    assert desk.service.bureau.office.report(sealed, status=True).verdict is Verdict.VALID
    (out / "deep" / "two.pdf").unlink()
    (out / "一.pdf").write_bytes(b"something else")
    rows = desk.json("batch", "fetch", number, "--out", out)
    assert [(row["document"], row["outcome"]) for row in rows] == [
        ("broken.pdf", "failed"),
        ("deep/two.pdf", "sealed"),
        ("一.pdf", "failed"),
    ]
    assert (out / "deep" / "two.pdf").read_bytes() == sealed
    assert (out / "一.pdf").read_bytes() == b"something else"


def test_a_batch_that_is_cancelled(desk: Desk, plain: bytes) -> None:
    (desk.drafts / "one.pdf").write_bytes(plain)
    number = desk.json("batch", "submit", "office", desk.drafts / "one.pdf", "--at", "100,100")["number"]
    assert "cancelled" in desk.call("batch", "cancel", number)[1]
    assert desk.json("batch", "list", "--limit", "1")[0]["number"] == number
    assert number not in desk.call("batch", "list", "--before", number)[1]
    code, printed, _noted = desk.call("batch", "list")
    assert (code, "cancelled: 1" in printed) == (0, True)
    assert "Nothing to show" in desk.call("batch", "list", key="few")[2]
    assert "no batch of this number" in desk.call("batch", "list", "--before", number, key="few")[2]
    desk.service.work()
    assert desk.json("batch", "status", number)["counts"] == {"cancelled": 1}
    (row,) = desk.json("batch", "fetch", number, "--out", desk.folder / "sealed")
    assert (row["outcome"], row["problem"]) == ("failed", "cancelled")


def test_a_batch_that_cannot_be_filled_is_not_started(desk: Desk, plain: bytes) -> None:
    (desk.drafts / "a.pdf").write_bytes(plain)
    (desk.drafts / "b.pdf").symlink_to(desk.folder / "gone.pdf")
    before = desk.uses
    code, _printed, noted = desk.call("batch", "submit", "office", desk.drafts, "--at", "100,100")
    assert code == 2
    assert "b.pdf: no such file" in noted
    assert desk.service.work() == 0
    assert desk.uses == before


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("submit", "office", "drafts"), "has 1 to 10000 documents"),
        (("submit", "office", "oa.key", "oa.key", "--at", "1,1"), "two documents of this name"),
        (("status", "0" * 32), "no batch of this number"),
        (("fetch", "../uses", "--out", "x"), "Nothing is served here"),
    ],
)
def test_wrong_words_about_batches(desk: Desk, arguments: tuple[str, ...], words: str) -> None:
    known = {name: desk.folder / name for name in ("drafts", "oa.key", "x")}
    code, _printed, noted = desk.call("batch", *(known.get(one, one) for one in arguments))
    assert code == 2
    assert words in noted


def entry(name: str, position: int = 3) -> DocumentEntry:
    state: Any = "sealed"
    return DocumentEntry(position=position, name=name, state=state, sha256_before="", sha256_after=None, problem=None)


@pytest.mark.parametrize("name", ["../../etc/passwd", "/etc/passwd", "..", "", "..\\..\\x.pdf", "\0", "/", "."])
def test_whoever_names_documents_writes_below_the_folder_only(tmp_path: Path, name: str) -> None:
    place = place_of(tmp_path, entry(name), set())
    assert tmp_path in place.parents
    assert ".." not in place.parts


def test_documents_of_one_name_get_different_places(tmp_path: Path) -> None:
    first = place_of(tmp_path, entry("a/b.pdf", 1), set())
    assert (first, place_of(tmp_path, entry("a/b.pdf", 2), {first})) == (
        tmp_path / "a" / "b.pdf",
        tmp_path / "a" / "b-2.pdf",
    )


def test_documents_are_named_by_their_place(tmp_path: Path) -> None:
    (tmp_path / "in" / "deep").mkdir(parents=True)
    for place in ("in/deep/x.pdf", "in/y.pdf", "z.pdf"):
        (tmp_path / place).touch()
    found = documents_named([tmp_path / "in", tmp_path / "z.pdf"])
    assert [name for _path, name in found] == ["deep/x.pdf", "y.pdf", "z.pdf"]


def test_what_the_webhook_is_told_can_be_checked_by_hand(desk: Desk, plain: bytes) -> None:
    (desk.drafts / "one.pdf").write_bytes(plain)
    number = desk.json("batch", "submit", "office", desk.drafts, "--at", "100,100", "--level", "B-B")["number"]
    desk.service.work()
    ((url, body, headers),) = [one for one in desk.service.posted.requests if number.encode() in one[1]]
    key, notice, heads = (desk.folder / name for name in ("webhook.pem", "notice.json", "notice.headers"))
    notice.write_bytes(body)
    heads.write_text("".join(f"{name}: {value}\r\n" for name, value in headers.items()))

    def typed(*arguments: str | Path) -> tuple[int, str]:
        @click.group()
        @click.pass_context
        def elsewhere(context: click.Context) -> None:
            context.obj = Home(desk.folder / "nowhere", desk.service.bureau.office.clock)

        elsewhere.add_command(group, "seals")
        desk.capture.readouterr()
        code = run(elsewhere, ["seals", "webhook", *map(str, arguments)])
        said = desk.capture.readouterr()
        return code, said.out + said.err

    assert typed("key", "--server", desk.address, "--out", key)[0] == 0
    check = ("verify", notice, "--headers", heads, "--key", key, "--url")
    assert typed(*check, url)[0] == 0
    assert typed(*check, f"{url}/elsewhere")[0] == 2
    assert typed(*check, url, "--at", "2026-10-31 10:00:00")[0] == 2
    notice.write_bytes(body.replace(b'"sealed": 1', b'"sealed": 2'))
    assert typed(*check, url)[0] == 2
    notice.write_bytes(body)
    key.write_bytes(b"-----BEGIN CERTIFICATE-----\nAA==\n-----END CERTIFICATE-----\n")
    code, said = typed(*check, url)
    assert (code, "not a public key" in said) == (2, True)
