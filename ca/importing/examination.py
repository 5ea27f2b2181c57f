"""What would be imported, row by row: everything that is wrong is told at once, and nothing is written.

What the index says is compared with the certificates themselves; where they are missing, it is all there is.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

import rfc8785
from asn1crypto import crl as asn1_crl
from asn1crypto import x509
from cryptography import x509 as pyca_x509

from ca.importing.index import IndexRow, UnreadableRow, read_index, same_subject
from ca.importing.takeover import Takeover
from ca.lint.reading import UNREADABLE
from ca.records import SERIAL_OCTETS
from ca.state import Reason
from core.algorithms import SM3, algorithm_by_identifier
from core.asn1.names import describe_name
from core.certificates import serial_text
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.verification import InvalidSignature, verify

_HIGHEST_NUMBER = 1 << 52
"""The audit log writes numbers that every reader of JSON reads alike (RFC 8785 3.2.2.3), and they have to go on."""


@dataclass
class Row:
    """A certificate that would be imported, and what is wrong with it."""

    serial: int
    subject: str
    """For people."""
    not_before: datetime
    not_after: datetime
    revoked_at: datetime | None
    reason: Reason | None
    certificate: bytes | None
    """DER; None: the file is missing."""
    line: int | None
    """Of the index; None: only the file, or only the list, knows of it."""
    errors: list[str] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Sources:
    """What the former program left."""

    index: bytes = b""
    """`index.txt`."""
    certificates: tuple[tuple[str, bytes], ...] = ()
    """Name of the file and DER of each."""
    crl: bytes | None = None
    """The last revocation list, DER."""
    next_number: int | None = None
    """`crlnumber`: which the next list would have had."""


@dataclass(frozen=True)
class Examination:
    """Everything that was looked at."""

    authority: Takeover
    rows: tuple[Row, ...]
    errors: tuple[str, ...]
    """What concerns no row."""
    crl_number: int | None
    """The highest that was given to a list."""
    crl_at: datetime | None
    """thisUpdate of the last list."""

    @property
    def is_sound(self) -> bool:
        """Whether all of it can be imported."""
        return not self.errors and not any(row.errors for row in self.rows)

    @cached_property
    def digest(self) -> str:
        """SM3 over all that would be entered: what is shown, compared and then carried out."""
        rows = [
            {
                "serial": serial_text(row.serial),
                "subject": row.subject,
                "until": row.not_after.isoformat(),
                "revoked": row.revoked_at.isoformat() if row.revoked_at else None,
                "reason": row.reason.value if row.reason else None,
                "certificate": SM3.of(row.certificate).hex() if row.certificate else None,
            }
            for row in self.rows
        ]
        path = [SM3.of(one).hex() for one in self.authority.path]
        told: dict[str, Any] = {"name": self.authority.name, "path": path, "rows": rows, "list": str(self.crl_number)}
        return SM3.of(rfc8785.dumps(told)).hex()


def examine(authority: Takeover, sources: Sources, now: datetime, *, accept_missing: bool = False) -> Examination:
    """Compare index, files and list. Nothing is raised: what is wrong stands in the result.

    `accept_missing`: certificates of which only the index knows are imported by their numbers.
    """
    errors: list[str] = []
    files = _by_serial(sources.certificates, errors)
    rows: dict[int, Row] = {}
    for told in read_index(sources.index):
        if isinstance(told, UnreadableRow):
            errors.append(_("index, line {line}: {why}").format(line=told.line, why=told.why))
        elif told.serial in rows:
            rows[told.serial].errors.append(_("the index has it twice, in line {line} too").format(line=told.line))
        else:
            rows[told.serial] = _examined(told, files.pop(told.serial, None), authority, now, accept_missing)
    for serial, (name, certificate) in files.items():
        rows[serial] = row = _of_certificate(certificate, None)
        if not _is_own(row, authority):
            row.errors.append(_("the index does not know the file {name}").format(name=name))
    number, at = _compare_list(authority, sources, rows, now, errors)
    own = [serial for serial, row in rows.items() if _is_own(row, authority)]
    for serial in own:
        if rows[serial].revoked_at:
            errors.append(_("the authority has revoked itself"))
        del rows[serial]  # entered with the authority
    if authority.is_root and (taken := rows.get(authority.serial)):
        taken.errors.append(_("it has the serial number of the root itself"))
    ordered = tuple(sorted(rows.values(), key=lambda row: (row.line or 0, row.serial)))
    return Examination(authority, ordered, tuple(errors), number, at)


def _is_own(row: Row, authority: Takeover) -> bool:
    """Whether it is the authority's own certificate: a root's stands in its own index, with or without its file."""
    if row.certificate is None:
        return authority.is_root and row.serial == authority.serial
    return row.certificate == authority.certificate


def _by_serial(files: Iterable[tuple[str, bytes]], errors: list[str]) -> dict[int, tuple[str, bytes]]:
    found: dict[int, tuple[str, bytes]] = {}
    for name, certificate in files:
        try:
            serial = x509.Certificate.load(certificate, strict=True).serial_number
            _of_certificate(certificate, None)
        except UNREADABLE:
            errors.append(_("not a certificate (PEM or DER): {name}").format(name=name))
            continue
        if found.setdefault(serial, (name, certificate))[1] != certificate:
            errors.append(
                _("{name} and {other} are two certificates of one number").format(name=name, other=found[serial][0])
            )
    return found


def _of_certificate(certificate: bytes, told: IndexRow | None) -> Row:
    read = x509.Certificate.load(certificate, strict=True)
    subject = describe_name(read.subject.dump())[:1024]
    return Row(
        read.serial_number,
        subject,
        read.not_valid_before,
        read.not_valid_after,
        told.revoked_at if told else None,
        told.reason if told else None,
        certificate,
        told.line if told else None,
    )


def _examined(
    told: IndexRow, file: tuple[str, bytes] | None, authority: Takeover, now: datetime, accept_missing: bool
) -> Row:
    if file is None:
        row = Row(
            told.serial,
            _readable(told.subject),
            min(authority.not_before, told.expires),
            told.expires,
            told.revoked_at,
            told.reason,
            None,
            told.line,
        )
        missing = _("the certificate is not among the files: only its number would be known")
        (row.remarks if accept_missing else row.errors).append(missing)
    else:
        row = _of_certificate(file[1], told)
        row.errors += _differences(x509.Certificate.load(file[1]), told, authority)
        if not row.errors:
            _judge_signature(row, authority)
    if not 0 < told.serial < 1 << 8 * SERIAL_OCTETS - 1 and not _is_own(row, authority):
        row.errors.append(_("its serial number is zero or has more than 20 octets (RFC 5280 4.1.2.2)"))
    if told.revoked_at and told.revoked_at > now:
        row.errors.append(_("it would be revoked in the future"))
    return row


def _readable(oneline: str) -> str:
    """The subject of an index for people: its octets are UTF-8 as a rule."""
    octets = re.sub(rb"\\x([0-9A-F]{2})", lambda found: bytes.fromhex(found[1].decode()), oneline.encode())
    return octets.decode("utf-8", "replace").lstrip("/").replace("/", ", ")[:1024]


def _differences(certificate: x509.Certificate, told: IndexRow, authority: Takeover) -> Iterator[str]:
    """In which the certificate is not what the index says, or another authority's."""
    if certificate.issuer.dump() != authority.subject:
        yield _("another authority issued it: {issuer}").format(issuer=describe_name(certificate.issuer.dump()))
    values = [pair["value"].contents for part in certificate.subject.chosen for pair in part]
    if not same_subject(told.subject, values):
        yield _("the index has another subject: {subject}").format(subject=_readable(told.subject))
    if certificate.not_valid_after != told.expires:
        yield _("the index lets it end at another time: {moment}").format(moment=told.expires.isoformat())


