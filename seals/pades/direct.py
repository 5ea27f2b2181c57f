"""The first signature of a document without a form, written directly: no more than a field, its value and its picture.

pyHanko's signer prepares the same objects, and asks on the way for all that forms, other signatures, seed values and
certification may want; that takes longer than the signature itself. Its cross-reference and its objects are used here
as well.
"""

from uuid import uuid4

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SignatureFormField
from pyhanko.sign.signers.constants import ESIC_EXTENSION_1
from pyhanko.sign.signers.pdf_byterange import BuildProps, DocumentTimestamp, SignatureObject

from seals.contracts import Evidence
from seals.pades.appearance import Impression
from seals.pades.order import PRODUCER, SignatureOrder
from seals.pades.reading import PageTree
from seals.pades.values import SignatureValue

_APPEND_ONLY = 3
"""SigFlags (ISO 32000-2 12.7.3): there are signatures, and they would not survive being rewritten."""


def suffices(writer: IncrementalPdfFileWriter, order: SignatureOrder) -> bool:
    """Whether nothing is asked but a new field, in a document that has none; else the signature is pyHanko's work."""
    plain_name = "." not in order.field
    return order.is_new and plain_name and order.remarks.certify is None and "/AcroForm" not in writer.root


def add_signature(
    writer: IncrementalPdfFileWriter,
    order: SignatureOrder,
    value: SignatureValue,
    impression: Impression,
    reserved: int,
) -> SignatureObject:
    """The signature dictionary, in a new field of a new form; `reserved`: hexadecimal digits for the value."""
    mark, remarks = order.marks[0], order.remarks
    signature = SignatureObject(
        timestamp=remarks.at,
        subfilter=value.sub_filter,
        name=remarks.name,
        location=remarks.location,
        reason=remarks.reason,
        app_build_props=BuildProps(name=PRODUCER),
        bytes_reserved=reserved,
    )
    page = PageTree(writer).reference(mark.page)
    field = SignatureFormField(order.field, box=mark.box, include_on_page=page)
    field[pdf_name("/TU")] = generic.TextStringObject(remarks.name)
    field[pdf_name("/V")] = writer.add_object(signature)
    field[pdf_name("/AP")] = generic.DictionaryObject({pdf_name("/N"): impression.appearance(mark)})
    reference = writer.add_object(field)
    writer.register_annotation(page, reference)
    form = {
        pdf_name("/Fields"): generic.ArrayObject([reference]),
        pdf_name("/SigFlags"): generic.NumberObject(_APPEND_ONLY),
    }
    writer.root[pdf_name("/AcroForm")] = writer.add_object(generic.DictionaryObject(form))
    writer.update_root()
    _declare(writer)
    return signature


def add_store(writer: IncrementalPdfFileWriter, evidence: Evidence) -> None:
    """A security store (DSS), without VRI: EN 319 142-1 5.4.2.3 recommends against it."""
    kinds = {"/Certs": evidence.certificates, "/CRLs": evidence.crls, "/OCSPs": evidence.ocsp_responses}
    store = generic.DictionaryObject()
    for kind, items in kinds.items():
        if items:
            streams = (writer.add_object(generic.StreamObject(stream_data=der)) for der in items)
            store[pdf_name(kind)] = generic.ArrayObject(streams)
    writer.root[pdf_name("/DSS")] = writer.add_object(store)
    writer.update_root()


def add_timestamp(writer: IncrementalPdfFileWriter, reserved: int) -> tuple[str, DocumentTimestamp]:
    """The name of a field that nobody sees, and the dictionary of a document timestamp in it (EN 319 142-1 5.4.3)."""
    name = f"Timestamp-{uuid4()}"
    timestamp = DocumentTimestamp(bytes_reserved=reserved)
    page = PageTree(writer).reference(1)
    field = SignatureFormField(name, include_on_page=page)
    field[pdf_name("/TU")] = generic.TextStringObject("Timestamp")
    field[pdf_name("/V")] = writer.add_object(timestamp)
    reference = writer.add_object(field)
    writer.register_annotation(page, reference)
    form = writer.root.raw_get("/AcroForm")
    fields = form.get_object().raw_get("/Fields")
    fields.get_object().append(reference)
    holders = (one for one in (fields, form) if isinstance(one, generic.IndirectObject))
    writer.mark_update(next(holders, writer.root_ref))
    _declare(writer)
    return name, timestamp


def _declare(writer: IncrementalPdfFileWriter) -> None:
    # PAdES is an extension of PDF 1.7, and part of PDF 2.0 (EN 319 142-1 5.6).
    writer.ensure_output_version(version=(1, 7))
    if writer.output_version < (2, 0):
        writer.register_extension(ESIC_EXTENSION_1)
