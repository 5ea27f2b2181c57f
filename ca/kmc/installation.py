"""The centre in a home: founded, put on the line to a certificate authority, and opened for either side.

```
HOME/keys/kmc/{wrapping,signing,link}.pem      the centre's own; keys/ca/kmc-link.pem is the authority's end of the line
HOME/certificates/kmc/link.pem                 of the centre's end; certificates/kmc/authorities/NAME.pem: who may ask
HOME/certificates/ca/{kmc-link,kmc}.pem        of the authority's end, and of the centre that it believes
```
"""

import secrets
from datetime import timedelta
from pathlib import Path

from ca import hierarchy
from ca.escrow import EncryptionKeys
from ca.issuance import CertificateAuthority
from ca.kmc.client import LocalCentre, RemoteCentre
from ca.kmc.custody import WRAPPING, Custodian
from ca.kmc.handler import Handler
from ca.kmc.line import HttpLine
from ca.kmc.messages import Correspondent
from ca.kmc.recovery import RecoveryDesk
from ca.kmc.statements import Officers
from ca.service import issue_service_certificate
from core import files
from core.algorithms import KeyKind
from core.certificates import armour, read_certificates
from core.errors import Kind, YinxinError
from core.home import Authority, Home
from core.i18n import _
from core.subject import Subject

PROFILE = "kmc-link"
AUTHORITY = "sm2-issuing"
"""Messages of GM/T 0014 are signed with SM2."""
CENTRES_END, AUTHORITYS_END = "link", "kmc-link"


def link_certificate(home: Home) -> Path:
    """The file of the centre's end of the line."""
    return home.certificates("kmc") / f"{CENTRES_END}.pem"


def make_link(home: Home, ca: CertificateAuthority, *, actor: str) -> None:
    """Keys and certificates for both ends of the line; `YinxinError` (conflict) if there are some already."""
    ends: tuple[tuple[Authority, str, str], ...] = (("kmc", CENTRES_END, "KMC"), ("ca", AUTHORITYS_END, "CA-KMC"))
    certificates = {}
    for keeper, name, title in ends:
        centre = home.configuration.centre
        issued = issue_service_certificate(
            ca,
            authority=AUTHORITY,
            profile=PROFILE,
            subject=Subject.of_service(centre.organization, f"{centre.name} {title}"),
            signer=home.key_store(keeper).create(name, KeyKind.SM2),
            actor=actor,
            reference=f"link {secrets.token_hex(6)}",
        )
        chain = hierarchy.chain_of(home.storage, AUTHORITY)
        certificates[keeper] = armour([issued.certificate, *chain])
        files.write(home.certificates(keeper) / f"{name}.pem", certificates[keeper])
    files.write(home.certificates("ca") / "kmc.pem", certificates["kmc"])
    files.write(home.certificates("kmc") / "authorities" / "ca.pem", certificates["ca"])


def encryption_keys_of(home: Home) -> EncryptionKeys | None:
    """Where this home's second keys come from: the configured address, the centre in the home, or nowhere."""
    settings = home.configuration.kmc
    if settings.url:
        folder = home.certificates("ca")
        return RemoteCentre(
            HttpLine(settings.url).send,
            home.key_store("ca").signer(AUTHORITYS_END),
            _correspondent(folder / f"{AUTHORITYS_END}.pem"),
            _correspondent(folder / "kmc.pem"),
            home.clock,
        )
    if WRAPPING not in home.key_store("kmc"):
        return None
    retention = timedelta(days=settings.retention_days)
    return LocalCentre(home.context, Custodian(home.key_store("kmc")), "ca", retention)


def handler_of(home: Home) -> Handler:
    """The centre of this home, ready to answer; `YinxinError` if it was not founded or is on no line."""
    certificate = link_certificate(home)
    if not certificate.exists():
        raise YinxinError(
            Kind.NOT_FOUND,
            _("the key-management centre is on no line"),
            subject=str(certificate),
            remedy=_("run: yinxin ca kmc found, then yinxin ca kmc link"),
        )
    folder = home.certificates("kmc") / "authorities"
    authorities = {file.stem: _correspondent(file) for file in sorted(folder.glob("*.pem"))}
    retention = timedelta(days=home.configuration.kmc.retention_days)
    signer = home.key_store("kmc").signer(CENTRES_END)
    return Handler(desk_of(home), signer, _correspondent(certificate), authorities, retention)


def desk_of(home: Home) -> RecoveryDesk:
    """Where recoveries are decided."""
    officers = Officers.read(officers_folder(home))
    return RecoveryDesk(home.context, Custodian(home.key_store("kmc")), officers, tuple(read_certificates(home.trust)))


def officers_folder(home: Home) -> Path:
    """Where the officers' certificates lie."""
    return home.certificates("kmc") / "officers"


def _correspondent(file: Path) -> Correspondent:
    return Correspondent(read_certificates(file)[0])
