"""When a key may be certified again: only to succeed the newest certificate of the same key, for the same holder.

Renewal keeps the key and the name (RFC 3647 4.6); modification keeps the key and changes other data of the same holder
(4.8). Everything else takes a new key.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa
from asn1crypto import x509

from ca.history import steps_of
from ca.records import authorities, certificates
from ca.state import State
from core.certificates import serial_text
from core.errors import Kind, YinxinError
from core.i18n import _

if TYPE_CHECKING:
    from ca.issuance import Intent


@dataclass(frozen=True)
class Predecessor:
    """The certificate that the one asked for shall succeed, with the same key or a new one.

    For the encryption half of a pair, the former half: named only if the signing key stays (`ca.double`).
    """

    authority: str
    serial: int
    renamed: bool = False
    """Whether approved data of the same holder changes, so that the name may change but for the common name."""

    @property
    def label(self) -> str:
        """`AUTHORITY/SERIAL`."""
        return f"{self.authority}/{serial_text(self.serial)}"


def require_succession(connection: sa.Connection, intent: "Intent", predecessor: Predecessor) -> None:
    """Return if this key, certified before, may be certified again; else `YinxinError` (conflict)."""
    newest = connection.execute(
        sa.select(certificates, authorities.c.name)
        .join(authorities, authorities.c.id == certificates.c.authority_id)
        .where(certificates.c.key_digest == intent.key_digest, certificates.c.certificate.is_not(None))
        .order_by(certificates.c.id.desc())
        .limit(1)
    ).first()
    if newest is None or (newest.name, newest.serial) != (predecessor.authority, predecessor.serial):
        raise _refused(_("the key is not that of the certificate to be succeeded, or has been renewed since"), intent)
    profile = intent.version.profile
    # The profile of the signing half decides for both.
    if not profile.is_encryption and not profile.renewal.same_key:
        raise _refused(
            _("the profile {profile} does not let a key be certified again").format(profile=profile.name), intent
        )
    steps = steps_of(connection, newest.authority_id, newest.serial)
    if steps[-1].state is not State.VALID or newest.not_after < intent.not_before:
        raise _refused(_("the certificate {label} does not hold any more").format(label=predecessor.label), intent)
    before: bytes = x509.Certificate.load(newest.certificate).subject.dump()
    if before != intent.subject and not (predecessor.renamed and is_same_person(before, intent.subject)):
        raise _refused(_("the key is certified for another holder"), intent)


def is_same_person(before: bytes, after: bytes) -> bool:
    """Whether a holder's other data may have changed from one Name (DER) to the other: the common name stays."""
    names = (x509.Name.load(name).native.get("common_name") for name in (before, after))
    return before == after or len(set(names)) == 1


def _refused(what: str, intent: "Intent") -> YinxinError:
    return YinxinError(
        Kind.CONFLICT, what, subject=intent.request.approval.reference, remedy=_("apply with a new key pair")
    )
