"""Notices that certificates end soon, by e-mail or as files: one for each certificate and stage, however often asked.

What was taken by the mail server is recorded at once, so that an interrupted run goes on where it stopped. Should it
die between the two, the same notice goes out again under the same Message-ID.
"""

import hashlib
import smtplib
import ssl
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from core import files
from core.audit import Event
from core.certificates import serial_text
from core.config import NoticeSettings
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys import passphrase
from ra import records
from ra.expiry import Expiring

TIMEOUT_SECONDS = 30


class AddressRefused(Exception):  # noqa: N818 - the address, not the program, is at fault
    """The mail server does not take mail for this address."""


class Post(Protocol):
    """Takes notices away."""

    def send(self, message: EmailMessage) -> None:
        """Send it. `AddressRefused` for this one, `YinxinError` if no more can be sent."""
        ...


@dataclass(frozen=True)
class Notice:
    """One that is due."""

    certificate: Expiring
    stage: int
    """Days before the end."""
    address: str


@dataclass(frozen=True)
class NoticeOutcome:
    """What became of a notice."""

    certificate: str
    holder: str
    stage: int
    address: str
    outcome: str
    """sent, refused, no address."""


def stage_of(expires: datetime, now: datetime, stages: Iterable[int]) -> int | None:
    """The stage that a certificate has reached: the fewest days that are not fewer than it still has."""
    left = (expires - now).total_seconds() / 86400
    return min((days for days in stages if left <= days), default=None)


def notify(
    context: Context,
    post: Post,
    expiring: Iterable[Expiring],
    settings: NoticeSettings,
    *,
    actor: str,
    advance: Callable[[NoticeOutcome], None] = lambda _outcome: None,
) -> list[NoticeOutcome]:
    """Send what is due and was not sent; what became of each. A refused address does not stop the rest.

    `YinxinError` (unavailable) if the mail server fails; what it had taken until then is recorded.
    """
    outcomes = []
    for certificate in expiring:
        stage = stage_of(certificate.expires, context.clock.now(), settings.stages)
        if stage is None or _is_sent(context, certificate, stage):
            continue
        outcome = _notify_one(context, post, certificate, stage, settings, actor)
        outcomes.append(outcome)
        advance(outcome)
    return outcomes


def _notify_one(
    context: Context, post: Post, certificate: Expiring, stage: int, settings: NoticeSettings, actor: str
) -> NoticeOutcome:
    address = certificate.contact.email or certificate.contact.unit_email

    def outcome(word: str) -> NoticeOutcome:
        return NoticeOutcome(certificate.label, certificate.holder, stage, address or "", word)

    if address is None:
        return outcome("no address")
    try:
        post.send(write_notice(Notice(certificate, stage, address), settings, context.clock.now()))
    except AddressRefused:
        return outcome("refused")
    with context.storage.transaction() as connection:
        connection.execute(
            sa.insert(records.notices).values(
                authority=certificate.authority,
                serial=certificate.serial,
                stage=stage,
                address=address,
                at=context.clock.now(),
            )
        )
        # The address is personal, and stays out of the log.
        event = Event("ra.notice.send", actor, certificate.label[:256], {"stage": stage})
        context.audit.append(connection, event)
    return outcome("sent")


def _is_sent(context: Context, certificate: Expiring, stage: int) -> bool:
    """Whether this notice, or one of a later stage, was sent."""
    table = records.notices
    query = sa.select(table.c.id).where(
        table.c.authority == certificate.authority, table.c.serial == certificate.serial, table.c.stage <= stage
    )
    with context.storage.reading() as connection:
        return connection.scalar(query.limit(1)) is not None


