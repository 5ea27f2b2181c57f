"""The strict reader of DER: what it takes apart is what was there, and nothing but DER passes."""

import pytest
from asn1crypto import parser
from hypothesis import given, settings
from hypothesis import strategies as st

from core.asn1 import der
from core.asn1.elements import Element, read_elements

DER = st.recursive(
    st.builds(der.octet_string, st.binary(max_size=300)) | st.builds(der.integer, st.integers()) | st.just(der.NULL),
    lambda inner: st.lists(inner, max_size=4).map(lambda elements: der.sequence(*elements)),
    max_leaves=8,
)


def written(element: Element) -> bytes:
    """The element again, from its smallest parts."""
    if element.tag == der.SEQUENCE:
        return der.sequence(*map(written, element.children()))
    return der.tlv(element.tag, element.content)


@settings(deadline=None)
@given(st.lists(DER, max_size=3))
def test_what_is_taken_apart_goes_together_again(elements: list[bytes]) -> None:
    read = read_elements(b"".join(elements))
    assert [element.raw for element in read] == elements
    assert [written(element) for element in read] == elements


@settings(deadline=None)
@given(st.binary(max_size=80) | st.builds(lambda one, at: one[: at % (len(one) + 1)], DER, st.integers(0, 2**16)))
def test_junk_is_read_as_another_reader_reads_it_or_refused(data: bytes) -> None:
    try:
        read = read_elements(data)
    except ValueError:
        return
    at = 0
    for element in read:
        class_, method, tag, header, content, trailer = parser.parse(data[at:])
        assert (header + content + trailer, content) == (element.raw, element.content)
        assert class_ << 6 | method << 5 | tag == element.tag
        at += len(element.raw)
    assert at == len(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x30",
        b"\x30\x01",
        b"\x30\x80\x00\x00",  # indefinite (X.690 10.1)
        b"\x04\x81\x01\x00",  # one octet of length would do
        b"\x04\x82\x00\x81" + bytes(129),
        b"\x04\x84\xff\xff\xff\xff",
        b"\x1f\x81\x01\x00",  # a tag of several octets
    ],
    ids=lambda data: data[:4].hex(),
)
def test_what_is_not_der_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"minimal|short"):
        read_elements(data)
