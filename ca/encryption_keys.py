"""The authority's end of the line to a key-management centre: made at the founding, opened by whoever issues.

`keys/ca/kmc-link.pem` signs the messages; `certificates/ca/kmc-link.pem` goes to the centre, `certificates/ca/kmc.pem`
is the centre that is believed. Where `kmc.url` is empty, the centre of the home is opened in this very process.
"""

import secrets
from datetime import timedelta

from ca import hierarchy
from ca.escrow import EncryptionKeys
from ca.issuance import CertificateAuthority
from ca.kmc.client import LocalCentre, RemoteCentre
from ca.kmc.custody import WRAPPING, Custodian
from ca.kmc.installation import END as CENTRES_END
from ca.kmc.line import HttpLine
from ca.kmc.messages import Correspondent
from ca.retirement import retire_keys
from ca.service import issue_service_certificate
from core import files
from core.algorithms import KeyKind
from core.certificates import armour, read_certificates
from core.errors import YinxinError
from core.home import Authority, Home
from core.subject import Subject

PROFILE = "kmc-link"
AUTHORITY = "sm2-issuing"
"""Messages of GM/T 0014 are signed with SM2."""
AUTHORITYS_END = "kmc-link"


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
            Correspondent(read_certificates(folder / f"{AUTHORITYS_END}.pem")[0]),
            Correspondent(read_certificates(folder / "kmc.pem")[0]),
            home.clock,
        )
    if WRAPPING not in home.key_store("kmc"):
        return None
    retention = timedelta(days=settings.retention_days)
    return LocalCentre(home.context, Custodian(home.key_store("kmc")), "ca", retention)


def retire(home: Home, keys: EncryptionKeys) -> list[str]:
    """Have the keys retired that are out of use here; in a centre of this home, also those never certified."""
    told = retire_keys(home.context, keys)
    return told + (keys.retire_unclaimed() if isinstance(keys, LocalCentre) else [])


def tell_centre(home: Home) -> str:
    """Have the keys that are out of use retired; why the centre could not be told, or nothing.

    No reason for anybody to fail: who was not told yet stands in the books, and is told the next time.
    """
    try:
        centre = encryption_keys_of(home)
        if centre:
            retire(home, centre)
    except YinxinError as error:
        return str(error)
    return ""
