"""What the front door hands to the seal authority: time stamps, evidence of certificate status, and who people are."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa
    from werkzeug.wrappers import Request

    from core.algorithms import Algorithm, Digest
    from core.keys.signer import Signer
    from core.statements import SignedStatement


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


TIMESTAMPER = "seals.timestamper"
"""Under this name it leaves what gives the `Timestamper` at an address."""

SUPPORT = "seals.support"
"""Under this name the front door leaves, in the meta of the click context, what gives a home's `SupportSource`."""


class Duty(StrEnum):
    """What a person does with seals. Each is another person's: nobody has two of them."""

    MANAGE = "seal-administrator"
    USE = "seal-custodian"
    AUDIT = "auditor"


class Session(Protocol):
    """A person at work, with the key that signs every act."""

    @property
    def name(self) -> str:
        """As statements say it."""
        ...

    @property
    def certificate(self) -> bytes:
        """DER."""
        ...

    @property
    def signer(self) -> "Signer":
        """The person's own key."""
        ...


@dataclass(frozen=True)
class Official:
    """What a person may do, and for which branch."""

    duties: frozenset[Duty]
    branch: str = ""
    """The centre's own people have none."""


class People(Protocol):
    """Who people are and were: the registration authority knows."""

    def admit_request(self, request: "Request", body: bytes, edge_addresses: tuple[str, ...]) -> Session:
        """Who sends a request, by its signature (RFC 9421) or the certificate shown to the TLS edge, for looking up.

        `Unauthorized` if nobody proves to be somebody, `RefusedError` if they may not act. The session cannot sign.
        """
        ...

    def open_session(self, name: str, key_file: Path, pin: bytes) -> Session:
        """Open somebody's key file. `YinxinError` if it is another's key, or the person may not act."""
        ...

    def identify(self, connection: "sa.Connection", signed: "SignedStatement[Any]") -> None:
        """Return if a statement is signed with the certificate of the person whom it names; else `RefusedError`."""
        ...

    def admit(self, connection: "sa.Connection", signed: "SignedStatement[Any]") -> Official:
        """Who made a statement just now, if they may act; nobody changes that until the transaction ends.

        `RefusedError` if it is not signed with the person's certificate, which holds now.
        """
        ...

    def admit_reader(self, connection: "sa.Connection", session: Session) -> Official:
        """Who wants to look something up, if they may act; `RefusedError` otherwise."""
        ...

    def require_standing(self, connection: "sa.Connection", certificate: bytes) -> None:
        """Return unless the books say that the certificate (DER) of a seal's owner is held or revoked; `RefusedError`.

        Of another authority's certificates they say nothing.
        """
        ...

    def require_maker(self, connection: "sa.Connection", certificate: bytes, moment: "datetime") -> bool:
        """Whether the books know the certificate (DER) of a seal maker, and it was in force at this moment.

        `RefusedError` if they say that it was held or revoked then. What became of it later does not matter.
        """
        ...

    def duties_when_signing(
        self, connection: "sa.Connection", signed: "SignedStatement[Any]", branch: str
    ) -> frozenset[Duty]:
        """What whoever signed a stored statement might do in this branch then; `RefusedError` if they could not."""
        ...


CHECKPOINT = "seals.checkpoint"
"""Under this name it leaves what gives the newest checkpoint of a home's audit log: files by their names."""

PEOPLE = "seals.people"
"""Under this name the front door leaves, in the meta of the click context, what gives a home's `People`."""
