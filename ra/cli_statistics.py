"""`yinxin ra statistics`: what was done in a period, and how the certificates of it stand."""

from collections import Counter
from datetime import datetime, timedelta

import click

from core.cli import Command, Output, output_option
from core.i18n import _
from ra.cli_filters import DAY
from ra.cli_options import acting_operator
from ra.office import RegistrationOffice
from ra.statistics import COUNTED, GroupBy, Of, Period


def _headings() -> dict[str, str]:
    return {
        "enter": _("Entered"),
        "amend": _("Amended"),
        "approve": _("Approved"),
        "reject": _("Rejected"),
        "withdraw": _("Withdrawn"),
        "issue": _("Issued"),
        "deliver": _("Delivered"),
        "valid": _("Valid"),
        "held": _("Held"),
        "revoked": _("Revoked"),
        "expired": _("Expired"),
    }


@click.command(
    cls=Command,
    name="statistics",
    help=_(
        "Count what operators did to requests in a period, this year's unless said otherwise; or, with "
        "--of certificates, the certificates issued in it by the state that they are in now. Days and months are "
        "those of this machine's time zone."
    ),
    example="yinxin ra statistics --by month --since 2026-01-01 --as zhou.query --key zhou.pem\n"
    "yinxin ra statistics --of certificates --by unit --as zhou.query --key zhou.pem",
)
@click.option(
    "--of",
    type=click.Choice([of.value for of in Of]),
    default=Of.ACTS.value,
    show_default=True,
    help=_("What is counted."),
)
@click.option(
    "--by",
    type=click.Choice([by.value for by in GroupBy]),
    default=GroupBy.PROFILE.value,
    show_default=True,
    help=_("What is counted apart."),
)
@click.option("--since", type=DAY, metavar="DAY", help=_("On this day or later; else since New Year."))
@click.option("--until", type=DAY, metavar="DAY", help=_("On this day or before; else until now."))
@acting_operator
@output_option
def statistics_command(
    office: RegistrationOffice, of: str, by: str, since: datetime | None, until: datetime | None, output: Output
) -> None:
    """Count."""
    now = office.now().astimezone()
    begin = (since or datetime(now.year, 1, 1)).astimezone()  # noqa: DTZ001 - midnight here
    # What happened in this very moment belongs to it.
    end = (until + timedelta(days=1)).astimezone() if until else now + timedelta(seconds=1)
    counted = COUNTED[Of(of)]
    lines = office.statistics(Of(of), GroupBy(by), Period(begin, end))
    rows = [{"group": line.group, **{one: line.counts.get(one, 0) for one in counted}} for line in lines]
    if not output.json and len(rows) > 1:
        total = Counter(dict.fromkeys(counted, 0))
        for line in lines:
            total.update(line.counts)
        rows.append({"group": _("Total"), **{one: total[one] for one in counted}})
    headings = {
        "profile": _("Profile"),
        "authority": _("Authority"),
        "unit": _("Unit"),
        "branch": _("Branch"),
        "operator": _("Operator"),
        "month": _("Month"),
    }
    output.table(rows, {"group": headings[by], **{one: _headings()[one] for one in counted}})
