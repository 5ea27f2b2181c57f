"""Lists of authorities above ours, which sign elsewhere: brought on a file, examined, served, and taken to heart.

What such a list says of our own authorities becomes their state: one that its parent revoked issues nothing more.
"""

import hashlib
from collections.abc import Iterator
from datetime import datetime

import sqlalchemy as sa
from asn1crypto import crl as asn1_crl
from asn1crypto import pem
from cryptography import x509

from ca.authorities import Authority, list_authorities
from ca.crl.issue import full_in_force
from ca.crl.keeping import forget, keep
from ca.crl.publication import PublishedCrl, latest_published
from ca.history import advance, steps_of
from ca.lint.reading import UNREADABLE
from ca.records import certificates, crls, events
from ca.state import Move, Reason, State
from core.algorithms import algorithm_by_identifier
from core.asn1.names import describe_name
from core.audit import Event
from core.certificates import serial_text
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.verification import InvalidSignature, verify

MAXIMUM_SIZE = 16 * 1024 * 1024
"""Of authorities only; those of people are on other lists."""


def import_list(context: Context, data: bytes, *, actor: str) -> PublishedCrl:
    """Put a list (PEM or DER) in force. `YinxinError` says why it cannot be: whose it is, signature, times, number."""
    encoded, parsed = _read(data)
    issuer = _issuer(context, encoded, parsed)
    try:
        number = _require_whole_and_current(context, issuer, parsed)
    except UNREADABLE as error:
        raise _unusable(issuer, str(error)) from error
    with context.storage.transaction() as connection:
        list_id = _reserve(connection, issuer, parsed, number)
    kept = keep(context.storage, list_id, [encoded])
    with context.storage.transaction() as connection:
        changed = list(_take_to_heart(connection, context, issuer, parsed, actor))
        put = (
            sa.update(crls)
            .where(crls.c.id == list_id)
            .values(
                size=kept.size,
                packed_size=kept.packed_size,
                digest=kept.digest,
                last_event=connection.scalar(sa.select(sa.func.max(events.c.id))) or 0,
                published_at=context.clock.now(),
            )
        )
        connection.execute(put)
        details = {"list": hashlib.sha256(encoded).hexdigest(), "number": number, "entries": len(parsed)}
        details |= {"changed": changed}
        context.audit.append(connection, Event("ca.crl.import", actor, issuer.name, details))
    return latest_published(context, issuer.name)


def _read(data: bytes) -> tuple[bytes, x509.CertificateRevocationList]:
    try:
        if len(data) > MAXIMUM_SIZE:
            raise ValueError("too long")
        encoded = pem.unarmor(data)[2] if pem.detect(data) else data
        return encoded, x509.load_der_x509_crl(encoded)
    except ValueError as error:
        raise YinxinError(Kind.INVALID, _("not a revocation list (PEM or DER)")) from error


def _issuer(context: Context, encoded: bytes, parsed: x509.CertificateRevocationList) -> Authority:
    """The authority elsewhere that signed it."""
    name = parsed.issuer.public_bytes()
    identifier = asn1_crl.CertificateList.load(encoded)["signature_algorithm"].dump()
    named = [one for one in list_authorities(context.storage) if one.subject == name]
    for authority in named:
        try:
            algorithm = algorithm_by_identifier(identifier)
            verify(authority.public_key_info, algorithm, parsed.signature, parsed.tbs_certlist_bytes)
        except InvalidSignature:
            continue
        if authority.key_is_here:
            raise YinxinError(
                Kind.CONFLICT,
                _("this authority publishes its lists itself"),
                subject=authority.name,
                remedy=_("run: yinxin ca crl publish {authority}").format(authority=authority.name),
            )
        return authority
    raise YinxinError(
        Kind.INVALID,
        _("the signature is not the authority's") if named else _("a list of an authority that is not known here"),
        subject=describe_name(name),
        remedy=_("fetch it again, or install the authority's certificate first"),
    )


