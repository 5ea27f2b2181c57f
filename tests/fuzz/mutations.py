"""Samples, damaged: octet by octet, or inside their structure (DER, ZIP), so that the damage is read not just seen."""

import io
import random
import zipfile
import zlib
from collections.abc import Iterator, Sequence

from core.asn1 import der

_CONSTRUCTED = 0x20
OBJECT_DESCRIPTOR = b"\x07"
"""A string type that asn1crypto knows by name only."""
_NUMBERS = (b"\0", b"\x7f", b"\x80", b"\xff", b"\xff\xff\xff\xff", b"9" * 40, b"-1", b"1e999", b"\xed\xa0\x80", b"")
_ROUGHLY = 1 << 20
"""No larger than this: parsers have limits of their own, which other tests are about."""


def mutated(octets: bytes, samples: Sequence[bytes], luck: random.Random) -> bytes:
    """The octets with some damage; parts of other samples may be put in."""
    for _step in range(luck.choice((1, 1, 2, 4))):
        if octets[:2] == b"PK" and luck.random() < 0.8:
            octets = _in_zip(octets, luck)
        elif octets[:1] == b"\x30" and luck.random() < 0.6:
            octets = _in_der(octets, luck, 0)
        else:
            octets = _in_octets(octets, samples, luck)
    return octets[:_ROUGHLY]


def _in_octets(octets: bytes, samples: Sequence[bytes], luck: random.Random) -> bytes:
    place = luck.randint(0, len(octets))
    end = min(len(octets), place + luck.choice((0, 1, 1, 2, 8, 64)))
    other = luck.choice(samples)
    start = luck.randint(0, len(other))
    piece = luck.choice(
        (
            luck.randbytes(luck.randint(0, 8)),
            luck.choice(_NUMBERS),
            octets[place:end] * luck.choice((2, 3, 50)),
            other[start : start + luck.randint(0, 40)],
            bytes(one ^ (1 << luck.randrange(8)) for one in octets[place:end]),
        )
    )
    return octets[:place] + piece + octets[end:]


def _in_der(octets: bytes, luck: random.Random, depth: int) -> bytes:
    """One element somewhere is taken away, repeated, or gets another tag or content; lengths stay right."""
    parts = _elements(octets)
    if not parts:
        return _in_octets(octets, [octets], luck)
    place = luck.randrange(len(parts))
    tag, content = parts[place]
    if tag[0] & _CONSTRUCTED and depth < 20 and luck.random() < 0.85:
        parts[place] = tag, _in_der(content, luck, depth + 1)
    else:
        match luck.randrange(6):
            case 0:
                del parts[place]
            case 1:
                parts.insert(place, parts[luck.randrange(len(parts))])
            case 2:
                parts[place] = bytes((luck.randrange(256) & ~0x1F | luck.randrange(31),)), content
            case 3:
                parts[place] = tag, luck.choice(_NUMBERS)
            case 4:
                parts[place] = tag, _in_octets(content, [octets], luck)
            case _:
                parts[place] = b"\x30", b"".join(_encoded(*one) for one in parts[:3])
    return b"".join(_encoded(*one) for one in parts)


def _elements(octets: bytes) -> list[tuple[bytes, bytes]]:
    """Tags and contents, if the octets are nothing but elements; else none."""
    found, place = [], 0
    while place < len(octets):
        if octets[place] & 0x1F == 0x1F or place + 1 >= len(octets):
            return []
        size, head = octets[place + 1], 2
        if size & 0x80:
            count = size & 0x7F
            size, head = int.from_bytes(octets[place + 2 : place + 2 + count], "big"), 2 + count
        if place + head + size > len(octets):
            return []
        found.append((octets[place : place + 1], octets[place + head : place + head + size]))
        place += head + size
    return found


def _encoded(tag: bytes, content: bytes) -> bytes:
    return tag + der.octet_string(content)[1:]


def _in_zip(octets: bytes, luck: random.Random) -> bytes:
    """One member is damaged, taken away or repeated; the archive around it is right."""
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            members = [(one, archive.read(one)) for one in archive.namelist()]
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, OSError, ValueError):
        return _in_octets(octets, [octets], luck)
    if not members:
        return octets
    place = luck.randrange(len(members))
    name, content = members[place]
    match luck.randrange(8):
        case 0:
            del members[place]
        case 1:
            members.append((luck.choice((name, "../x", "x" * 300)), content))
        case _:
            members[place] = name, _in_octets(content, [one for _name, one in members], luck)
    output = io.BytesIO()
    with zipfile.ZipFile(output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return output.getvalue()


def swept(octets: bytes) -> Iterator[bytes]:
    """DER with one element after the other gone, emptied, or of another type; lengths stay right."""
    parts = _elements(octets)
    for place, (tag, content) in enumerate(parts):
        before, after = (b"".join(_encoded(*one) for one in some) for some in (parts[:place], parts[place + 1 :]))
        yield before + after
        for other in ((tag, b""), (OBJECT_DESCRIPTOR, content), (b"\x05", b"")):
            yield before + _encoded(*other) + after
        if tag[0] & _CONSTRUCTED:
            for inner in swept(content):
                yield before + _encoded(tag, inner) + after
