"""The register at a distance: statements are made and signed here, and handed in over HTTPS. The key never leaves.

What is signed is computed here from what was asked and from the application as it was read; of the service's words only
the place in the sequence of statements counts, and those statements are checked here too.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from asn1crypto import x509

from core.algorithms import SM3
from core.api.address import Server
from core.api.signed_client import SignedClient, segment
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.key_file import open_key_file
from core.keys.signer import Signer
from core.refusals import RefusedError
from seals.contracts import Session
from seals.register import wire
from seals.register.applications import digest_of, parse_application
from seals.register.dossiers import Dossier, StoredVersion, sign
from seals.register.life import History, State, Version
from seals.register.lists import Entry, SealFilter
from seals.register.orders import SealOrder, application_of, encoded
from seals.register.statements import Act, verify_statement

PREFIX = "/api/seals/v1/register"


@dataclass(frozen=True)
class Person:
    """Somebody at work at a distance."""

    name: str
    certificate: bytes
    signer: Signer


class RemoteRegister:
    """A `RegisterOffice` at a distance."""

    def __init__(self, client: SignedClient, person: Session, branch: str, clock: Clock) -> None:
        self._client, self._person, self._branch, self._clock = client, person, branch, clock

    def apply(self, order: SealOrder) -> None:
        """As of the protocol."""
        self._apply(order, Dossier(0, order.name, self._branch, (), History(order.name)), Act.APPLY)

    def change(self, order: SealOrder) -> None:
        """As of the protocol."""
        dossier = self.show(order.name)
        self._apply(order, dossier, Act.APPLY if dossier.in_force is None else Act.CHANGE)

    def _apply(self, order: SealOrder, dossier: Dossier, act: Act) -> None:
        content = application_of(order, revision=dossier.next_revision, branch=dossier.branch).canonical()
        signed = sign(self._clock, self._person, dossier, act, digest=digest_of(content))
        body = wire.SignedApplication(
            statement=signed.message,
            content=content,
            picture=order.picture,
            drawing=encoded(order.drawing) if order.drawing else None,
        )
        self._client.post("/applications", body, wire.SealState)

    def decide(self, name: str, act: Act, why: str, digest: str) -> State:
        """As of the protocol."""
        if act is Act.REJECT and not why.strip():
            raise YinxinError(Kind.INVALID, _("a rejection needs a reason"), subject=name)
        signed = sign(self._clock, self._person, self.show(name), act, digest=digest, decision=why)
        return self._client.post("/decisions", wire.SignedDecision(statement=signed.message), wire.SealState).state

    def show(self, name: str) -> Dossier:
        """As of the protocol; who people are, the service has checked."""
        told = self._client.get(f"/seals/{segment(name)}", wire.DossierModel)
        statements = tuple(verify_statement(message).statement for message in told.statements)
        stored = tuple(_stored(version) for version in told.versions)
        names = {one.application.name for one in stored if one.application}
        in_order = [one.sequence for one in statements] == list(range(1, len(statements) + 1))
        about = {one.subject for one in statements}
        if told.name != name or names - {name} or about - {f"seal:{name}"} or not in_order:
            raise YinxinError(Kind.UNAVAILABLE, _("the service tells of another seal"), subject=name)
        versions = tuple(
            Version(one.digest, frozenset(one.application.custodians if one.application else ()), version.state)
            for one, version in zip(stored, told.versions, strict=True)
        )
        return Dossier(0, name, told.branch, stored, History(name, versions, statements))

    def picture(self, name: str) -> bytes:
        """As of the protocol."""
        picture = self._client.fetch(f"/seals/{segment(name)}/picture")
        newest = self.show(name).versions[-1].application
        if newest is not None and SM3.of(picture).hex() != newest.picture:
            raise YinxinError(Kind.UNAVAILABLE, _("the picture is not that of the application"), subject=name)
        return picture

    def seals(self, only: SealFilter, limit: int, after: str) -> list[Entry]:
        """As of the protocol."""
        query: dict[str, Any] = {"text": only.text, "unit": only.unit, "after": after, "limit": limit}
        query |= {"kind": only.kind, "state": only.state}
        query |= {"ends_before": only.ends_before.isoformat() if only.ends_before else None}
        page = self._client.get("/seals", wire.SealPage, **query)
        return [one.entry() for one in page.seals]


def _stored(version: wire.VersionModel) -> StoredVersion:
    if version.content is None:
        return StoredVersion(SM3.of(version.structure or b"").hex(), None, version.structure)
    return StoredVersion(digest_of(version.content), parse_application(version.content), version.structure)


def open_remote(
    server: Server,
    name: str,
    key_file: Path,
    pin: bytes,
    clock: Clock,
    transport: httpx.BaseTransport | None = None,
) -> RemoteRegister:
    """Open the person's key file with the PIN, and the register. `YinxinError` if the service does not know the key."""
    signer = open_key_file(key_file, pin)
    client = SignedClient(server, PREFIX, name, signer, clock, transport)
    me = client.get("/me", wire.Me)
    if me.name != name or x509.Certificate.load(me.certificate).public_key.dump() != signer.public_key_info:
        raise RefusedError(
            "other-key", _("this is not the key of operator {operator}").format(operator=name), subject=str(key_file)
        )
    return RemoteRegister(client, Person(name, me.certificate, signer), me.branch, clock)