def write_notice(notice: Notice, settings: NoticeSettings, now: datetime) -> EmailMessage:
    """The e-mail, in Chinese and English; the same certificate and stage have the same Message-ID."""
    one = notice.certificate
    local = one.expires.astimezone()
    message = EmailMessage()
    message["From"] = settings.sender
    message["To"] = notice.address
    message["Date"] = format_datetime(now)
    message["Subject"] = f"证书即将到期 Certificate ends on {local:%Y-%m-%d}"
    message["Message-ID"] = f"<{message_name(notice)}@{settings.sender.rpartition('@')[2].strip('>') or 'localhost'}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: no holiday answers
    message.set_content(
        f"""{one.holder}（{one.unit or "—"}）：

您的数字证书将于 {local.year} 年 {local.month} 月 {local.day} 日到期。请在此之前联系本单位经办人或签发机构办理更新；
到期后证书不能再使用，须重新申请。

序列号：{serial_text(one.serial)}
签发机构：{one.authority}
申请编号：{one.number}

Your certificate ends on {local:%Y-%m-%d}. Have it renewed before that day; afterwards it cannot be used any more.

Serial number: {serial_text(one.serial)}
Issued by: {one.authority}
Request: {one.number}
"""
    )
    return message


def message_name(notice: Notice) -> str:
    """A name that is always the same for the same certificate and stage."""
    named = f"{notice.certificate.label} {notice.stage}"
    return f"notice-{hashlib.sha256(named.encode()).hexdigest()[:24]}"


@dataclass(frozen=True)
class FolderPost:
    """Writes notices into a folder, for another program to send."""

    folder: Path

    def send(self, message: EmailMessage) -> None:
        """One file for each, named after the Message-ID."""
        name = str(message["Message-ID"]).strip("<>").partition("@")[0]
        files.write(self.folder / f"{name}.eml", message.as_bytes(), mode=0o600)


class SmtpPost:
    """Sends by SMTP (RFC 5321), with STARTTLS (RFC 3207) and AUTH (RFC 4954) as configured."""

    def __init__(self, connection: smtplib.SMTP, subject: str) -> None:
        self._connection, self._subject = connection, subject

    def send(self, message: EmailMessage) -> None:
        """Send it."""
        try:
            self._connection.send_message(message)
        except smtplib.SMTPRecipientsRefused:
            raise AddressRefused from None
        except (smtplib.SMTPException, OSError) as error:
            raise _unavailable(self._subject, error) from error


def smtp_post(settings: NoticeSettings) -> AbstractContextManager[Post]:
    """A connection to the configured mail server. `YinxinError` if there is none, or it does not let us in."""
    if not settings.host or not settings.sender:
        raise YinxinError(
            Kind.INVALID,
            _("no mail server is configured (notices.host, notices.sender)"),
            remedy=_("configure it, or use --to-folder"),
        )
    return _connected(settings)


@contextmanager
def _connected(settings: NoticeSettings) -> Iterator[Post]:
    subject = f"{settings.host}:{settings.port}"
    password = passphrase.from_file(Path(settings.password_file)) if settings.user else b""
    if not password.isascii():
        raise YinxinError(
            Kind.INVALID,
            _("the mail password has characters that SMTP does not send"),
            subject=settings.password_file,
            remedy=_("choose one of ASCII characters"),
        )
    try:
        connection = smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_SECONDS)
    except OSError as error:
        raise _unavailable(subject, error) from error
    try:
        try:
            if settings.starttls:
                connection.starttls(context=ssl.create_default_context(cafile=settings.trust_file or None))
            if settings.user:
                connection.login(settings.user, password.decode())
        except (smtplib.SMTPException, OSError) as error:
            raise _unavailable(subject, error) from error
        yield SmtpPost(connection, subject)
    finally:
        try:
            connection.quit()
        except (smtplib.SMTPException, OSError):
            connection.close()


def _unavailable(subject: str, error: Exception) -> YinxinError:
    return YinxinError(
        Kind.UNAVAILABLE,
        _("the mail server failed: {reason}").format(reason=" ".join(str(error).split())),
        subject=subject,
        remedy=_("check [notices] and the server, then run it again: what was sent is not sent twice"),
    )
