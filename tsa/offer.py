"""Which units there are, by address and by policy; those of one policy stand in for each other."""

from collections.abc import Sequence

from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import is_quick
from tsa.response import PKIFailureInfo, Rejection
from tsa.unit import Unit


class Offer:
    """Never changes; whoever has new units makes another."""

    def __init__(self, units: Sequence[Unit]) -> None:
        """`YinxinError` if there are none, or if two of one name would be told apart by nothing."""
        if not units:
            raise YinxinError(Kind.INVALID, _("a time-stamping authority needs at least one unit"))
        self.units = tuple(units)
        self._policies = {unit.name: unit.policy for unit in units}
        self._quick: set[str | None] = {unit.name for unit in units if is_quick(unit.signer)}
        if units[0].name in self._quick:
            self._quick.add(None)
        self._by_policy = {
            policy: tuple(unit for unit in units if unit.policy == policy) for policy in self._policies.values()
        }
        certified = {(unit.name, unit.certificate) for unit in units}
        if len(certified) != len(units) or any(unit.policy != self._policies[unit.name] for unit in units):
            raise YinxinError(Kind.INVALID, _("two time-stamping units have the same name"))

    @property
    def names(self) -> tuple[str, ...]:
        """The units that have an address of their own."""
        return tuple(self._policies)

    def is_quick(self, name: str | None) -> bool:
        """Whether the unit at this address (None: the common one) signs in less time than a thread takes to begin."""
        return name in self._quick

    def require_unit(self, name: str | None) -> None:
        """Return if there is a unit of this name, or none is asked for; else `YinxinError` (not found)."""
        if name is not None and name not in self._policies:
            raise YinxinError(
                Kind.NOT_FOUND,
                _("no such time-stamping unit"),
                subject=name,
                remedy=_("there are: {names}").format(names=", ".join(self.names)),
            )

    def candidates(self, policy: str | None, name: str | None) -> Sequence[Unit]:
        """Who may give a token under this policy (None: any) at the address of this unit (None: the common one).

        `Rejection` (unacceptedPolicy) if nobody may.
        """
        own = (policy or self.units[0].policy) if name is None else self._policies[name]
        units = self._by_policy.get(own, ())
        if not units or policy not in (None, own):
            raise Rejection(
                PKIFailureInfo.UNACCEPTED_POLICY,
                _("no time stamps are given here under policy {policy}").format(policy=policy),
            )
        return units
