"""Our SES_Signature beside another implementation's (ofdrw's test data): the same structure, element by element."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from asn1crypto import parser

from core.algorithms import KeyKind
from core.asn1.ses import parse_signature
from core.clock import SystemClock
from seals.contracts import SealingSupport
from seals.documents.pdf import seal_pdf
from seals.forms import Form
from seals.levels import Level
from tests.support import pdf
from tests.support.sealing import PLACE, Office, blank_pdf

FOLDER = Path(os.environ.get("YINXIN_INTEROP") or Path(__file__).parents[3] / "shared" / "interop")
SIGNATURE = FOLDER / "seals" / "SignedValueV4.dat"

pytestmark = pytest.mark.skipif(
    not SIGNATURE.is_file(), reason=f"no seals of others in {FOLDER}; name their folder in YINXIN_INTEROP"
)


def shape(data: bytes, depth: int) -> list[object]:
    """Tags of what a SEQUENCE holds, so many levels deep."""
    class_, _method, tag, _header, content, _trailer = parser.parse(data)
    if (class_, tag) != (0, 16) or not depth:
        return [(class_, tag)]
    inside: list[object] = []
    while content:
        size = parser.peek(content)
        inside.append(shape(content[:size], depth - 1))
        content = content[size:]
    return [(class_, tag), inside]


def test_the_structure_is_theirs() -> None:
    office = Office(KeyKind.SM2, SystemClock())
    sealed = seal_pdf(
        blank_pdf(),
        replace(office.seal, form=Form.GM),
        PLACE,
        level=Level.B_B,
        support=SealingSupport(),
        clock=office.clock,
    ).read()
    ours, theirs = pdf.contents(sealed), SIGNATURE.read_bytes()
    mine, other = shape(ours, 4), shape(theirs, 4)
    # The lists of certificates may differ in length.
    assert mine == other, (mine, other)
    assert parse_signature(ours).version is parse_signature(theirs).version
