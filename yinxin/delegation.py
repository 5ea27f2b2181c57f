"""The responder is delegated by each authority (RFC 6960 4.2.2.2): a key and a certificate in the home, by its name."""

from ca.authorities import Authority, chain_of
from ca.issuance import CertificateAuthority
from ca.service import issue_service_certificate
from core import files
from core.certificates import armour
from core.home import Home
from core.keys.private_key import kind_of
from core.service.installed import installed
from core.subject import Subject
from ocsp.certificate import Certificate

_PROFILE = "ocsp"


def delegate(home: Home, ca: CertificateAuthority, authority: Authority, *, actor: str) -> bool:
    """Have the home's responder answer for this authority; whether that took a new certificate.

    A service that is running takes it up within a minute, and knows the authority when it is started again.
    """
    issuer = Certificate.load(authority.certificate or b"")
    if any(Certificate.load(one.certificate).answers_for(issuer) for one in installed(home, "ocsp")):
        return False
    keys = home.key_store("ocsp")
    keys.remove(authority.name)  # of an attempt that was interrupted: nothing was certified for it that is installed
    centre = home.configuration.centre
    issued = issue_service_certificate(
        ca,
        authority=authority.name,
        profile=_PROFILE,
        subject=Subject.of_service(centre.organization, f"{centre.name} OCSP {authority.name}"),
        signer=keys.create(authority.name, kind_of(authority.public_key_info)),
        actor=actor,
        reference=f"ceremony ocsp {authority.name}",
    )
    chain = [issued.certificate, *chain_of(home.storage, authority.name)]
    files.write(home.certificates("ocsp") / f"{authority.name}.pem", armour(chain))
    return True
