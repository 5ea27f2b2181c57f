"""Habits of other programs (Poppler, LibreOffice, PoDoFo, MuPDF): understood where harmless, named where not."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from io import BytesIO
from types import SimpleNamespace

import pytest
from asn1crypto import cms

from core.algorithms import SHA1
from core.errors import YinxinError
from seals.levels import Level
from seals.pades.reading import open_pdf
from seals.pades.signatures import _dictionary_time
from seals.verification.report import Verdict
from tests.support import pdf
from tests.support.sealing import Office


@pytest.mark.parametrize(
    "written", ["D:20261101020000Z", "D:20261101020000Z'", "D:20261101020000Z00'00'", "D:20261101100000+08'00'"]
)
def test_dates_as_others_write_them(written: str) -> None:
    embedded = SimpleNamespace(sig_object={"/M": written})
    assert _dictionary_time(embedded) == datetime(2026, 11, 1, 2, tzinfo=UTC)  # type: ignore[arg-type]


@pytest.mark.parametrize("written", ["", "yesterday", "D:2026-11-01", "D:20261101020000Zulu", "D:99999999999999Z"])
def test_what_is_no_date_says_nothing_and_breaks_nothing(written: str) -> None:
    embedded = SimpleNamespace(sig_object={"/M": written})
    assert _dictionary_time(embedded) is None  # type: ignore[arg-type]


def changed_message(document: bytes, change: Callable[[cms.SignedData], None]) -> bytes:
    message = cms.ContentInfo.load(pdf.contents(document))
    change(message["content"])
    return pdf.with_contents(document, message.dump(force=True))


def twice(message: cms.SignedData) -> None:
    signers = message["signer_infos"]
    message["signer_infos"] = cms.SignerInfos([signers[0], signers[0].copy()])


def with_sha1(message: cms.SignedData) -> None:
    message["signer_infos"][0]["digest_algorithm"] = {"algorithm": SHA1.oid}


@pytest.mark.parametrize(("change", "words"), [(twice, "2 signatures in one"), (with_sha1, "SHA-1")])
def test_what_is_not_understood_is_named(
    rsa_office: Office, plain: bytes, change: Callable[[cms.SignedData], None], words: str
) -> None:
    sealed = rsa_office.sealed(plain, Level.B_B)
    report = rsa_office.report(changed_message(sealed, change), status=True)
    assert report.verdict is Verdict.INDETERMINATE
    assert words in report.signatures[0].findings[0].text


def with_object(document: bytes, number: int, generation: int) -> bytes:
    """One more revision with one more object, as Poppler numbers them."""
    at = len(document) + 1
    octets = b"\n%d %d obj\n<< /Length 0 >>\nendobj\n" % (number, generation)
    body = document + octets
    previous = int(re.findall(rb"startxref\s+(\d+)", document)[-1])
    size = max(max(int(found) for found in re.findall(rb"/Size (\d+)", document)), number + 1)
    root = re.findall(rb"/Root (\d+ 0 R)", document)[-1]
    table = b"xref\n%d 1\n%010d %05d n\r\n" % (number, at, generation)
    trailer = b"trailer\n<< /Size %d /Root %s /Prev %d >>\n" % (size, root, previous)
    return body + table + trailer + b"startxref\n%d\n%%%%EOF\n" % len(body)


def test_a_new_object_may_begin_with_any_generation(plain: bytes) -> None:
    """ISO 32000-2 7.3.10 has 0; nobody can take it for another object."""
    number = max(int(found) for found in re.findall(rb"/Size (\d+)", plain))
    reader = open_pdf(BytesIO(with_object(plain, number, 1)))
    assert reader.xrefs.total_revisions == 2


def test_an_object_that_is_there_gets_no_other_generation(plain: bytes) -> None:
    """Then two objects would have one number, and programs would choose."""
    with pytest.raises(YinxinError):
        open_pdf(BytesIO(with_object(plain, 1, 1)))
    number = max(int(found) for found in re.findall(rb"/Size (\d+)", plain))
    begun = with_object(plain, number, 1)
    with pytest.raises(YinxinError):
        open_pdf(BytesIO(with_object(begun, number, 2)))
