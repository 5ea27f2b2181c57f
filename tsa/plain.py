"""The request that nearly everybody sends, read in a few steps: version 1, an imprint, a nonce, certReq.

Whatever else a request may hold is left to the full reader (`tsa.request`), which gives the same for these: a property
test compares them. DER only (X.690): lengths and numbers in their shortest form, elements filling the one around them.
"""

from core.algorithms import Digest
from core.asn1 import der
from tsa.request import ACCEPTED_DIGESTS, MessageImprint, TimeStampRequest

_IMPRINT = 2 + len(der.integer(1))
"""Where messageImprint begins, if the request has less than 128 octets."""


def _heads() -> dict[bytes, Digest]:
    """What comes before the imprint's value, from the version on."""
    heads = {}
    for digest in ACCEPTED_DIGESTS:
        for parameters in (b"", der.NULL):
            algorithm = der.sequence(der.oid(digest.oid), parameters)
            imprint = der.sequence(algorithm, der.octet_string(bytes(digest.size)))
            heads[der.integer(1) + imprint[: -digest.size]] = digest
    return heads


_HEADS = _heads()


def read_plain(data: bytes) -> TimeStampRequest | None:
    """What is asked for; None for what is not of this form, right or wrong."""
    try:
        size = len(data) - 2
        if data[0] != der.SEQUENCE or data[1] != size or size >= 0x80:
            return None
        # The two headers before the algorithm's content, and the OCTET STRING's after it.
        value = _IMPRINT + 6 + data[_IMPRINT + 3]
        digest = _HEADS[data[2:value]]
        end = value + digest.size
        rest = data[end:]
        nonce = None
        if rest[:1] == b"\x02":
            number = rest[2 : 2 + rest[1]]
            if len(number) != rest[1] or not _is_shortest(number):
                return None
            nonce = int.from_bytes(number, "big", signed=True)
            rest = rest[2 + len(number) :]
        if end > len(data) or rest not in (b"", der.TRUE):
            return None
    except (IndexError, KeyError):
        return None
    imprint = MessageImprint(digest, data[value:end], data[_IMPRINT:end])
    return TimeStampRequest(imprint, None, nonce, bool(rest))


def _is_shortest(number: bytes) -> bool:
    """Whether an INTEGER's content has the fewest octets (X.690 8.3.2). IndexError if it has none."""
    return len(number) == 1 or number[0] != (0xFF if number[1] >= 0x80 else 0)
