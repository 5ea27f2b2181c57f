"""What goes over the wire of the register, in both directions."""

from typing import Annotated

from pydantic import AwareDatetime, Field

from core.api.models import Model, Octets
from seals.register.dossiers import Dossier
from seals.register.kinds import SealKind
from seals.register.life import State
from seals.register.lists import MOST, Entry

Words = Annotated[str, Field(pattern="^[^\\x00-\\x1f\\x7f]*$", max_length=128)]


class Me(Model):
    """Who asks, as the service knows them."""

    name: str
    branch: str
    certificate: Octets


class SealsQuery(Model):
    """Which seals, in pages by name."""

    text: Words = ""
    unit: Words = ""
    kind: SealKind | None = None
    state: State | None = None
    ends_before: AwareDatetime | None = None
    after: Words = ""
    limit: Annotated[int, Field(ge=1, le=MOST)] = 100


class EntryModel(Model):
    """A seal as lists show it."""

    name: str
    owner: str
    unit: str
    branch: str
    kind: SealKind
    state: State
    valid_until: AwareDatetime | None

    @classmethod
    def of(cls, entry: Entry) -> "EntryModel":
        """The same."""
        return cls(**vars(entry))

    def entry(self) -> Entry:
        """The same."""
        return Entry(**dict(self))


class SealPage(Model):
    """Seals by name."""

    seals: list[EntryModel]


class VersionModel(Model):
    """A version of a seal."""

    revision: int
    state: State | None
    content: Octets | None
    """The canonical application; None for a seal from before there were statements."""
    structure: Octets | None
    """SESeal, DER, once it is made."""


class DossierModel(Model):
    """A seal with its versions and what was stated about it, in their order."""

    name: str
    branch: str
    versions: list[VersionModel]
    statements: list[Octets]
    """CMS SignedData."""


class SignedDecision(Model):
    """A person's statement."""

    statement: Octets


class SignedApplication(Model):
    """A statement about the application for a version, with all that is seen of it."""

    statement: Octets
    content: Octets
    picture: Octets
    """PNG."""
    drawing: Octets | None = None


class SealState(Model):
    """Where the seal is in its life."""

    state: State


def dossier_model(dossier: Dossier, statements: list[bytes]) -> DossierModel:
    """A dossier, with the signed messages of its statements."""
    versions = [
        VersionModel(
            revision=stored.application.revision if stored.application else 0,
            state=version.state,
            content=stored.application.canonical() if stored.application else None,
            structure=stored.structure,
        )
        for stored, version in zip(dossier.versions, dossier.history.versions, strict=True)
    ]
    return DossierModel(name=dossier.name, branch=dossier.branch, versions=versions, statements=statements)
