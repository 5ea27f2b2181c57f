"""A definite length that ends in 80 is no indefinite one: a defect of asn1crypto 1.5.1, mended in core.asn1.repairs."""

import pytest
from asn1crypto import cms
from asn1crypto import core as asn1

from core.asn1 import der


class Pair(asn1.Sequence):  # type: ignore[misc]
    _fields = [("first", asn1.OctetString), ("second", asn1.Integer)]  # noqa: RUF012


class Pairs(asn1.SequenceOf):  # type: ignore[misc]
    _child_spec = Pair


@pytest.mark.parametrize("size", [0x180, 0x280, 0x3080, 0x1080])
def test_reading_leaves_the_octets_as_they_are(size: int) -> None:
    # A boolean-like INTEGER that is not minimal shows whether the structure was encoded anew.
    second = b"\x02\x02\x00\x05"
    first_size = size - len(second) - 4
    octets = der.sequence(der.octet_string(bytes(first_size)) + second)
    assert octets[2:4] == size.to_bytes(2, "big")
    pair = Pair.load(octets)
    assert pair["second"].native == 5
    assert pair.dump() == octets
    pairs = Pairs.load(der.sequence(octets))
    assert pairs[0]["second"].native == 5
    assert pairs.dump() == der.sequence(octets)


def test_a_change_is_still_written() -> None:
    octets = der.sequence(der.octet_string(bytes(0x180 - 4 - 3)), der.integer(5))
    assert octets[2:4] == b"\x01\x80"
    pair = Pair.load(octets)
    pair["second"] = 6
    assert pair.dump() == octets[:-1] + b"\x06"


def test_an_indefinite_length_is_still_made_definite() -> None:
    info = cms.ContentInfo.load(b"\x30\x80" + der.oid("1.2.840.113549.1.7.1") + b"\x00\x00")
    assert info["content_type"].native == "data"
    assert info.dump(force=True) == der.sequence(der.oid("1.2.840.113549.1.7.1"))
