"""The authority that is taken over: a sound key, a CA's certificate for it, and a path to a root."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from asn1crypto import x509 as asn1_x509
from cryptography import x509

from ca.certificate import key_identifier
from ca.key_quality import examine_key
from ca.lint.reading import UNREADABLE
from ca.profiles import NAME
from core.asn1.names import describe_name
from core.certificates import public_key_info
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import kind_of
from core.path import build_path


@dataclass(frozen=True)
class Takeover:
    """An authority as it was found."""

    name: str
    """What it will be called in the books."""
    path: tuple[bytes, ...]
    """Its certificate (DER) and those above it, the root last."""
    subject: bytes
    """Name DER."""
    public_key_info: bytes
    serial: int
    not_before: datetime
    not_after: datetime

    @property
    def certificate(self) -> bytes:
        """Its own, DER."""
        return self.path[0]

    @property
    def is_root(self) -> bool:
        """Whether nobody stands above it."""
        return len(self.path) == 1


def examine_authority(
    name: str, key: bytes, given: Sequence[bytes], anchors: Sequence[bytes], now: datetime
) -> Takeover:
    """The authority of this key (SPKI DER) among the certificates given (DER), which may come in any order.

    `anchors`: roots that are trusted or were compared; its own certificate need not be, for whoever brings its key.
    `YinxinError` if the key is weak, the certificate is missing or no CA's, or no path leads to an anchor.
    """
    if not NAME.fullmatch(name):
        raise YinxinError(
            Kind.INVALID, _("an authority's name is made of a-z, 0-9 and dashes, 64 at most"), subject=name
        )
    examine_key(key)
    kind_of(key)
    try:
        own = [one for one in given if public_key_info(one) == key]
        if not own:
            raise _refused(name, _("none of the certificates is for this key"))
        # The same key certified twice: the one that lasts longest.
        chosen = max(own, key=lambda one: x509.load_der_x509_certificate(one).not_valid_after_utc)
        complaints = _complaints(x509.load_der_x509_certificate(chosen), key)
        if complaints:
            raise _refused(name, "; ".join(complaints))
        read = asn1_x509.Certificate.load(chosen, strict=True)
        subject, issuer = read.subject.dump(), read.issuer.dump()
        roots = [*anchors, chosen] if subject == issuer else list(anchors)
        path = build_path(chosen, [one for one in given if one != chosen], roots, now)
        return Takeover(name, path, subject, key, read.serial_number, read.not_valid_before, read.not_valid_after)
    except UNREADABLE as error:
        raise _refused(name, _("its certificate cannot be read")) from error


def _complaints(certificate: x509.Certificate, key: bytes) -> list[str]:
    """Why it makes no authority that can work here."""
    found = []
    extensions = {extension.oid: extension.value for extension in certificate.extensions}
    constraints = extensions.get(x509.BasicConstraints.oid)
    if not isinstance(constraints, x509.BasicConstraints) or not constraints.ca:
        found.append(_("it makes no authority (its basic constraints say so, or are missing)"))
    usage = extensions.get(x509.KeyUsage.oid)
    if isinstance(usage, x509.KeyUsage) and not (usage.key_cert_sign and usage.crl_sign):
        found.append(_("its key usage allows no certificates or no revocation lists"))
    identifier = extensions.get(x509.SubjectKeyIdentifier.oid)
    if isinstance(identifier, x509.SubjectKeyIdentifier) and identifier.digest != key_identifier(key):
        found.append(
            _("its key identifier is not that of the key by RFC 5280 4.2.1.2 (1), which our certificates bear")
        )
    if not describe_name(certificate.subject.public_bytes()):
        found.append(_("it has no name"))
    return found


def _refused(name: str, why: str) -> YinxinError:
    return YinxinError(
        Kind.INVALID,
        _("this authority cannot be taken over: {why}").format(why=why),
        subject=name,
        remedy=_("nothing was changed"),
    )
