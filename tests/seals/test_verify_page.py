"""The page for everybody, in a real browser: at a kiosk and on a phone, by keyboard, in both languages."""

import json
import logging
import os
import re
import shutil
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from axe_selenium_python import Axe
from flask import Flask
from flask.testing import FlaskClient
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from werkzeug.exceptions import TooManyRequests

from core.certificates import armour
from core.config import FILE_NAME
from core.storage import Storage
from seals.http import create_app
from seals.verification.rate import Rate, client_of
from tests.support.browser import chromium
from tests.support.office_server import serving
from tests.support.pdf import add_text, updated
from tests.support.seal_service import Service, service_of
from tests.support.sealing import Office

SECRET = b"%PDF-1.7 a document that nobody but its owner may ever see 7d1f"
KIOSK, PHONE = (1280, 1600), (360, 740)


@pytest.fixture(scope="module")
def app(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory, sm2_office: Office) -> Iterator[Flask]:
    folder = tmp_path_factory.mktemp("page")
    shutil.copy(migrated_sqlite, folder / "yinxin.db")
    storage = Storage(f"sqlite:///{folder / 'yinxin.db'}")
    service: Service = service_of(storage, folder / "home", sm2_office)
    home = service.home
    home.path.mkdir(exist_ok=True)
    (home.path / FILE_NAME).write_text("[seals]\npage_per_minute = 0\n")
    vars(home).pop("configuration", None)
    home.trust.mkdir(exist_ok=True)
    (home.trust / "root.pem").write_bytes(armour([sm2_office.root.certificate]))
    for number, one in enumerate(sm2_office.crls()):
        (home.trust / f"{number}.crl").write_bytes(one)
    yield create_app(home, service.support, service.bureau.crew)
    storage.close()


@pytest.fixture(scope="module")
def address(app: Flask) -> Iterator[str]:
    with serving(app) as served:
        yield served


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, sealed_sm2: bytes, plain: bytes) -> Path:
    folder = tmp_path_factory.mktemp("files")
    (folder / "notice.pdf").write_bytes(sealed_sm2)
    (folder / "changed.pdf").write_bytes(updated(sealed_sm2, add_text))
    (folder / "plain.pdf").write_bytes(plain)
    return folder


@pytest.fixture(scope="module")
def downloads(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("downloads")


@pytest.fixture(scope="module")
def browser(downloads: Path) -> Iterator[Chrome]:
    with chromium(downloads) as opened:
        yield opened


def verified(browser: Chrome, address: str, document: Path, language: str = "zh") -> None:
    browser.get(f"{address}/verify?lang={language}")
    browser.find_element(By.ID, "document").send_keys(str(document))
    browser.find_element(By.CSS_SELECTOR, "form:not(.plain) button").click()


def texts(browser: Chrome, selector: str) -> list[str]:
    return [one.text for one in browser.find_elements(By.CSS_SELECTOR, selector)]


def offences(browser: Chrome) -> list[Any]:
    axe = Axe(browser)
    axe.inject()
    found: dict[str, Any] = axe.run()
    return [(one["id"], [node["html"][:200] for node in one["nodes"]]) for one in found["violations"]]


@pytest.mark.parametrize(
    ("size", "document", "language", "words", "kind"),
    [
        (KIOSK, "notice.pdf", "zh", "有效", "valid"),
        (PHONE, "changed.pdf", "zh", "无效", "invalid"),
        (PHONE, "notice.pdf", "en", "valid", "valid"),
        (KIOSK, "plain.pdf", "en", "invalid", "invalid"),
    ],
)
def test_everybody_sees_the_verdict(
    browser: Chrome,
    address: str,
    files: Path,
    size: tuple[int, int],
    document: str,
    language: str,
    words: str,
    kind: str,
    tmp_path: Path,
) -> None:
    browser.set_window_size(*size)
    if size == PHONE:
        browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": size[0], "height": size[1], "deviceScaleFactor": 2, "mobile": True},
        )
    else:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    verified(browser, address, files / document, language)
    assert words in texts(browser, "section.verdict h2")[0]
    assert browser.find_element(By.TAG_NAME, "html").get_attribute("lang")[:2] == language  # type: ignore[index]
    if document != "plain.pdf":
        outlines = browser.find_elements(By.CSS_SELECTOR, f"svg .outline.{kind} rect")
        colours = {one.value_of_css_property("stroke") for one in outlines}
        assert colours <= {"rgb(23, 105, 47)" if kind == "valid" else "rgb(179, 38, 30)"}
    assert browser.execute_script("return document.documentElement.scrollWidth <= window.innerWidth")
    assert offences(browser) == []
    refused = [one for one in browser.get_log("browser") if "Content Security Policy" in one["message"]]  # type: ignore[no-untyped-call]
    assert all("axe" in one["message"] or "eval" in one["message"] or "inline" in one["message"] for one in refused)
    if folder := os.environ.get("YINXIN_SCREENSHOTS"):
        height = browser.execute_script("return document.documentElement.scrollHeight")
        browser.set_window_size(size[0], min(height, 6000))
        browser.save_screenshot(f"{folder}/{document}-{language}-{size[0]}.png")


