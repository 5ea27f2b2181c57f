"""Using a registered seal: allowed, sealed, recorded, and only then handed out."""

from dataclasses import dataclass
from typing import BinaryIO

import sqlalchemy as sa

from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.store import KeyStore
from seals import records, register
from seals.contracts import SupportSource
from seals.documents import Document, opened, size_and_sha256
from seals.documents.formats import seal_document
from seals.forms import Permission
from seals.ink import FULL_INK, Ink
from seals.levels import Level
from seals.placement import Place
from seals.register import RegisteredSeal, State
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


def stamp(
    context: Context, keys: KeyStore, support: SupportSource, name: str, order: UseOrder, *, actor: str
) -> SealedDocument:
    """The sealed document. What is not recorded is not handed out; `YinxinError` says why there is none."""
    registered = register.find(context, name)
    _require_active(name, registered.state)
    if context.clock.now() > registered.valid_until:
        raise YinxinError(Kind.CONFLICT, _("the seal is no longer valid"), subject=name, remedy=_("have it renewed"))
    with opened(order.document) as stream:
        return _stamp(context, support, registered, in_use(registered, keys), order, stream, actor)


def _stamp(
    context: Context,
    support: SupportSource,
    registered: RegisteredSeal,
    seal: Seal,
    order: UseOrder,
    stream: BinaryIO,
    actor: str,
) -> SealedDocument:
    name = registered.name
    before = size_and_sha256(stream)[1]
    sealed = seal_document(
        stream,
        seal,
        order.placement,
        level=order.level,
        support=support.support(seal.signer.algorithm),
        clock=context.clock,
        reason=order.reason,
        location=order.location,
        ink=order.ink,
        certify=order.certify,
    )
    with context.storage.transaction() as connection:
        # Frozen in the meantime? Then this use never was.
        seal_id, state = register.state_of(connection, name)
        _require_active(name, state)
        use = {
            "seal_id": seal_id,
            "at": context.clock.now(),
            "actor": actor,
            "purpose": order.purpose,
            "level": order.level.value,
            "page": sealed.marks[0].page,
            "sha256_before": before,
            "sha256_after": size_and_sha256(sealed.file)[1],
        }
        connection.execute(sa.insert(records.seal_uses).values(use))
        details = {key: use[key] for key in ("purpose", "level", "page", "sha256_before", "sha256_after")}
        context.audit.append(connection, Event("seals.document.seal", actor, name, details))
    return sealed


def in_use(registered: RegisteredSeal, keys: KeyStore) -> Seal:
    """The registered seal with its key at hand."""
    return Seal(
        name=registered.owner,
        signer=keys.signer(registered.key_name),
        certificate=registered.certificate,
        chain=registered.chain,
        picture=registered.picture,
        width_mm=registered.width_mm,
        structure=registered.structure,
    )


def _require_active(name: str, state: State) -> None:
    if state is not State.ACTIVE:
        raise YinxinError(Kind.CONFLICT, _("the seal is {state}").format(state=state), subject=name)
