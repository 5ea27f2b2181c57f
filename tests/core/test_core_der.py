"""The DER writer against asn1crypto, which was written by others."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from asn1crypto import core as asn1
from asn1crypto import x509
from hypothesis import example, given
from hypothesis import strategies as st

from core.asn1 import der

TEXTS = st.text(max_size=300)
ASCII = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=300)
ARCS = st.lists(st.integers(0, 2**128), max_size=12)
OIDS = st.one_of(
    st.builds(lambda first, second, rest: [first, second, *rest], st.integers(0, 1), st.integers(0, 39), ARCS),
    st.builds(lambda second, rest: [2, second, *rest], st.integers(0, 2**64), ARCS),
).map(lambda arcs: ".".join(map(str, arcs)))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))
MOMENTS = st.datetimes(datetime(1900, 1, 2), datetime(9998, 12, 30), timezones=ZONES)  # noqa: DTZ001


@given(st.integers(-(2**300), 2**300))
@example(0)
@example(127)
@example(128)
@example(-128)
@example(-129)
@example(-32768)
def test_integers(value: int) -> None:
    assert der.integer(value) == asn1.Integer(value).dump()
    assert der.enumerated(value)[1:] == der.integer(value)[1:]
    assert der.enumerated(value)[0] == 0x0A


@given(OIDS)
@example("2.999")
@example("1.2.156.10197.1.501")
@example("2.5.4.127.128.16383.16384")
def test_object_identifiers(dotted: str) -> None:
    assert der.oid(dotted) == asn1.ObjectIdentifier(dotted).dump()


@pytest.mark.parametrize("size", [0, 1, 127, 128, 255, 256, 65535, 65536, 2**24])
def test_lengths(size: int) -> None:
    content = bytes(size)
    assert der.octet_string(content) == asn1.OctetString(content).dump()


@given(st.binary(max_size=700))
def test_octets_and_bits(content: bytes) -> None:
    assert der.octet_string(content) == asn1.OctetString(content).dump()
    assert der.bit_string(content) == asn1.OctetBitString(content).dump()


@given(st.sets(st.integers(0, 40)))
@example(set())
@example({0})
@example({7})
@example({8})
@example({0, 8})
def test_named_bits(positions: set[int]) -> None:
    encoded = der.named_bits(*positions)
    assert asn1.BitString.load(encoded, strict=True).native == tuple(
        int(position in positions) for position in range(max(positions, default=-1) + 1)
    )
    content = encoded[2:]
    # X.690 11.2.2: the last bit is a one; an empty list has no octets after the first.
    assert content == b"\x00" if not positions else content[-1] >> content[0] & 1 == 1


def test_key_usage() -> None:
    assert der.named_bits(0, 1) == b"\x03\x02\x06\xc0"
    assert x509.KeyUsage.load(der.named_bits(5, 6)).native == {"key_cert_sign", "crl_sign"}


@given(TEXTS)
def test_utf8(text: str) -> None:
    assert der.utf8(text) == asn1.UTF8String(text).dump()


@given(ASCII)
def test_ascii_strings(text: str) -> None:
    assert der.printable(text) == asn1.PrintableString(text).dump()
    assert der.ia5(text) == asn1.IA5String(text).dump()


@pytest.mark.parametrize("write", [der.printable, der.ia5])
def test_ascii_strings_take_no_chinese(write: object) -> None:
    with pytest.raises(UnicodeEncodeError):
        write("印信")  # type: ignore[operator]


def test_constants() -> None:
    assert asn1.Null().dump() == der.NULL
    assert asn1.Boolean(True).dump() == der.TRUE


@given(MOMENTS)
@example(datetime(1949, 12, 31, 23, 59, 59, tzinfo=UTC))
@example(datetime(1950, 1, 1, tzinfo=UTC))
@example(datetime(2049, 12, 31, 23, 59, 59, 999999, tzinfo=UTC))
@example(datetime(2050, 1, 1, tzinfo=UTC))
@example(datetime(2050, 1, 1, 7, 59, 59, tzinfo=timezone(timedelta(hours=8))))
def test_times(moment: datetime) -> None:
    second = moment.astimezone(UTC).replace(microsecond=0)
    time = x509.Time.load(der.time(moment))
    assert time.native == second
    assert time.name == ("utc_time" if 1950 <= second.year < 2050 else "general_time")
    assert asn1.GeneralizedTime.load(der.generalized_time(moment)).native == second
    assert der.generalized_time(moment) == asn1.GeneralizedTime(second).dump()


@pytest.mark.parametrize("write", [der.time, der.generalized_time])
def test_a_time_without_a_zone_is_refused(write: object) -> None:
    with pytest.raises(TypeError, match="time zone"):
        write(datetime(2026, 1, 1))  # type: ignore[operator]  # noqa: DTZ001


@given(st.integers(0, 30), st.binary(max_size=300))
def test_tags(number: int, content: bytes) -> None:
    element = der.octet_string(content)
    assert der.explicit(number, element) == asn1.OctetString(content, explicit=number).dump()
    assert der.implicit(number, element) == asn1.OctetString(content, implicit=number).dump()


class _Numbers(asn1.SequenceOf):  # type: ignore[misc]
    _child_spec = asn1.Integer


class _Octets(asn1.SetOf):  # type: ignore[misc]
    _child_spec = asn1.OctetString


@given(st.integers(0, 30), st.lists(st.integers(-5, 2**40), max_size=20))
def test_a_constructed_element_stays_constructed_under_a_tag(number: int, values: list[int]) -> None:
    element = der.sequence(*map(der.integer, values))
    assert element == _Numbers(values).dump()
    assert der.implicit(number, element) == _Numbers(values, implicit=number).dump()


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_sets_are_in_the_order_of_der(values: list[bytes]) -> None:
    encoded = der.set_of(*map(der.octet_string, values))
    assert encoded == _Octets(values).dump(force=True)
    assert encoded == der.set_of(*map(der.octet_string, reversed(values)))
