"""Hierarchies: roots and issuing authorities, created in ceremonies.

A ceremony that was cut short is taken up again by creating the authority once more: its key and its row are there, its
certificate is not, and the intent of the first attempt is presumed issued by `ca.reconciliation`.
"""

from collections.abc import Sequence

import sqlalchemy as sa

from ca.activation import active_profile
from ca.authorities import Authority, authority_of, certificate_of, chain_of, find_authority, list_authorities
from ca.books import AuthorityKind
from ca.distribution import UNDIVIDED, Distribution, lists_address
from ca.issuance import Approval, ApprovedRequest, CertificateAuthority, IssuedCertificate
from ca.profiles import Audience
from ca.records import authorities
from core.algorithms import KeyKind
from core.audit import Event
from core.certificates import serial_text
from core.context import Context
from core.csr import build_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import kind_of
from core.keys.signer import Signer
from core.subject import Subject

__all__ = [
    "Authority",
    "certificate_of",
    "chain_of",
    "create_attribute_authority",
    "create_issuing",
    "create_root",
    "list_authorities",
]


def create_root(
    ca: CertificateAuthority,
    name: str,
    kind: KeyKind,
    subject: Subject,
    *,
    approval: Approval,
    actor: str,
    profile: str = "root",
) -> IssuedCertificate:
    """Make a root: key, row, self-signed certificate. `YinxinError` (conflict) if the name is taken."""
    return _create(ca, name, kind, subject, None, approval=approval, actor=actor, profile=profile)


def create_issuing(
    ca: CertificateAuthority,
    name: str,
    kind: KeyKind,
    subject: Subject,
    *,
    issuer: str,
    approval: Approval,
    actor: str,
    profile: str = "issuing",
    shards: int = 1,
    deltas: bool = False,
) -> IssuedCertificate:
    """Make an authority under another. `YinxinError` if the name is taken or the issuer may not certify it.

    Its revocation lists are split into so many shards, with delta CRLs or without, as long as it lives.
    """
    address = lists_address(ca.urls) if shards > 1 or deltas else ""
    distribution = Distribution(shards, deltas, address)
    return _create(
        ca, name, kind, subject, issuer, approval=approval, actor=actor, profile=profile, distribution=distribution
    )


def create_attribute_authority(
    ca: CertificateAuthority,
    name: str,
    kind: KeyKind,
    subject: Subject,
    *,
    issuer: str,
    approval: Approval,
    actor: str,
    profile: str = "attribute-authority",
) -> IssuedCertificate:
    """Make an attribute authority (RFC 5755 4.5). `YinxinError` as for `create_issuing`."""
    return _create(
        ca,
        name,
        kind,
        subject,
        issuer,
        approval=approval,
        actor=actor,
        profile=profile,
        issues=AuthorityKind.ATTRIBUTES,
    )


def _create(
    ca: CertificateAuthority,
    name: str,
    kind: KeyKind,
    subject: Subject,
    issuer: str | None,
    *,
    approval: Approval,
    actor: str,
    profile: str,
    issues: AuthorityKind = AuthorityKind.CERTIFICATES,
    distribution: Distribution = UNDIVIDED,
) -> IssuedCertificate:
    require_profile(ca.context, profile, issues)
    enter_authority(ca, name, kind, subject.name(), issuer, issues, distribution)
    return certify_entered(ca, name, subject, issuer, approval=approval, actor=actor, profile=profile)


def certify_entered(
    ca: CertificateAuthority,
    name: str,
    subject: Subject,
    issuer: str | None,
    *,
    approval: Approval,
    actor: str,
    profile: str,
) -> IssuedCertificate:
    """The certificate of an authority that has its key and row, by its issuer, or by itself."""

    def complete(connection: sa.Connection, results: Sequence[IssuedCertificate]) -> None:
        (result,) = results
        connection.execute(
            sa.update(authorities)
            .where(authorities.c.name == name)
            .values(serial=result.serial, certificate=result.certificate)
        )
        details = {"profile": profile, "issuer": issuer or name, "serial": serial_text(result.serial)}
        ca.context.audit.append(connection, Event("ca.authority.create", actor, name, details))

    request = ApprovedRequest(
        authority=issuer or name,
        profile=profile,
        subject=subject,
        csr=build_csr(ca.keys.signer(name), subject.name()),
        approval=approval,
    )
    return ca.certify_authority(request, actor=actor, recording=complete)


def require_profile(context: Context, name: str, issues: AuthorityKind, *others: Audience) -> None:
    """Return if the profile makes an authority of this kind, or is for these others too; else `YinxinError`.

    Asked before a key is made.
    """
    with context.storage.reading() as connection:
        audience = active_profile(connection, name).profile.audience
    if issues is AuthorityKind.CERTIFICATES and audience not in (Audience.AUTHORITY, *others):
        raise YinxinError(Kind.INVALID, _("the profile {profile} makes no CA").format(profile=name))
    if issues is AuthorityKind.ATTRIBUTES and audience is not Audience.ATTRIBUTES:
        raise YinxinError(Kind.INVALID, _("the profile {profile} makes no attribute authority").format(profile=name))


def enter_authority(
    ca: CertificateAuthority,
    name: str,
    kind: KeyKind,
    subject: bytes,
    issuer: str | None,
    issues: AuthorityKind,
    distribution: Distribution,
) -> None:
    """The authority's key and row, made or, after a ceremony that was cut short, found.

    `YinxinError` (conflict) if the name is taken, (not found) if there is no such issuer.
    """
    with ca.context.storage.reading() as connection:
        existing = find_authority(connection, name)
        if issuer is not None:
            authority_of(connection, issuer, AuthorityKind.CERTIFICATES)  # before a key is made
    if existing and (existing.certificate is not None or (existing.subject, existing.kind) != (subject, issues)):
        raise YinxinError(
            Kind.CONFLICT,
            _("there is an authority of this name already"),
            subject=name,
            remedy=_("choose another name; see: yinxin ca list"),
        )
    signer: Signer = ca.keys.signer(name) if existing or name in ca.keys else ca.keys.create(name, kind)
    if signer.public_key_info != (existing.public_key_info if existing else signer.public_key_info) or (
        kind_of(signer.public_key_info) is not kind
    ):
        raise YinxinError(
            Kind.CONFLICT,
            _("the key store holds another key of this name"),
            subject=name,
            remedy=_("choose another name, or restore the key"),
        )
    if existing:
        return
    with ca.context.storage.transaction() as connection:
        connection.execute(
            sa.insert(authorities).values(
                name=name,
                kind=issues.value,
                issuer_id=authority_of(connection, issuer).id if issuer else None,
                subject=subject,
                public_key_info=signer.public_key_info,
                algorithm=signer.algorithm.name,
                created_at=ca.context.clock.now(),
                crl_shards=distribution.shards,
                crl_deltas=distribution.deltas,
                crl_address=distribution.address,
            )
        )
