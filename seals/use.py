"""Using a registered seal: within its bounds, sealed, recorded, and only then handed out."""

from dataclasses import dataclass, field
from hashlib import sha256

from core.algorithms import Digest
from core.context import Context
from core.keys.store import KeyStore
from seals.bounds import Use
from seals.contracts import People, SealingSupport, SupportSource, Timestamper
from seals.documents import Document, opened, size_and_sha256
from seals.levels import Level
from seals.placement import Placement
from seals.registered import RegisteredSeal
from seals.sealing import Seal, seal_pdf
from seals.uses import Sealed, record, usable


@dataclass(frozen=True)
class UseOrder:
    """What is to be sealed how, and why."""

    document: Document
    placement: Placement
    level: Level = Level.B_LTA
    purpose: str = ""
    """For the books."""
    reason: str | None = None
    """Written into the signature."""
    location: str | None = None
    """Written into the signature."""
    person: str = ""
    """The natural person on whose behalf it is sealed, as the caller says."""
    document_type: str = ""
    """As the bounds of the seal have it: notice, contract …"""


def stamp(
    context: Context,
    keys: KeyStore,
    support: SupportSource,
    people: People,
    name: str,
    order: UseOrder,
    *,
    actor: str,
) -> bytes:
    """The sealed document. What is not recorded is not handed out; `YinxinError` says why there is none.

    `actor`: the calling system.
    """
    use = Use(actor, order.person, order.document_type, order.purpose)
    stream = opened(order.document)
    before = size_and_sha256(stream)[1]
    registered = usable(context, people, name, use, before)
    seal = in_use(registered, keys)
    support_of_seal, tokens = noting_tokens(support.support(seal.signer.algorithm))
    document = seal_pdf(
        stream,
        seal,
        order.placement,
        level=order.level,
        support=support_of_seal,
        clock=context.clock,
        reason=order.reason,
        location=order.location,
    )
    place = f"{order.placement.x_mm:g}, {order.placement.y_mm:g} mm"
    token = tokens.last_sha256 if tokens else None
    after = sha256(document).hexdigest()
    sealed = Sealed(before, after, order.level.value, order.placement.page, place, token)
    record(context, people, name, use, sealed, digest=registered.digest)
    return document


def in_use(registered: RegisteredSeal, keys: KeyStore) -> Seal:
    """The registered seal with its key at hand."""
    return Seal(
        name=registered.owner,
        signer=keys.signer(registered.key_name),
        certificate=registered.certificate,
        chain=registered.chain,
        picture=registered.picture,
        width_mm=registered.width_mm,
    )


@dataclass
class TokenNotes:
    """A timestamper that is asked, and what it answered last: that token is the newest in the document."""

    source: Timestamper
    last: list[bytes] = field(default_factory=list)

    def stamp(self, digest: Digest, value: bytes, nonce: int | None) -> bytes:
        """As the source does."""
        token = self.source.stamp(digest, value, nonce)
        self.last[:] = [token]
        return token

    @property
    def last_sha256(self) -> str | None:
        """Its digest, hexadecimal; None before there is one."""
        return sha256(self.last[0]).hexdigest() if self.last else None


def noting_tokens(support: SealingSupport) -> tuple[SealingSupport, TokenNotes | None]:
    """The same support, and notes of the time-stamp tokens that it gives."""
    if support.timestamper is None:
        return support, None
    notes = TokenNotes(support.timestamper)
    return SealingSupport(notes, support.evidence), notes
