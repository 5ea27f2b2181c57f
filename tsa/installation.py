"""The units of an installation: those whose certificates lie in its home, under the names of their keys."""

from core.certificates import read_certificates
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from tsa.authority import TimeStampAuthority
from tsa.unit import Unit, unit_policy


def load_units(home: Home) -> list[Unit]:
    """A unit for each `certificates/tsa/NAME.pem`; the key is NAME in the authority's key store.

    SM2 comes first and so is the default. `YinxinError` if there are none, or if a key does not fit its certificate.
    """
    folder = home.certificates("tsa")
    keys = home.key_store("tsa")
    units = []
    for file in sorted(folder.glob("*.pem")):
        certificate, *chain = read_certificates(file)
        signer = keys.signer(file.stem)
        policy = unit_policy(home.configuration.tsa.policy, signer)
        units.append(Unit(file.stem, policy, signer, certificate, chain, home.configuration.tsa.accuracy_seconds))
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