def _judge_signature(row: Row, authority: Takeover) -> None:
    assert row.certificate is not None  # noqa: S101 - asked of certificates only
    read = x509.Certificate.load(row.certificate)
    try:
        algorithm = algorithm_by_identifier(read["signature_algorithm"].dump())
    except YinxinError:
        row.remarks.append(_("it is signed by an algorithm that is not used here any more: not verified"))
        return
    try:
        signature = read["signature_value"].native
        verify(authority.public_key_info, algorithm, signature, read["tbs_certificate"].dump())
    except (InvalidSignature, YinxinError):
        row.errors.append(_("the signature is not the authority's"))


def _compare_list(
    authority: Takeover, sources: Sources, rows: Mapping[int, Row], now: datetime, errors: list[str]
) -> tuple[int | None, datetime | None]:
    """The number after which ours go on; and what list and index say differently."""
    number = sources.next_number - 1 if sources.next_number is not None else None
    at: datetime | None = None
    if sources.crl is not None:
        try:
            parsed = pyca_x509.load_der_x509_crl(sources.crl)
            algorithm = algorithm_by_identifier(_algorithm_of(sources.crl))
            verify(authority.public_key_info, algorithm, parsed.signature, parsed.tbs_certlist_bytes)
            if parsed.issuer.public_bytes() != authority.subject:
                raise YinxinError(Kind.INVALID, "")
            at = parsed.last_update_utc
            listed = {entry.serial_number for entry in parsed}
            for extension in parsed.extensions:
                if isinstance(extension.value, pyca_x509.CRLNumber):
                    number = max(number or 0, extension.value.crl_number)
        except (*UNREADABLE, InvalidSignature, YinxinError):
            errors.append(_("the revocation list cannot be read, or is not this authority's"))
            return number, None
        if at > now:
            errors.append(_("the revocation list comes from the future: check the clock"))
        for serial in sorted(listed):
            row = rows.get(serial)
            if row is None:
                what = _("the revocation list has {serial}, which the index does not know: it is older")
                errors.append(what.format(serial=serial_text(serial)))
            elif row.revoked_at is None:
                row.errors.append(_("it stands on the revocation list, and the index says that it is valid"))
    if number is not None and not 0 <= number < _HIGHEST_NUMBER:
        errors.append(_("the number of the revocation list is too large to go on"))
    return number, at


def _algorithm_of(crl: bytes) -> bytes:
    """The AlgorithmIdentifier (DER) of a list."""
    encoded: bytes = asn1_crl.CertificateList.load(crl)["signature_algorithm"].dump()
    return encoded
