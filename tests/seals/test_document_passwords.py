"""Passwords of documents on their way: over HTTP, in batches, on the command line; and nowhere else."""

import logging
import secrets
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pytest
import sqlalchemy as sa

from core.errors import Kind, YinxinError
from seals.api.passwords import HEADER, as_header
from seals.batches.records import batch_documents
from seals.http import PREFIX
from seals.levels import Level
from seals.terms import SealingTerms
from seals.verification.report import Verdict
from seals.verification.verification import verify_pdf
from tests.support.office_server import serving
from tests.support.seal_service import Overheard, Seals, Service
from tests.support.sealing import blank_pdf

PASSWORD = "机密 2026"
HERE = SealingTerms(page=1, x_mm=100, y_mm=100, level=Level.B_LTA)


@pytest.fixture(scope="module")
def locked() -> bytes:
    output = BytesIO()
    with pikepdf.open(BytesIO(blank_pdf(2))) as document:
        document.save(output, encryption=pikepdf.Encryption(user=PASSWORD, owner="owner"))
    return output.getvalue()


@pytest.fixture
def key(service: Service) -> str:
    return service.key(f"oa-{secrets.token_hex(4)}")


def is_sealed(service: Service, document: bytes) -> bool:
    office = service.bureau.office
    trust = office.trust(status=True)
    return verify_pdf(document, trust, office.clock, password=PASSWORD).verdict is Verdict.VALID


def test_over_http(service: Service, key: str, locked: bytes, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    server = service.server(key)
    sealed = server.stamp("office", locked, HERE, PASSWORD)
    assert is_sealed(service, sealed)
    assert server.verify(sealed, PASSWORD)["verdict"] == "valid"
    assert server.verify(sealed)["verdict"] == "indeterminate"
    for password, kind in ((None, Kind.UNSUPPORTED), ("other", Kind.FORBIDDEN)):
        with pytest.raises(YinxinError, match="password") as caught:
            server.stamp("office", locked, HERE, password)
        assert caught.value.kind is kind
    for database in service.folder.parent.glob("yinxin.db*"):
        assert PASSWORD.encode() not in database.read_bytes()
        assert as_header(PASSWORD)[HEADER].encode() not in database.read_bytes()
    assert PASSWORD not in caplog.text
    assert as_header(PASSWORD)[HEADER] not in caplog.text


@pytest.mark.parametrize("text", ["机密", "not base64!", "", "/w==", "A" * 1028])
def test_a_header_that_is_none(service: Service, key: str, locked: bytes, text: str) -> None:
    headers = {"Authorization": f"Bearer {key}", HEADER: text.encode("utf-8").decode("latin-1")}
    where = f"{PREFIX}/seals/office/stamp?page=1&x_mm=100&y_mm=100"
    answer = service.app.test_client().post(where, data=locked, headers=headers, content_type="application/pdf")
    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["subject"] == HEADER


def test_digests_leave_and_the_password_does_not(service: Service, key: str, locked: bytes) -> None:
    overheard = Overheard(service.app)
    sealed = service.server(key, overheard).stamp_by_digest("office", locked, HERE, PASSWORD)
    assert is_sealed(service, sealed.read())
    assert not any(PASSWORD.encode() in body for body in overheard.bodies)
    with pytest.raises(YinxinError, match="does not open"):
        service.server(key).stamp_by_digest("office", locked, HERE, "other")


def test_in_a_batch_it_waits_concealed_and_goes(service: Service, key: str, locked: bytes) -> None:
    server = service.server(key)
    number = server.open_batch("office", HERE).number
    for password in (PASSWORD, "other", None):
        server.add(number, locked, "draft.pdf", password)
    server.add(number, blank_pdf())

    def stored() -> list[Any]:
        with service.context.storage.reading() as connection:
            return list(connection.scalars(sa.select(batch_documents.c.password).order_by(batch_documents.c.id)))

    first, other, *without = stored()
    assert without == [None, None]
    assert PASSWORD.encode() not in first
    assert first != other
    server.start(number)
    service.work()
    assert stored() == [None] * 4
    states = [one.state.value for one in server.documents(number)]
    assert states == ["sealed", "failed", "failed", "sealed"]
    assert is_sealed(service, server.fetch(number, 1))
    problems = [one.problem["what"] for one in server.documents(number) if one.problem]
    assert ["does not open" in problems[0], "no password" in problems[1]] == [True, True]


def test_the_page_for_people(service: Service, locked: bytes, key: str) -> None:
    sealed = service.server(key).stamp("office", locked, HERE, PASSWORD)
    for password, words in ((PASSWORD, 'class="verdict valid'), ("", "no password"), ("other", "does not open")):
        form = {"document": (BytesIO(sealed), "sealed.pdf"), "password": password}
        page = (
            service.app.test_client()
            .post("/verify", data=form, headers={"Accept-Language": "en"})
            .get_data(as_text=True)
        )
        assert words in page
        assert PASSWORD not in page


def test_by_command(
    service: Service, seals: Seals, locked: bytes, key: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    draft, password, wrong = tmp_path / "draft.pdf", tmp_path / "password", tmp_path / "wrong"
    draft.write_bytes(locked)
    for file, text in ((password, PASSWORD), (wrong, "other")):
        file.touch(mode=0o600)
        file.write_text(text + "\n", encoding="utf-8")
    stamp = ("stamp", "office", draft, "--at", "100,100")
    assert seals(*stamp) == 2
    assert "no password was given (give its password: --password-file" in capsys.readouterr().err
    assert seals(*stamp, "--password-file", wrong) == 2
    assert "does not open" in capsys.readouterr().err
    assert seals(*stamp, "--password-file", password) == 0
    sealed = tmp_path / "draft-sealed.pdf"
    assert is_sealed(service, sealed.read_bytes())
    trust = service.folder / "trust"
    capsys.readouterr()
    assert seals("verify", sealed, "--trust", trust) == 2
    assert seals("verify", sealed, "--trust", trust, "--password-file", password) == 0
    with serving(service.app) as address:
        api_key = tmp_path / "key"
        api_key.touch(mode=0o600)
        api_key.write_text(key)
        there = ("--server", address, "--api-key-file", api_key, "--out", tmp_path / "there.pdf")
        assert seals(*stamp, "--password-file", password, *there) == 0
    assert is_sealed(service, (tmp_path / "there.pdf").read_bytes())
    drafts = tmp_path / "drafts"
    drafts.mkdir()
    (drafts / "a.pdf").write_bytes(locked)
    (drafts / "b.pdf").write_bytes(blank_pdf())
    folder = ("stamp-folder", "office", drafts, "--at", "100,100", "--out", tmp_path / "out", "--workers", "1")
    assert seals(*folder, "--level", "B-T", "--password-file", password) == 0
    assert all(is_sealed(service, file.read_bytes()) for file in (tmp_path / "out").iterdir())
    password.chmod(0o644)
    capsys.readouterr()
    assert seals(*stamp, "--password-file", password, "--out", tmp_path / "x.pdf") == 2
    assert "others can read" in capsys.readouterr().err
    password.chmod(0o600)
    password.write_bytes("机密".encode("gb18030"))
    assert seals(*stamp, "--password-file", password, "--out", tmp_path / "x.pdf") == 2
    assert "UTF-8" in capsys.readouterr().err
    assert not (tmp_path / "x.pdf").exists()
