"""Identity numbers, found without being kept: the digests under the registration authority's own key.

In clear they stand only where they are approved and certified: in the canonical request and in the certificate.
"""

from collections.abc import Iterable

import sqlalchemy as sa

from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.subject import Identity
from ra.records import certificate_identities as table


def digest_of_number(context: Context, number: str) -> bytes:
    """The digest by which a number is found. `YinxinError` where no key was handed in."""
    key = context.lookup_key
    if key is None:
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("there is no key for finding identity numbers"),
            remedy=_("run: yinxin migrate"),
        )
    return key.digest(number.strip().upper().encode())


def record(context: Context, connection: sa.Connection, found: Iterable[tuple[int, Identity]]) -> None:
    """Let these certificates (by their row) be found by their holders' numbers; nothing where there is no key."""
    if context.lookup_key is None:
        return
    rows = [
        {"digest": digest, "certificate_id": certificate}
        for certificate, identity in found
        for digest in {digest_of_number(context, number) for number in identity.model_dump(exclude_none=True).values()}
    ]
    if rows:
        connection.execute(sa.insert(table), rows)
