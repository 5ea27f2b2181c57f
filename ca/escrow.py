"""What the certificate authority says to a key-management centre, wherever that stands, and what it is given."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from core.algorithms import KeyKind
from core.asn1 import der


@dataclass(frozen=True)
class KeyRequest:
    """What the certificate authority asks for, once a request for double certificates is approved."""

    reference: str
    """The approved request; at most one pair is ever allotted for it. Of a renewal, what the pair was allotted for."""
    holder: bytes
    """The subject that both certificates bear (Name, DER)."""
    signing_key: bytes
    """The holder's (SPKI DER), whose possession was proven."""
    keep_until: datetime
    """The end of the term: not destroyed before that."""
    kind: KeyKind = KeyKind.SM2

    def vouched(self, key_number: str) -> bytes:
        """What the centre signs about whom the key belongs to."""
        until = self.keep_until.timestamp()
        return der.sequence(
            der.utf8(key_number),
            der.utf8(self.reference),
            der.octet_string(self.holder),
            der.octet_string(self.signing_key),
            der.integer(round(until * 1_000_000)),
        )


@dataclass(frozen=True)
class AllottedKey:
    """An encryption key pair, the private half for its holder alone."""

    number: str
    public_key_info: bytes
    """SPKI DER, for the encryption certificate."""
    envelope: bytes
    """SM2EnvelopedKey to the holder's SM2 key; for RSA holders CMS EnvelopedData, DER, or nothing while the holder's
    signing certificate, by which CMS names its recipient, was not given."""


class EncryptionKeys(Protocol):
    """Where encryption key pairs come from, and are given back to."""

    def allot(self, request: KeyRequest, certificate: bytes | None = None) -> AllottedKey:
        """A pair for the holder; the same again for the same reference. `certificate` (DER): for RSA holders.

        `keep_until` is the end of the certificate; the centre adds its term. The latest that was asked for counts.
        """
        ...

    def revoke(self, reference: str) -> None:
        """Move the pair of a reference to the historical pool; nothing happens if it is there already."""
        ...
