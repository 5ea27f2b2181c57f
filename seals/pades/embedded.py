"""A signature's place in a document: which octets it covers, in which revision, and what it lets others change."""

from typing import BinaryIO

from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.fields import FieldMDPSpec
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature, extract_contents

from core.algorithms import DIGESTS, Digest, Hash
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.pades import byte_range
from seals.pades.limits import MOST_OCTETS, LimitError
from seals.pades.messages import without_padding
from seals.pades.reading import FilledField, written

_CHUNK = 1 << 20


class PrefixDigests:
    """Digests of byte ranges in one pass: what one signature covers begins with what the one before it covered."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._states: dict[str, list[tuple[int, Hash]]] = {}
        """By the name of the digest: how much was taken in, in rising order, and the hash at that place."""

    def of(self, digest: Digest, ranges: tuple[int, int, int, int]) -> bytes:
        """The digest of the octets in a byte range that begins with the first octet."""
        _start, before, after, rest = ranges
        state = self._prefix(digest, before).copy()
        self._take_in(state, after, rest)
        return state.digest()

    def _prefix(self, digest: Digest, length: int) -> Hash:
        states = self._states.setdefault(digest.name, [])
        nearest = max((kept for kept in states if kept[0] <= length), key=lambda kept: kept[0], default=None)
        begin, state = (nearest[0], nearest[1].copy()) if nearest else (0, digest.new())
        self._take_in(state, begin, length - begin)
        states.append((length, state))
        return state

    def _take_in(self, state: Hash, begin: int, count: int) -> None:
        self._stream.seek(begin)
        while count and (chunk := self._stream.read(min(count, _CHUNK))):
            state.update(chunk)
            count -= len(chunk)


class Embedded(EmbeddedPdfSignature):
    """What pyHanko has to know to find coverage and permissions, whatever the value of the signature is."""

    def __init__(self, reader: PdfFileReader, filled: FilledField, digests: PrefixDigests) -> None:
        """`YinxinError` (invalid) if the byte range is not that of a signature in this very dictionary."""
        # pyHanko's own constructor reads CMS and nothing else.
        contents = extract_contents(filled.value)
        problem = byte_range.problem_of(
            written(filled.value, "/ByteRange"), contents, reader.stream, reader.xrefs[filled.reference]
        )
        if problem:
            raise YinxinError(Kind.INVALID, problem)
        self.reader = reader
        self.sig_field = filled.field
        self.sig_object = filled.value
        self.fq_name = filled.name
        self.byte_range = filled.value.raw_get("/ByteRange")
        self.pkcs7_content = contents
        self.signed_revision = filled.revision
        self.coverage = self.diff_result = self._docmdp = self._fieldmdp = None
        self._docmdp_queried = self._fieldmdp_queried = self._integrity_checked = False
        self._digests = digests
        self.value = without_padding(contents)
        """What is in Contents, without the zeros that fill the reserved space."""

    @property
    def ranges(self) -> tuple[int, int, int, int]:
        """The byte range."""
        start, before, after, rest = (int(number) for number in self.byte_range)
        return start, before, after, rest

    def locks(self, field: str) -> bool:
        """Whether the signature locks a form field (FieldMDP; else the lock of its own field, ISO 32000-2 12.7.5.5)."""
        specification = self.fieldmdp
        if specification is None and "/Lock" in self.sig_field:
            specification = FieldMDPSpec.from_pdf_object(self.sig_field["/Lock"])
        return specification is not None and bool(specification.is_locked(field))

    def digest(self, digest: Digest) -> bytes:
        """Of what the signature covers."""
        return self._digests.of(digest, self.ranges)

    def compute_digest(self, hash_algo: str | None = None) -> bytes:
        """As pyHanko asks for it."""
        return self.digest(DIGESTS[hash_algo or "sha256"])

    def octets(self) -> bytes:
        """What the signature covers, in memory: a signature over the octets themselves needs them."""
        _start, before, after, rest = self.ranges
        if before + rest > MOST_OCTETS:
            raise LimitError(
                _("a signature without signed attributes over more than {limit} MiB is not judged").format(
                    limit=MOST_OCTETS >> 20
                )
            )
        self.reader.stream.seek(0)
        head = self.reader.stream.read(before)
        self.reader.stream.seek(after)
        return bytes(head + self.reader.stream.read(rest))
