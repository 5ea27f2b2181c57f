"""A seal of the register with all that sealing with it takes."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from asn1crypto import x509

from core.algorithms import SM3
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.words import in_words
from seals import records
from seals.contracts import People
from seals.forms import Form
from seals.pictures.drawing import Drawing
from seals.register.applications import Application
from seals.register.bounds import UNBOUNDED, Bounds
from seals.register.dossiers import Dossier, not_found, read_dossier
from seals.register.kinds import SealKind
from seals.register.life import State, altered
from seals.register.orders import decoded
from seals.register.statements import Act


@dataclass(frozen=True)
class RegisteredSeal:
    """A seal in its version that is in force, or was until it was handed in."""

    id: int
    name: str
    owner: str
    kind: SealKind
    key_name: str
    picture: bytes
    width_mm: int
    structure: bytes
    """SESeal, DER."""
    made_at: datetime
    valid_until: datetime
    certificate: bytes
    chain: tuple[bytes, ...]
    state: State
    revision: int = 0
    """Which version; 0 if it was made before statements were kept."""
    digest: str = ""
    """Of the version, as statements name it."""
    drawing: Drawing | None = None
    form: Form = Form.PADES
    bounds: Bounds = UNBOUNDED
    custodians: frozenset[str] = frozenset()
    branch: str = ""


def find(context: Context, people: People, name: str) -> RegisteredSeal:
    """The seal of this name. `YinxinError`: not found, or (conflict) never in force; `RefusedError`: altered."""
    with context.storage.reading() as connection:
        return read_seal(connection, people, name)


def read_seal(connection: sa.Connection, people: People, name: str, *, lock: bool = False) -> RegisteredSeal:
    """The same, locked until the transaction ends if asked."""
    dossier = read_dossier(connection, people, name, lock=lock)
    version = dossier.in_force
    if version is None:
        raise YinxinError(
            Kind.CONFLICT,
            _("the seal is {state}").format(state=in_words(_state(dossier))),
            subject=name,
            remedy=_("it can be used when it is made and its custodian has activated it"),
        )
    if version.application is None:
        return _earlier(connection, dossier)
    return _applied_for(connection, dossier, version.application)


def _applied_for(connection: sa.Connection, dossier: Dossier, application: Application) -> RegisteredSeal:
    version = dossier.in_force
    if version is None or version.structure is None:
        raise altered(dossier.name)
    picture, drawing = _shown(connection, dossier, application)
    made = (one.at for one in dossier.history.statements if one.act is Act.MAKE and one.digest == version.digest)
    return RegisteredSeal(
        id=dossier.id,
        name=dossier.name,
        owner=application.owner,
        kind=application.kind,
        key_name=application.key_name,
        picture=picture,
        width_mm=application.width_mm,
        structure=version.structure,
        made_at=next(made),
        valid_until=x509.Certificate.load(application.certificate).not_valid_after,
        certificate=application.certificate,
        chain=application.chain,
        state=_state(dossier),
        revision=application.revision,
        digest=version.digest,
        drawing=drawing,
        form=application.form or Form.PADES,
        bounds=application.bounds,
        custodians=frozenset(application.custodians),
        branch=dossier.branch,
    )


def _shown(connection: sa.Connection, dossier: Dossier, application: Application) -> tuple[bytes, Drawing | None]:
    """The picture of these digests: read and digested once, since what has a digest never changes."""
    digests = (application.picture, application.drawing)
    if digests not in _pictures:
        table = records.versions
        query = sa.select(table.c.picture, table.c.drawing)
        row = connection.execute(
            query.where(table.c.seal_id == dossier.id, table.c.revision == application.revision)
        ).one()
        found = (SM3.of(row.picture).hex(), SM3.of(row.drawing).hex() if row.drawing is not None else None)
        if found != digests:
            raise altered(dossier.name)
        if len(_pictures) >= _PICTURES_KEPT:
            _pictures.clear()
        _pictures[digests] = row.picture, decoded(row.drawing) if row.drawing is not None else None
    return _pictures[digests]


_pictures: dict[tuple[str, str | None], tuple[bytes, Drawing | None]] = {}
_PICTURES_KEPT = 100


def _earlier(connection: sa.Connection, dossier: Dossier) -> RegisteredSeal:
    row: sa.Row[Any] = connection.execute(sa.select(records.seals).where(records.seals.c.id == dossier.id)).one()
    table = records.seal_certificates
    certificates = connection.scalars(
        sa.select(table.c.certificate).where(table.c.seal_id == row.id).order_by(table.c.position)
    ).all()
    return RegisteredSeal(
        id=row.id,
        name=row.name,
        owner=row.owner,
        kind=SealKind(row.kind),
        key_name=row.key_name,
        picture=row.picture,
        width_mm=row.width_mm,
        structure=row.structure,
        made_at=row.made_at,
        valid_until=row.valid_until,
        certificate=certificates[0],
        chain=tuple(certificates[1:]),
        state=_state(dossier),
        digest=dossier.history.versions[0].digest,
    )


def _state(dossier: Dossier) -> State:
    if dossier.history.state is None:
        raise altered(dossier.name)
    return dossier.history.state


def seal_id_of(connection: sa.Connection, name: str) -> int:
    """The number of the seal of this name; `YinxinError` (not found) if there is none."""
    seal_id: int | None = connection.scalar(sa.select(records.seals.c.id).where(records.seals.c.name == name))
    if seal_id is None:
        raise not_found(name)
    return seal_id
