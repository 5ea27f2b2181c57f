"""Statistics over HTTP."""

from core.api.operation import Operations
from ra.http_desk import Desk
from ra.http_statistics_models import LineModel, StatisticsModel, StatisticsQuery
from ra.statistics import Period, statistics

operations = Operations()


@operations.get("/statistics", "Count what was done to requests, or how certificates stand now.")
def get_statistics(desk: Desk, query: StatisticsQuery) -> StatisticsModel:
    """Count."""
    lines = statistics(desk.context, desk.session, query.of, query.by, Period(query.since, query.until))
    return StatisticsModel(lines=[LineModel(group=line.group, counts=dict(line.counts)) for line in lines])
