"""Seals over HTTP: which there are for the caller, sealing and verifying documents, what a seal was used for."""

import sqlalchemy as sa

from core.api.operation import Operations
from core.errors import Kind, YinxinError
from core.i18n import _
from seals import use
from seals.api.api_keys import Scope
from seals.api.desk import Desk
from seals.api.models import (
    Pdf,
    ReportModel,
    SealEntry,
    SealList,
    SealMaterial,
    UseEntry,
    UsePage,
    UsesQuery,
    WebhookKey,
)
from seals.api.passwords import HEADERS
from seals.batches.webhooks import public_key
from seals.register.registered import RegisteredSeal, find
from seals.register.uses import list_own_uses
from seals.sealing import SealedDocument
from seals.terms import SealingTerms
from seals.verification.trust import load_trust
from seals.verification.verification import verify_pdf

operations = Operations()
LONGEST = -1
"""Stands for the length that the configuration allows."""


@operations.get("/seals", "The seals that the caller may use.")
def list_seals(desk: Desk) -> SealList:
    """List the caller's seals."""
    seals = [_entry(find(desk.context, desk.people, name)) for name in desk.caller.seals]
    return SealList(seals=seals, scopes=list(desk.caller.scopes))


@operations.get("/seals/{name}", "One seal, with what a document is prepared with where it lies.")
def show_seal(desk: Desk, name: str) -> SealMaterial:
    """Show a seal."""
    if name not in desk.caller.seals:
        raise YinxinError(Kind.FORBIDDEN, _("this API key may not use the seal"), subject=name)
    registered = find(desk.context, desk.people, name)
    seal = use.in_use(registered, desk.keys)
    return SealMaterial(
        entry=_entry(registered),
        algorithm=seal.signer.algorithm.name,
        certificate=seal.certificate,
        chain=list(seal.chain),
        picture=seal.picture,
        width_mm=seal.width_mm,
        structure=seal.structure,
        form=seal.form,
    )


@operations.get("/seals/{name}/uses", "What the caller has used a seal for, the newest first.")
def list_uses_of_seal(desk: Desk, name: str, query: UsesQuery) -> UsePage:
    """List uses."""
    desk.require_use(Scope.USES, name)
    found = list_own_uses(desk.context, desk.people, desk.caller.name, name, before=query.before, limit=query.limit)
    return UsePage(uses=[UseEntry.of(one) for one in found])


@operations.post(
    "/seals/{name}/stamp", "Seal a document: the sealed document comes back.", limit=LONGEST, headers=HEADERS
)
def stamp(desk: Desk, name: str, file: Pdf, query: SealingTerms) -> Pdf:
    """Seal a document."""
    desk.require_use(Scope.DOCUMENTS, name)
    order = query.order(file.content, desk.password)

    def keep(connection: sa.Connection, sealed: SealedDocument) -> None:
        desk.keep(connection, Pdf(sealed.read()))

    parts = desk.context, desk.keys, desk.support, desk.people
    sealed = use.stamp(*parts, name, order, actor=desk.caller.name, beside=keep)
    with sealed.file:
        return Pdf(sealed.read())


@operations.post(
    "/verify",
    "Verify a document: the report comes back.",
    limit=LONGEST,
    writes=False,
    is_open=True,
    headers=HEADERS,
)
def verify(desk: Desk, file: Pdf) -> ReportModel:
    """Verify a document."""
    trust = load_trust(desk.home.trust)
    report = verify_pdf(file.content, trust, desk.home.clock, name=file.name, password=desk.password)
    return ReportModel.of(report.as_json())


@operations.get("/webhook-key", "The key with which requests to webhooks are signed.", is_open=True)
def webhook_key(desk: Desk) -> WebhookKey:
    """Show the key."""
    return WebhookKey(**public_key(desk.keys))


def _entry(seal: RegisteredSeal) -> SealEntry:
    return SealEntry(name=seal.name, owner=seal.owner, kind=seal.kind, state=seal.state, valid_until=seal.valid_until)
