"""What a key store is told about tokens. Nothing here loads PKCS#11: most installations have no token."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from core.keys.hsm.uri import Pkcs11Uri


@dataclass(frozen=True)
class Sm2Mechanisms:
    """The numbers by which a vendor's token does SM2: PKCS#11 2.40 has none for it."""

    key_type: int
    """CKK_… of SM2 keys."""
    make: int
    """CKM_… that makes a key pair."""
    sign: int
    """CKM_… that signs; the signature is r ‖ s, 64 octets."""
    takes: Literal["digest", "message"]
    """Whether it takes e = SM3(Z ‖ M), or the message, and hashes Z and M itself."""
    parameter: bytes
    """The mechanism's parameter, such as the identity; empty: none."""


@dataclass(frozen=True)
class Tokens:
    """What a key store does with tokens."""

    place: Pkcs11Uri | None
    """The token in which new keys are made; None: they are made in files."""
    sm2: Sm2Mechanisms | None
    """None: SM2 keys are in files only."""
    pin: Callable[[Pkcs11Uri], bytes]
    """Finds the PIN of a token; asked at each login."""
