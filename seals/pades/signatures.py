"""One signature of a document as it lies there: its shape, its CMS, its integrity, and what changed after it."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from asn1crypto import cms, parser
from cryptography.exceptions import InvalidSignature
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import DiffResult, ModificationLevel, SuspiciousModification
from pyhanko.sign.general import find_cms_attribute_iter
from pyhanko.sign.validation import generic_cms
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature, extract_contents
from pyhanko.sign.validation.status import SignatureCoverageLevel

from core import cms as core_cms
from core.algorithms import Algorithm, Digest, digest_by_oid
from core.cms import SIGNED_DATA, algorithm_of
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.pades import byte_range, later_seals
from seals.pades.boundary import first_line, translated_errors
from seals.pades.reading import FilledField, written
from seals.tokens import TST_INFO

TIMESTAMP_SUB_FILTER = "/ETSI.RFC3161"
CADES_SUB_FILTER = "/ETSI.CAdES.detached"
SUB_FILTERS = (CADES_SUB_FILTER, "/adbe.pkcs7.detached", TIMESTAMP_SUB_FILTER)


_END_OF_REVISION = re.compile(rb"\s+\d+\s+%%EOF\s*")


class Change(StrEnum):
    """What happened to the document after a signature."""

    NONE = "none"
    PERMITTED = "permitted"
    SUSPICIOUS = "suspicious"


@dataclass(frozen=True)
class Changes:
    """The changes after a signature, and the rule that permits or forbids them."""

    level: Change
    rule: str
    """Whole file, validation material, later signatures, form filling, coverage, or content."""
    detail: str = ""

    @property
    def covers_revision(self) -> bool:
        """Whether the signature covers a whole revision of the file, the first octet to the last."""
        return self.rule != "coverage"


@dataclass(frozen=True)
class StoredSignature:
    """A signature that we can judge: its shape is sound and its algorithms are known."""

    embedded: EmbeddedPdfSignature
    algorithm: Algorithm
    is_timestamp: bool

    @property
    def claimed_time(self) -> datetime | None:
        """When the signer says that it was made."""
        return self.embedded.self_reported_timestamp

    @property
    def names_its_certificate(self) -> bool:
        """Whether the signature is bound to a certificate (signing-certificate attribute, EN 319 122-1 5.2.2)."""
        return generic_cms.get_signing_cert_attr(self.embedded.signer_info["signed_attrs"]) is not None

    @property
    def whole_file(self) -> bool:
        """Whether nothing follows what it signs."""
        return bool(self.embedded.evaluate_signature_coverage() == SignatureCoverageLevel.ENTIRE_FILE)


def read_signature(reader: PdfFileReader, filled: FilledField) -> StoredSignature:
    """The signature in the field; `YinxinError`: invalid if its shape is wrong, unsupported if we cannot judge it."""
    sub_filter = str(filled.value.get("/SubFilter", ""))
    is_timestamp = sub_filter == TIMESTAMP_SUB_FILTER
    expected_type = "/DocTimeStamp" if is_timestamp else "/Sig"
    if sub_filter not in SUB_FILTERS or filled.value.get("/Type", "/Sig") != expected_type:
        raise YinxinError(
            Kind.UNSUPPORTED,
            _("unsupported kind of signature: SubFilter {sub_filter}").format(sub_filter=sub_filter or "-"),
        )
    contents = extract_contents(filled.value)
    problem = byte_range.problem_of(written(filled.value, "/ByteRange"), contents, reader.stream)
    if problem:
        raise YinxinError(Kind.INVALID, problem)
    algorithm = _algorithm(_signer_info(contents, is_timestamp))
    return StoredSignature(EmbeddedPdfSignature(reader, filled.field, filled.name), algorithm, is_timestamp)


def changes_after(embedded: EmbeddedPdfSignature, signed: set[str], unsigned: set[str]) -> Changes:
    """What was added to the file after this signature, given the names of the signature fields with and without one."""
    try:
        with translated_errors():
            embedded.compute_integrity_info(later_seals.POLICY)
    except YinxinError as error:
        # Then at least the signature itself can be judged; often its digest tells what happened.
        return Changes(Change.SUSPICIOUS, "content", error.what)
    result = embedded.diff_result
    if embedded.coverage == SignatureCoverageLevel.ENTIRE_FILE:
        return Changes(Change.NONE, "whole-file")
    if embedded.coverage < SignatureCoverageLevel.ENTIRE_REVISION:
        return Changes(Change.SUSPICIOUS, "coverage")
    if not _ends_with_last_revision(embedded.reader):
        return Changes(Change.SUSPICIOUS, "appended-data")
    if not isinstance(result, DiffResult):
        detail = first_line(result) if isinstance(result, SuspiciousModification) else ""
        return Changes(Change.SUSPICIOUS, "content", detail)
    permission = embedded.docmdp_level
    if result.modification_level is ModificationLevel.OTHER or (
        permission is not None and result.modification_level.value > permission.value
    ):
        return Changes(Change.SUSPICIOUS, "permissions")
    if result.modification_level is ModificationLevel.NONE:
        return Changes(Change.PERMITTED, "nothing-visible")
    if result.modification_level is ModificationLevel.LTA_UPDATES:
        return Changes(Change.PERMITTED, "validation-material")
    others = {str(name) for name in result.changed_form_fields} - signed
    if others & unsigned:
        # An empty signature field can look like anything, and cover anything.
        return Changes(Change.SUSPICIOUS, "unsigned-field", ", ".join(sorted(others & unsigned)))
    if others:
        return Changes(Change.PERMITTED, "form-filling", ", ".join(sorted(others)))
    # Of annotations, only the marks of later seals come so far.
    return Changes(Change.PERMITTED, "later-signatures")


def _ends_with_last_revision(reader: PdfFileReader) -> bool:
    """Whether nothing follows the last revision that its cross-references reach: other readers may look there."""
    last = reader.xrefs.get_xref_container_info(reader.xrefs.total_revisions - 1)
    reader.stream.seek(last.end_location)
    # Of a cross-reference table the trailer dictionary comes first.
    _trailer, keyword, rest = reader.stream.read().partition(b"startxref")
    return bool(keyword) and _END_OF_REVISION.fullmatch(rest) is not None


def _signer_info(contents: bytes, is_timestamp: bool) -> cms.SignerInfo:
    """The one SignerInfo of the CMS; what follows the CMS may only be the zeros that fill the reserved space."""
    try:
        size = parser.peek(contents)
        if contents[size:].strip(b"\x00"):
            raise ValueError("data after the signature")
        info = cms.ContentInfo.load(contents[:size], strict=True)
        if info["content_type"].dotted != SIGNED_DATA:
            raise YinxinError(
                Kind.UNSUPPORTED, _("unsupported kind of signature: {oid}").format(oid=info["content_type"].dotted)
            )
        content = info["content"]["encap_content_info"]
        if is_timestamp != (content["content_type"].native == "tst_info"):
            raise ValueError("content of another type")
        (signer_info,) = info["content"]["signer_infos"]
        if not signer_info["signed_attrs"]:
            raise YinxinError(Kind.UNSUPPORTED, _("unsupported kind of signature: without signed attributes"))
    except (ValueError, TypeError, KeyError) as error:
        raise YinxinError(Kind.INVALID, _("its Contents are not a signature that can be read")) from error
    return signer_info


def _algorithm(signer_info: cms.SignerInfo) -> Algorithm:
    digest = digest_by_oid(signer_info["digest_algorithm"]["algorithm"].dotted)
    try:
        return algorithm_of(signer_info["signature_algorithm"].dump(), digest)
    except InvalidSignature:
        raise YinxinError(
            Kind.INVALID, _("its digest {digest} does not belong to its signature algorithm").format(digest=digest.name)
        ) from None


@dataclass(frozen=True)
class Token:
    """A time-stamp token."""

    signed_data: cms.SignedData
    at: datetime
    imprint: bytes
    """The digest that it should be over, by the algorithm that it names."""
    authority: bytes
    """The certificate of whoever signed it, DER; empty if the token is not sound."""
    intact: bool
    """Whether it is soundly signed, and over what it should be."""


def signature_tokens(stored: StoredSignature) -> list[Token]:
    """The time-stamp tokens that the signature carries, each over the signature value."""
    signer_info = stored.embedded.signer_info
    tokens = find_cms_attribute_iter(signer_info["unsigned_attrs"], "signature_time_stamp_token")
    return [token_over(token, lambda digest: digest.of(signer_info["signature"].native)) for token in tokens]


def document_token(stored: StoredSignature) -> Token:
    """The token that a document timestamp is, over the document's byte range."""
    message = cms.ContentInfo.load(stored.embedded.pkcs7_content)
    return token_over(message, lambda digest: stored.embedded.compute_digest(digest.name))


def token_over(token: cms.ContentInfo, imprint_of: Callable[[Digest], bytes]) -> Token:
    """The token; `imprint_of`: the digest that it should be over."""
    content = token["content"]
    info = content["encap_content_info"]["content"].parsed
    at: datetime = info["gen_time"].native
    try:
        signed = core_cms.check(token.dump())
        imprint = imprint_of(digest_by_oid(info["message_imprint"]["hash_algorithm"]["algorithm"].dotted))
    except YinxinError:
        return Token(content, at, b"", b"", intact=False)
    same = info["message_imprint"]["hashed_message"].native == imprint
    return Token(content, at, imprint, signed.certificate, intact=same and signed.content_type == TST_INFO)
