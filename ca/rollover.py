"""Rollover of an authority's key: a next generation of the same name, and the moment from which it issues.

A root certifies its new key itself, and links both ways (RFC 4210 4.4): the old key by the new one, the new key by the
old one, so that whoever trusts either finds a path to what the other signed. A subordinate is certified by its parent.
Each step sees what is done already. The last one is the moment: everything that verifiers need lies there before it.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from ca.activation import active_profile
from ca.authorities import Authority, authority_of, find_authority, require_key_here
from ca.books import AuthorityKind
from ca.further import FurtherKind, enter_further, further_of
from ca.generations import newest_generation, next_name
from ca.hierarchy import certify_entered, enter_authority, require_profile
from ca.importing.profile import NAME as IMPORTED
from ca.issuance import Approval, ApprovedRequest, CertificateAuthority, IssuedCertificate
from ca.records import authorities, certificates, profiles, successions
from ca.subordinates.requests import SubordinateRequest, request_certificate
from ca.subordinates.signing import subject_of
from core.algorithms import KeyKind
from core.audit import Event
from core.certificates import serial_text
from core.context import Context
from core.csr import build_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import kind_of
from core.prepared import insert_absent
from core.subject import Subject

LINK = "link"
"""The profile of link certificates."""


@dataclass(frozen=True)
class Plan:
    """What a rollover will do."""

    present: Authority
    """The generation that issues now."""
    name: str
    """Of the next one."""
    kind: KeyKind
    issuer: Authority | None
    """Who certifies it; None: itself, with links."""
    profile: str
    subject: Subject

    @property
    def is_asked_for(self) -> bool:
        """Whether its certificate comes from elsewhere, in answer to a request."""
        return self.issuer is not None and not self.issuer.key_is_here


def plan(context: Context, name: str, *, kind: KeyKind | None = None, profile: str | None = None) -> Plan:
    """What rolling over this authority comes to; of several generations, the one that issues is named.

    `kind`, `profile`: of the new key and its certificate; else as before. `YinxinError` (conflict) if its key is not
    here, or another has followed it, (invalid) if it issues no certificates, or its name is not in our own form.
    """
    with context.storage.reading() as connection:
        present = authority_of(connection, name, AuthorityKind.CERTIFICATES)
        newest = newest_generation(connection, present)
        issuer = _issuer(connection, present)
        chosen = profile or _profile_of(connection, present)
        if issuer is None:
            active_profile(connection, LINK)  # before a key is made
    if newest != present:
        # Else whoever runs it again after an interruption would roll over once more.
        raise YinxinError(
            Kind.CONFLICT,
            _("another key has followed this one already: {name}").format(name=newest.name),
            subject=name,
            remedy=_("see: yinxin ca list"),
        )
    require_key_here(present)
    subject = subject_of(present.subject)
    if subject.name() != present.subject:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("the name of this authority is written in another form than ours, and could not be kept to the octet"),
            subject=present.name,
            remedy=_("make a new authority beside it: yinxin ca subordinate request"),
        )
    require_profile(context, chosen, AuthorityKind.CERTIFICATES)
    return Plan(present, next_name(present), kind or kind_of(present.public_key_info), issuer, chosen, subject)


def make_next(ca: CertificateAuthority, wanted: Plan, *, actor: str) -> Authority | SubordinateRequest:
    """The next generation with its certificate and links, made or found as far as it was made; it does not issue yet.

    Or the request that must be carried to the parent, and answered with `yinxin ca subordinate install`.
    """
    split = wanted.present.distribution
    with ca.context.storage.reading() as connection:
        made = find_authority(connection, wanted.name)
    if made is not None and made.certificate is not None and made.subject != wanted.present.subject:
        raise YinxinError(
            Kind.CONFLICT,
            _("there is an authority of this name already"),
            subject=wanted.name,
            remedy=_("see: yinxin ca list"),
        )
    if made is None or made.certificate is None:
        if wanted.is_asked_for:
            return request_certificate(
                ca, wanted.name, wanted.kind, wanted.subject, profile=wanted.profile, actor=actor, distribution=split
            )
        issuer = wanted.issuer.name if wanted.issuer else None
        enter_authority(ca, wanted.name, wanted.kind, wanted.present.subject, issuer, AuthorityKind.CERTIFICATES, split)
        approval = Approval(f"ceremony rollover {wanted.name}", _approved(wanted), (actor,))
        certify_entered(ca, wanted.name, wanted.subject, issuer, approval=approval, actor=actor, profile=wanted.profile)
    with ca.context.storage.reading() as connection:
        following = authority_of(connection, wanted.name)
    if following.issuer_id is None and wanted.present.issuer_id is None:
        for key, by in ((wanted.present, following), (following, wanted.present)):
            _link(ca, wanted.subject, key, by, _span(key, wanted.present), actor)
    return following


def go_over(context: Context, present: Authority, following: Authority, *, actor: str) -> bool:
    """From now on the next generation issues, in every process; whether it did not before."""
    with context.storage.transaction() as connection:
        row: dict[str, object] = {"predecessor_id": present.id, "successor_id": following.id}
        row |= {"at": context.clock.now(), "actor": actor}
        if not insert_absent(connection, successions, [row]):
            return False
        details = {"successor": following.name, "certificate": _sha256(following.certificate or b"")}
        context.audit.append(connection, Event("ca.authority.rollover", actor, present.name, details))
    return True


def links_of(context: Context, *generations: Authority) -> list[bytes]:
    """The link certificates for the keys of these generations, DER."""
    with context.storage.reading() as connection:
        return [one for authority in generations for one in further_of(connection, authority, FurtherKind.LINK)]


def _issuer(connection: sa.Connection, present: Authority) -> Authority | None:
    if present.issuer_id is None:
        return None
    parent = connection.scalars(sa.select(authorities.c.name).where(authorities.c.id == present.issuer_id)).one()
    return newest_generation(connection, authority_of(connection, parent))


def _profile_of(connection: sa.Connection, present: Authority) -> str:
    """By which the present certificate was made; one that was imported has none of ours."""
    found = connection.scalar(
        sa.select(profiles.c.name)
        .join(certificates, certificates.c.profile_id == profiles.c.id)
        .where(
            certificates.c.authority_id == (present.issuer_id or present.id), certificates.c.serial == present.serial
        )
    )
    if found is None or found == IMPORTED:
        return "root" if present.issuer_id is None else "subordinate"
    return str(found)


def _span(key: Authority, older: Authority) -> tuple[datetime, datetime]:
    """From the beginning of the key that is linked to the end of the older one (RFC 4210 4.4.1)."""
    begin, end = key.limits.not_before, older.limits.not_after
    assert begin and end  # noqa: S101 - both have their certificates
    return begin, end


def _link(
    ca: CertificateAuthority,
    subject: Subject,
    key: Authority,
    by: Authority,
    span: tuple[datetime, datetime],
    actor: str,
) -> None:
    """The certificate of one generation's key by another's, if it was not made yet."""
    reference = f"ceremony link {key.name} {by.name}"
    with ca.context.storage.reading() as connection:
        done = sa.select(certificates.c.id).where(
            certificates.c.approval_reference == reference, certificates.c.certificate.is_not(None)
        )
        if connection.scalar(done) is not None:
            return

    def keep(connection: sa.Connection, issued: Sequence[IssuedCertificate]) -> None:
        (one,) = issued
        enter_further(connection, ca.context, key, FurtherKind.LINK, one.certificate, actor)
        details = {"issuer": by.name, "serial": serial_text(one.serial), "certificate": _sha256(one.certificate)}
        ca.context.audit.append(connection, Event("ca.authority.link", actor, key.name, details))

    csr = build_csr(ca.keys.signer(key.name), key.subject)
    approval = Approval(reference, hashlib.sha256(csr).digest(), (actor,))
    request = ApprovedRequest(by.name, LINK, subject, csr, approval, span=span)
    ca.certify_authority(request, actor=actor, recording=keep)


def _approved(wanted: Plan) -> bytes:
    told = "\n".join((wanted.present.name, wanted.name, wanted.kind, wanted.profile, wanted.subject.model_dump_json()))
    return hashlib.sha256(told.encode()).digest()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
