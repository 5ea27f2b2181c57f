"""Seals over digests: the document stays in the system of whoever has it sealed.

The caller prepares the increment of the PDF and sends the digest of its byte range; what comes back is the value of the
signature, with its time stamp and what verifies it. The use is recorded before that leaves, as of any document; that
the digest is of what the caller says, only the caller knows.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import sqlalchemy as sa

from core.algorithms import Digest
from core.audit import Event
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.store import KeyStore
from seals import records
from seals.api.api_keys import CallingSystem, Scope, require_use
from seals.batches.records import digest_uses
from seals.contracts import Evidence, People, SupportSource
from seals.forms import Form
from seals.levels import Level
from seals.pades import boundary
from seals.pades.gm import GmValue
from seals.pades.timestamper import CheckedTimeStamper
from seals.pades.values import PadesValue
from seals.register.bounds import Use
from seals.register.registered import find
from seals.register.uses import Sealed, record, usable
from seals.sealing import Seal, require_support, require_usable
from seals.use import in_use, noting_tokens

OPEN_FOR = timedelta(hours=1)
"""So long after a signature its document timestamp is given."""
MOST_ARCHIVE_TIMESTAMPS = 4


@dataclass(frozen=True)
class DigestOrder:
    """What is to be sealed, as far as it is told."""

    digest: bytes
    """Of the byte range, by the digest that goes with the seal's algorithm."""
    sha256_before: str
    """Of the document before, hexadecimal."""
    page: int
    """Of the first mark; the first page is 1."""
    level: Level
    purpose: str = ""
    person: str = ""
    document_type: str = ""
    place: str = ""
    """On the page, in words for auditors."""
    byte_range: tuple[int, ...] | None = None
    """Four numbers; a seal of the form gm signs them as well."""


@dataclass(frozen=True)
class SignedDigest:
    """What goes into the document, and what verifies it."""

    number: str
    value: bytes
    """CMS (ETSI.CAdES.detached) or, of a seal of the form gm, SES_Signature; DER; from B-T on with a time stamp."""
    evidence: Evidence
    """From B-LT on."""


def sign_digest(
    context: Context,
    keys: KeyStore,
    support: SupportSource,
    people: People,
    system: CallingSystem,
    name: str,
    order: DigestOrder,
    *,
    beside: Callable[[sa.Connection, SignedDigest], None] | None = None,
) -> SignedDigest:
    """The seal's signature over a digest. `YinxinError` says why there is none, and then nothing is recorded.

    `beside`: what is done in the transaction that records the use.
    """
    require_use(system, Scope.DIGESTS, name)
    wanted = Use(system.name, order.person, order.document_type, order.purpose)
    registered = usable(context, people, name, wanted, order.sha256_before)
    seal = in_use(registered, keys)
    supported, tokens = noting_tokens(support.support(seal.signer.algorithm))
    require_usable(seal, FixedClock(context.clock.now()))
    require_support(order.level, supported)
    expected = seal.signer.algorithm.digest
    _require_digest(order.digest, expected)
    stamper = None
    if supported.timestamper and order.level >= Level.B_T:
        stamper = CheckedTimeStamper(supported.timestamper, seal.certificate)
    with boundary.translated_errors():
        value = _value(context, seal, stamper, order)
        evidence = Evidence()
        if order.level >= Level.B_LT and supported.evidence is not None:
            carried = [one for token in (stamper.taken() if stamper else ()) for one in token.certificates]
            evidence = supported.evidence.evidence([seal.certificate, *seal.chain, *carried])
    number = secrets.token_hex(16)
    token = tokens.last_sha256 if tokens else None
    # What the document will be, nobody here knows; the caller tells when it is finished.
    sealed = Sealed(order.sha256_before, "", order.level.value, order.page, order.place, token)

    signed = SignedDigest(number, value, evidence)

    def also(connection: sa.Connection) -> None:
        row = {
            "number": number,
            "seal_id": registered.id,
            "caller": system.name,
            "at": context.clock.now(),
            "level": order.level.value,
            "digest": order.digest,
        }
        connection.execute(sa.insert(digest_uses).values(row))
        details = {"number": number, "digest": order.digest.hex(), "algorithm": expected.name}
        context.audit.append(connection, Event("seals.digest.sign", system.name, name, details))
        if beside is not None:
            beside(connection, signed)

    record(context, people, name, wanted, sealed, digest=registered.digest, beside=also)
    return signed


