"""Putting a list in force, by somebody who trusts neither the writer nor the signer nor the disk.

What is kept is read again as it will be served. A list that is not as it must be is refused, which is recorded; the
one in force stays.
"""

import hashlib
from collections.abc import Iterator
from datetime import timedelta

import sqlalchemy as sa

from ca.authorities import Authority
from ca.crl.issue import Reserved
from ca.crl.keeping import forget, pieces_of
from ca.crl.writing import CrlFacts
from ca.lint.crl import UNREADABLE, complaints_about
from ca.lint.list_reading import Stream, read_tbs
from ca.records import crls
from core.asn1.elements import read_elements
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.verification import InvalidSignature, message_digest, verify_digest

KEPT = timedelta(days=31)
"""How long after its nextUpdate the bytes of a list that was replaced are kept."""


def put_in_force(context: Context, reserved: Reserved, *, actor: str) -> None:
    """Publish, under the condition that nothing newer is. `YinxinError` (invalid, conflict), and nothing changed."""
    with context.storage.reading() as connection:
        entries = reserved.selection.count(connection)
    complaints = complaints_about_kept(context, reserved.issuer, reserved.id, reserved.facts, entries)
    details: dict[str, object] = {"number": reserved.facts.number, "list": name_of(reserved)}
    if complaints:
        with context.storage.transaction() as connection:
            refusal = Event("ca.crl.refuse", actor, reserved.issuer.name, details | {"why": complaints[:3]})
            context.audit.append(connection, refusal)
        raise YinxinError(
            Kind.INVALID,
            _("the new CRL is not published: {first}").format(first="; ".join(complaints[:3])),
            subject=name_of(reserved),
            remedy=_("the CRL in force stays; check the machine and the database, and publish again"),
        )
    with context.storage.transaction() as connection:
        _replace(connection, context, reserved)
        details |= {"entries": entries, "until": reserved.facts.next_update.isoformat()}
        if reserved.facts.base is not None:
            details["base"] = reserved.facts.base
        context.audit.append(connection, Event("ca.crl.publish", actor, reserved.issuer.name, details))


def name_of(reserved: Reserved) -> str:
    """What the list is called where it is published."""
    delta = reserved.facts.base is not None
    return reserved.issuer.distribution.name(reserved.issuer.name, reserved.shard, delta=delta)


def complaints_about_kept(
    context: Context, issuer: Authority, list_id: int, facts: CrlFacts, entries: int
) -> list[str]:
    """What is wrong with the bytes that are kept for a list, which should say this and have so many entries."""
    whole = hashlib.sha256()
    signed = message_digest(issuer.public_key_info, issuer.algorithm)
    with context.storage.reading() as connection:
        row = connection.execute(sa.select(crls).where(crls.c.id == list_id)).one()
    try:
        pieces = _watched(pieces_of(context.storage, list_id), whole)
        outer = Stream(pieces)
        tag, size, head = outer.element()
        stream = Stream(iter(lambda: outer.take_some(1 << 16), b""), signed.update)
        read = read_tbs(stream)
        tail = b"".join(iter(lambda: stream.take_some(1 << 16), b""))
        found = list(complaints_about(read, issuer, facts, entries, context.clock.now()))
        algorithm, signature = read_elements(tail)
        if tag != 0x30 or row.size != len(head) + size or algorithm.raw != issuer.algorithm.identifier:
            found.append(
                "it is no CertificateList of this authority's algorithm, or longer or shorter than was written"
            )
        if signature.raw[0] != 0x03 or signature.content[:1] != b"\x00":
            found.append("the signature is no BIT STRING of whole octets")
        verify_digest(issuer.public_key_info, issuer.algorithm, signature.content[1:], signed.digest())
    except InvalidSignature:
        return ["the signature is not the authority's"]
    except UNREADABLE as error:
        return [str(error)]
    if (row.digest, row.number, row.base) != (whole.digest(), facts.number, facts.base):
        found.append("the books say otherwise of the list's bytes or number")
    return found


def _watched(pieces: Iterator[bytes], whole: "hashlib._Hash") -> Iterator[bytes]:
    for piece in pieces:
        whole.update(piece)
        yield piece


def _replace(connection: sa.Connection, context: Context, reserved: Reserved) -> None:
    """Compare and set: only while none of the same kind with this number or a higher one is published."""
    newer, now = crls.alias("newer"), context.clock.now()
    delta = reserved.facts.base is not None
    published = connection.execute(
        sa.update(crls)
        .where(
            crls.c.id == reserved.id,
            crls.c.published_at.is_(None),
            ~sa.exists().where(
                newer.c.authority_id == reserved.issuer.id,
                newer.c.shard == reserved.shard,
                newer.c.base.is_not(None) if delta else newer.c.base.is_(None),
                newer.c.number >= reserved.facts.number,
                newer.c.published_at.is_not(None),
            ),
        )
        .values(published_at=now)
    )
    if published.rowcount != 1:
        raise YinxinError(
            Kind.CONFLICT,
            _("a newer CRL than number {number} was published meanwhile").format(number=reserved.facts.number),
            subject=reserved.issuer.name,
            remedy=_("that one counts; there is nothing to do"),
        )
    older = (
        (crls.c.authority_id == reserved.issuer.id)
        & (crls.c.shard == reserved.shard)
        & (crls.c.number < reserved.facts.number)
    )
    kind = crls.c.base.is_not(None) if delta else crls.c.base.is_(None)
    forget(connection, older & kind & (crls.c.published_at.is_(None) | (crls.c.next_update < now - KEPT)))
