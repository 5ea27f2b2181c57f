"""One office, and both ways to seal for it: ours, and pyHanko used directly on the same work.

The peer signs with the same keys in the same engine, asks the same time-stamping authority in this process, shows the
same picture, compressed once, and reuses its signer and its timestamper, and so knows how long tokens are. For B-LT and
B-LTA it has the same revocation lists at hand. In the same process, it profits from what our modules teach pyHanko
about reading. It does not verify what it made; ours does.
"""

import asyncio
import secrets
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from typing import IO

from asn1crypto import cms as asn1_cms
from asn1crypto import x509
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator.context import ValidationContext

from core import cms
from core.algorithms import DIGESTS, Digest, KeyKind
from core.asn1 import der
from core.clock import FixedClock
from seals.contracts import Evidence, SealingSupport
from seals.documents.pdf import seal_pdf
from seals.levels import Level
from seals.pades.appearance import Impression, MarkStyle
from seals.pades.pdfa import NOT_ARCHIVAL
from seals.pades.signer import CmsSigner
from seals.pades.validator import RegistryValidator
from seals.pictures.ink import FULL_INK
from seals.pictures.samples import read_picture
from seals.placement.placement import Mark
from seals.sealing import Seal
from tests.support.pki import Party
from tests.support.sealing import PLACE, TST_INFO, Office

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)


class Authority:
    """A time-stamping authority in this process."""

    def __init__(self, party: Party) -> None:
        self._builder = cms.SignedDataBuilder(
            party.key, party.certificate, content_type=TST_INFO, certificates=[party.certificate, *party.chain[:-1]]
        )

    def stamp(self, digest: Digest, value: bytes, nonce: int | None) -> bytes:
        """As `seals.contracts.Timestamper` says."""
        imprint = der.sequence(digest.identifier, der.octet_string(value))
        head = der.integer(1), der.oid("1.3.6.1.4.1.32473.1.3.1"), imprint, der.integer(secrets.randbits(64))
        tail = der.generalized_time(NOW), b"" if nonce is None else der.integer(nonce)
        return self._builder.build(der.sequence(*head, *tail))


@dataclass(frozen=True)
class Lists:
    """The revocation lists in force, at hand as in the books: the next ones are due in hours."""

    found: Evidence

    def evidence(self, _certificates: Sequence[bytes]) -> Evidence:
        """As `seals.contracts.EvidenceSource` says."""
        return self.found


class PeerTimeStamper(TimeStamper):
    """pyHanko's, over the authority."""

    def __init__(self, authority: Authority) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._authority = authority

    async def async_timestamp(self, message_digest: bytes, md_algorithm: str) -> asn1_cms.ContentInfo:
        """As pyHanko asks."""
        return asn1_cms.ContentInfo.load(self._authority.stamp(DIGESTS[md_algorithm], message_digest, 1))


@dataclass(frozen=True)
class Ways:
    """One office, and both ways to seal for it."""

    office: Office
    seal: Seal
    support: SealingSupport
    stamper: PeerTimeStamper
    signer: CmsSigner

    def ours(self, document: bytes | Path, level: Level, seal: Seal | None = None) -> int:
        """Octets of the sealed document."""
        sealed = seal_pdf(
            document, seal or self.seal, PLACE, level=level, support=self.support, clock=self.office.clock
        )
        with sealed.file as file:
            return file.seek(0, 2)

    def peer(self, document: bytes | Path, level: Level) -> int:
        """The same by pyHanko alone: in memory, or from a file to a temporary one."""
        if isinstance(document, bytes):
            return self._peer_in_place(BytesIO(document), level)
        with tempfile.TemporaryFile() as file:
            with document.open("rb") as source:
                shutil.copyfileobj(source, file, 1 << 20)
            return self._peer_in_place(file, level)

    def _known(self) -> ValidationContext:
        """What the peer knows, with the lists that ours has at hand."""
        evidence = self.office.evidence()
        return ValidationContext(
            trust_roots=[x509.Certificate.load(self.office.root.certificate)],
            other_certs=[x509.Certificate.load(one) for one in evidence.certificates],
            crls=list(evidence.crls),
            moment=NOW,
            revocation_mode="require",
            signature_validator=RegistryValidator(),
        )

    def _peer_in_place(self, output: IO[bytes], level: Level) -> int:
        output.seek(0)
        writer = IncrementalPdfFileWriter(output)
        box = 223.9, 223.9, 343.0, 343.0
        mark = Mark(1, (100.0, 100.0), box, 0)
        impression = Impression(writer, read_picture(self.seal.picture), FULL_INK, {}, NOT_ARCHIVAL)
        metadata = PdfSignatureMetadata(
            field_name="Seal1",
            md_algorithm=self.seal.signer.algorithm.digest.name,
            subfilter=SigSeedSubFilter.PADES,
            embed_validation_info=level >= Level.B_LT,
            use_pades_lta=level >= Level.B_LTA,
            validation_context=self._known() if level >= Level.B_LT else None,
        )
        signer = PdfSigner(
            metadata,
            self.signer,
            timestamper=self.stamper if level >= Level.B_T else None,
            stamp_style=MarkStyle(impression=impression, mark=mark),
            new_field_spec=SigFieldSpec("Seal1", on_page=0, box=box),  # type: ignore[arg-type]  # floats do
        )
        asyncio.run(signer.async_sign_pdf(writer, in_place=True))
        return output.seek(0, 2)


def ways(kind: KeyKind) -> Ways:
    """Everything is made and loaded."""
    office = Office(kind, FixedClock(NOW))
    authority = Authority(office.tsa)
    signer = CmsSigner(office.unit.key, office.unit.certificate, office.unit.chain)
    support = SealingSupport(authority, Lists(office.evidence()))
    return Ways(office, replace(office.seal, structure=None), support, PeerTimeStamper(authority), signer)
