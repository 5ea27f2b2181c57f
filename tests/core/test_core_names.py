"""Distinguished names: what is written is read back, by OpenSSL too; what would mislead a reader is refused."""

import pytest
from asn1crypto import x509
from hypothesis import given
from hypothesis import strategies as st

from core.asn1 import der
from core.asn1.names import ATTRIBUTES, attributes_of, describe_name, encode_name
from core.errors import Kind, YinxinError

OFFICE = [("C", "CN"), ("ST", "陕西省"), ("L", "宝鸡市"), ("O", "宝鸡市人民政府办公室"), ("CN", "张三")]


def test_a_name_is_written_in_the_order_given() -> None:
    name = encode_name(OFFICE)
    assert attributes_of(name) == OFFICE
    assert describe_name(name) == "C=CN, ST=陕西省, L=宝鸡市, O=宝鸡市人民政府办公室, CN=张三"
    assert x509.Name.load(name, strict=True).native["common_name"] == "张三"
    assert len(x509.Name.load(name).chosen) == len(OFFICE)  # an RDN for each


def test_strings_have_the_types_that_are_prescribed() -> None:
    """RFC 5280 A.1: PrintableString for C and serialNumber, UTF8String for the rest (4.1.2.4)."""
    name = encode_name([*OFFICE, ("serialNumber", "A-1")])
    assert der.printable("CN") in name
    assert der.printable("A-1") in name
    assert der.utf8("张三") in name
    assert der.utf8("宝鸡市人民政府办公室") in name


@pytest.mark.parametrize("label", ATTRIBUTES)
def test_each_attribute_has_its_upper_bound(label: str) -> None:
    bound = ATTRIBUTES[label][1]
    fits = "A" * bound
    assert attributes_of(encode_name([(label, fits)])) == [(label, fits)]
    with pytest.raises(YinxinError, match=f"longer than {bound}") as caught:
        encode_name([(label, fits + "A")])
    assert caught.value.kind is Kind.INVALID


def test_bounds_count_characters_not_octets() -> None:
    assert encode_name([("CN", "市" * 64)])


UNSEEN = {
    "newline": "张三\n李四",
    "tab": "张\t三",
    "escape": "张\x1b[31m三",
    "nul": "张\x00三",
    "delete": "张\x7f三",
    "C1 control": "张\x85三",
    "right-to-left override": "张\u202e三",
    "right-to-left isolate": "张\u2067三",
    "right-to-left mark": "张\u200f三",
    "zero-width space": "张\u200b三",
    "zero-width joiner": "张\u200d三",
    "soft hyphen": "张\xad三",
    "byte order mark": "\ufeff张三",
    "no-break space": "张\xa0三",
    "ideographic space": "张\u3000三",
    "line separator": "张\u2028三",
    "tag": "张\U000e0041三",
    "private use": "张\ue000三",
    "unassigned": "张\u0378三",
    "half a surrogate pair": "张\ud800三",
}


@pytest.mark.parametrize("case", UNSEEN)
@pytest.mark.parametrize("padding", ["", "x" * 200])
def test_characters_that_cannot_be_seen_are_refused_and_not_repeated(case: str, padding: str) -> None:
    with pytest.raises(YinxinError, match="cannot be seen") as caught:
        encode_name([("CN", UNSEEN[case] + padding)])
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("value", ["", " ", "   ", " 张三", "张三 "])
def test_emptiness_and_spaces_around_are_refused(value: str) -> None:
    with pytest.raises(YinxinError, match="CN is empty or has spaces"):
        encode_name([("CN", value)])


@pytest.mark.parametrize("value", ["c@", "中国", "C*", "_X"])
def test_printable_strings_keep_to_their_alphabet(value: str) -> None:
    with pytest.raises(YinxinError, match="only letters"):
        encode_name([("C", value)])


@pytest.mark.parametrize("name", ["张三", "阿卜杜勒·买买提", "𠮷田", "O'Brien", "Zoë", "办公室（一）", "a" * 64])
def test_real_names_are_taken(name: str) -> None:
    assert attributes_of(encode_name([("CN", name)])) == [("CN", name)]


@given(st.text(max_size=70))
def test_whatever_is_taken_is_read_back_in_one_line(value: str) -> None:
    try:
        name = encode_name([("C", "CN"), ("CN", value)])
    except YinxinError as error:
        assert error.kind is Kind.INVALID
    else:
        assert attributes_of(name) == [("C", "CN"), ("CN", value)]
        assert describe_name(name).isprintable()


def test_unknown_attributes_are_shown_by_their_oid() -> None:
    name = der.sequence(der.set_of(der.sequence(der.oid("1.2.3.4"), der.utf8("x"))))
    assert describe_name(name) == "1.2.3.4=x"


@given(st.binary(max_size=60))
def test_garbage_is_no_name(data: bytes) -> None:
    for attempt in (data, der.sequence(data), der.sequence(der.set_of(data))):
        try:
            describe_name(attempt)
        except YinxinError as error:
            assert error.kind is Kind.INVALID


def test_text_that_is_not_utf8_is_an_error_in_words() -> None:
    name = der.sequence(der.set_of(der.sequence(der.oid("2.5.4.3"), der.tlv(der.UTF8_STRING, b"\xff\xfe"))))
    with pytest.raises(YinxinError, match="distinguished name"):
        describe_name(name)
