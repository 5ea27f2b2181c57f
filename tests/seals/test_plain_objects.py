"""What is read in one go is what pyHanko reads octet by octet: the same objects, the same place, the same refusals."""

import re
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import pikepdf
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pyhanko.pdf_utils import generic, xref
from pyhanko.pdf_utils.misc import PdfError

from seals.pades import plain_objects, quick_reading, reading
from seals.verification.report import Verdict
from tests.support.sealing import Office

BLANKS = st.sampled_from([b" ", b"\n", b"\r\n", b"\t", b"  ", b"\x00", b"% a remark\n"])
GAPS = st.lists(BLANKS, min_size=1, max_size=2).map(b"".join)
NAMES = st.sampled_from(
    [b"/Type", b"/A", b"/", b"/#41", b"/caf\xe9", b"/a.b-c_d+e*f", b"/Length", b"/'quoted'", b"/a#2", b"/{", b"/\x01"]
)
NUMBERS = st.sampled_from(
    [b"0", b"12", b"-7", b"+3", b"1.5", b"-.5", b"4.", b".", b"--1", b"1-2", b"99999999999", b"007", b"1e3", b"2.5.1"]
)
STRINGS = st.sampled_from(
    [
        b"()",
        b"(text)",
        b"(nested (parentheses) here)",
        b"(open \\( and \\) and \\\\)",
        b"(D\\07220261101)",
        b"(\\7 \\77 \\777 \\18 \\400)",
        b"(\\n\\r\\t\\b\\f\\q)",
        b"(line\\\nbroken\r\nthere)",
        b"(\xfe\xff\x53\x70)",
        b"(\x80\xff\x9f)",
        b"(open",
        b"<>",
        b"<4a4B>",
        b"<4a4>",
        b"<4a 4b\n>",
        b"<4g>",
        b"<4a",
    ]
)
WORDS = st.sampled_from(
    [
        b"true",
        b"false",
        b"null",
        b"trueish",
        b"nul",
        b"obj",
        b"5 0 R",
        b"0 0 R",
        b"12  0 R",
        b"7 65535 R",
        b"05 0 R",
        b"5 0 Rx",
    ]
)
SCALARS = NAMES | NUMBERS | STRINGS | WORDS


def in_gaps(parts: st.SearchStrategy[list[bytes]], opening: bytes, closing: bytes) -> st.SearchStrategy[bytes]:
    return st.tuples(parts, st.lists(GAPS | st.just(b""), min_size=12, max_size=12)).map(
        lambda both: opening + b"".join(x for pair in zip(both[0], both[1], strict=False) for x in pair) + closing
    )


def dictionary(values: st.SearchStrategy[bytes]) -> st.SearchStrategy[bytes]:
    entries = st.lists(st.tuples(NAMES, values), max_size=5).map(lambda pairs: [one for pair in pairs for one in pair])
    return in_gaps(entries, b"<<", b">>")


VALUES = st.recursive(
    SCALARS, lambda inner: dictionary(inner) | in_gaps(st.lists(inner, max_size=4), b"[", b"]"), max_leaves=8
)
AFTER = st.sampled_from(
    [
        b"\nendobj",
        b"endobj",
        b" % remark\nendobj",
        b"",
        b">>",
        b"\nstream\nxyz\nendstream",
        b"\nstream\r\nxyz\nendstream",
    ]
)


def outcome(read: Callable[..., Any], octets: bytes) -> Any:
    """What is read and where the file stands then; or the kind of error."""
    stream = BytesIO(octets)
    stream.seek(3)
    try:
        return described(read(stream, generic.Reference(7, 0, Handler()))), stream.tell()
    except PdfError as error:
        return type(error)
    except (ValueError, ArithmeticError, TypeError, KeyError, RecursionError) as error:
        return type(error)


class Handler:
    """As strict as a reader of ours."""

    strict = True


