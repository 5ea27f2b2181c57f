"""The papers of a ceremony, typeset by Typst: a sheet for each share, and the transcript to sign by hand.

A sheet is in both languages, as receipts are: it lies in an envelope for decades, whoever opens it.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import segno

from ca.ceremony.wording import Section
from core.algorithms import SM3
from core.i18n import _, current_language
from core.keys.custody import Custody
from core.keys.shares import Share

SHEET = Path(__file__).with_name("sheet.typ")
RECORD = Path(__file__).with_name("record.typ")


@dataclass(frozen=True)
class Opens:
    """What the shares open together."""

    name: str
    certificate: bytes
    """DER."""


def share_sheet(share: Share, custody: Custody, organization: str, opens: Sequence[Opens]) -> bytes:
    """One A4 page (PDF) for an envelope. It holds the share: never on a disk."""
    at = custody.made_at.astimezone()
    content = {
        "organization": organization,
        "custodian": custody.entrusted(share).custodian,
        "number": share.number,
        "total": share.total,
        "needed": share.needed,
        "set": share.set_id,
        "date": f"{at.year} 年 {at.month} 月 {at.day} 日",
        "groups": share.groups,
        "keys": [{"name": one.name, "fingerprint": _in_groups(SM3.of(one.certificate).hex())} for one in opens],
        "code": _code(share.text),
    }
    return _typeset(SHEET, content)


def record_pdf(title: str, sections: Sequence[Section], signers: Sequence[tuple[str, str]] = ()) -> bytes:
    """The transcript or the plan, in the reader's language; a line for each signer (name, roles)."""
    content = {
        "title": title,
        "chinese": current_language() == "zh_CN",
        "sections": [{"title": one.title, "rows": [list(row) for row in one.rows]} for one in sections],
        "signing": _("By hand: it was as written here"),
        "signature": _("Signature"),
        "day": _("Day"),
        "signers": [list(one) for one in signers],
    }
    return _typeset(RECORD, content)


def _code(text: str) -> str:
    """A QR code at error correction level Q, which a crease does not hurt."""
    target = BytesIO()
    segno.make_qr(text, error="q", boost_error=False).save(target, kind="svg", border=4)
    return target.getvalue().decode()


def _in_groups(text: str, size: int = 8) -> str:
    return " ".join(text[place : place + size] for place in range(0, len(text), size))


def _typeset(source: Path, content: object) -> bytes:
    # Imported here: typesetting takes libraries that no other command needs.
    import typst
    from pylopdf_fonts_zh_cn import serif_path

    pdf: bytes = typst.compile(
        source,
        format="pdf",
        font_paths=[serif_path().parent],
        ignore_system_fonts=True,
        sys_inputs={"content": json.dumps(content, ensure_ascii=False)},
    )
    return pdf
