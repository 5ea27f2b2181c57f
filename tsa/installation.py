"""The units of an installation: those whose certificates lie in its home, under the names of their keys."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial

from core.algorithms import Family
from core.certificates import read_certificates
from core.cms import Shape
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.service.installed import installed
from tsa.authority import TimeSource, TimeStampAuthority
from tsa.sources import Source, chrony, ntpd, reference_authority
from tsa.unit import Unit, unit_policy
from tsa.watch import ClockWatch

_DAEMONS: dict[str, Callable[[], Source]] = {"chrony": chrony, "ntpd": ntpd}


def load_units(home: Home) -> list[Unit]:
    """Units for each certificate of the service in the home that has not expired; of each name, the newest first.

    SM2 comes first and so is the default; it has a second unit, `NAME-gm`, whose tokens have the shape of GM/T 0010.
    `YinxinError` if there are none, or if a key does not fit its certificate.
    """
    settings, keys, now = home.configuration.tsa, home.key_store("tsa"), home.clock.now()
    units = []
    every = installed(home, "tsa")
    for one in reversed([one for one in every if now <= one.not_after] or every):
        signer = keys.signer(one.key_name)
        in_gm = {"": Shape.RFC_5652, "-gm": Shape.GM_T_0010}
        for suffix, shape in in_gm.items() if signer.algorithm.family is Family.SM2 else [("", Shape.RFC_5652)]:
            units.append(
                Unit(
                    one.name + suffix,
                    unit_policy(settings.policy, signer, shape),
                    signer,
                    one.certificate,
                    list(one.chain),
                    settings.accuracy_seconds,
                    ordering=settings.ordering,
                    shape=shape,
                    margin=timedelta(hours=settings.margin_hours),
                )
            )
    if not units:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("this installation has no time-stamping unit"),
            subject=str(home.certificates("tsa")),
            remedy=_("use a server with --server, or put the certificates there"),
        )
    # The arcs of the policies are in the order of preference; within one, the name decides, then the generation.
    return sorted(units, key=lambda unit: (unit.policy, unit.name))


def clock_watch(home: Home) -> ClockWatch | None:
    """Asks the configured sources of time; None if there are none."""
    settings = home.configuration.tsa
    if not settings.clock_sources:
        return None
    sources = [_source(home, name) for name in settings.clock_sources]
    tolerance = timedelta(milliseconds=settings.clock_tolerance_ms)
    return ClockWatch(sources, home.clock, tolerance, interval=timedelta(seconds=settings.clock_check_seconds))


def _source(home: Home, name: str) -> Source:
    if name in _DAEMONS:
        return _DAEMONS[name]()
    # Whom it trusts, the installation trusts: a reference that anybody could forge would be none.
    return reference_authority(name, partial(read_certificates, home.trust))


def open_authority(
    home: Home, watch: TimeSource | None = None, *, when_recorded: Callable[[int], None] = lambda _size: None
) -> TimeStampAuthority:
    """The time-stamping authority of this installation; without a watch, the clock is asked about when first needed."""
    watch = watch or clock_watch(home)
    return TimeStampAuthority(
        home.context,
        load_units(home),
        ordering=home.configuration.tsa.ordering,
        watch=watch,
        when_recorded=when_recorded,
    )
