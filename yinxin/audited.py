"""What the auditor is handed: time stamps of checkpoints, and what entries refer to by digest."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

import ca.kmc.records
import ca.records
import ra.attribute_records
import ra.records
import seals.records
from audit.contracts import Objects, Stamp
from ca.attributes.records import attribute_certificates
from ca.importing.certificates import imported_certificates
from core.algorithms import SM3
from core.certificates import read_certificates
from core.home import Home
from seals.register.books import seals_in_books
from tsa.client import Timestamper
from tsa.verification import read_token
from yinxin.installation import hierarchy_label


def stamp_of(home: Home) -> Stamp:
    """Time stamps of our own authority, or of the one that the configuration names, over HTTP."""
    tsa = home.configuration.tsa
    base = home.configuration.audit.timestamper or f"http://{tsa.host}:{tsa.port}"
    label = hierarchy_label(home.configuration.centre.key_kinds[0])
    anchors = read_certificates(home.trust)
    client = Timestamper(f"{base.rstrip('/')}/tsa/{label}", anchors=anchors)
    return lambda octets: client.stamp(SM3, SM3.of(octets))


def check_token(token: bytes, octets: bytes, anchors: Sequence[bytes]) -> datetime:
    """The time that a token proves of these octets, by an authority that these anchors vouch for.

    Without anchors, whom to trust for the time is not asked. `YinxinError` if the token proves nothing.
    """
    stamp = read_token(token)
    stamp.require_imprint(lambda digest: digest.of(octets))
    if anchors:
        stamp.path(anchors)
    return stamp.gen_time


def _of(*columns: sa.Column[bytes]) -> Callable[[sa.Connection], Iterator[bytes]]:
    """Everything in these columns."""

    def read(connection: sa.Connection) -> Iterator[bytes]:
        for column in columns:
            query = sa.select(column).where(column.is_not(None))
            yield from connection.execution_options(yield_per=1000).scalars(query)

    return read


OBJECTS: Objects = {
    "certificates": _of(ca.records.certificates.c.certificate, attribute_certificates.c.certificate),
    "statements": _of(
        ra.records.request_moves.c.statement,
        ra.records.certificate_orders.c.statement,
        ra.records.operator_moves.c.statement,
        ra.records.revocation_batch_moves.c.statement,
        ra.records.branches.c.statement,
        ra.attribute_records.attribute_moves.c.statement,
        ca.kmc.records.recovery_statements.c.statement,
        ca.kmc.records.destruction_statements.c.statement,
        seals.records.statements.c.statement,
        seals.records.use_permissions.c.statement,
        seals.records.use_permissions.c.withdrawal,
        seals.records.api_key_statements.c.statement,
    ),
    "contents": _of(
        ca.records.profiles.c.document,
        ra.records.operator_moves.c.content,
        seals.records.versions.c.content,
        seals.records.use_permissions.c.content,
    ),
    "imported": imported_certificates,
    "seals": seals_in_books,
}
"""What entries name by SHA-256 or SM3. Requests are not among it: they hold identity numbers; statements bind them.
And what the books say of the seals."""