def test_the_keyboard_is_enough(browser: Chrome, address: str, files: Path) -> None:
    browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
    browser.get(f"{address}/verify?lang=en")
    reached = []
    for _step in range(8):
        ActionChains(browser).send_keys(Keys.TAB).perform()
        focused = browser.switch_to.active_element
        reached.append(focused.get_attribute("id") or focused.tag_name)
        style = focused.value_of_css_property("outline-style")
        assert style != "none", f"no focus to be seen on {reached[-1]}"
        if reached[-1] == "document":
            focused.send_keys(str(files / "notice.pdf"))
        if reached[-1] == "button":
            ActionChains(browser).send_keys(Keys.ENTER).perform()
            break
    assert reached == ["a", "a", "document", "password", "button"]
    assert "valid" in texts(browser, "section.verdict h2")[0]


@pytest.mark.parametrize("name", ["report.html", "report.json", "report.pdf"])
def test_the_report_can_be_taken_along(browser: Chrome, address: str, files: Path, downloads: Path, name: str) -> None:
    verified(browser, address, files / "notice.pdf", "en")
    if name.endswith("pdf"):
        browser.find_element(By.CSS_SELECTOR, "form.plain button").click()
    else:
        browser.find_element(By.CSS_SELECTOR, f"a[download='{name}']").click()
    folder = downloads
    deadline = time.monotonic() + 60
    while not (folder / name).exists():
        assert time.monotonic() < deadline, [str(one) for one in folder.iterdir()]
        time.sleep(0.05)
    content = (folder / name).read_bytes()
    assert content.startswith({"html": b"<!doctype html>", "json": b"{", "pdf": b"%PDF-"}[name.rpartition(".")[2]])
    if name.endswith("json"):
        assert json.loads(content)["verdict"] == "valid"
    (folder / name).unlink()


def test_nothing_is_asked_elsewhere_and_nothing_runs(app: Flask, sealed_sm2: bytes) -> None:
    page = app.test_client().post("/verify?lang=en", data={"document": (BytesIO(sealed_sm2), "a.pdf")})
    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert "unsafe-inline" not in page.headers["Content-Security-Policy"]
    assert not re.search(r"<script|\son\w+=|style=|javascript:", page.text)
    addresses = re.findall(r'(?:href|src|action)="([^"]*)"', page.text)
    assert all(one.startswith(("/verify", "/static/", "data:")) for one in addresses)


def test_uploads_are_not_kept(
    app: Flask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, sealed_sm2: bytes
) -> None:
    import tempfile

    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    # Longer than what the form parser would leave in memory.
    body = SECRET + bytes(2_000_000) + sealed_sm2
    with caplog.at_level(logging.DEBUG):
        answer = app.test_client().post("/verify?lang=en", data={"document": (BytesIO(body), "secret-name.pdf")})
    assert "invalid" in answer.text
    assert list(tmp_path.iterdir()) == []
    said = "".join(record.getMessage() + str(record.exc_info or "") for record in caplog.records)
    assert "nobody but its owner" not in said


@pytest.mark.parametrize(
    ("asked", "accepted", "language"),
    [("", None, "zh-CN"), ("", "de", "zh-CN"), ("", "en-GB", "en"), ("zh", "en", "zh-CN"), ("xx", "en", "en")],
)
def test_chinese_comes_first(app: Flask, asked: str, accepted: str | None, language: str) -> None:
    headers = {"Accept-Language": accepted} if accepted else {}
    page = app.test_client().get("/verify", query_string={"lang": asked} if asked else {}, headers=headers)
    assert f'<html lang="{language}">' in page.text


def test_a_report_that_somebody_wrote_is_not_put_on_paper(app: Flask) -> None:
    client: FlaskClient = app.test_client()
    for forged in ("", "AAAA", "not base64 ✓", "A" * 500):
        answer = client.post("/verify/report.pdf?lang=en", data={"report": forged})
        assert answer.status_code == 400
        assert "verify it again" in answer.text


def test_too_much_is_refused_on_the_page(app: Flask) -> None:
    client = app.test_client()
    long = {"document": (BytesIO(bytes(66 << 20)), "long.pdf")}
    answer = client.post("/verify?lang=en", data=long)
    assert answer.status_code == 413
    assert "64 MiB" in answer.text
    broken = client.post("/verify?lang=en", data=b"--x\r\n", content_type="multipart/form-data; boundary=x")
    assert broken.status_code == 400


def test_one_client_has_its_share() -> None:
    rate = Rate(3)

    def admitted(client: str) -> int:
        count = 0
        for _time in range(5):
            try:
                rate.admit(client)
                count += 1
            except TooManyRequests:
                continue
        return count

    assert admitted("192.0.2.1") == 3
    assert admitted("192.0.2.2") == 3
    assert Rate(0).admit("192.0.2.1") is None  # type: ignore[func-returns-value]


@pytest.mark.parametrize(
    ("edges", "forwarded", "client"),
    [
        ((), "203.0.113.9", "127.0.0.1"),
        (("127.0.0.1",), "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        (("127.0.0.1",), "", "127.0.0.1"),
    ],
)
def test_who_a_client_is_only_the_edge_may_say(edges: tuple[str, ...], forwarded: str, client: str) -> None:
    from werkzeug.test import EnvironBuilder

    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    asking = EnvironBuilder(headers=list(headers.items()), environ_base={"REMOTE_ADDR": "127.0.0.1"}).get_request()
    assert client_of(asking, edges) == client
