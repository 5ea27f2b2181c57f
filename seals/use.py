"""Using a registered seal: within its bounds, sealed, recorded, and only then handed out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from io import BytesIO
from typing import BinaryIO

import sqlalchemy as sa

from core.algorithms import Digest
from core.context import Context
from core.keys.store import KeyStore
from seals.codes.page_code import PageCode
from seals.contracts import People, SealingSupport, SupportSource, Timestamper
from seals.documents import Document, opened, size_and_sha256
from seals.documents.formats import seal_document
from seals.forms import Permission
from seals.levels import Level
from seals.pictures.ink import FULL_INK, Ink
from seals.placement.placement import Mark, Place
from seals.register.bounds import Use
from seals.register.registered import RegisteredSeal
from seals.register.uses import Sealed, record, usable
from seals.sealing import Seal, SealedDocument


@dataclass(frozen=True)
class UseOrder:
    """What is to be sealed how, and why."""

    document: Document
    placement: Place
    level: Level = Level.B_LTA
    purpose: str = ""
    """For the books."""
    reason: str | None = None
    """Written into the signature."""
    location: str | None = None
    """Written into the signature."""
    ink: Ink = FULL_INK
    certify: Permission | None = None
    """What the seal, as the first signature of the document, permits afterwards."""
    repair: bool = False
    """Whether a damaged document may be repaired; else it is refused."""
    person: str = ""
    """The natural person on whose behalf it is sealed, as the caller says."""
    document_type: str = ""
    """As the bounds of the seal have it: notice, contract …"""
    password: str | None = field(default=None, repr=False)
    """Of the document, if it is encrypted."""
    code: PageCode | None = None
    """What is put on a page before the document is sealed, with the same use of the seal."""


Beside = Callable[[sa.Connection, SealedDocument], None]


def stamp(
    context: Context,
    keys: KeyStore,
    support: SupportSource,
    people: People,
    name: str,
    order: UseOrder,
    *,
    actor: str,
    beside: Beside | None = None,
) -> SealedDocument:
    """The sealed document. What is not recorded is not handed out; `YinxinError` says why there is none.

    `actor`: the calling system. `beside`: what is done in the transaction that records the use.
    """
    with opened(order.document) as stream:
        use = Use(actor, order.person, order.document_type, order.purpose)
        before = size_and_sha256(stream)[1]
        registered = usable(context, people, name, use, before)
        seal = in_use(registered, keys)
        if order.code is not None:
            stream.seek(0)
            stream = BytesIO(order.code.put_on(stream.read(), name, seal, context.clock.now()))
        document, token = _sealed(context, support, seal, order, stream)
        after = size_and_sha256(document.file)[1]
        first, place = document.marks[0], _in_words(document.marks, order.code)
        sealed = Sealed(before, after, order.level.value, first.page, place, token)
        also = None if beside is None else lambda connection: beside(connection, document)
        record(context, people, name, use, sealed, digest=registered.digest, beside=also)
        return document


def _sealed(
    context: Context, support: SupportSource, seal: Seal, order: UseOrder, stream: BinaryIO
) -> tuple[SealedDocument, str | None]:
    """The document with its seal, and the SHA-256 of the last time-stamp token in it."""
    noting, notes = noting_tokens(support.support(seal.signer.algorithm))
    document = seal_document(
        stream,
        seal,
        order.placement,
        level=order.level,
        support=noting,
        clock=context.clock,
        reason=order.reason,
        location=order.location,
        ink=order.ink,
        certify=order.certify,
        repair=order.repair,
        password=order.password,
    )
    return document, notes.last_sha256 if notes else None


def in_use(registered: RegisteredSeal, keys: KeyStore) -> Seal:
    """The registered seal with its key at hand."""
    return Seal(
        name=registered.owner,
        signer=keys.signer(registered.key_name),
        certificate=registered.certificate,
        chain=registered.chain,
        picture=registered.picture,
        width_mm=registered.width_mm,
        drawing=registered.drawing,
        structure=registered.structure,
        form=registered.form,
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


_WORDS = 512
"""What the book has room for."""


def _in_words(marks: Sequence[Mark], code: PageCode | None) -> str:
    """Where the seal is, for auditors: page, and the middle in millimetres from the lower left corner as seen."""
    places = [f"{mark.page}: {mark.middle_mm[0]:.4g}, {mark.middle_mm[1]:.4g} mm" for mark in marks]
    words = "; ".join([code.in_words(), *places] if code else places)
    return words if len(words) <= _WORDS else words[: _WORDS - 1] + "…"
