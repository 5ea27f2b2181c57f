"""Signatures of the GM form (`/GM.sm2seal`) as they lie in a document, ours and others', and their judgement.

The order of the checks is that of GB/T 38540-2020: format, seal, signer's certificate in the seal, signature value,
certificate at the time of signing, time stamp, original. The seal itself is checked in `seals.electronic.seal_check`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from asn1crypto import cms, crl, ocsp, parser, x509
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.validation.pdf_embedded import EmbeddedPdfSignature, extract_contents
from pyhanko_certvalidator import CertificateValidator, ValidationContext
from pyhanko_certvalidator.errors import (
    ExpiredError,
    InsufficientRevinfoError,
    InvalidCertificateError,
    NotYetValidError,
    PathBuildingError,
    RevokedError,
    ValidationError,
)

from core.algorithms import SM3, Algorithm, Family
from core.asn1 import der
from core.asn1.ses import SealSignature, parse_signature
from core.asn1.ses_structures import Version
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.verification import InvalidSignature, verify
from seals.electronic.making import seal_algorithm
from seals.pades import boundary, byte_range
from seals.pades.assessment import Assessment, Judge, Outcome
from seals.pades.evidence import Knowledge, in_time
from seals.pades.policy import AllowedAlgorithms
from seals.pades.reading import FilledField, written
from seals.pades.signatures import Token, token_over
from seals.pades.validator import RegistryValidator

_RAW = 64


@dataclass(frozen=True)
class StoredGmSignature:
    """A signature of the GM form whose shape is sound."""

    embedded: EmbeddedPdfSignature
    algorithm: Algorithm
    signature: SealSignature

    @property
    def claimed_time(self) -> datetime | None:
        """When the signer says that it was made."""
        moment = self.signature.structure["to_sign"]["time_info"].native
        return moment if isinstance(moment, datetime) else None

    @property
    def digest_fits(self) -> bool:
        """Whether it is over this document."""
        return bool(self.embedded.compute_digest(SM3.name) == self.signature.data_hash)

    @property
    def value_fits(self) -> bool:
        """Whether it was made with the key of the certificate in it."""
        key = x509.Certificate.load(self.signature.certificate).public_key.dump()
        try:
            verify(key, self.algorithm, self._der_signature(), self.signature.signed)
        except InvalidSignature:
            return False
        return True

    def token(self) -> Token | None:
        """The time-stamp token over the signature value."""
        if self.signature.timestamp is None:
            return None
        message = cms.ContentInfo.load(self.signature.timestamp)
        return token_over(message, lambda digest: digest.of(self.signature.signature))

    def _der_signature(self) -> bytes:
        """Some vendors write r and s in 64 octets."""
        value = self.signature.signature
        if self.algorithm.family is not Family.SM2 or len(value) != _RAW:
            return value
        return der.sequence(
            der.integer(int.from_bytes(value[: _RAW // 2])), der.integer(int.from_bytes(value[_RAW // 2 :]))
        )


class _Embedded(EmbeddedPdfSignature):
    """What pyHanko has to know to find coverage and later changes, without a CMS signature."""

    def __init__(self, reader: PdfFileReader, filled: FilledField) -> None:
        # pyHanko's own constructor reads CMS and nothing else.
        self.reader = reader
        self.sig_field = filled.field
        self.sig_object = filled.value
        self.fq_name = filled.name
        self.byte_range = filled.value.raw_get("/ByteRange")
        self.pkcs7_content = extract_contents(filled.value)
        self.md_algorithm = self.external_md_algorithm = SM3.name
        self.signed_revision = reader.xrefs.get_last_change(filled.field.raw_get("/V").reference)
        self.coverage = self.diff_result = self._docmdp = self._fieldmdp = None
        self._docmdp_queried = self._fieldmdp_queried = self._integrity_checked = False
        self.external_digests: dict[str, bytes] = {}


def read_gm_signature(reader: PdfFileReader, filled: FilledField) -> StoredGmSignature:
    """The signature in the field; `YinxinError`: invalid if its shape is wrong, unsupported if we cannot judge it."""
    contents = extract_contents(filled.value)
    problem = byte_range.problem_of(written(filled.value, "/ByteRange"), contents, reader.stream)
    if problem:
        raise YinxinError(Kind.INVALID, problem)
    try:
        size = parser.peek(contents)
    except ValueError:
        size = 0
    if not size or contents[size:].strip(b"\x00"):
        raise YinxinError(Kind.INVALID, _("its Contents are not a signature that can be read"))
    signature = parse_signature(contents[:size])
    if signature.version is Version.GMT_0031_2014:
        raise YinxinError(Kind.UNSUPPORTED, _("a seal signature of GM/T 0031-2014 in a PDF is not judged"))
    return StoredGmSignature(_Embedded(reader, filled), seal_algorithm(signature.algorithm), signature)


def judge(
    by: Judge, stored: StoredGmSignature, stored_knowledge: Knowledge, archived_at: datetime | None
) -> Assessment:
    """Judge it; `archived_at`: the time of the oldest trusted document timestamp after it."""
    signer = stored.signature.certificate
    known = by.given + stored_knowledge
    token = stored.token()
    timestamp = by.timestamp(token, known, archived_at or by.now) if token else None
    proofs = [archived_at] if archived_at else []
    if timestamp and timestamp.outcome is Outcome.PASSED:
        proofs.append(timestamp.at)
    proven_time = min(proofs, default=None)
    verdict = _certificate(by, signer, in_time(known, signer), proven_time or by.now)
    revoked_at = verdict.revoked_at
    if proven_time and revoked_at is None and not by.given.says_nothing_of_status:
        revoked_at = _certificate(by, signer, in_time(known, signer), by.now).revoked_at
    intact = stored.digest_fits and stored.value_fits
    outcome, indication = verdict.outcome, verdict.indication
    if not intact:
        outcome, indication = Outcome.FAILED, "SIG_CRYPTO_FAILURE" if stored.digest_fits else "HASH_FAILURE"
    return Assessment(outcome, indication, intact, signer, verdict.chain, proven_time, timestamp, revoked_at)


@dataclass(frozen=True)
class _CertificateVerdict:
    outcome: Outcome
    indication: str
    chain: tuple[bytes, ...] = ()
    revoked_at: datetime | None = None


def _certificate(by: Judge, certificate: bytes, known: Knowledge, moment: datetime) -> _CertificateVerdict:
    """The signer's certificate as of a moment, with ETSI's indications (EN 319 102-1 5.2.6)."""
    context = ValidationContext(
        trust_roots=[x509.Certificate.load(anchor) for anchor in by.anchors],
        other_certs=[x509.Certificate.load(one) for one in known.certificates],
        crls=[crl.CertificateList.load(one) for one in known.crls],
        ocsps=[ocsp.OCSPResponse.load(one) for one in known.ocsp_responses],
        moment=moment,
        allow_fetching=False,
        revocation_mode="require",
        retroactive_revinfo=True,
        signature_validator=RegistryValidator(),
        algorithm_usage_policy=AllowedAlgorithms(),
    )
    validator = CertificateValidator(x509.Certificate.load(certificate), validation_context=context)
    try:
        path: Any = boundary.run(validator.async_validate_usage(set()))
    except RevokedError as error:
        return _CertificateVerdict(Outcome.INDETERMINATE, "REVOKED_NO_POE", revoked_at=error.revocation_dt)
    except PathBuildingError:
        return _CertificateVerdict(Outcome.INDETERMINATE, "NO_CERTIFICATE_CHAIN_FOUND")
    except ExpiredError:
        return _CertificateVerdict(Outcome.INDETERMINATE, "OUT_OF_BOUNDS_NO_POE")
    except NotYetValidError:
        return _CertificateVerdict(Outcome.FAILED, "NOT_YET_VALID")
    except InsufficientRevinfoError:
        return _CertificateVerdict(Outcome.INDETERMINATE, "TRY_LATER")
    except InvalidCertificateError:
        return _CertificateVerdict(Outcome.INDETERMINATE, "CHAIN_CONSTRAINTS_FAILURE")
    except ValidationError:
        return _CertificateVerdict(Outcome.INDETERMINATE, "CERTIFICATE_CHAIN_GENERAL_FAILURE")
    usage = x509.Certificate.load(certificate).key_usage_value
    if usage is not None and not usage.native & {"digital_signature", "non_repudiation"}:
        return _CertificateVerdict(Outcome.INDETERMINATE, "CHAIN_CONSTRAINTS_FAILURE")
    chain = tuple(one.dump() for one in path.iter_certs(include_root=True))
    return _CertificateVerdict(Outcome.PASSED, "", tuple(reversed(chain))[1:])
