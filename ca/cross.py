"""Cross certificates for our authorities, by others: asked for, examined, kept, and handed out beside the chain.

What we certify of others is a request at the registration authority as any, with a profile of its own.
"""

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import x509 as asn1_x509
from cryptography import x509

from ca.authorities import Authority, authority_of, require_key_here
from ca.books import AuthorityKind
from ca.further import FurtherKind, enter_further
from ca.issuance import CertificateAuthority
from ca.lint.reading import UNREADABLE
from core.algorithms import SM3
from core.asn1.names import describe_name
from core.audit import Event
from core.certificates import public_key_info, serial_text
from core.context import Context
from core.csr import build_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.path import build_path


@dataclass(frozen=True)
class Crossed:
    """A cross certificate that was installed."""

    authority: str
    issuer: str
    """Who gave it, a name for people."""
    serial: int
    not_after: datetime
    is_new: bool


def request_cross(ca: CertificateAuthority, name: str, *, actor: str) -> bytes:
    """PKCS#10 (DER) for the present key of this authority, to be carried to the other centre."""
    with ca.context.storage.reading() as connection:
        authority = authority_of(connection, name, AuthorityKind.CERTIFICATES)
    require_key_here(authority)
    csr = build_csr(ca.keys.signer(name), authority.subject)
    with ca.context.storage.transaction() as connection:
        event = Event("ca.cross.request", actor, name, {"request": SM3.of(csr).hex()})
        ca.context.audit.append(connection, event)
    return csr


def install_cross(
    context: Context, name: str, given: Sequence[bytes], anchors: Sequence[bytes], *, actor: str
) -> Crossed:
    """Keep the certificate among those given (DER) that another CA gave this authority's key; again, nothing changes.

    `anchors`: the other centre's root, as somebody compared it; nothing is trusted for being here. `YinxinError`
    (invalid) if none is for the key and name, it makes no CA, or it does not lead to an anchor.
    """
    with context.storage.reading() as connection:
        authority = authority_of(connection, name, AuthorityKind.CERTIFICATES)
    try:
        own = _chosen(authority, given)
        complaints = list(_complaints(own, authority))
        if complaints:
            raise _refused(name, "; ".join(complaints))
        path = build_path(own, [one for one in given if one != own], anchors, context.clock.now())
        read = x509.load_der_x509_certificate(own)
    except UNREADABLE as error:
        raise _refused(name, _("it cannot be read")) from error
    issuer = describe_name(asn1_x509.Certificate.load(own).issuer.dump())
    with context.storage.transaction() as connection:
        is_new = enter_further(connection, context, authority, FurtherKind.CROSS, own, actor)
        if is_new:
            details = {
                "certificate": hashlib.sha256(own).hexdigest(),
                "issuer": issuer,
                "serial": serial_text(read.serial_number),
                "root": hashlib.sha256(path[-1]).hexdigest(),
            }
            context.audit.append(connection, Event("ca.cross.install", actor, name, details))
    return Crossed(name, issuer, read.serial_number, read.not_valid_after_utc, is_new)


def _chosen(authority: Authority, given: Sequence[bytes]) -> bytes:
    """The one for our key by somebody else."""
    found = [
        one
        for one in given
        if public_key_info(one) == authority.public_key_info
        and asn1_x509.Certificate.load(one).issuer.dump() != authority.subject
        and one != authority.certificate
    ]
    if len(found) != 1:
        raise _refused(
            authority.name,
            _("no certificate in it is for this authority's key, by another authority")
            if not found
            else _("several certificates in it are for this authority's key"),
        )
    return found[0]


def _complaints(own: bytes, authority: Authority) -> Iterator[str]:
    certificate = x509.load_der_x509_certificate(own)
    if certificate.subject.public_bytes() != authority.subject:
        yield _("its name is {name}, not to the octet that of the authority").format(
            name=describe_name(certificate.subject.public_bytes())
        )
    extensions = {extension.oid: extension.value for extension in certificate.extensions}
    constraints = extensions.get(x509.BasicConstraints.oid)
    if not isinstance(constraints, x509.BasicConstraints) or not constraints.ca:
        yield _("it makes no authority (its basic constraints say so, or are missing)")
    usage = extensions.get(x509.KeyUsage.oid)
    if isinstance(usage, x509.KeyUsage) and not usage.key_cert_sign:
        yield _("its key usage allows no certificates or no revocation lists")


def _refused(name: str, why: str) -> YinxinError:
    return YinxinError(
        Kind.INVALID,
        _("this cross certificate cannot be used: {why}").format(why=why),
        subject=name,
        remedy=_("send it back to whoever gave it; nothing was changed"),
    )
