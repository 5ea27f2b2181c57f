"""Documents that refer to objects which they do not have: what sealing adds never takes their place."""

import re
from io import BytesIO
from typing import Any

import pikepdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seals.levels import Level
from seals.pades import mentions, reading
from seals.pades.reading import open_pdf
from seals.placement.placement import Placement
from seals.verification.report import Verdict
from tests.seals.test_real_documents import hybrid
from tests.support.sealing import Office

NOBODYS = 1_000_000


def with_references(plain: bytes, *numbers: int) -> bytes:
    """The document, whose first page mentions these objects, which are not there."""
    with pikepdf.open(BytesIO(plain)) as document:
        document.pages[0].obj["/PieceInfo"] = pikepdf.Array([NOBODYS + number for number in numbers])
        out = BytesIO()
        document.save(out)
    text = out.getvalue()
    # A number and a reference of the same length, so that the cross-references stay right.
    return re.sub(rb"(?<=[ \[])1(\d{6})(?= |\])", lambda one: (b"%d 0 R" % int(one[1])).rjust(7), text)


def mentioned_and_there(document: bytes) -> dict[int, bool]:
    """Of the numbers in the array, which name an object now, as qpdf finds."""
    with pikepdf.open(BytesIO(document)) as read:
        known = {number for number, _generation in read.get_xref_table()}
    arrays = {re.sub(rb"\s+", b" ", one).strip() for one in re.findall(rb"/PieceInfo \[([^]]*)\]", document)}
    assert len(arrays) == 1, "the page was written again, with the same array"
    return {int(number): int(number) in known for number in re.findall(rb"(\d+) 0 R", arrays.pop())}


@pytest.mark.parametrize("level", [Level.B_B, Level.B_LTA])
def test_no_object_of_ours_takes_a_mentioned_number(sm2_office: Office, plain: bytes, level: Level) -> None:
    with pikepdf.open(BytesIO(plain)) as document:
        size = int(document.trailer["/Size"])
    # Numbers that would have come next, one by one, and with gaps that are too small for us.
    gone = [*range(size, size + 8), size + 9, size + 12, size + 40]
    dangling = with_references(plain, *gone)
    assert mentioned_and_there(dangling) == dict.fromkeys(gone, False)
    sealed = sm2_office.sealed(dangling, level)
    twice = sm2_office.sealed(sealed, level, Placement(2, 60, 60))
    for octets in (sealed, twice):
        assert mentioned_and_there(octets) == dict.fromkeys(gone, False)
        report = sm2_office.report(octets, status=True)
        assert report.verdict in (Verdict.VALID, Verdict.REMARKS) and all(one.intact for one in report.signatures)
    assert sm2_office.report(twice, status=True).verdict is sm2_office.report(sealed, status=True).verdict


def test_mentions_in_object_streams_and_encrypted_documents(plain: bytes) -> None:
    with pikepdf.open(BytesIO(plain)) as document:
        inner = document.make_indirect(pikepdf.Dictionary(A=1))
        document.pages[0].obj["/PieceInfo"] = document.make_indirect(pikepdf.Dictionary(Hidden=inner))
        packed, locked = BytesIO(), BytesIO()
        document.save(packed, object_stream_mode=pikepdf.ObjectStreamMode.generate)
        encryption = pikepdf.Encryption(user="secret", owner="secret")
        document.save(locked, object_stream_mode=pikepdf.ObjectStreamMode.generate, encryption=encryption)
    for octets, password in ((packed.getvalue(), None), (locked.getvalue(), "secret")):
        reader = open_pdf(BytesIO(octets), password)
        page: Any = reading.PageTree(reader).reference(1)
        hidden = page.get_object()["/PieceInfo"].raw_get("/Hidden").idnum
        assert hidden not in mentions._in_file(reader)
        assert hidden in mentions.numbers_mentioned(reader)


def test_mentions_in_what_is_hidden_from_old_programs() -> None:
    document = hybrid().replace(b"(hidden)", b"88 0 R  ")
    assert 88 in mentions._in_object_streams(open_pdf(BytesIO(document)))


SPACE = st.text("\0\t\n\f\r ", min_size=1, max_size=2)


@given(st.integers(0, 2**32), SPACE, st.integers(0, 65535), SPACE, st.integers(0, 60))
def test_however_a_reference_is_written(number: int, one: str, generation: int, other: str, far: int) -> None:
    """Also across the border between two pieces that are read one after the other."""
    text = b" " * far + f"/A[{number}{one}{generation}{other}R]".encode() + b" " * 40

    class Reader:
        stream = BytesIO(text)

    original = mentions._CHUNK
    try:
        mentions._CHUNK = 48
        assert number in mentions._in_file(Reader)  # type: ignore[arg-type]
    finally:
        mentions._CHUNK = original
