"""The next generation of an authority is equipped before it issues: trusted, linked, listed, with its responder."""

from ca import crl
from ca.authorities import Authority
from ca.further import handed_out
from ca.issuance import CertificateAuthority
from ca.rollover import Plan, go_over, links_of, make_next
from ca.subordinates.requests import SubordinateRequest
from core import files
from core.certificates import armour
from core.home import Home
from seals.verification.trust import ISSUERS
from yinxin.delegation import delegate


def roll_over(home: Home, ca: CertificateAuthority, wanted: Plan, *, actor: str) -> Authority | SubordinateRequest:
    """Carry the plan out, as far as it was not; or give the request that is to be carried to the parent first."""
    made = make_next(ca, wanted, actor=actor)
    if isinstance(made, SubordinateRequest):
        return made
    _equip(home, ca, wanted.present, made, actor=actor)
    go_over(home.context, wanted.present, made, actor=actor)
    return made


def _equip(home: Home, ca: CertificateAuthority, present: Authority, following: Authority, *, actor: str) -> None:
    """What verifiers and clients need of it, as far as it is not there."""
    if following.issuer_id is None:
        files.write(home.trust / f"{following.name}.pem", armour([following.certificate or b""]))
    if links := links_of(home.context, present, following):
        files.write(home.trust / ISSUERS / f"{following.name}-links.pem", armour(links))
    files.write(home.certificates("ca") / f"{following.name}.pem", armour(handed_out(home.storage, following.name)))
    if not list(crl.lists_in_force(home.context, following)):
        crl.publish(ca.context, ca.keys, following.name, crl.terms_of(home.configuration.ca, following), actor=actor)
    if (home.path / "keys" / "ocsp").exists():
        delegate(home, ca, following, actor=actor)
