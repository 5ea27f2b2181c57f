"""Whether tokens can be given now, and if not, why: for whoever watches over the service."""

from typing import Any

from core.errors import YinxinError
from tsa.authority import TimeStampAuthority
from tsa.watch import ClockWatch


def examine(authority: TimeStampAuthority, watch: ClockWatch | None) -> dict[str, Any]:
    """Facts to be written as JSON. `problems` is empty if all is well."""
    problems = []
    now = None
    try:
        now = authority.require_time()
    except YinxinError as error:
        problems.append(_told(error))
    units = []
    for unit in authority.offer.units:
        begin, end = unit.service_period
        units.append({"name": unit.name, "policy": unit.policy, "from": begin.isoformat(), "until": end.isoformat()})
    if now is not None:
        for policy in dict.fromkeys(unit.policy for unit in authority.offer.units):
            candidates = authority.offer.candidates(policy, None)
            if not any(unit.is_in_service(now) for unit in candidates):
                try:
                    candidates[0].require_in_service(now)
                except YinxinError as error:
                    problems.append(_told(error))
    clock = [
        {"source": report.source, "may_be_off_by_seconds": report.distance.total_seconds()}
        if report.distance is not None
        else {"source": report.source, "problem": report.error and str(report.error)}
        for report in (watch.reports if watch else ())
    ]
    return {"status": "failing" if problems else "ok", "problems": problems, "units": units, "clock": clock}


def _told(error: YinxinError) -> dict[str, str]:
    members = {"what": error.what, "subject": error.subject, "remedy": error.remedy}
    return {name: text for name, text in members.items() if text}
