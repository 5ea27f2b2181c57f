"""Who refers to an object: found as pyHanko finds it, but once; and gaps that a later revision must not fill."""

import re
from io import BytesIO

import pikepdf
import pytest
from pyhanko.pdf_utils.generic import Reference
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.xref import XRefCache

from seals.levels import Level
from seals.pades import usages
from seals.pades.reading import open_pdf
from seals.verification.report import Verdict
from tests.support.sealing import Office, blank_pdf


def with_outline(pages: int = 4) -> bytes:
    """A document with what refers to pages from everywhere: an outline, links, named destinations, shared resources."""
    document = pikepdf.open(BytesIO(blank_pdf(pages)))
    shared = document.make_indirect(pikepdf.Dictionary(Font=pikepdf.Dictionary()))
    for page in document.pages:
        page.obj.Resources = shared
        links = [
            pikepdf.Dictionary(
                Type=pikepdf.Name.Annot,
                Subtype=pikepdf.Name.Link,
                Rect=[0, 0, 10, 10],
                P=page.obj,
                Dest=[other.obj, pikepdf.Name.Fit],
            )
            for other in document.pages
        ]
        page.obj.Annots = document.make_indirect(pikepdf.Array([document.make_indirect(link) for link in links]))
    with document.open_outline() as outline:
        for number in range(pages):
            item = pikepdf.OutlineItem(f"chapter {number}", number)
            item.children.append(pikepdf.OutlineItem("section", number))
            outline.root.append(item)
    file = BytesIO()
    document.save(file)
    return file.getvalue()


@pytest.mark.parametrize("kind", ["blank", "outlined", "sealed", "linearised"])
def test_the_same_paths_as_pyhanko_finds(sm2_office: Office, sealed_sm2: bytes, kind: str) -> None:
    plain = blank_pdf(2) if kind == "blank" else with_outline()
    octets = {"sealed": bytes(sealed_sm2), "linearised": linearised(plain)}.get(kind, plain)
    reader = open_pdf(BytesIO(octets))
    for revision in range(reader.xrefs.total_revisions):
        if kind == "linearised" and revision == 0:
            continue  # the first part of the chain is not a document
        resolver = reader.get_historical_resolver(revision)
        usages._follow_every_path(resolver)  # type: ignore[no-untyped-call]
        theirs = dict(resolver._indirect_object_access_cache or {})
        ours = usages.Usages(resolver, usages._present(reader))
        assert {reference: ours[reference] for reference in theirs} == theirs
        assert len(theirs) > 3


def test_history_is_as_pyhanko_finds_it(sm2_office: Office) -> None:
    """Three revisions, and one that fills a gap which only the first of them refers to, and rewrites what it filled."""
    sealed = sm2_office.sealed(sm2_office.sealed(with_a_gap(blank_pdf(5)), Level.B_B), Level.B_B)
    reader = open_pdf(BytesIO(filled(filled(sealed))))
    told = reader.xrefs.get_historical_ref
    numbers = range(reader.trailer_view["/Size"] + 1)
    for revision in range(reader.xrefs.total_revisions):
        for number in numbers:
            for generation in (0, 1):
                reference = Reference(number, generation)
                assert told(reference, revision) == XRefCache.get_historical_ref(reader.xrefs, reference, revision)
        resolver = reader.get_historical_resolver(revision)
        ours = usages.Usages(resolver, usages._present(reader))
        assert set(ours.missing(reader.xrefs)) == set(usages._missing(resolver, ours))
        assert ((GAP, 0) in ours.missing(reader.xrefs)) == (revision < 3)


def linearised(octets: bytes) -> bytes:
    file = BytesIO()
    pikepdf.open(BytesIO(octets)).save(file, linearize=True)
    return file.getvalue()


def with_a_gap(octets: bytes) -> bytes:
    """Its page shows a stream that is not there: nothing, to whoever reads it (ISO 32000-2 7.3.10)."""
    document = pikepdf.open(BytesIO(octets))
    page = document.pages[0].obj
    page.Contents = pikepdf.Array([page.Contents, document.make_indirect(pikepdf.Dictionary())])
    file = BytesIO()
    document.save(file, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    contents = re.compile(rb"(/Contents \[ \d+ 0 R) \d\d 0 R")
    changed, count = contents.subn(rb"\1 %d 0 R" % GAP, file.getvalue())
    assert count == 1 and b"\n%d 0 obj" % GAP not in changed
    return changed


GAP = 99


def filled(octets: bytes) -> bytes:
    """The gap filled in a revision of its own, which changes no object that was there."""
    reader = PdfFileReader(BytesIO(octets))
    root, size = reader.trailer_view.raw_get("/Root").idnum, reader.trailer_view["/Size"]
    text = b"BT /F1 24 Tf 72 700 Td (pay ten times as much) Tj ET"
    stream = b"\n%d 0 obj\n<< /Length %d >>\nstream\n%s\nendstream\nendobj\n" % (GAP, len(text), text)
    assert reader.last_startxref is not None
    trailer = b"<< /Size %d /Root %d 0 R /Prev %d >>" % (max(size, GAP + 1), root, reader.last_startxref)
    table = b"xref\n%d 1\n%010d 00000 n \ntrailer\n%s\nstartxref\n%d\n%%%%EOF\n"
    return octets + stream + table % (GAP, len(octets) + 1, trailer, len(octets) + len(stream))


@pytest.mark.parametrize("asked", ["qpdf", "pyhanko"])
def test_what_was_missing_when_it_was_sealed_stays_missing(
    sm2_office: Office, asked: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    sealed = sm2_office.sealed(with_a_gap(blank_pdf(5)), Level.B_T)
    assert PdfFileReader(BytesIO(sealed)).trailer_view["/Size"] < GAP
    assert sm2_office.report(sealed, status=True).verdict < Verdict.INDETERMINATE
    if asked == "pyhanko":

        def unread(_resolver: object) -> None:
            raise ValueError("not quite in order")

        monkeypatch.setattr(usages, "_present", unread)
    report = sm2_office.report(filled(sealed), status=True)
    assert report.verdict is Verdict.INVALID


def test_object_zero_may_have_any_generation(sm2_office: Office) -> None:
    file = BytesIO()
    pikepdf.open(BytesIO(blank_pdf(1))).save(file, object_stream_mode=pikepdf.ObjectStreamMode.disable)
    odd = file.getvalue().replace(b"0000000000 65535 f", b"0000000000 65536 f", 1)
    assert b"65536 f" in odd
    assert sm2_office.report(sm2_office.sealed(odd)).verdict is Verdict.VALID


def test_a_maze_is_given_up(sm2_office: Office) -> None:
    """Each of thirty dictionaries refers twice to the next: a thousand million paths to the last."""
    document = pikepdf.open(BytesIO(blank_pdf(1)))
    last = document.pages[0].obj
    for _step in range(30):
        last = document.make_indirect(pikepdf.Dictionary(One=last, Other=last))
    document.Root.Maze = last
    file = BytesIO()
    document.save(file)
    reader = open_pdf(BytesIO(file.getvalue()))
    page = reader.root["/Pages"]["/Kids"].raw_get(0).reference
    with pytest.raises(Exception, match="too many ways"):
        usages.Usages(reader.get_historical_resolver(0), usages._present(reader))[page]
