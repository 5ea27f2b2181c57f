"""The authorities in the books: who they are, under whom they stand, and what limits what they may issue."""

from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import sqlalchemy as sa
from cryptography import x509

from ca.books import AuthorityKind
from ca.certificate import IssuerFacts
from ca.distribution import Distribution
from ca.lint import IssuerLimits
from ca.records import authorities
from core.algorithms import ALGORITHMS
from core.errors import Kind, YinxinError
from core.i18n import _
from core.storage import Storage

_NAMED = sa.select(authorities).where(authorities.c.name == sa.bindparam("of"))


@dataclass(frozen=True)
class Authority(IssuerFacts):
    """One CA, or attribute authority."""

    id: int
    kind: AuthorityKind
    issuer_id: int | None
    """None: a root, which issued its own certificate."""
    serial: int | None
    certificate: bytes | None
    """DER; None while the ceremony is not complete."""
    key_is_here: bool = True
    """False: another home's or another centre's authority above ours, which signs there."""

    @cached_property
    def limits(self) -> IssuerLimits:
        """What the linter holds its certificates to."""
        facts = (self.name, self.subject, self.public_key_info, self.algorithm)
        if self.certificate is None:
            return IssuerLimits(*facts, not_before=None, not_after=None, distribution=self.distribution)
        certificate = x509.load_der_x509_certificate(self.certificate)
        constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value
        return IssuerLimits(
            *facts,
            not_before=certificate.not_valid_before_utc,
            not_after=certificate.not_valid_after_utc,
            path_length=constraints.path_length,
            distribution=self.distribution,
        )


@lru_cache(maxsize=256)
def _authority(row: sa.Row[Any]) -> Authority:
    """The same object for the same row, so that its certificate is read once."""
    return Authority(
        name=row.name,
        subject=row.subject,
        public_key_info=row.public_key_info,
        algorithm=ALGORITHMS[row.algorithm],
        id=row.id,
        kind=AuthorityKind(row.kind),
        issuer_id=row.issuer_id,
        serial=row.serial,
        certificate=row.certificate,
        key_is_here=row.key_is_here,
        distribution=Distribution(row.crl_shards, row.crl_deltas, row.crl_address),
    )


def find_authority(connection: sa.Connection, name: str) -> Authority | None:
    """The authority of this name, complete or not."""
    row = connection.execute(_NAMED, {"of": name}).one_or_none()
    return _authority(row) if row else None


def authority_of(connection: sa.Connection, name: str, kind: AuthorityKind | None = None) -> Authority:
    """The authority of this name, and kind if given. `YinxinError` (not found) if none has a certificate."""
    authority = find_authority(connection, name)
    if authority is None or authority.certificate is None:
        raise YinxinError(Kind.NOT_FOUND, _("no such authority"), subject=name, remedy=_("see: yinxin ca list"))
    if kind is not None and authority.kind is not kind:
        raise YinxinError(
            Kind.INVALID,
            _("this authority does not issue certificates")
            if kind is AuthorityKind.CERTIFICATES
            else _("this authority does not issue attribute certificates"),
            subject=name,
            remedy=_("see: yinxin ca list"),
        )
    return authority


def require_key_here(authority: Authority) -> None:
    """Return if the authority signs in this home; else `YinxinError` (conflict)."""
    if not authority.key_is_here:
        raise YinxinError(
            Kind.CONFLICT,
            _("the key of this authority is kept elsewhere: it signs nothing here"),
            subject=authority.name,
            remedy=_("do it where the key is; bring its lists here with: yinxin ca crl import"),
        )


def list_authorities(storage: Storage) -> list[Authority]:
    """Every authority that has a certificate, in the order of creation."""
    with storage.reading() as connection:
        rows = connection.execute(
            sa.select(authorities).where(authorities.c.certificate.is_not(None)).order_by(authorities.c.id)
        )
        return [_authority(row) for row in rows]


def certificate_of(storage: Storage, name: str) -> bytes:
    """The authority's certificate, DER."""
    with storage.reading() as connection:
        certificate = authority_of(connection, name).certificate
    assert certificate is not None  # noqa: S101 - authority_of promises it
    return certificate


def chain_of(storage: Storage, name: str) -> list[bytes]:
    """The certificates (DER) from this authority up to its root, both included."""
    by_id = {authority.id: authority for authority in list_authorities(storage)}
    authority = next((candidate for candidate in by_id.values() if candidate.name == name), None)
    if authority is None:
        certificate_of(storage, name)  # says what is wrong
    chain = []
    while authority is not None:
        chain.append(authority.certificate or b"")
        authority = by_id.get(authority.issuer_id) if authority.issuer_id is not None else None
    return chain
