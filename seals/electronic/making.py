"""Making electronic seals of GB/T 38540-2020 and GM/T 0031-2025, and checking the maker's signature on any seal."""

from dataclasses import dataclass

from asn1crypto import algos, x509

from core.algorithms import Algorithm, algorithm_by_identifier
from core.asn1 import der
from core.asn1.ses import Seal, parse_seal
from core.asn1.ses_structures import Version
from core.asn1.ses_writing import SealInfo, assemble_seal
from core.asn1.unreadable import UNREADABLE
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from core.keys.verification import InvalidSignature, verify
from seals.contracts import Timestamper
from seals.tokens import checked_stamp


@dataclass(frozen=True)
class Maker:
    """The authority that makes seals: its key and its certificate (DER)."""

    signer: Signer
    certificate: bytes


def make_seal(info: SealInfo, maker: Maker, clock: Clock, timestamper: Timestamper | None = None) -> bytes:
    """SESeal DER: the maker's signature over the seal's information, in version 5 with a time stamp over that.

    `YinxinError` if the maker cannot sign now, or if there is no time stamp where one belongs.
    """
    certificate = x509.Certificate.load(maker.certificate)
    if certificate.public_key.dump() != maker.signer.public_key_info:
        raise YinxinError(Kind.INVALID, _("the seal maker's key does not belong to its certificate"))
    if not certificate.not_valid_before <= clock.now() <= certificate.not_valid_after:
        raise YinxinError(
            Kind.CONFLICT,
            _("the seal maker's certificate is not valid now"),
            remedy=_("have it renewed, or check the clock"),
        )
    signed = info.encoded()
    signature = maker.signer.sign(signed)
    token = None
    if info.version is Version.GMT_0031_2025:
        token = _stamped(signature, maker.signer.algorithm, timestamper)
    seal = assemble_seal(signed, maker.certificate, _oid(maker.signer.algorithm), signature, token)
    check_maker_signature(parse_seal(seal))
    return seal


def _stamped(signature: bytes, algorithm: Algorithm, timestamper: Timestamper | None) -> bytes:
    if timestamper is None:
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("a seal of GM/T 0031-2025 has a time stamp, and no time-stamping authority is configured"),
            remedy=_("configure it, or make a seal of GB/T 38540-2020"),
        )
    return checked_stamp(timestamper, algorithm.digest, algorithm.digest.of(signature))


def check_maker_signature(seal: Seal) -> None:
    """Return if the maker's certificate in the seal signed it; whether to trust that certificate is asked elsewhere.

    `YinxinError`: invalid if it did not, unsupported if it names an unknown algorithm.
    """
    try:
        public_key_info = x509.Certificate.load(seal.maker_certificate).public_key.dump()
        algorithm = seal_algorithm(seal.algorithm)
    except UNREADABLE as error:
        raise YinxinError(Kind.INVALID, _("the maker's certificate in the seal cannot be read")) from error
    try:
        verify(public_key_info, algorithm, seal.signature, seal.signed)
    except InvalidSignature:
        raise YinxinError(Kind.INVALID, _("the seal was not signed by its maker, or was changed since")) from None


def _oid(algorithm: Algorithm) -> str:
    dotted: str = algos.SignedDigestAlgorithm.load(algorithm.identifier)["algorithm"].dotted
    return dotted


def seal_algorithm(dotted: str) -> Algorithm:
    """Seals and signatures with them name it by OID alone; RSA's has NULL parameters, the others' none."""
    try:
        return algorithm_by_identifier(der.sequence(der.oid(dotted)))
    except YinxinError:
        return algorithm_by_identifier(der.sequence(der.oid(dotted), der.NULL))
