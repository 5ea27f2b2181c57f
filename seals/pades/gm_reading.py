"""Signatures of the GM form (`/GM.sm2seal`) as they lie in a document, ours and others'.

The order of the checks is that of GB/T 38540-2020: format, seal, signer's certificate in the seal, signature value,
certificate at the time of signing, time stamp, original. The seal itself is checked in `seals.electronic.seal_check`.
"""

from dataclasses import dataclass
from datetime import datetime

from asn1crypto import cms, core, x509
from pyhanko.pdf_utils.reader import PdfFileReader

from core.algorithms import SM3, Algorithm
from core.asn1.ses import SealSignature, parse_signature
from core.keys.verification import InvalidSignature, verify
from seals.electronic.making import seal_algorithm
from seals.pades.embedded import Embedded, PrefixDigests
from seals.pades.evidence import Knowledge
from seals.pades.messages import der_signature
from seals.pades.reading import FilledField
from seals.pades.stored import HASH_FAILURE, INTACT, SIG_CRYPTO_FAILURE, Token, token_over


@dataclass(frozen=True)
class StoredGmSignature:
    """A signature of the GM form whose shape is sound."""

    embedded: Embedded
    algorithm: Algorithm
    signature: SealSignature
    problem: str

    @property
    def signer(self) -> bytes:
        """The certificate in it, DER."""
        return self.signature.certificate

    @property
    def weak(self) -> bool:
        """Never: the form has SM3 only."""
        return False

    @property
    def carried(self) -> Knowledge:
        """Nothing: the form has room for one certificate only."""
        return Knowledge()

    @property
    def claimed_time(self) -> datetime | None:
        """When the signer says that it was made."""
        return moment_of(self.signature)

    @property
    def tokens(self) -> list[Token]:
        """The time-stamp token over the signature value, if there is one."""
        if self.signature.timestamp is None:
            return []
        return [token_over(self.signature.timestamp, lambda digest: digest.of(self.signature.signature))]


def read_gm_signature(reader: PdfFileReader, filled: FilledField, digests: PrefixDigests) -> StoredGmSignature:
    """The signature in the field; `YinxinError`: invalid if its shape is wrong, unsupported if we cannot judge it."""
    embedded = Embedded(reader, filled, digests)
    signature = parse_signature(embedded.value)
    algorithm = seal_algorithm(signature.algorithm)
    return StoredGmSignature(embedded, algorithm, signature, _problem(embedded, signature, algorithm))


def moment_of(signature: SealSignature) -> datetime | None:
    """When the signer says that it was made: a time; in version 1 a time or a time-stamp token within a bit string.

    A token there was made before the signature, so that it proves nothing about that; it is the signer's word.
    """
    written = signature.structure["to_sign"]["time_info"].native
    for read in (_time, _time_of_token) if isinstance(written, bytes) else ():
        try:
            written = read(written)
            break
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
    return written if isinstance(written, datetime) else None


def _time(octets: bytes) -> datetime:
    kind = core.UTCTime if octets[:1] == b"\x17" else core.GeneralizedTime
    moment: datetime = kind.load(octets, strict=True).native
    return moment


def _time_of_token(octets: bytes) -> datetime:
    info = cms.ContentInfo.load(octets, strict=True)["content"]["encap_content_info"]["content"].parsed
    moment: datetime = info["gen_time"].native
    return moment


def _problem(embedded: Embedded, signature: SealSignature, algorithm: Algorithm) -> str:
    if embedded.digest(SM3) != signature.data_hash:
        return HASH_FAILURE
    return INTACT if value_fits(signature, algorithm) else SIG_CRYPTO_FAILURE


def value_fits(signature: SealSignature, algorithm: Algorithm) -> bool:
    """Whether it was made with the key of the certificate in it, over its own TBS_Sign."""
    key = x509.Certificate.load(signature.certificate).public_key.dump()
    try:
        verify(key, algorithm, der_signature(algorithm, signature.signature), signature.signed)
    except InvalidSignature:
        return False
    return True