def _require_whole_and_current(context: Context, issuer: Authority, parsed: x509.CertificateRevocationList) -> int:
    """The list's number."""
    number: int | None = None
    for extension in parsed.extensions:
        if isinstance(extension.value, x509.CRLNumber):
            number = extension.value.crl_number
        elif isinstance(extension.value, x509.IssuingDistributionPoint):
            scope = extension.value
            elsewhere = scope.indirect_crl or scope.only_contains_user_certs or scope.only_contains_attribute_certs
            if scope.only_some_reasons or elsewhere:
                raise _unusable(issuer, _("it is not about all certificates of authorities"))
        elif extension.critical:
            raise _unusable(issuer, _("it is a delta, or has a critical extension that is not known here"))
    now = context.clock.now()
    if parsed.next_update_utc is None or not parsed.last_update_utc <= now < parsed.next_update_utc:
        raise _unusable(
            issuer,
            _("it holds from {begin} to {end}").format(
                begin=_moment(parsed.last_update_utc), end=_moment(parsed.next_update_utc)
            ),
        )
    if number is None or not 0 <= number < 1 << 63:
        raise _unusable(issuer, _("it has no number (RFC 5280 5.2.3)"))
    return number


def _reserve(
    connection: sa.Connection,
    issuer: Authority,
    parsed: x509.CertificateRevocationList,
    number: int,
) -> int:
    newest = connection.scalar(sa.select(sa.func.max(crls.c.number)).where(*full_in_force(issuer.id, 0)))
    if newest is not None and number <= newest:
        raise YinxinError(
            Kind.CONFLICT,
            _("a newer list than number {number} is in force, or the same").format(number=number),
            subject=issuer.name,
            remedy=_("that one counts; there is nothing to do"),
        )
    # What a crash left of an earlier attempt with the same number.
    again = sa.select(crls.c.id).where(
        crls.c.authority_id == issuer.id, crls.c.number == number, crls.c.published_at.is_(None)
    )
    if (unfinished := connection.scalar(again)) is not None:
        forget(connection, crls.c.id == unfinished)
        connection.execute(sa.delete(crls).where(crls.c.id == unfinished))
    assert parsed.next_update_utc is not None  # noqa: S101 - was looked at
    list_id: int | None = connection.scalar(
        sa.insert(crls)
        .values(
            authority_id=issuer.id,
            shard=0,
            number=number,
            base=None,
            last_event=0,
            this_update=parsed.last_update_utc,
            next_update=parsed.next_update_utc,
            entries=len(parsed),
            size=0,
            packed_size=0,
        )
        .returning(crls.c.id)
    )
    assert list_id is not None  # noqa: S101 - the database gives every row one
    return list_id


def _take_to_heart(
    connection: sa.Connection, context: Context, issuer: Authority, parsed: x509.CertificateRevocationList, actor: str
) -> Iterator[str]:
    """What the list says of our own certificates under this authority, entered; serial number and state of each."""
    for serial in connection.scalars(sa.select(certificates.c.serial).where(certificates.c.authority_id == issuer.id)):
        history = steps_of(connection, issuer.id, serial)
        before = history[-1].state if history else None
        reason = _reason(parsed.get_revoked_certificate_by_serial_number(serial))
        match reason, before:
            case None, State.HELD:
                move = Move.RESUME
            case Reason.CERTIFICATE_HOLD, State.VALID:
                move = Move.HOLD
            case ((None | Reason.CERTIFICATE_HOLD), _):
                continue
            case _, State.REVOKED:
                continue
            case _:
                move = Move.REVOKE
        advance(connection, issuer.id, [serial], move, at=context.clock.now(), actor=actor, reason=reason)
        yield f"{serial_text(serial)} {move.value}"


def _reason(entry: x509.RevokedCertificate | None) -> Reason | None:
    """Why it stands on the list; None: it does not."""
    if entry is None:
        return None
    for extension in entry.extensions:
        if isinstance(extension.value, x509.CRLReason):
            return Reason(extension.value.reason.value)
    return Reason.UNSPECIFIED


def _unusable(issuer: Authority, what: str) -> YinxinError:
    return YinxinError(
        Kind.INVALID,
        _("this list cannot be used: {what}").format(what=what),
        subject=issuer.name,
        remedy=_("ask the parent for its present full list"),
    )


def _moment(moment: datetime | None) -> str:
    return moment.isoformat() if moment else "-"
