"""What the front door hands to the seal authority: time stamps, and evidence of certificate status."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from core.algorithms import Algorithm, Digest


class Timestamper(Protocol):
    """A time-stamping authority, in this process or behind a network."""

    def stamp(self, digest: "Digest", value: bytes, nonce: int | None) -> bytes:
        """TimeStampToken DER (RFC 3161) over the digest's value; `YinxinError` (unavailable) if none can be had."""
        ...


@dataclass(frozen=True)
class Evidence:
    """Validation material, each item in DER."""

    certificates: Sequence[bytes] = ()
    """Issuers, of the signer and of the time-stamping authority."""
    crls: Sequence[bytes] = ()
    ocsp_responses: Sequence[bytes] = ()
    """OCSPResponse."""


class EvidenceSource(Protocol):
    """Where evidence of certificate status comes from."""

    def evidence(self, certificates: Sequence[bytes]) -> Evidence:
        """The newest about the status of these certificates (DER); `YinxinError` (unavailable) if there is none."""
        ...


@dataclass(frozen=True)
class SealingSupport:
    """What the higher levels need beside the seal: B-T and above a timestamper, B-LT and above evidence."""

    timestamper: Timestamper | None = None
    evidence: EvidenceSource | None = None


class SupportSource(Protocol):
    """Chooses the support by the seal's algorithm: an SM2 seal wants SM2 time stamps."""

    def support(self, algorithm: "Algorithm") -> SealingSupport:
        """The support for seals that sign with this algorithm."""
        ...


SUPPORT = "seals.support"
"""Under this name the front door leaves, in the meta of the click context, what gives a home's `SupportSource`."""
