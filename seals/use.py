"""Using a registered seal: allowed, sealed, recorded, and only then handed out."""

from dataclasses import dataclass
from hashlib import sha256

import sqlalchemy as sa

from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.store import KeyStore
from seals import records, register
from seals.contracts import SupportSource
from seals.documents import Document, opened, size_and_sha256
from seals.levels import Level
from seals.placement import Placement
from seals.register import RegisteredSeal, State
from seals.sealing import Seal, seal_pdf


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


def stamp(context: Context, keys: KeyStore, support: SupportSource, name: str, order: UseOrder, *, actor: str) -> bytes:
    """The sealed document. What is not recorded is not handed out; `YinxinError` says why there is none."""
    registered = register.find(context, name)
    _require_active(name, registered.state)
    if context.clock.now() > registered.valid_until:
        raise YinxinError(Kind.CONFLICT, _("the seal is no longer valid"), subject=name, remedy=_("have it renewed"))
    stream = opened(order.document)
    before = size_and_sha256(stream)[1]
    seal = in_use(registered, keys)
    sealed = seal_pdf(
        stream,
        seal,
        order.placement,
        level=order.level,
        support=support.support(seal.signer.algorithm),
        clock=context.clock,
        reason=order.reason,
        location=order.location,
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
            "page": order.placement.page,
            "sha256_before": before,
            "sha256_after": sha256(sealed).hexdigest(),
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
    )


def _require_active(name: str, state: State) -> None:
    if state is not State.ACTIVE:
        raise YinxinError(Kind.CONFLICT, _("the seal is {state}").format(state=state), subject=name)