def described(value: Any) -> Any:
    """All that makes an object what it is."""
    kind, place = type(value), getattr(value, "container_ref", None)
    if isinstance(value, generic.DictionaryObject):
        inner: Any = [(type(key), str(key), described(value.raw_get(key))) for key in value]
        if isinstance(value, generic.StreamObject):
            inner.append(value.encoded_data)
    elif isinstance(value, generic.ArrayObject):
        inner = [described(value.raw_get(index)) for index in range(len(value))]
    elif isinstance(value, generic.TextStringObject):
        inner = str(value), value.autodetected_encoding
    elif isinstance(value, generic.BooleanObject):
        inner = value.value
    else:
        inner = None if isinstance(value, generic.NullObject) else repr(value)
    return kind, place, inner


@settings(max_examples=120, deadline=None)
@given(dictionary(VALUES), AFTER)
@example(b"<</A 1/A 2>>", b"")
@example(b"<< /Contents <" + b"30" * 5000 + b"> /ByteRange [0 1 2 3] >>", b"\nendobj")
@example(b"<<" + b"/A<<" * 40 + b">>" * 41, b"")
@example(b"<< /Length 3 >>", b"\nstream\nxyz\nendstream")
@example(b"<< /A 1 > >", b"")
@example(b"<< /Length 4 >>", b" stream\nxyz\nendstream")
def test_a_dictionary_is_what_pyhanko_reads(octets: bytes, after: bytes) -> None:
    octets = b"\n\n " + octets + after
    assert outcome(plain_objects.read_dictionary, octets) == outcome(plain_objects._octet_by_octet, octets)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            [b"<", b">", b"<<", b">>", b"[", b"]", b"(", b")", b"/", b"A", b"1", b" ", b"R", b"\\", b"%", b"\n"]
        ),
        max_size=24,
    )
)
def test_nor_does_nonsense_differ(parts: list[bytes]) -> None:
    octets = b"\n\n <<" + b"".join(parts)
    assert outcome(plain_objects.read_dictionary, octets) == outcome(plain_objects._octet_by_octet, octets)


def test_what_programs_write_is_read_in_one_go(sm2_office: Office, sealed_sm2: bytes) -> None:
    """Else it would be right, and slow."""
    octets = bytes(sealed_sm2)
    begins = [at for at in range(len(octets)) if octets.startswith(b" obj\n<<", at)]
    assert len(begins) > 10
    for begin in begins:
        assert plain_objects.read_entries(octets[begin + 5 :], generic.Reference(1, 0, Handler())) is not None


HEADERS = st.tuples(
    st.sampled_from([b"", b" ", b"\r\n", b"% x\n"]),
    st.sampled_from([b"7", b"07", b"-1", b"x", b"12345678901"]),
    GAPS,
    st.sampled_from([b"0", b"65535", b"x"]),
    GAPS,
    st.sampled_from([b"obj", b"obx"]),
    GAPS | st.just(b""),
).map(b"".join)


@settings(max_examples=100, deadline=None)
@given(HEADERS)
def test_a_header_is_what_pyhanko_reads(header: bytes) -> None:
    octets = b"\n\n " + header + b"<< >>" + b" " * 40

    def by(read: Callable[..., Any]) -> Any:
        return outcome(lambda stream, _reference: read(stream, strict=True), octets)

    assert by(plain_objects.read_header) == by(plain_objects._header_octet_by_octet)


LINES = st.sampled_from(
    [
        b"0000000000 65535 f \n",
        b"0000000015 00000 n \n",
        b"0000000015 00000 n\r\n",
        b"0000000015 00000 n \r",
        b"0000000015 00000 n\n",
        b"0000000015 00000 x \n",
        b"        15 00000 n \n",
        b"0000000015 00000 n \r\n",
    ]
)
SECTIONS = st.tuples(
    st.integers(0, 20),
    st.integers(-1, 1),
    st.lists(LINES, max_size=4),
    st.sampled_from([b" \n", b"\n", b"\r\n", b"  \n\n"]),
).map(lambda one: b"%d %d%s%s" % (one[0], max(0, len(one[2]) + one[1]), one[3], b"".join(one[2])))


