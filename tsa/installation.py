"""The units of an installation: those whose certificates lie in its home, under the names of their keys."""

from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.service.installed import newest
from tsa.authority import TimeStampAuthority
from tsa.unit import Unit, unit_policy


def load_units(home: Home) -> list[Unit]:
    """A unit for each certificate of the service in the home, the newest of its name.

    SM2 comes first and so is the default. `YinxinError` if there are none, or if a key does not fit its certificate.
    """
    folder = home.certificates("tsa")
    keys = home.key_store("tsa")
    units = []
    for one in newest(home, "tsa"):
        signer = keys.signer(one.key_name)
        policy = unit_policy(home.configuration.tsa.policy, signer)
        accuracy = home.configuration.tsa.accuracy_seconds
        units.append(Unit(one.name, policy, signer, one.certificate, list(one.chain), accuracy))
    if not units:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("this installation has no time-stamping unit"),
            subject=str(folder),
            remedy=_("use a server with --server, or put the certificates there"),
        )
    # The arcs of the policies are in the order of preference; within one, the name decides.
    return sorted(units, key=lambda unit: (unit.policy, unit.name))


def open_authority(home: Home) -> TimeStampAuthority:
    """The time-stamping authority of this installation."""
    return TimeStampAuthority(home.context, load_units(home))
