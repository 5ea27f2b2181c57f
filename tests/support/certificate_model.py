"""Requests, certificates and batches of revocations as the model of the random walks has them."""

from dataclasses import dataclass, field
from datetime import datetime

from core.keys.private_key import PrivateKey


@dataclass
class Paper:
    """A request, as the model has it."""

    number: str
    branch: str
    key: PrivateKey
    unit: str
    until: datetime
    touched: set[str]
    kind: str = "fresh"
    old: "Card | None" = None
    revoke: bool = False
    word: str = "entered"
    card: "Card | None" = None


@dataclass
class Card:
    """A certificate, as the model has it."""

    serial: int
    branch: str
    key: PrivateKey
    unit: str
    end: datetime
    word: str = "valid"


@dataclass
class Bundle:
    """A batch of revocations, as the model has it."""

    number: str
    branch: str
    cards: list[Card]
    by: str
    word: str = "entered"


@dataclass
class Papers:
    papers: list[Paper] = field(default_factory=list)
    cards: list[Card] = field(default_factory=list)
    bundles: list[Bundle] = field(default_factory=list)
