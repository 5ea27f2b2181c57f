"""Sealing a document where it lies: prepared and finished here, signed by a seal service that sees only digests."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, Protocol

from asn1crypto import x509

from core.algorithms import ALGORITHMS, Algorithm, Digest
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.api import models as wire
from seals.contracts import Evidence, SealingSupport
from seals.documents import Document, opened, size_and_sha256
from seals.documents.pdf import seal_pdf
from seals.forms import Form
from seals.levels import Level
from seals.pades.remote_value import RemoteValue
from seals.pades.timestamper import CheckedTimeStamper
from seals.pades.values import ByteRange
from seals.sealing import Seal, SealedDocument
from seals.terms import SealingTerms


class DigestSigner(Protocol):
    """A seal service, as far as it is needed here."""

    def seal(self, name: str) -> wire.SealMaterial:
        """What a document is prepared with."""
        ...

    def sign_digest(self, name: str, order: wire.DigestToSign) -> wire.DigestSignature:
        """The value of the signature over a byte range."""
        ...

    def stamp_digest(self, number: str, order: wire.DigestToStamp) -> bytes:
        """The document timestamp over a byte range."""
        ...

    def finish_digest(self, number: str, sha256: str) -> None:
        """Take note of the document that came of it."""
        ...


@dataclass(frozen=True)
class _KeyElsewhere:
    """The seal's key, which the service keeps."""

    algorithm: Algorithm
    public_key_info: bytes

    def sign(self, data: bytes) -> NoReturn:  # noqa: ARG002
        """Never."""
        raise YinxinError(Kind.UNSUPPORTED, _("the key of the seal is not here"))


@dataclass
class _Service:
    """The service, for one document: signs once, then stamps, and has told the evidence with the signature."""

    server: DigestSigner
    name: str
    order: wire.DigestToSign
    form: Form
    signed: wire.DigestSignature | None = None

    def sign(self, digest: bytes, byte_range: ByteRange) -> bytes:
        """The signature's value, DER."""
        if self.signed is not None:
            # Another one would be another use of the seal.
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("the signature did not fit into the space that was kept for it"),
                remedy=_("send the document to the service instead"),
            )
        told: dict[str, object] = {"digest": digest}
        if self.form is Form.GM:
            told["byte_range"] = list(byte_range)
        self.signed = self.server.sign_digest(self.name, self.order.model_copy(update=told))
        return self.signed.value

    def stamp(self, _digest: Digest, value: bytes, nonce: int | None) -> bytes:
        """The document timestamp."""
        if self.signed is None:
            raise LookupError("a document timestamp before the signature")
        asked = wire.DigestToStamp(digest=value, nonce=None if nonce is None else f"{nonce:x}")
        return self.server.stamp_digest(self.signed.number, asked)

    def evidence(self, _certificates: Sequence[bytes]) -> Evidence:
        """What came with the signature."""
        if self.signed is None:
            raise LookupError("evidence before the signature")
        told = self.signed.evidence
        return Evidence(told.certificates, told.crls, told.ocsp_responses)


def sealed_by_digest(
    server: DigestSigner,
    name: str,
    document: Document,
    terms: SealingTerms,
    clock: Clock,
    password: str | None = None,
) -> SealedDocument:
    """The sealed document, verified as any other; `YinxinError` says why there is none. The password stays here."""
    material = server.seal(name)
    seal = _seal(material)
    with opened(document) as stream:
        before = size_and_sha256(stream)[1]
        order = wire.DigestToSign(
            digest=b"",
            sha256_before=before,
            page=terms.page or 1,
            level=terms.level,
            purpose=terms.purpose,
            person=terms.person,
            type=terms.type,
        )
        service = _Service(server, name, order, seal.form)

        def value(seal: Seal, stamper: CheckedTimeStamper | None) -> RemoteValue:
            return RemoteValue(seal, service.sign, is_timestamped=stamper is not None)

        arguments = terms.arguments()
        sealed = seal_pdf(
            stream,
            seal,
            arguments.pop("placement"),
            level=terms.level,
            support=SealingSupport(service, service if terms.level >= Level.B_LT else None),
            clock=clock,
            password=password,
            value=value,
            **arguments,
        )
    if service.signed is not None:
        server.finish_digest(service.signed.number, size_and_sha256(sealed.file)[1])
    return sealed


def _seal(material: wire.SealMaterial) -> Seal:
    public_key_info = x509.Certificate.load(material.certificate).public_key.dump()
    return Seal(
        name=material.entry.owner,
        signer=_KeyElsewhere(ALGORITHMS[material.algorithm], public_key_info),
        certificate=material.certificate,
        chain=material.chain,
        picture=material.picture,
        width_mm=material.width_mm,
        structure=material.structure,
        form=material.form,
    )
