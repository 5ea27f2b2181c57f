"""Whether a sealed document is the original and what was made, all of it and nothing else: read again, octet by octet.

What is read again comes from the file; the digests are computed anew; and what a reader finds in the document is asked
of a library that has no part in sealing (`pdf_witness`).
"""

import io
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, cast

from core.algorithms import Hash
from seals.contracts import Evidence
from seals.documents import begins_with
from seals.documents.pdf_witness import FoundSignature, NotFound, Witness, witnessed
from seals.pades.values import SignatureValue
from seals.pades.writing import Made
from seals.tokens import Token


@dataclass(frozen=True)
class Work:
    """What was done to a document."""

    copy: BinaryIO
    """The sealed document."""
    original: BinaryIO
    begun: Hash
    """Has taken in the original."""
    value: SignatureValue
    made: Made
    manner: Hashable
    """How it was sealed, as far as another document may be sealed otherwise: the look of the seal, what it permits."""
    tokens: Sequence[Token]
    """The time stamps; each was checked when it came."""
    evidence: Evidence | None = None
    """The security store that was added, if one was."""
    unsigned: bytes = b""
    """What was written after the last signature: the security store of B-LT."""
    archive: Made | None = None
    """The document timestamp over that, if there is one."""
    password: str | None = field(default=None, repr=False)
    """Of the document, if it is encrypted."""

    @property
    def signatures(self) -> list[Made]:
        """In their order."""
        return [self.made, self.archive] if self.archive else [self.made]


def is_as_made(work: Work) -> bool:
    """Whether the document holds what it should and nothing else; if it cannot be told in this way, False.

    That the signatures are good and the tokens true is not asked here, but what they are about is.
    """
    copy = work.copy
    size = work.original.seek(0, 2)
    if work.made.start <= size or not begins_with(copy, work.original):
        return False
    copy.seek(size)
    added = copy.read()
    if not all(_is_there(one, work.begun.copy(), added, size) for one in work.signatures):
        return False
    last = work.archive or work.made
    if added[last.end - size :] != work.unsigned:
        return False
    try:
        with witnessed(copy, work.password) as witness:
            return _agrees(witness, work, size) and _has_evidence(witness, work)
    except NotFound:
        return False


def _is_there(one: Made, hashing: Hash, added: bytes, size: int) -> bool:
    """Whether the value stands in its gap, and is about everything around it up to the end of its revision."""
    start, stop, end = one.start - size, one.stop - size, one.end - size
    hashing.update(added[:start])
    hashing.update(added[stop:end])
    gap = added[start:stop]
    return (
        start < stop < end <= len(added)
        and hashing.digest() == one.digest
        and gap == b"<%s>" % _padded(one).hex().upper().encode()
    )


def _padded(one: Made) -> bytes:
    return one.value.ljust((one.stop - one.start - 2) // 2, b"\0")


def _agrees(witness: Witness, work: Work, size: int) -> bool:
    """Whether the witness finds these signatures and no others, in what was added."""
    begin, expected = size, []
    found = witness.signatures()
    for one, place in zip(work.signatures, (signature.place for signature in found), strict=True):
        if not begin <= place < one.start:
            return False
        begin, ranges = one.end, (0, one.start, one.stop, one.end - one.stop)
        kind, sub_filter, seal = ("/Sig", "/ETSI.CAdES.detached", work.value.bound or b"")
        if one is work.archive:
            kind, sub_filter, seal = "/DocTimeStamp", "/ETSI.RFC3161", b""
        expected.append(FoundSignature(one.field, kind, sub_filter, ranges, _padded(one), place, seal))
    return found == expected


def _has_evidence(witness: Witness, work: Work) -> bool:
    """Whether the security store is what was added, if anything was, and nothing else was changed by adding it."""
    evidence = work.evidence or Evidence()
    kinds = {"/Certs": evidence.certificates, "/CRLs": evidence.crls, "/OCSPs": evidence.ocsp_responses}
    if witness.security_store() != {kind: list(items) for kind, items in kinds.items() if items}:
        return False
    if work.evidence is None:
        return True
    with witnessed(cast(BinaryIO, _Beginning(work.copy, work.made.end)), work.password) as earlier:
        return witness.only_adds_evidence(earlier, work.made.end)


class _Beginning(io.RawIOBase):
    """The first octets of a file, as a file."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file, self._size, self._place = file, size, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        return self._place

    def tell(self) -> int:
        return self._place

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._file.seek(self._place)
        read = self._file.read(max(0, min(len(buffer), self._size - self._place)))
        buffer[: len(read)] = read
        self._place += len(read)
        return len(read)
