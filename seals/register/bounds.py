"""The bounds within which a seal may be used, and whether a use stays within them. Pure: no storage, no clock."""

from dataclasses import dataclass
from datetime import datetime, time, timedelta, timezone
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.errors import Kind, YinxinError
from core.i18n import _
from core.refusals import RefusedError

BEIJING = timezone(timedelta(hours=8))
"""Days and hours of work are those of the one legal time of the country, wherever the machine stands."""

Word = Annotated[str, Field(min_length=1, max_length=128)]
HOURS = r"^([01][0-9]|2[0-3]):[0-5][0-9]-(([01][0-9]|2[0-3]):[0-5][0-9]|24:00)$"


class Bounds(BaseModel):
    """What of a use is bounded; what is empty or None is not. Part of the application, and so approved by two."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    callers: tuple[Word, ...] = ()
    """Names of the calling systems."""
    persons: tuple[Word, ...] = ()
    """Natural persons whom the calling system may name."""
    document_types: tuple[Word, ...] = ()
    per_day: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """Uses from one midnight of Beijing to the next."""
    total: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """Uses of the seal in all of its versions."""
    hours: Annotated[str, Field(pattern=HOURS)] | None = None
    """HH:MM-HH:MM of Beijing, the end excluded; over midnight if the end comes first."""
    weekdays: Annotated[tuple[Annotated[int, Field(ge=1, le=7)], ...], Field(max_length=7)] = ()
    """ISO 8601: 1 is Monday."""
    approval: bool = False
    """Each use needs a custodian's permission for that very document."""


UNBOUNDED = Bounds()


def bounds_of(**given: Any) -> Bounds:
    """Bounds of these fields; `YinxinError` (invalid) says which of them is none."""
    try:
        return Bounds(**given)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        field = str(first["loc"][0])
        remedies = {"hours": _("write HH:MM-HH:MM: 08:30-18:00"), "weekdays": _("1 is Monday, 7 is Sunday")}
        raise YinxinError(
            Kind.INVALID,
            _("not a bound for the use of a seal: {what}").format(what=first["msg"]),
            subject=field,
            remedy=remedies.get(field, ""),
        ) from None


@dataclass(frozen=True)
class Use:
    """A use that somebody wants to make of a seal."""

    caller: str
    """The calling system: an API key's name, a certificate's, or the command."""
    person: str = ""
    """The natural person whom it names."""
    document_type: str = ""
    purpose: str = ""


def day_of(moment: datetime) -> datetime:
    """The midnight of Beijing with which the moment's day began."""
    return moment.astimezone(BEIJING).replace(hour=0, minute=0, second=0, microsecond=0)


def require_within(bounds: Bounds, use: Use, at: datetime, *, today: int, in_all: int, seal: str) -> None:
    """Return if one more use, after so many today and in all, is within the bounds; else `RefusedError` says which."""
    _require_listed(bounds.callers, use.caller, "caller", _("this system may not use the seal: {name}"), seal)
    _require_listed(bounds.persons, use.person, "person", _("this person may not use the seal: {name}"), seal)
    _require_listed(
        bounds.document_types,
        use.document_type,
        "document-type",
        _("the seal is not for documents of type {name}"),
        seal,
    )
    local = at.astimezone(BEIJING)
    if not _at_work(bounds, local):
        raise RefusedError(
            "hours",
            _("the seal is not used at this hour: {moment:%Y-%m-%d %H:%M} in Beijing").format(moment=local),
            subject=seal,
            remedy=_("its hours: {hours}, its days of the week: {days}").format(
                hours=bounds.hours or _("all"), days=", ".join(map(str, bounds.weekdays)) or _("all")
            ),
        )
    if bounds.per_day is not None and today >= bounds.per_day:
        raise RefusedError(
            "per-day",
            _("the seal has been used {count} times today, and may not be used more often").format(count=today),
            subject=seal,
            remedy=_("try again tomorrow, or have the seal's bounds changed"),
        )
    if bounds.total is not None and in_all >= bounds.total:
        raise RefusedError(
            "total",
            _("the seal has been used {count} times, and may not be used more often").format(count=in_all),
            subject=seal,
            remedy=_("have the seal's bounds changed"),
        )


def _require_listed(allowed: tuple[str, ...], name: str, rule: str, words: str, seal: str) -> None:
    if allowed and name not in allowed:
        raise RefusedError(
            rule,
            words.format(name=name or _("(not said)")),
            subject=seal,
            remedy=_("ask those who manage the seal for another, or say truly who uses it and for what"),
        )


def _at_work(bounds: Bounds, local: datetime) -> bool:
    if bounds.weekdays and local.isoweekday() not in bounds.weekdays:
        return False
    if bounds.hours is None:
        return True
    begin, end = (_time(text) for text in bounds.hours.split("-"))
    now = local.time()
    if end == time.min:  # 24:00
        return now >= begin
    return begin <= now < end if begin < end else now >= begin or now < end


def _time(text: str) -> time:
    return time.min if text == "24:00" else time.fromisoformat(text)
