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


BER = st.recursive(
    st.builds(der.octet_string, st.binary(max_size=300)) | st.just(der.NULL),
    lambda inner: st.tuples(st.sampled_from(["definite", "indefinite", "long"]), st.lists(inner, max_size=4)).map(
        lambda one: in_ber(one[0], b"".join(one[1]))
    ),
    max_leaves=8,
)


def in_ber(form: str, content: bytes) -> bytes:
    """A SEQUENCE whose length is written in one of the forms of BER."""
    if form == "indefinite":
        return b"\x30\x80" + content + b"\x00\x00"
    if form == "long":
        return b"\x30\x84" + len(content).to_bytes(4) + content
    return der.sequence(content)


@settings(deadline=None)
@given(st.lists(BER, max_size=3))
def test_ber_is_read_as_another_reader_reads_it(elements: list[bytes]) -> None:
    def compare(read: list[Element], data: bytes) -> None:
        at = 0
        for element in read:
            _class, _method, _tag, header, content, trailer = parser.parse(data[at:])
            assert (element.raw, element.content) == (header + content + trailer, content)
            if element.tag == der.SEQUENCE:
                compare(element.children(), element.content)
            at += len(element.raw)
        assert at == len(data)

    read = read_elements(b"".join(elements), is_ber=True)
    assert [one.raw for one in read] == elements
    compare(read, b"".join(elements))


@pytest.mark.parametrize(
    "data",
    [b"\x30\x80", b"\x30\x80\x04\x01", b"\x30\x80\x04\x01\x00", b"\x30\x80\x00", b"\x30\x80" * 5000, b"\x30\x82\x01"],
    ids=lambda data: data[:4].hex(),
)
def test_ber_without_an_end_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"cut short|end|minimal"):
        read_elements(data, is_ber=True)
