"""The shape of a signature's ByteRange: everything but the signature itself, with no place to hide anything.

ISO 32000-2 12.8.1 lets the range be anything; forgeries live on that (overlaps, gaps, ranges that end early), so that
only the one shape that sealing programs write is taken for good: from the first octet to the end of a revision, with a
gap that is exactly the hexadecimal string of Contents, in the dictionary that the range stands in.
"""

from typing import BinaryIO

from core.i18n import _

_LONGEST_DICTIONARY = 1 << 20
"""Octets of a signature dictionary before its Contents."""


def problem_of(byte_range: object, contents: bytes, stream: BinaryIO, place: object) -> str | None:
    """What is wrong with the range, in words; None if nothing is.

    `contents` is the decoded string; `place`: where the signature dictionary's object begins, if it is not in an object
    stream.
    """
    if (
        not isinstance(byte_range, list)
        or len(byte_range) != 4
        or not all(isinstance(number, int) for number in byte_range)
    ):
        return _("its ByteRange is not four numbers")
    start, before, after, rest = (int(number) for number in byte_range)
    size = stream.seek(0, 2)
    if start != 0 or min(before, rest) <= 0 or after <= before or after + rest > size:
        return _("its ByteRange overlaps, is empty, or reaches beyond the file")
    stream.seek(before)
    gap = stream.read(after - before)
    if not (gap.startswith(b"<") and gap.endswith(b">")):
        return _("its ByteRange leaves out more than the signature")
    try:
        left_out = bytes.fromhex(gap[1:-1].decode("ascii"))
    except ValueError:
        return _("its ByteRange leaves out something that is not the signature")
    if left_out != contents or not _is_within(stream, place, before):
        return _("its ByteRange leaves out another signature")
    return None


def _is_within(stream: BinaryIO, place: object, before: int) -> bool:
    """Whether the gap lies in the object that begins at that place, and not in a copy of it elsewhere."""
    if not isinstance(place, int) or not 0 <= before - place <= _LONGEST_DICTIONARY:
        return False
    stream.seek(place)
    return b"endobj" not in stream.read(before - place)
