"""What every kind of signature has in common once it is read, and the time-stamp tokens beside it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from asn1crypto import cms, tsp

from core import cms as core_cms
from core.algorithms import Algorithm, Digest, digest_by_oid
from core.errors import YinxinError
from seals.pades.evidence import Knowledge
from seals.tokens import TST_INFO

NOTHING = Knowledge()
INTACT = ""
"""No problem with what is signed."""
HASH_FAILURE, SIG_CRYPTO_FAILURE, FORMAT_FAILURE = "HASH_FAILURE", "SIG_CRYPTO_FAILURE", "FORMAT_FAILURE"
SIGNED_DATA_NOT_FOUND = "SIGNED_DATA_NOT_FOUND"
"""ETSI's words (EN 319 102-1 5.1.3)."""


@dataclass(frozen=True)
class Token:
    """A time-stamp token."""

    at: datetime
    authority: bytes
    """The certificate of whoever signed it, DER; empty if the token is not sound."""
    intact: bool
    """Whether it is soundly signed, and over what it should be."""
    carried: Knowledge
    """Certificates in the token."""


class Stored(Protocol):
    """A signature that can be judged: its shape is sound and its algorithms are known."""

    @property
    def algorithm(self) -> Algorithm:
        """How it was made."""
        ...

    @property
    def signer(self) -> bytes:
        """The certificate that it names, DER; empty if that is not at hand."""
        ...

    @property
    def problem(self) -> str:
        """`INTACT`, or why what it covers is not what was signed with the key of the certificate."""
        ...

    @property
    def weak(self) -> bool:
        """Whether a digest beside that of the algorithm is too weak to vouch for anything."""
        ...

    @property
    def carried(self) -> Knowledge:
        """Certificates and certificate status inside it."""
        ...

    @property
    def tokens(self) -> Sequence[Token]:
        """Time-stamp tokens over its value."""
        ...

    @property
    def claimed_time(self) -> datetime | None:
        """When the signer says that it was made."""
        ...


def token_over(token: bytes, imprint_of: Callable[[Digest], bytes]) -> Token:
    """The token (DER); `imprint_of`: the digest that it should be over."""
    try:
        signed = core_cms.check(token)
        info = tsp.TSTInfo.load(signed.content)
        imprint = imprint_of(digest_by_oid(info["message_imprint"]["hash_algorithm"]["algorithm"].dotted))
    except YinxinError:
        info = cms.ContentInfo.load(token)["content"]["encap_content_info"]["content"].parsed
        return Token(info["gen_time"].native, b"", intact=False, carried=NOTHING)
    same = info["message_imprint"]["hashed_message"].native == imprint
    return Token(
        info["gen_time"].native,
        signed.certificate,
        same and signed.content_type == TST_INFO,
        Knowledge(signed.certificates),
    )
