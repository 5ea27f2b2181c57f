"""`yinxin ra expiring` and `yinxin ra notify`: certificates that end soon."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import click

from core import files
from core.certificates import serial_text
from core.cli import Command, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from ra.cli_options import FILE, Function, acting_here, acting_operator
from ra.expiry import Expiring, ExpiryFilter, every_expiring
from ra.exporting import Format, write_export
from ra.notices import FolderPost, NoticeOutcome, notify, smtp_post
from ra.office import RegistrationOffice
from ra.operators import OperatorSession
from ra.register import MAXIMUM_PAGE, PAGE

_UNITS = {"d": 1, "w": 7, "m": 30, "y": 365}

# Headings are data, as in lists: both languages, whoever reads them.
EXPORT_HEADINGS = {
    "authority": "签发机构 Authority",
    "serial": "序列号 Serial number (hexadecimal)",
    "holder": "持有者 Holder",
    "unit": "单位 Unit",
    "profile": "证书类型 Profile",
    "branch": "分支机构 Branch",
    "expires": "失效 Not after",
    "request": "申请编号 Request",
    "email": "电子邮箱 E-mail",
    "unit_email": "单位联系邮箱 Unit's e-mail",
}


class Within(click.ParamType[timedelta]):
    """A length of time: 60d, 8w, 2m (of 30 days), 1y (of 365)."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        """The length."""
        if isinstance(value, timedelta):
            return value
        match = re.fullmatch(r"([1-9][0-9]{0,4})\s*([dwmy]?)", str(value).strip().lower())
        if match is None:
            self.fail(_("write it as 60d, 8w, 2m or 1y"), param, ctx)
        return timedelta(days=int(match[1]) * _UNITS[match[2] or "d"])


def _expiry_options(function: Function) -> Function:
    decorated = function
    for option in (
        click.option("--branch", help=_("Only of this branch; an empty name is the centre itself.")),
        click.option("--profile", help=_("Only with this profile.")),
        click.option("--unit", help=_("Only for this unit, by its whole name.")),
        click.option(
            "--within",
            type=Within(),
            default="60d",
            show_default=True,
            metavar="TIME",
            help=_("Ending within this time: 60d, 8w, 2m."),
        ),
    ):
        decorated = option(decorated)
    return decorated


@click.command(
    cls=Command,
    name="expiring",
    help=_("List certificates that end soon and have no successor, the first to end first, page by page or as a file."),
    example="yinxin ra expiring --within 60d --unit 宝鸡市人民政府办公室 --as zhou.query --key zhou.pem",
)
@_expiry_options
@click.option("--after", type=int, metavar="ID", help=_("Go on after this certificate."))
@click.option("--limit", type=int, default=PAGE, show_default=True, help=_("Certificates on a page."))
@click.option("--out", type=FILE, help=_("Write all of them into this file."))
@click.option(
    "--format",
    "form",
    type=click.Choice([form.value for form in Format]),
    default=Format.CSV.value,
    show_default=True,
    help=_("Of --out: CSV, workbook (XLSX) or JSON lines."),
)
@acting_operator
@output_option
def expiring_command(
    office: RegistrationOffice,
    within: timedelta,
    unit: str | None,
    profile: str | None,
    branch: str | None,
    after: int | None,
    limit: int,
    out: Path | None,
    form: str,
    output: Output,
) -> None:
    """List what ends soon."""
    wanted = ExpiryFilter(unit, profile, branch)
    if out is not None:
        rows = (_exported(one) for one in _every(office, within, wanted))
        with files.writing(out, mode=0o600) as file:  # e-mail addresses are personal
            count = write_export(file, EXPORT_HEADINGS, output.track(rows, _("Writing")), Format(form))
        output.done(_("{out}: {count} rows").format(out=out, count=count), {"export": str(out), "rows": count})
        return
    page = office.expiring(within, wanted, after=after, limit=limit)
    headings = {
        "authority": _("Authority"),
        "serial": _("Serial number"),
        "holder": _("Holder"),
        "unit": _("Unit"),
        "profile": _("Profile"),
        "expires": _("Expires"),
    }
    output.table(({**vars(one), **_exported(one), "expires": one.expires} for one in page.found), headings)
    if page.next:
        output.note(_("More follow: --after {number}").format(number=page.next))


@click.command(
    cls=Command,
    name="notify",
    help=_(
        "Write to the holders of certificates that end soon, or to their units, in Chinese and English; once for each "
        "certificate and stage (notices.stages). Run it again after an interruption."
    ),
    example="yinxin ra notify --within 60d --as zhou.query --key zhou.pem --pin-file zhou.pin",
)
@_expiry_options
@click.option(
    "--to-folder",
    type=click.Path(path_type=Path, file_okay=False),
    help=_("Write the messages (.eml) into this folder instead of sending them."),
)
@acting_here
@output_option
def notify_command(
    home: Home,
    session: OperatorSession,
    within: timedelta,
    unit: str | None,
    profile: str | None,
    branch: str | None,
    to_folder: Path | None,
    output: Output,
) -> None:
    """Send notices."""
    settings = home.configuration.notices
    expiring = list(every_expiring(home.context, session, within, ExpiryFilter(unit, profile, branch)))
    outcomes: list[NoticeOutcome] = []

    def send(post: Any) -> None:
        with output.progress(_("Sending"), len(expiring)) as advance:

            def note(outcome: NoticeOutcome) -> None:
                outcomes.append(outcome)
                advance(1)

            notify(home.context, post, expiring, settings, actor=session.name, advance=note)

    try:
        if to_folder is not None:
            send(FolderPost(to_folder))
        else:
            with smtp_post(settings) as post:
                send(post)
    finally:
        _tell(output, outcomes)
    unreached = sum(outcome.outcome != "sent" for outcome in outcomes)
    if unreached:
        raise YinxinError(
            Kind.CONFLICT,
            _("{count} holders could not be written to").format(count=unreached),
            remedy=_("correct their addresses; the others have their notice"),
        )


def _every(office: RegistrationOffice, within: timedelta, wanted: ExpiryFilter) -> Iterator[Expiring]:
    after = None
    while True:
        page = office.expiring(within, wanted, after=after, limit=MAXIMUM_PAGE)
        yield from page.found
        if (after := page.next) is None:
            return


def _tell(output: Output, outcomes: list[NoticeOutcome]) -> None:
    headings = {
        "certificate": _("Certificate"),
        "holder": _("Holder"),
        "stage": _("Stage (days)"),
        "address": _("Address"),
        "outcome": _("Outcome"),
    }
    output.table((vars(outcome) for outcome in outcomes), headings)


def _exported(one: Expiring) -> dict[str, str]:
    return {
        "authority": one.authority,
        "serial": serial_text(one.serial),
        "holder": one.holder,
        "unit": one.unit,
        "profile": one.profile,
        "branch": one.branch,
        "expires": one.expires.isoformat(),
        "request": one.number,
        "email": one.contact.email or "",
        "unit_email": one.contact.unit_email or "",
    }
