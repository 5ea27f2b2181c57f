"""The receipt (证书领取单) for the holder to sign: a PDF typeset by Typst, its characters embedded and selectable.

It is data in both languages, as lists are, whoever prints it. Identity numbers are masked: paper lies about.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path

from asn1crypto import x509

from core.algorithms import SM3
from core.certificates import serial_text
from core.errors import Kind, YinxinError
from core.i18n import _
from core.subject import Identity
from ra.register import Record
from ra.statements import Act

SOURCE = Path(__file__).with_suffix(".typ")


@dataclass(frozen=True)
class ReceiptLine:
    """One certificate."""

    usage: str
    """What it is for, in Chinese and English: signing, encryption, or both."""
    serial: str
    issuer: str
    not_before: str
    not_after: str
    fingerprint: str


@dataclass(frozen=True)
class Receipt:
    """What the paper says; days are local ones."""

    number: str
    profile: str
    holder: str
    unit: str
    identity: str
    operator: str
    date: str
    issuer: str
    """The centre."""
    certificates: Sequence[ReceiptLine]


def receipt_of(record: Record, profile: str, issuer: str) -> Receipt:
    """The receipt of a delivered request; `YinxinError` (conflict) if it is not delivered. `profile`: its title."""
    delivery = next((one.statement for one in record.statements if one.statement.act is Act.DELIVER), None)
    application = record.application
    if delivery is None or application is None:
        raise YinxinError(
            Kind.CONFLICT,
            _("its certificates have not been handed over"),
            subject=record.entry.number,
            remedy=_("use: yinxin ra deliver {number}").format(number=record.entry.number),
        )
    subject = application.subject
    return Receipt(
        number=record.entry.number,
        profile=profile,
        holder=subject.common_name,
        unit=" ".join(part for part in (subject.organization, subject.organizational_unit) if part) or "—",
        identity=mask(subject.identity),
        operator=delivery.operator,
        date=_day(delivery.at),
        issuer=issuer,
        certificates=[_line(one.certificate) for one in record.certificates],
    )


def mask(identity: Identity) -> str:
    """The first identity number that is there, but for its first and last characters hidden; `—` if there is none."""
    number: str | None = next(iter(identity.model_dump(exclude_none=True).values()), None)
    if number is None:
        return "—"
    shown = 3 if len(number) >= 12 else 1
    return number[:shown] + "*" * (len(number) - 2 * shown) + number[-shown:]


def typeset(receipt: Receipt) -> bytes:
    """The PDF, one A4 page for the usual one or two certificates."""
    # Imported here: typesetting takes libraries that no other command needs.
    import typst
    from pylopdf_fonts_zh_cn import serif_path

    pdf: bytes = typst.compile(
        SOURCE,
        format="pdf",
        font_paths=[serif_path().parent],
        ignore_system_fonts=True,
        sys_inputs={"receipt": json.dumps(asdict(receipt), ensure_ascii=False)},
    )
    return pdf


def _line(certificate: bytes) -> ReceiptLine:
    parsed = x509.Certificate.load(certificate)
    fingerprint = SM3.of(certificate).hex()
    return ReceiptLine(
        usage=_usage(parsed),
        serial=serial_text(parsed.serial_number),
        issuer=parsed.issuer.native.get("common_name", parsed.issuer.human_friendly),
        not_before=_day(parsed.not_valid_before),
        not_after=_day(parsed.not_valid_after),
        fingerprint=" ".join(fingerprint[place : place + 8] for place in range(0, len(fingerprint), 8)),
    )


def _usage(certificate: x509.Certificate) -> str:
    """By the key usage (RFC 5280 4.2.1.3)."""
    usages = certificate.key_usage_value.native if certificate.key_usage_value else set()
    uses = {
        "签名 Signing": {"digital_signature", "non_repudiation"},
        "加密 Encryption": {"key_encipherment", "data_encipherment", "key_agreement"},
    }
    return "，".join(name for name, bits in uses.items() if bits & usages) or "—"


def _day(moment: datetime) -> str:
    local = moment.astimezone()
    return f"{local.year} 年 {local.month} 月 {local.day} 日"
