"""The lists in force, read again as they are served."""

from collections.abc import Iterator

from cryptography import x509

from ca.authorities import Authority
from ca.crl.issue import facts_of
from ca.crl.keeping import pieces_of
from ca.crl.publication import PublishedCrl, lists_in_force
from ca.crl.publisher import complaints_about_kept
from ca.lint.crl import UNREADABLE
from ca.lint.list_reading import Stream, read_tbs
from core.context import Context


def check_in_force(context: Context, authority: Authority) -> Iterator[tuple[PublishedCrl, tuple[str, ...]]]:
    """Every list of the authority that is in force, with what is wrong with it."""
    for published in lists_in_force(context, authority):
        if not authority.key_is_here:
            # Written by another centre, and examined when it was brought (`ca.crl.importing`).
            yield published, tuple(_too_old(context, published))
            continue
        facts = facts_of(
            authority,
            published.shard,
            published.number,
            published.this_update,
            published.next_update,
            published.base,
            keeps_expired=_keeps_expired(context, published),
        )
        found = complaints_about_kept(context, authority, published.id, facts, published.entries)
        yield published, (*found, *_too_old(context, published))


def _too_old(context: Context, published: PublishedCrl) -> Iterator[str]:
    if published.next_update < context.clock.now():
        yield "the list in force is over its nextUpdate"


def _keeps_expired(context: Context, published: PublishedCrl) -> bool:
    """The setting may have changed since: what the list says of it counts."""
    stream = Stream(pieces_of(context.storage, published.id))
    try:
        stream.element()
        extensions = read_tbs(stream).frame.extensions
    except UNREADABLE:
        return False
    return any(one.oid == x509.ObjectIdentifier("2.5.29.60") for one in extensions)
