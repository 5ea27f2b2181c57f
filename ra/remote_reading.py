"""What the office sends, read as what the verbs give; signatures are checked here, whatever the office says."""

from collections.abc import Iterable

from core.errors import YinxinError
from ra import http_models as wire
from ra.applications import digest_of, parse_application
from ra.register import Entry, Record, StoredCertificate
from ra.statements import SignedStatement, verify_statement


def read_record(sent: wire.RequestRecord) -> Record:
    """One request."""
    statements: list[SignedStatement] = []
    intact = sent.intact
    for message in sent.statements:
        try:
            statements.append(verify_statement(message))
        except YinxinError:
            intact = False
    try:
        application = parse_application(sent.content)
    except YinxinError:
        application = None
    return Record(
        Entry(**vars(sent.entry)),
        digest_of(sent.content),
        sent.content,
        sent.earlier,
        application,
        statements,
        stored(sent.certificates),
        intact,
    )


def stored(sent: Iterable[wire.StoredModel]) -> list[StoredCertificate]:
    """Certificates of a request."""
    return [StoredCertificate(one.authority, int(one.serial, 16), one.certificate, one.envelope) for one in sent]