@settings(max_examples=120, deadline=None)
@given(
    st.lists(SECTIONS, min_size=1, max_size=3),
    st.sampled_from([b"trailer", b"trailer\n", b"trail", b" " * 70 + b"trailer"]),
)
def test_a_table_is_what_pyhanko_reads(sections: list[bytes], trailer: bytes) -> None:
    octets = b"\n\n \n" + b"".join(sections) + trailer + b"<< /Size 3 >>"

    def by(read: Callable[..., Any]) -> Any:
        stream = BytesIO(octets)
        stream.seek(3)
        found = []
        try:
            for entry in read(stream, strict=True):
                found.append(entry)
        except (PdfError, ValueError, IndexError) as error:
            return found, type(error)
        return found, stream.tell()

    assert by(plain_objects.read_table) == by(plain_objects._line_by_line)


def test_a_plain_table_is_read_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(plain_objects, "_line_by_line")
    table = b"\n0 2\n0000000000 65535 f \n0000000015 00000 n \n7 1\n0000000099 00001 n\r\ntrailer\n<<"
    found = list(plain_objects.read_table(BytesIO(table), strict=True))
    assert [(one.idnum, one.location, one.generation) for one in found] == [(0, None, 65535), (1, 15, 0), (7, 99, 1)]
    assert found[0].xref_type is xref.XRefType.FREE


def test_a_revision_shows_what_it_shows_to_pyhanko(sm2_office: Office, sealed_sm2: bytes) -> None:
    reader = reading.open_pdf(BytesIO(bytes(sealed_sm2)))
    seen = 0
    for revision in range(reader.xrefs.total_revisions):
        resolver = reader.get_historical_resolver(revision)
        for reference in reader.xrefs.explicit_refs_in_revision(revision):
            value = reader.get_object(reference, revision)  # type: ignore[no-untyped-call]
            ours, theirs = (
                copied(resolver, value) for copied in (quick_reading.in_revision, quick_reading._in_revision_bit_by_bit)
            )
            assert described(ours) == described(theirs)
            assert list(handlers(ours)) == list(handlers(theirs))
            seen += len(list(handlers(ours)))
    assert seen > 50


def handlers(value: Any) -> Iterator[Any]:
    """Who is asked for each reference in it, and what each part belongs to."""
    if isinstance(value, generic.IndirectObject):
        yield value.reference.pdf
    elif isinstance(value, generic.DictionaryObject | generic.ArrayObject):
        yield value.container_ref and value.container_ref.get_pdf_handler()  # type: ignore[no-untyped-call]
        for part in value.values() if isinstance(value, dict) else list.__iter__(value):
            yield from handlers(part)


def with_table_at_the_very_end(_octets: bytes) -> bytes:
    """pyHanko steps back and forth before the last line of such a table."""
    body = b"%PDF-1.7\n1 0 obj\n<< >>\nendobj\n"
    end = b"startxref\n%d\n%%%%EOF\n"
    place = len(body) + len(end % 10)
    return body + end % place + b"xref\n4 2\n0000000015 00000 n \r\ntrail<< /Size 3 >>"


def with_endless_remark(octets: bytes) -> bytes:
    """All objects of an object stream are the beginning of a remark."""
    file = BytesIO()
    pikepdf.open(BytesIO(octets)).save(
        file,
        object_stream_mode=pikepdf.ObjectStreamMode.generate,
        stream_decode_level=pikepdf.StreamDecodeLevel.all,
        compress_streams=False,
    )
    written = file.getvalue()
    found = re.search(rb"/First (\d+) >>\nstream\n", written)
    assert found is not None
    begin, end = found.end() + int(found[1]), written.index(b"\nendstream", found.end())
    return written[:begin] + b"%" * (end - begin) + written[end:]


@pytest.mark.timeout(60)
@pytest.mark.parametrize("damage", [with_table_at_the_very_end, with_endless_remark])
def test_no_file_is_read_for_ever(sm2_office: Office, sealed_sm2: bytes, damage: Callable[[bytes], bytes]) -> None:
    report = sm2_office.report(damage(bytes(sealed_sm2)))
    assert report.verdict >= Verdict.INDETERMINATE
    assert [one.code for one in report.findings] == ["unreadable-document"]
