"""An installation under offline roots goes on when its authorities have their certificates.

It is worked on in place, each step seeing what is done already: whatever is cut short is done again by running it once
more. Its last step makes the key for finding identity numbers, by which a complete installation is known.
"""

from collections.abc import Callable, Iterator

from ca import crl
from ca.authorities import chain_of, find_authority, list_authorities
from ca.encryption_keys import AUTHORITYS_END, make_link
from ca.issuance import CertificateAuthority
from ca.kmc.custody import SIGNING, WRAPPING, Custodian
from ca.kmc.installation import END as CENTRES_END
from ca.service import open_authority
from ca.subordinates.requests import list_requests
from core import files
from core.algorithms import KeyKind
from core.certificates import armour
from core.errors import Kind, YinxinError
from core.home import IDENTITIES, Home
from core.i18n import _
from ra.operators import list_operators
from yinxin.installation import (
    ACTOR,
    ADMINISTRATORS,
    SERVICES,
    Founding,
    Service,
    administrator_key,
    hierarchy_label,
    pin_of,
)

_SERVICES = tuple(service for service in SERVICES if service.rank == "issuing")
"""An offline root answers no questions about status."""


def waits(home: Home) -> bool:
    """Whether this is an installation under offline roots that is not complete."""
    if not (home.path / "yinxin.db").exists() and not home.configuration.storage.url:
        return False
    return bool(list_requests(home.storage)) and IDENTITIES not in home.key_store("ra")


def complete(home: Home, on_step: Callable[[str], None]) -> None:
    """Make what the installation still lacks. `YinxinError` (conflict) names what must be brought before."""
    _require_brought(home)
    for step in _steps(home, open_authority(home)):
        on_step(step)


def _require_brought(home: Home) -> None:
    for kind in home.configuration.centre.key_kinds:
        name = f"{hierarchy_label(kind)}-issuing"
        with home.storage.reading() as connection:
            authority = find_authority(connection, name)
        if authority is None or authority.certificate is None:
            raise YinxinError(
                Kind.CONFLICT,
                _("this authority waits for its certificate"),
                subject=name,
                remedy=_("carry its request to the root, and install what comes back: yinxin ca subordinate install"),
            )
    for authority in list_authorities(home.storage):
        if not authority.key_is_here and not list(crl.lists_in_force(home.context, authority)):
            raise YinxinError(
                Kind.CONFLICT,
                _("the revocation list of this authority is not here"),
                subject=authority.name,
                remedy=_("bring it on a file: yinxin ca crl import FILE"),
            )


def _steps(home: Home, ca: CertificateAuthority) -> Iterator[str]:
    founding, settings = Founding(home), home.configuration
    for kind in settings.centre.key_kinds:
        name = f"{hierarchy_label(kind)}-issuing"
        with home.storage.reading() as connection:
            authority = find_authority(connection, name)
        assert authority is not None  # noqa: S101 - it was looked for
        if not list(crl.lists_in_force(home.context, authority)):
            crl.publish(ca.context, ca.keys, name, crl.terms_of(settings.ca, authority), actor=ACTOR)
        files.write(home.certificates("ca") / f"{name}.pem", armour(chain_of(home.storage, name)))
        founding.certify_services(ca, kind, [one for one in _SERVICES if _is_missing(home, kind, one)])
        yield _("service certificates {name}").format(name=hierarchy_label(kind))
    _link(home, ca)
    yield _("the key-management centre")
    for name in ADMINISTRATORS:
        if name not in (one.name for one in list_operators(home.context)):
            key_file = administrator_key(home, name)
            key_file.unlink(missing_ok=True)
            pin_of(key_file).unlink(missing_ok=True)
            founding.found_administrator(ca, name)
    yield _("the super and the audit administrator")
    home.key_store("ra").create(IDENTITIES, KeyKind.SM2)
    yield _("the key for finding identity numbers")


def _is_missing(home: Home, kind: KeyKind, service: Service) -> bool:
    """Whether the service has no certificate; then neither has its key, which is made anew."""
    name = f"{hierarchy_label(kind)}{service.suffix}"
    if (home.certificates(service.keeper) / f"{name}.pem").exists():
        return False
    home.key_store(service.keeper).remove(name)
    return True


def _link(home: Home, ca: CertificateAuthority) -> None:
    if (home.certificates("kmc") / "authorities" / "ca.pem").exists():
        return
    centre = home.key_store("kmc")
    if not {WRAPPING, SIGNING} <= {name for name in (WRAPPING, SIGNING) if name in centre}:
        for name in (WRAPPING, SIGNING):
            centre.remove(name)
        Custodian(centre).found()
    if KeyKind.SM2 in home.configuration.centre.key_kinds:
        centre.remove(CENTRES_END)
        home.key_store("ca").remove(AUTHORITYS_END)
        make_link(home, ca, actor=ACTOR)
