"""One CMS signature of a document as it lies there: its shape, its message, and whether it is over this document."""

import re
from dataclasses import dataclass
from datetime import datetime

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.misc import PdfError
from pyhanko.pdf_utils.reader import PdfFileReader

from core.algorithms import SHA1, Algorithm
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.pades.embedded import Embedded, PrefixDigests
from seals.pades.evidence import Knowledge
from seals.pades.messages import Message, read_message, unreadable
from seals.pades.reading import FilledField
from seals.pades.stored import FORMAT_FAILURE, HASH_FAILURE, INTACT, SIG_CRYPTO_FAILURE, Token, token_over
from seals.tokens import TST_INFO

TIMESTAMP_SUB_FILTER = "/ETSI.RFC3161"
CADES_SUB_FILTER = "/ETSI.CAdES.detached"
SHA1_SUB_FILTER = "/adbe.pkcs7.sha1"
GM_CMS_SUB_FILTER = "/GM.sm2cms.detached"
SUB_FILTERS = (CADES_SUB_FILTER, "/adbe.pkcs7.detached", SHA1_SUB_FILTER, GM_CMS_SUB_FILTER, TIMESTAMP_SUB_FILTER)


_ZULU = re.compile(r"Z(?:00)?'?(?:00)?'?$")


@dataclass(frozen=True)
class StoredSignature:
    """A CMS signature, or a document timestamp."""

    embedded: Embedded
    message: Message
    sub_filter: str
    signer: bytes
    problem: str

    @property
    def algorithm(self) -> Algorithm:
        """How it was made."""
        return self.message.algorithm

    @property
    def is_timestamp(self) -> bool:
        """Whether it is a document timestamp."""
        return self.sub_filter == TIMESTAMP_SUB_FILTER

    @property
    def weak(self) -> bool:
        """Whether the document is digested with SHA-1, whatever the signature is made with."""
        return self.sub_filter == SHA1_SUB_FILTER

    @property
    def carried(self) -> Knowledge:
        """Certificates and certificate status in the message."""
        return self.message.carried

    @property
    def claimed_time(self) -> datetime | None:
        """When the signer says that it was made: in the message, else in the dictionary."""
        return self.message.claimed_time or _dictionary_time(self.embedded)

    @property
    def tokens(self) -> list[Token]:
        """The time-stamp tokens over the signature value."""
        value = self.message.signature
        return [token_over(token, lambda digest: digest.of(value)) for token in self.message.tokens]

    @property
    def document_token(self) -> Token:
        """The token that a document timestamp is."""
        return token_over(self.embedded.value, self.embedded.digest)


def read_signature(
    reader: PdfFileReader, filled: FilledField, digests: PrefixDigests, known: Knowledge
) -> StoredSignature:
    """The signature in the field; `YinxinError`: invalid if its shape is wrong, unsupported if we cannot judge it.

    `known`: where the signer's certificate may be, if the message leaves it out.
    """
    sub_filter = str(filled.value.get("/SubFilter", ""))
    is_timestamp = sub_filter == TIMESTAMP_SUB_FILTER
    # Type is optional for signatures, and not for timestamps (ISO 32000-2 table 255).
    expected_type = "/DocTimeStamp" if is_timestamp else "/Sig"
    if sub_filter not in SUB_FILTERS or filled.value.get("/Type", "/Sig") != expected_type:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("unsupported kind of signature: SubFilter {sub_filter}").format(sub_filter=sub_filter or "-"),
        )
    embedded = Embedded(reader, filled, digests)
    message = read_message(embedded.value)
    if is_timestamp != (message.content_type == TST_INFO):
        raise unreadable()
    if is_timestamp:
        return StoredSignature(embedded, message, sub_filter, b"", INTACT)
    try:
        signer = message.signer(known.certificates)
    except YinxinError as error:
        if error.kind is not Kind.NOT_FOUND:
            raise
        return StoredSignature(embedded, message, sub_filter, b"", INTACT)
    return StoredSignature(embedded, message, sub_filter, signer, _problem(embedded, message, sub_filter, signer))


def _problem(embedded: Embedded, message: Message, sub_filter: str, signer: bytes) -> str:
    content, digest = message.content, message.digest
    if sub_filter == SHA1_SUB_FILTER:
        fits = content == embedded.digest(SHA1) and message.message_digest in (None, digest.of(content))
    elif content is None:
        if not message.attributes:
            # Then the digest cannot be told from the signature: SM2 hashes Z before the content.
            return INTACT if message.is_made_with(signer, embedded.octets()) else SIG_CRYPTO_FAILURE
        fits = message.message_digest == embedded.digest(digest)
    elif sub_filter == GM_CMS_SUB_FILTER:
        # One vendor encloses the digest of the document, and signs that.
        fits = content == embedded.digest(digest) and message.message_digest in (None, digest.of(content))
    else:
        return FORMAT_FAILURE
    if not fits:
        return HASH_FAILURE
    return INTACT if message.is_made_with(signer, content or b"") else SIG_CRYPTO_FAILURE


def _dictionary_time(embedded: Embedded) -> datetime | None:
    """The entry M, which nothing but the signature itself vouches for."""
    try:
        # LibreOffice writes an apostrophe after Z, others an offset of nothing.
        written = _ZULU.sub("Z", str(embedded.sig_object["/M"]))
        moment = generic.parse_pdf_date(written, strict=False)
    except (KeyError, ValueError, TypeError, PdfError):
        return None
    return moment if isinstance(moment, datetime) and moment.tzinfo is not None else None
