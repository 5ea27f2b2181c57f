"""The seal register (电子印章管理): seals are applied for, approved by two, made, taken into custody, and handed in.

The verbs sign a statement in a person's session and submit it (`seals.register.submissions`).
The rules are in `seals.register.life`.
"""

from collections.abc import Callable
from typing import TypeVar

import sqlalchemy as sa

from core.algorithms import SM3
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.store import KeyStore
from core.refusals import again_if_overtaken, refusals_recorded
from seals import records
from seals.contracts import People, Session, SupportSource
from seals.electronic.making import Maker, make_seal
from seals.register.applications import digest_of
from seals.register.dossiers import Dossier, read_dossier, sign
from seals.register.life import History, State
from seals.register.orders import SealOrder, application_of, encoded, info_of
from seals.register.statements import Act
from seals.register.submissions import submit, submit_application, submit_made

Result = TypeVar("Result")


def apply(context: Context, people: People, session: Session, keys: KeyStore, order: SealOrder) -> None:
    """Apply for a new seal. `YinxinError` says what is wrong with the order, or that the name is taken."""
    with context.storage.reading() as connection:
        branch = people.admit_reader(connection, session).branch
    dossier = Dossier(0, order.name, branch, (), History(order.name))
    _apply(context, people, session, keys, order, dossier, Act.APPLY)


def change(context: Context, people: People, session: Session, keys: KeyStore, order: SealOrder) -> None:
    """Apply for another version of a seal, or anew for one that was rejected; the one in force stays so meanwhile."""

    def attempt(dossier: Dossier) -> None:
        act = Act.APPLY if dossier.in_force is None else Act.CHANGE
        _apply(context, people, session, keys, order, dossier, act)

    _while_overtaken(context, people, order.name, attempt)


def _apply(
    context: Context, people: People, session: Session, keys: KeyStore, order: SealOrder, dossier: Dossier, act: Act
) -> None:
    content = application_of(order, revision=dossier.next_revision, branch=dossier.branch).canonical()
    drawing = encoded(order.drawing) if order.drawing else None
    signed = sign(context.clock, session, dossier, act, digest=digest_of(content))
    submit_application(context, people, keys, signed.message, content, order.picture, drawing)


def decide(
    context: Context, people: People, session: Session, name: str, act: Act, why: str = "", *, digest: str = ""
) -> State:
    """Approve, reject, activate, freeze, resume, hand in or destroy a seal; the state of the seal after it.

    `digest`: of the application that the person has seen; else it is as it is stored now.
    """
    if act is Act.REJECT and not why.strip():
        raise YinxinError(Kind.INVALID, _("a rejection needs a reason"), subject=name)

    def attempt(dossier: Dossier) -> State:
        signed = sign(context.clock, session, dossier, act, digest=digest, decision=why)
        return submit(context, people, signed.message)

    return _while_overtaken(context, people, name, attempt)


def make(
    context: Context,
    people: People,
    session: Session,
    maker: Maker,
    name: str,
    support: SupportSource | None = None,
) -> bytes:
    """Make the version that is approved; its structure (SESeal, DER). `support` gives version 5 its time stamp."""

    def attempt(dossier: Dossier) -> bytes:
        with (
            refusals_recorded(context, "seals.seal.make", actor=session.name, subject=name),
            context.storage.reading() as connection,
        ):
            # Nothing is made for what the rules will refuse.
            duties = people.admit_reader(connection, session).duties
            dossier.history.after(sign(context.clock, session, dossier, Act.MAKE).statement, duties)
            meant = dossier.proposed
            if meant is None or meant.application is None:
                raise YinxinError(Kind.CONFLICT, _("nothing waits to be made"), subject=name)
            picture = picture_of(connection, dossier, meant.application.revision)
            people.require_maker(connection, maker.certificate, context.clock.now())
        timestamper = support.support(maker.signer.algorithm).timestamper if support else None
        info = info_of(meant.application, picture, context.clock.now())
        structure = make_seal(info, maker, context.clock, timestamper)
        signed = sign(context.clock, session, dossier, Act.MAKE, decision=SM3.of(structure).hex())
        submit_made(context, people, signed.message, structure)
        return structure

    return _while_overtaken(context, people, name, attempt)


def destroy(context: Context, people: People, session: Session, keys: KeyStore, name: str, why: str = "") -> None:
    """Destroy a seal that was handed in, with its keys unless another seal has them too."""
    with context.storage.reading() as connection:
        state = read_dossier(connection, people, name).history.state
    if state is not State.DESTROYED:
        decide(context, people, session, name, Act.DESTROY, why)
    # After the statement: whoever was interrupted between the two asks again, and only the keys go.
    with context.storage.reading() as connection:
        mine = _key_names(connection, people, name)
        others = connection.scalars(sa.select(records.seals.c.name).where(records.seals.c.name != name)).all()
        kept = {key for other in others for key in _key_names(connection, people, other)}
    for key_name in mine - kept:
        keys.remove(key_name)


def picture_of(connection: sa.Connection, dossier: Dossier, revision: int) -> bytes:
    """The PNG of a version."""
    table = records.versions
    query = sa.select(table.c.picture).where(table.c.seal_id == dossier.id, table.c.revision == revision)
    picture: bytes = connection.scalars(query).one()
    return picture


def _key_names(connection: sa.Connection, people: People, name: str) -> set[str]:
    dossier = read_dossier(connection, people, name)
    seal = sa.select(records.seals.c.key_name).where(records.seals.c.id == dossier.id)
    applied = {version.application.key_name for version in dossier.versions if version.application}
    return {connection.scalars(seal).one(), *applied}


def _while_overtaken(context: Context, people: People, name: str, attempt: Callable[[Dossier], Result]) -> Result:
    def once() -> Result:
        with context.storage.reading() as connection:
            dossier = read_dossier(connection, people, name)
        return attempt(dossier)

    return again_if_overtaken(once)
