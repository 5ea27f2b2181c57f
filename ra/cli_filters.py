"""Options that narrow lists and exports of requests."""

import functools
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import click

from core.i18n import _
from ra.filters import RequestFilter
from ra.moves import MOVES, State
from ra.office import RegistrationOffice
from ra.statements import Act

Function = Callable[..., Any]

DAY = click.DateTime(["%Y-%m-%d"])

state_option = click.option(
    "--state", type=click.Choice([state.value for state in State]), help=_("Only requests in this state.")
)


def filter_options(function: Function) -> Function:
    """Give the command the options but `--state`, and the parameter `wanted: RequestFilter`."""

    @functools.wraps(function)
    def filtered(
        office: RegistrationOffice,
        by: str | None,
        act: str,
        since: datetime | None,
        until: datetime | None,
        expires_from: datetime | None,
        expires_before: datetime | None,
        expires_within: int | None,
        **options: Any,
    ) -> Any:
        if expires_within is not None:
            if expires_from or expires_before:
                raise click.UsageError(_("Give either --expires-within, or days from and before."))
            now = office.now()
            expires_from, expires_before = now, now + timedelta(days=expires_within)
        wanted = RequestFilter(
            **{field: options.pop(field) for field in ("profile", "unit", "branch")},
            operator=by,
            act=Act(act),
            since=_local(since),
            until=_local(until + timedelta(days=1) if until else None),
            expires_from=_local(expires_from),
            expires_before=_local(expires_before),
        )
        return function(office=office, wanted=wanted, **options)

    decorated: Function = filtered
    for option in (
        click.option("--expires-within", type=click.IntRange(1, 36_500), metavar="DAYS", help=_("Expiring so soon.")),
        click.option("--expires-before", type=DAY, metavar="DAY", help=_("Expiring before this day.")),
        click.option("--expires-from", type=DAY, metavar="DAY", help=_("Expiring on this day or later.")),
        click.option("--until", type=DAY, metavar="DAY", help=_("Entered, or as --act says, on this day or before.")),
        click.option("--since", type=DAY, metavar="DAY", help=_("Entered, or as --act says, on this day or later.")),
        click.option(
            "--act",
            type=click.Choice([act.value for act in MOVES]),
            default=Act.ENTER.value,
            show_default=True,
            help=_("What --by, --since and --until speak of."),
        ),
        click.option("--by", metavar="OPERATOR", help=_("Entered, or as --act says, by this operator.")),
        click.option("--branch", help=_("Only of this branch; an empty name is the centre itself.")),
        click.option("--unit", help=_("Only for this unit, by its whole name.")),
        click.option("--profile", help=_("Only with this profile.")),
    ):
        decorated = option(decorated)
    return decorated


def _local(moment: datetime | None) -> datetime | None:
    """Days are those of the place where the command runs."""
    return moment.astimezone() if moment else None
