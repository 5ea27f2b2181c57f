"""Certificates that end soon, and the notices about them, through a mail server of the test's own."""

import socket
import ssl
from collections.abc import Callable, Iterator
from datetime import timedelta
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult
from hypothesis import given
from hypothesis import strategies as st

from ca.state import Reason
from core.config import NoticeSettings
from core.errors import Kind, YinxinError
from ra import records, requests, revocation, succession
from ra.applications import Contact
from ra.expiry import ExpiryFilter, every_expiring, list_expiring
from ra.issuance import issue
from ra.notices import FolderPost, NoticeOutcome, notify, smtp_post, stage_of
from tests.support.office import NOW, STAFF, Office
from tests.support.openssl import openssl

PASSWORD = "mail password 1"
SHEN, ZHI, LU = "shen.review", "zhi.make", "lu.enter"


@pytest.fixture
def expiring(office: Office, request: pytest.FixtureRequest) -> Office:
    """Four certificates that end within 60 days: holder's address, unit's only, none, refused by the server."""
    contacts = (
        Contact(email="zhang0@example.gov.cn", unit_email="unit@example.gov.cn"),
        Contact(unit_email="unit@example.gov.cn"),
        None,
        Contact(email="refused@example.gov.cn"),
    )
    numbers = [
        office.enter(subject=STAFF.model_copy(update={"common_name": f"张{place}"}), contact=contact)
        for place, contact in enumerate(contacts)
    ]
    for number in numbers:
        requests.approve(office.context, office.sessions[SHEN], number)
        issue(office.context, office.authority, office.sessions[ZHI], [number])
    # What matters here is the distance to the end, and operators' certificates end before their holders'.
    end = office.clock.now() + timedelta(days=50)
    office.execute(records.request_certificates.update().values(not_after=end))
    return office


def found(office: Office, days: int = 60, **wanted: str) -> list[str]:
    page = list_expiring(office.context, office.sessions[SHEN], timedelta(days=days), ExpiryFilter(**wanted))
    return [one.holder for one in page.found]


def test_what_ends_soon_is_listed_unless_revoked_or_succeeded(expiring: Office) -> None:
    office = expiring
    assert found(office) == ["张0", "张1", "张2", "张3"]
    assert found(office, days=49) == [] and found(office, unit="某局") == [] and found(office, profile="unit") == []
    assert len(found(office, unit="宝鸡市人民政府办公室", profile="staff", branch="")) == 4
    serials = [row.serial for row in office.rows(records.request_certificates)]
    revocation.revoke(office.context, office.sessions[SHEN], "sm2-issuing", serials[0], Reason.SUPERSEDED)
    revocation.hold(office.context, office.sessions[SHEN], "sm2-issuing", serials[1])
    number = succession.rekey(office.context, office.sessions[LU], "sm2-issuing", serials[2], csr=office.csr())
    assert found(office) == ["张1", "张2", "张3"]  # a successor that is only applied for is none
    requests.approve(office.context, office.sessions[SHEN], number)
    issue(office.context, office.authority, office.sessions[ZHI], [number])
    assert found(office) == ["张1", "张3"]
    first = list_expiring(office.context, office.sessions[SHEN], timedelta(days=60), limit=1)
    second = list_expiring(office.context, office.sessions[SHEN], timedelta(days=60), after=first.next, limit=1)
    assert [one.holder for one in (*first.found, *second.found)] == ["张1", "张3"] and second.next is None


@given(left=st.floats(-5, 100), stages=st.lists(st.integers(1, 90), min_size=1, max_size=4))
def test_the_stage_is_the_nearest_that_has_come(left: float, stages: list[int]) -> None:
    stage = stage_of(NOW + timedelta(days=left), NOW, stages)
    reached = [days for days in stages if days >= left - 1e-9]
    assert stage == (min(reached) if reached else None)


class Server:
    """A real SMTP server: what it took, whom it refuses, and when it dies."""

    def __init__(self) -> None:
        self.taken: list[tuple[list[str], bytes]] = []
        self.dies_after: int | None = None

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: Any) -> str:
        if address.startswith("refused"):
            return "550 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if self.dies_after is not None and len(self.taken) >= self.dies_after:
            server.transport.abort()
            return "421 dying"
        self.taken.append((envelope.rcpt_tos, envelope.content))
        return "250 taken"


def authenticator(_server: object, _session: object, _envelope: object, _mechanism: str, data: Any) -> AuthResult:
    # Not "handled": the server shall answer 535 (RFC 4954 6) instead of waiting in silence.
    return AuthResult(success=(data.login, data.password) == (b"yinxin", PASSWORD.encode()), handled=False)


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    made = ("-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost")
    names = ("-addext", "subjectAltName=IP:127.0.0.1")
    openssl("req", "-x509", *made, *names, "-keyout", folder / "key.pem", "-out", folder / "certificate.pem")
    return folder


