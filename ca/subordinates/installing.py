"""At the issuing home: the certificate that came back, with its issuers', is examined and put to use."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TypeVar
from urllib.parse import urlsplit

import sqlalchemy as sa
from asn1crypto import x509 as asn1_x509
from cryptography import x509

from ca.activation import ProfileVersion, active_profile
from ca.authorities import find_authority
from ca.history import enter_issued
from ca.lint.reading import UNREADABLE
from ca.profiles import NAME, Profile
from ca.records import authorities, certificates, keys
from ca.subordinates.requests import SubordinateRequest, request_of
from core.algorithms import algorithm_by_identifier
from core.asn1.names import describe_name
from core.audit import Event
from core.certificates import serial_text
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.path import build_path
from core.prepared import insert_absent

Looked = TypeVar("Looked")


@dataclass(frozen=True)
class Installed:
    """An authority of ours with its certificate."""

    name: str
    serial: int
    path: tuple[bytes, ...]
    """Its certificate (DER) and those above it, the root last."""
    parents: tuple[str, ...]
    """What the authorities above it are called here, the nearest first."""
    not_after: datetime


def install(context: Context, name: str, given: Sequence[bytes], anchors: Sequence[bytes], *, actor: str) -> Installed:
    """Put the certificate to use that is among those given (DER), in any order, with its issuers'.

    `anchors`: roots that somebody compared. `YinxinError` if none is for this authority's key, it is not as was asked
    for, or no path leads to an anchor; then nothing is changed. Installing the same again changes nothing either.
    """
    with context.storage.reading() as connection:
        request = request_of(connection, name)
        version = active_profile(connection, request.profile)
    own = _readable(partial(_own, request, given), name)
    if request.authority.certificate not in (None, own):
        raise YinxinError(
            Kind.CONFLICT,
            _("this authority has its certificate already"),
            subject=name,
            remedy=_("see: yinxin ca show {name}").format(name=name),
        )
    complaints = _readable(lambda: list(_complaints(own, request, version.profile)), name)
    if complaints:
        raise YinxinError(
            Kind.INVALID,
            _("the certificate is not as was asked for: {complaints}").format(complaints="; ".join(complaints)),
            subject=name,
            remedy=_("send it back to the parent; nothing was changed"),
        )
    path = build_path(own, [one for one in given if one != own], anchors, context.clock.now())
    for parent in path[1:]:
        _readable(partial(require_constraints, parent), name)
    parsed = x509.load_der_x509_certificate(own)
    with context.storage.transaction() as connection:
        parents = enter_parents(connection, path, context.clock.now())
        if request.authority.certificate is None:
            _enter(connection, context, request, version, own, parents[0][0], actor)
            details = {
                "certificate": hashlib.sha256(own).hexdigest(),
                "serial": serial_text(parsed.serial_number),
                "issuer": parents[0][1],
                "root": hashlib.sha256(path[-1]).hexdigest(),
            }
            context.audit.append(connection, Event("ca.subordinate.install", actor, name, details))
    names = tuple(parent for _id, parent in parents)
    return Installed(name, parsed.serial_number, path, names, parsed.not_valid_after_utc)


def _own(request: SubordinateRequest, given: Sequence[bytes]) -> bytes:
    wanted = request.authority.public_key_info
    own = [one for one in given if asn1_x509.Certificate.load(one).public_key.dump() == wanted]
    if len(own) != 1:
        subjects = ", ".join(describe_name(asn1_x509.Certificate.load(one).subject.dump()) for one in given)
        raise YinxinError(
            Kind.INVALID,
            _("none of the certificates is for the key of this authority: {subjects}").format(subjects=subjects)
            if not own
            else _("several certificates are for the key of this authority"),
            subject=request.authority.name,
            remedy=_("give the certificate that answers its request, and those above it"),
        )
    return own[0]


def _complaints(own: bytes, request: SubordinateRequest, profile: Profile) -> Iterator[str]:
    """In which the certificate is not what request and profile ask for."""
    certificate = x509.load_der_x509_certificate(own)
    subject = certificate.subject.public_bytes()
    if describe_name(subject) != describe_name(request.authority.subject):
        yield _("its name is {name}, and {wanted} was asked for").format(
            name=describe_name(subject), wanted=describe_name(request.authority.subject)
        )
    extensions = {extension.oid: extension for extension in certificate.extensions}
    constraints = extensions.get(x509.BasicConstraints.oid)
    if constraints is None or not (constraints.critical and constraints.value.ca):
        yield _("it makes no authority (its basic constraints say so, or are missing)")
    else:
        length, wanted = constraints.value.path_length, profile.path_length
        if length is not None and (wanted is None or length < wanted):
            yield _("its path length is {length}, and the profile {profile} needs {wanted}").format(
                length=length, profile=profile.name, wanted=_("no limit") if wanted is None else wanted
            )
    usage = extensions.get(x509.KeyUsage.oid)
    if usage is None or not (usage.value.key_cert_sign and usage.value.crl_sign):
        yield _("its key usage allows no certificates or no revocation lists")
    identifier = extensions.get(x509.SubjectKeyIdentifier.oid)
    if identifier is not None and identifier.value.digest != _key_identifier(request):
        yield _("its key identifier is not that of the key by RFC 5280 4.2.1.2 (1), which our certificates bear")


def _key_identifier(request: SubordinateRequest) -> bytes:
    from ca.certificate import key_identifier

    return key_identifier(request.authority.public_key_info)


def _readable(look: Callable[[], Looked], subject: str) -> Looked:
    """What the look gives; `YinxinError` (invalid) if the certificate is no DER of its kind."""
    try:
        return look()
    except (*UNREADABLE, TypeError, KeyError) as error:
        raise YinxinError(Kind.INVALID, _("a certificate of the path cannot be read"), subject=subject) from error


def require_constraints(parent: bytes) -> None:
    """Return if the books can hold it as an authority."""
    certificate = x509.load_der_x509_certificate(parent)
    if not any(extension.oid == x509.BasicConstraints.oid for extension in certificate.extensions):
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("a certificate of the path has no basic constraints"),
            subject=describe_name(certificate.subject.public_bytes()),
        )


def enter_parents(connection: sa.Connection, path: Sequence[bytes], now: datetime) -> list[tuple[int, str]]:
    """Number and name of each authority above, the nearest first; those that are new are entered."""
    entered: list[tuple[int, str]] = []
    above: int | None = None
    for place in range(len(path) - 1, 0, -1):
        parent, child = asn1_x509.Certificate.load(path[place]), asn1_x509.Certificate.load(path[place - 1])
        row = connection.execute(
            sa.select(authorities.c.id, authorities.c.name).where(
                authorities.c.subject == parent.subject.dump(),
                authorities.c.public_key_info == parent.public_key.dump(),
                authorities.c.certificate.is_not(None),
            )
        ).first()
        if row is None:
            name = _free_name(connection, path[place], path[place - 1])
            number = connection.scalar(
                sa.insert(authorities)
                .values(
                    name=name,
                    kind="certificates",
                    issuer_id=above,
                    subject=parent.subject.dump(),
                    public_key_info=parent.public_key.dump(),
                    algorithm=algorithm_by_identifier(child["signature_algorithm"].dump()).name,
                    serial=parent.serial_number,
                    certificate=path[place],
                    created_at=now,
                    key_is_here=False,
                )
                .returning(authorities.c.id)
            )
            assert number is not None  # noqa: S101 - the database gives every row one
            above = number
            entered.insert(0, (number, name))
        else:
            above = row.id
            entered.insert(0, (row.id, row.name))
    return entered


def _free_name(connection: sa.Connection, parent: bytes, child: bytes) -> str:
    """What the child's certificate calls the parent in its addresses, so that they can be served here; else a number.

    Our own roots are called the same in every home.
    """
    for address in _addresses(child):
        name = re.sub(r"\.(crl|cer|crt|pem)$", "", urlsplit(address).path.rpartition("/")[2])
        if NAME.fullmatch(name) and find_authority(connection, name) is None:
            return name
    return f"parent-{hashlib.sha256(parent).hexdigest()[:12]}"


def _addresses(certificate: bytes) -> Iterator[str]:
    for extension in x509.load_der_x509_certificate(certificate).extensions:
        if isinstance(extension.value, x509.CRLDistributionPoints):
            for point in extension.value:
                yield from (str(name.value) for name in point.full_name or ())
        if isinstance(extension.value, x509.AuthorityInformationAccess):
            yield from (str(access.access_location.value) for access in extension.value)


def _enter(
    connection: sa.Connection,
    context: Context,
    request: SubordinateRequest,
    version: ProfileVersion,
    own: bytes,
    parent: int,
    actor: str,
) -> None:
    """The certificate in the books, under its parent: so its state has a history, which the parent's lists continue."""
    certificate, now = x509.load_der_x509_certificate(own), context.clock.now()
    subject, serial = certificate.subject.public_bytes(), certificate.serial_number
    reference, digest = f"subordinate {request.authority.name}", hashlib.sha256(request.authority.public_key_info)
    connection.execute(
        sa.update(authorities)
        .where(authorities.c.id == request.authority.id, authorities.c.certificate.is_(None))
        .values(issuer_id=parent, subject=subject, serial=serial, certificate=own)
    )
    connection.execute(
        sa.insert(certificates).values(
            authority_id=parent,
            serial=serial,
            shard=0,
            profile_id=version.id,
            subject=describe_name(subject),
            key_digest=digest.digest(),
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            approval_reference=reference,
            approval_digest=hashlib.sha256(request.csr).digest(),
            approvers=[actor],
            intended_at=now,
            tbs=certificate.tbs_certificate_bytes,
            certificate=own,
        )
    )
    row = {"digest": digest.digest(), "subject": subject, "approval_reference": reference, "use": "signing"}
    insert_absent(connection, keys, [row])
    enter_issued(connection, [(parent, serial)], at=now, actor=actor)
