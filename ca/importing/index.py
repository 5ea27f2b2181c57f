"""OpenSSL's `index.txt` (the database of `openssl ca`): six columns between tabs, one row for each certificate."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ca.state import Reason
from core.i18n import _

_COLUMNS = 6
_REASONS = {
    "unspecified": Reason.UNSPECIFIED,
    "keyCompromise": Reason.KEY_COMPROMISE,
    "CACompromise": Reason.CA_COMPROMISE,
    "affiliationChanged": Reason.AFFILIATION_CHANGED,
    "superseded": Reason.SUPERSEDED,
    "cessationOfOperation": Reason.CESSATION_OF_OPERATION,
    "certificateHold": Reason.CERTIFICATE_HOLD,
    "holdInstruction": Reason.CERTIFICATE_HOLD,
    # With the time of the compromise behind the comma, which becomes an invalidityDate that our lists do not bear.
    "keyTime": Reason.KEY_COMPROMISE,
    "CAkeyTime": Reason.CA_COMPROMISE,
}
"""The names of openssl-ca(1), -crl_reason and its relatives."""


@dataclass(frozen=True)
class IndexRow:
    """What a row says."""

    line: int
    """In the file, from 1."""
    serial: int
    expires: datetime
    revoked_at: datetime | None
    reason: Reason | None
    """Of one that was revoked or held; unspecified where the index names none."""
    subject: str
    """As `X509_NAME_oneline` writes it: `/C=CN/CN=…`, octets beyond ASCII as `\\xE5`."""


@dataclass(frozen=True)
class UnreadableRow:
    """A row that says nothing that can be believed."""

    line: int
    text: str
    why: str


def read_index(data: bytes) -> Iterator[IndexRow | UnreadableRow]:
    """Every row in the order of the file; empty lines and comments are passed over, as OpenSSL does."""
    for number, line in enumerate(data.decode("utf-8", "replace").splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        try:
            yield _row(number, line)
        except ValueError as error:
            yield UnreadableRow(number, line[:200], str(error))


def _row(number: int, line: str) -> IndexRow:
    columns = line.split("\t")
    if len(columns) != _COLUMNS:
        raise ValueError(_("it has {count} columns, and not six").format(count=len(columns)))
    state, expires, revoked, serial, _file, subject = columns
    if state not in ("V", "R", "E"):
        raise ValueError(_("its state is not V, R or E"))
    if not re.fullmatch(r"[0-9A-Fa-f]+", serial):
        raise ValueError(_("its serial number is not hexadecimal"))
    if (state == "R") != bool(revoked):
        raise ValueError(_("it has a revocation date without being revoked, or the reverse"))
    at, reason = _revocation(revoked) if revoked else (None, None)
    return IndexRow(number, int(serial, 16), _moment(expires), at, reason, subject)


def _revocation(text: str) -> tuple[datetime, Reason]:
    moment, *rest = text.split(",")
    if not rest:
        return _moment(moment), Reason.UNSPECIFIED
    if rest[0] not in _REASONS:
        raise ValueError(_("the reason of its revocation is not known: {reason}").format(reason=rest[0]))
    return _moment(moment), _REASONS[rest[0]]


def _moment(text: str) -> datetime:
    """YYMMDDhhmmssZ (until 2049, RFC 5280 4.1.2.5.1) or YYYYMMDDhhmmssZ."""
    if re.fullmatch(r"[0-9]{12}Z", text):
        text = ("20" if text[:2] < "50" else "19") + text
    if not re.fullmatch(r"[0-9]{14}Z", text):
        raise ValueError(_("a date in it cannot be read: {date}").format(date=text[:40]))
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        raise ValueError(_("a date in it cannot be read: {date}").format(date=text)) from None


def same_subject(oneline: str, values: list[bytes]) -> bool:
    """Whether a row's subject has just these attribute values (content octets), in their order.

    Compared without the names of the attributes, which differ between versions of OpenSSL.
    """
    told = re.sub(r"(^|[/+])[A-Za-z][A-Za-z0-9.-]*=|(^|[/+])[0-9]+(\.[0-9]+)+=", "\0", oneline)
    ours = re.sub(
        r"[/+][A-Za-z][A-Za-z0-9.-]*=|[/+][0-9]+(\.[0-9]+)+=", "\0", "".join("\0" + _escaped(value) for value in values)
    )
    return told == ours


def _escaped(value: bytes) -> str:
    return "".join(chr(octet) if 0x20 <= octet <= 0x7E else f"\\x{octet:02X}" for octet in value)