@pytest.fixture
def server(tls: Path) -> Iterator[tuple[Server, int]]:
    handler = Server()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls / "certificate.pem", tls / "key.pem")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(
        handler,
        hostname="127.0.0.1",
        port=port,
        tls_context=context,
        require_starttls=True,
        auth_required=True,
        authenticator=authenticator,
        ready_timeout=60,
    )
    controller.start()
    yield handler, port
    controller.stop()


@pytest.fixture
def settings(server: tuple[Server, int], tls: Path, tmp_path: Path) -> NoticeSettings:
    password = tmp_path / "password"
    password.write_text(PASSWORD)
    password.chmod(0o600)
    return NoticeSettings(
        host="127.0.0.1",
        port=server[1],
        trust_file=str(tls / "certificate.pem"),
        user="yinxin",
        password_file=str(password),
        sender="ca@example.gov.cn",
    )


def send(
    office: Office, settings: NoticeSettings, note: Callable[[NoticeOutcome], None] = lambda _one: None
) -> list[str]:
    expiring = list(every_expiring(office.context, office.sessions[SHEN], timedelta(days=60)))
    with smtp_post(settings) as post:
        outcomes = notify(office.context, post, expiring, settings, actor=SHEN, advance=note)
    return [outcome.outcome for outcome in outcomes]


def test_notices_go_out_once_for_each_stage(
    expiring: Office, settings: NoticeSettings, server: tuple[Server, int]
) -> None:
    office, handler = expiring, server[0]
    assert send(office, settings) == ["sent", "sent", "no address", "refused"]
    assert [to for to, _content in handler.taken] == [["zhang0@example.gov.cn"], ["unit@example.gov.cn"]]
    message = message_from_bytes(handler.taken[0][1], policy=policy.default)
    text = message.get_content()
    assert "张0" in text and "2026 年 12 月 21 日" in text and "ends on 2026-12-21" in text
    assert message["From"] == "ca@example.gov.cn" and "证书即将到期" in message["Subject"]
    assert send(office, settings) == ["no address", "refused"]
    office.clock.advance(timedelta(days=25))
    assert send(office, settings)[:2] == ["sent", "sent"]
    assert len({message_from_bytes(content)["Message-ID"] for _to, content in handler.taken}) == 4
    assert not [row for row in office.acts() if row == "ra.notice.send"][4:]


def test_a_server_that_dies_midway_costs_nothing_that_was_sent(
    expiring: Office, settings: NoticeSettings, server: tuple[Server, int]
) -> None:
    office, handler = expiring, server[0]
    handler.dies_after = 1
    told: list[NoticeOutcome] = []
    with pytest.raises(YinxinError) as error:
        send(office, settings, told.append)
    assert error.value.kind is Kind.UNAVAILABLE
    assert [one.outcome for one in told] == ["sent"] and len(office.rows(records.notices)) == 1
    handler.dies_after = None
    assert send(office, settings) == ["sent", "no address", "refused"]
    assert [to for to, _content in handler.taken] == [["zhang0@example.gov.cn"], ["unit@example.gov.cn"]]


def test_a_wrong_password_or_an_unknown_server_certificate_sends_nothing(
    expiring: Office, settings: NoticeSettings, server: tuple[Server, int]
) -> None:
    for wrong in ({"trust_file": ""}, {"user": "other"}, {"port": 1}):
        with pytest.raises(YinxinError) as error:
            send(expiring, settings.model_copy(update=wrong))
        assert error.value.kind is Kind.UNAVAILABLE and PASSWORD not in str(error.value)
    Path(settings.password_file).chmod(0o644)
    with pytest.raises(YinxinError, match="others can read"):
        send(expiring, settings)
    with pytest.raises(YinxinError, match="no mail server"):
        smtp_post(NoticeSettings())
    assert server[0].taken == [] and expiring.rows(records.notices) == []


def test_without_tls_no_password_is_configured() -> None:
    with pytest.raises(ValueError, match="starttls"):
        NoticeSettings(host="mail", user="yinxin", password_file="password", starttls=False)


def test_notices_into_a_folder(expiring: Office, tmp_path: Path) -> None:
    settings = NoticeSettings(sender="ca@example.gov.cn")
    certificates = list(every_expiring(expiring.context, expiring.sessions[SHEN], timedelta(days=60)))
    for count in (3, 3):
        notify(expiring.context, FolderPost(tmp_path / "out"), certificates, settings, actor=SHEN)
        assert len(list((tmp_path / "out").glob("*.eml"))) == count
    message = message_from_bytes(next((tmp_path / "out").iterdir()).read_bytes(), policy=policy.default)
    assert message["To"] and "Serial number" in message.get_content()


@pytest.mark.parametrize(
    "address", ["a@b\nBcc: x@y", "a b@c", "a@", "@b", "a@b@c", "张@例.cn", "a@b..c", "a@b\n", "x" * 250 + "@b.cn"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(ValueError):
        Contact(email=address)
