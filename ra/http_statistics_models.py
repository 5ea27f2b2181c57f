"""Statistics, as they go over the wire."""

from pydantic import AwareDatetime

from core.api.models import Model
from ra.statistics import GroupBy, Of


class StatisticsQuery(Model):
    """What is counted, by what, and of which period."""

    of: Of
    by: GroupBy
    since: AwareDatetime
    until: AwareDatetime


class LineModel(Model):
    """One group."""

    group: str
    counts: dict[str, int]


class StatisticsModel(Model):
    """A line for each group, in their order."""

    lines: list[LineModel]
