"""Writing DER (X.690). Small pure functions, so that what is constant can be encoded once and joined with what varies.

Reading is asn1crypto's and cryptography's work; this module only writes.
"""

from datetime import UTC, datetime
from functools import cache, lru_cache

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, NULL_TAG, OID, ENUMERATED = 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0A
UTF8_STRING, PRINTABLE_STRING, IA5_STRING, UTC_TIME, GENERALIZED_TIME = 0x0C, 0x13, 0x16, 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31

NULL = b"\x05\x00"
TRUE = b"\x01\x01\xff"


def tlv(tag: int, content: bytes) -> bytes:
    """One element: tag, definite length, content."""
    return header(tag, len(content)) + content


@lru_cache(maxsize=4096)
def header(tag: int, size: int) -> bytes:
    """Tag and length of an element whose content (in octets) follows elsewhere."""
    if size < 0x80:
        return bytes((tag, size))
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length


def sequence(*elements: bytes) -> bytes:
    """SEQUENCE of encoded elements."""
    return tlv(SEQUENCE, b"".join(elements))


def set_of(*elements: bytes) -> bytes:
    """SET OF encoded elements, in the order that DER asks for."""
    return tlv(SET, b"".join(sorted(elements)))


def integer(value: int) -> bytes:
    """INTEGER."""
    return tlv(INTEGER, _whole_number(value))


def enumerated(value: int) -> bytes:
    """ENUMERATED."""
    return tlv(ENUMERATED, _whole_number(value))


def _whole_number(value: int) -> bytes:
    """Two's complement in the fewest octets (X.690 8.3.2)."""
    magnitude = value if value >= 0 else ~value
    return value.to_bytes(magnitude.bit_length() // 8 + 1, "big", signed=True)


def octet_string(content: bytes) -> bytes:
    """OCTET STRING."""
    return tlv(OCTET_STRING, content)


def bit_string(content: bytes) -> bytes:
    """BIT STRING of whole octets."""
    return tlv(BIT_STRING, b"\x00" + content)


def named_bits(*positions: int) -> bytes:
    """BIT STRING of a named bit list: trailing zero bits are left out (X.690 11.2.2)."""
    if not positions:
        return tlv(BIT_STRING, b"\x00")
    size = max(positions) + 1
    value = sum(1 << (size - 1 - position) for position in set(positions))
    unused = -size % 8
    return tlv(BIT_STRING, bytes((unused,)) + (value << unused).to_bytes((size + 7) // 8, "big"))


def utf8(text: str) -> bytes:
    """UTF8String."""
    return tlv(UTF8_STRING, text.encode())


def printable(text: str) -> bytes:
    """PrintableString; the caller answers for the alphabet."""
    return tlv(PRINTABLE_STRING, text.encode("ascii"))


def ia5(text: str) -> bytes:
    """IA5String."""
    return tlv(IA5_STRING, text.encode("ascii"))


@cache
def oid(dotted: str) -> bytes:
    """OBJECT IDENTIFIER."""
    first, second, *rest = (int(arc) for arc in dotted.split("."))
    content = bytearray()
    for arc in (first * 40 + second, *rest):
        groups = [arc & 0x7F]
        while arc := arc >> 7:
            groups.append(arc & 0x7F | 0x80)
        content += bytes(reversed(groups))
    return tlv(OID, bytes(content))


def explicit(number: int, element: bytes) -> bytes:
    """[number] EXPLICIT."""
    return tlv(0xA0 | number, element)


def implicit(number: int, element: bytes) -> bytes:
    """[number] IMPLICIT: the element's own tag is replaced, constructed or primitive as it was."""
    return bytes((0x80 | number | element[0] & 0x20,)) + element[1:]


def generalized_time(moment: datetime) -> bytes:
    """GeneralizedTime to the second, in UTC (RFC 5280 4.1.2.5.2)."""
    return tlv(GENERALIZED_TIME, f"{_digits(moment)}Z".encode())


def generalized_time_with_fraction(moment: datetime) -> bytes:
    """GeneralizedTime with as much of the second as there is, in UTC (X.690 11.7, RFC 3161 2.4.2)."""
    if not moment.microsecond:
        return generalized_time(moment)
    fraction = f"{moment.microsecond:06}".rstrip("0")
    return tlv(GENERALIZED_TIME, f"{_digits(moment)}.{fraction}Z".encode())


def time(moment: datetime) -> bytes:
    """Time: UTCTime from 1950 through 2049, GeneralizedTime else (RFC 5280 4.1.2.5)."""
    digits = _digits(moment)
    if "1950" <= digits[:4] < "2050":
        return tlv(UTC_TIME, f"{digits[2:]}Z".encode())
    return tlv(GENERALIZED_TIME, f"{digits}Z".encode())


def _digits(moment: datetime) -> str:
    """From the year to the second, in UTC."""
    if moment.tzinfo is None:  # Python would take it for local time
        raise TypeError("a moment without a time zone")
    utc = moment.astimezone(UTC)
    # strftime takes three times as long, and writes early years with fewer digits.
    return f"{utc.year:04}{utc.month:02}{utc.day:02}{utc.hour:02}{utc.minute:02}{utc.second:02}"