def _value(context: Context, seal: Seal, stamper: CheckedTimeStamper | None, order: DigestOrder) -> bytes:
    if seal.form is not Form.GM:
        return PadesValue(seal, stamper).over(order.digest, (0, 0, 0, 0))
    match order.byte_range:
        case (0, before, after, rest) if 0 < before < after and rest > 0:
            return GmValue(seal, context.clock.now(), stamper).over(order.digest, (0, before, after, rest))
    raise YinxinError(
        Kind.INVALID,
        _("a seal of the form gm signs the byte range as well, and this is none"),
        subject=str(list(order.byte_range or ())),
        remedy=_("send byte_range: four numbers, the first of them 0"),
    )


def archive_timestamp(
    context: Context,
    keys: KeyStore,
    support: SupportSource,
    people: People,
    system: CallingSystem,
    number: str,
    digest: bytes,
    nonce: int | None,
) -> bytes:
    """The document timestamp (TimeStampToken, DER) of a B-LTA seal, over the byte range that it is asked for."""
    with context.storage.transaction() as connection:
        row = _locked(connection, system, number)
        if row.level != Level.B_LTA.value or context.clock.now() > row.at + OPEN_FOR or row.finished_at is not None:
            raise YinxinError(Kind.CONFLICT, _("no document timestamp belongs to this seal"), subject=number)
        if row.archive_timestamps >= MOST_ARCHIVE_TIMESTAMPS:
            raise YinxinError(Kind.CONFLICT, _("too many document timestamps for one seal"), subject=number)
        counted = sa.update(digest_uses).where(digest_uses.c.id == row.id)
        connection.execute(counted.values(archive_timestamps=row.archive_timestamps + 1))
        its_name = sa.select(records.seals.c.name).where(records.seals.c.id == row.seal_id)
        name = connection.scalars(its_name).one()
    seal = in_use(find(context, people, name), keys)
    supported = support.support(seal.signer.algorithm)
    require_support(Level.B_T, supported)
    algorithm = seal.signer.algorithm.digest
    _require_digest(digest, algorithm)
    assert supported.timestamper is not None  # noqa: S101 - just required
    return supported.timestamper.stamp(algorithm, digest, nonce)


def finish(context: Context, system: CallingSystem, number: str, sha256_after: str) -> None:
    """Put into the books what document came of a seal over a digest, as its caller says; once."""
    with context.storage.transaction() as connection:
        row = _locked(connection, system, number)
        if row.finished_at is not None:
            if row.sha256_after == sha256_after:
                return
            raise YinxinError(Kind.CONFLICT, _("another document was told before"), subject=number)
        values = {"sha256_after": sha256_after, "finished_at": context.clock.now()}
        connection.execute(sa.update(digest_uses).where(digest_uses.c.id == row.id).values(values))
        details = {"sha256_after": sha256_after}
        context.audit.append(connection, Event("seals.digest.finish", system.name, number, details))


def _require_digest(value: bytes, algorithm: Digest) -> None:
    if len(value) != algorithm.size:
        raise YinxinError(
            Kind.INVALID,
            _("the digest is not one of {name}, which has {size} octets").format(
                name=algorithm.name, size=algorithm.size
            ),
            subject=value.hex(),
        )


def _locked(connection: sa.Connection, system: CallingSystem, number: str) -> sa.Row[tuple[object, ...]]:
    table = digest_uses
    query = sa.select(table).where(table.c.number == number, table.c.caller == system.name).with_for_update()
    row = connection.execute(query).one_or_none()
    if row is None:
        raise YinxinError(Kind.NOT_FOUND, _("no seal over a digest of this number"), subject=number)
    return row
