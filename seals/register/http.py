"""The register over HTTP: people look it up, and hand in what they have signed where their key is."""

from dataclasses import dataclass, field
from typing import ClassVar

import sqlalchemy as sa
from werkzeug.datastructures import ETags

from core.api.document import Interface
from core.api.operation import File, Operations
from core.api.outcomes import Outcome
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.store import KeyStore
from core.refusals import RefusedError
from seals import records
from seals.contracts import Official, People, Session
from seals.register import lists, wire
from seals.register.dossiers import Dossier, other_branch, read_dossier
from seals.register.lists import SealFilter
from seals.register.register import picture_of
from seals.register.statements import verify_statement
from seals.register.submissions import submit, submit_application

INTERFACE = Interface(
    "Yinxin register of seals",
    "Every act is a statement signed with the person's own key (docs/api.md).",
    {
        "signature": {
            "type": "apiKey",
            "in": "header",
            "name": "Signature-Input",
            "description": "RFC 9421, keyid: the operator's name, tag: yinxin-ra; body by Content-Digest (RFC 9530).",
        },
        "certificate": {"type": "mutualTLS", "description": "The operator's certificate, at the edge."},
    },
)
LARGEST = 16 << 20
"""Octets of an application with its picture."""
operations = Operations()


class Png(File):
    """A picture."""

    media_type: ClassVar[str] = "image/png"


@dataclass
class Desk:
    """The register, and the person before it."""

    context: Context
    keys: KeyStore
    people: People
    session: Session
    if_match: ETags = field(default_factory=ETags)
    etag: str = ""
    outcome: Outcome | None = None

    @property
    def name(self) -> str:
        """The person's."""
        return self.session.name

    def official(self, connection: sa.Connection) -> Official:
        """What the person may do; `RefusedError` if that has nothing to do with seals."""
        official = self.people.admit_reader(connection, self.session)
        if not official.duties:
            raise RefusedError("duty", _("the register is for people with seals and auditors"), subject=self.name)
        return official

    def own(self, message: bytes) -> bytes:
        """The caller's own signed statement; `RefusedError` if it is another's."""
        signed = verify_statement(message).statement
        if signed.operator != self.name:
            raise RefusedError(
                "other-caller", _("the statement is not by the operator who hands it in"), subject=signed.subject
            )
        return message

    def dossier(self, connection: sa.Connection, name: str) -> Dossier:
        """A seal of the person's branch."""
        official = self.official(connection)
        dossier = read_dossier(connection, self.people, name)
        if official.branch not in ("", dossier.branch):
            raise other_branch(name)
        return dossier


@operations.get("/me", "Who asks, as the service knows them.")
def who_am_i(desk: Desk) -> wire.Me:
    """Show the caller."""
    with desk.context.storage.reading() as connection:
        official = desk.official(connection)
    return wire.Me(name=desk.name, branch=official.branch, certificate=desk.session.certificate)


@operations.get("/seals", "Seals by name: those of the caller's branch.")
def list_register(desk: Desk, query: wire.SealsQuery) -> wire.SealPage:
    """List seals."""
    with desk.context.storage.reading() as connection:
        branch = desk.official(connection).branch
    only = SealFilter(query.text, query.unit, query.kind, query.state, query.ends_before, branch)
    found = lists.list_seals(desk.context, only, limit=query.limit, after=query.after)
    return wire.SealPage(seals=[wire.EntryModel.of(one) for one in found])


@operations.get("/seals/{name}", "A seal: its versions, and what was stated about it.")
def show_dossier(desk: Desk, name: str) -> wire.DossierModel:
    """Show a seal."""
    table = records.statements
    with desk.context.storage.reading() as connection:
        dossier = desk.dossier(connection, name)
        query = sa.select(table.c.statement).where(table.c.seal_id == dossier.id).order_by(table.c.sequence)
        messages = list(connection.scalars(query))
    if len(messages) != len(dossier.history.statements):
        raise YinxinError(Kind.CONFLICT, _("somebody has moved it at this moment"), subject=name, remedy=_("try again"))
    return wire.dossier_model(dossier, messages)


@operations.get("/seals/{name}/picture", "The picture of the seal's newest version.")
def show_picture(desk: Desk, name: str) -> Png:
    """Show a picture."""
    with desk.context.storage.reading() as connection:
        dossier = desk.dossier(connection, name)
        newest = dossier.versions[-1].application
        return Png(picture_of(connection, dossier, newest.revision if newest else 0))


@operations.post("/applications", "Apply for a seal, or for another version of one.", limit=LARGEST)
def apply(desk: Desk, body: wire.SignedApplication) -> wire.SealState:
    """Take an application."""
    message, parts = desk.own(body.statement), (desk.context, desk.people, desk.keys)
    return wire.SealState(state=submit_application(*parts, message, body.content, body.picture, body.drawing))


@operations.post("/decisions", "Approve, reject, activate, freeze, resume or hand in a seal.")
def decide(desk: Desk, body: wire.SignedDecision) -> wire.SealState:
    """Take a decision."""
    return wire.SealState(state=submit(desk.context, desk.people, desk.own(body.statement)))
