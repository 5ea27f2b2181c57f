"""At the issuing home: a key for an authority of ours, and the request that goes to the parent."""

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa
from asn1crypto import pem

from ca.authorities import Authority, find_authority
from ca.books import AuthorityKind
from ca.distribution import UNDIVIDED, Distribution, lists_address
from ca.hierarchy import enter_authority, require_profile
from ca.issuance import CertificateAuthority
from ca.records import authorities, subordinate_requests
from core.algorithms import SM3, KeyKind
from core.audit import Event
from core.config import Configuration
from core.csr import build_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.prepared import insert_absent
from core.storage import Storage
from core.subject import Subject


@dataclass(frozen=True)
class SubordinateRequest:
    """What was asked for."""

    authority: Authority
    profile: str
    csr: bytes
    """PKCS#10, DER."""
    requested_at: datetime

    @property
    def fingerprint(self) -> str:
        """SM3 of the request, hexadecimal: what is compared when it has been carried."""
        return SM3.of(self.csr).hex()


def request_certificate(
    ca: CertificateAuthority,
    name: str,
    kind: KeyKind,
    subject: Subject,
    *,
    profile: str,
    actor: str,
    distribution: Distribution = UNDIVIDED,
) -> SubordinateRequest:
    """Make the key and the request; again, the same request as before.

    `YinxinError` (conflict) if the name is taken by an authority that has its certificate, or by another request.
    """
    require_profile(ca.context, profile, AuthorityKind.CERTIFICATES)
    enter_authority(ca, name, kind, subject.name(), None, AuthorityKind.CERTIFICATES, distribution)
    csr = build_csr(ca.keys.signer(name), subject.name())
    with ca.context.storage.transaction() as connection:
        authority = find_authority(connection, name)
        assert authority is not None  # noqa: S101 - it was entered just now
        row = {"authority_id": authority.id, "profile": profile, "request": csr}
        row |= {"requested_at": ca.context.clock.now(), "requested_by": actor}
        if insert_absent(connection, subordinate_requests, [row]):
            details = {"request": SM3.of(csr).hex(), "profile": profile, "kind": kind.value}
            ca.context.audit.append(connection, Event("ca.subordinate.request", actor, name, details))
        made = request_of(connection, name)
    if made.profile != profile:
        raise YinxinError(
            Kind.CONFLICT,
            _("it was asked for with the profile {profile}").format(profile=made.profile),
            subject=name,
            remedy=_("choose another name for another authority"),
        )
    return made


def armour_request(csr: bytes) -> bytes:
    """PEM (RFC 7468 7)."""
    armoured: bytes = pem.armor("CERTIFICATE REQUEST", csr)
    return armoured


def distribution_of(settings: Configuration) -> Distribution:
    """How the lists of an issuing authority are split, by the configuration."""
    split = settings.ca.crl_shards > 1 or settings.ca.crl_deltas
    address = lists_address(settings.urls) if split else ""
    return Distribution(settings.ca.crl_shards, settings.ca.crl_deltas, address)


def request_of(connection: sa.Connection, name: str) -> SubordinateRequest:
    """The request of this authority; `YinxinError` (not found) if it asked nobody."""
    found = [one for one in _all(connection) if one.authority.name == name]
    if not found:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no certificate was asked for under this name"),
            subject=name,
            remedy=_("see: yinxin ca subordinate list"),
        )
    return found[0]


def list_requests(storage: Storage) -> list[SubordinateRequest]:
    """Every request, answered or not, in the order of making."""
    with storage.reading() as connection:
        return _all(connection)


def _all(connection: sa.Connection) -> list[SubordinateRequest]:
    query = sa.select(authorities.c.name, subordinate_requests).join_from(authorities, subordinate_requests)
    found = []
    for row in connection.execute(query.order_by(authorities.c.id)).all():
        authority = find_authority(connection, row.name)
        assert authority is not None  # noqa: S101 - the request refers to it
        found.append(SubordinateRequest(authority, row.profile, row.request, row.requested_at))
    return found
