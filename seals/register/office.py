"""The register as the command sees it: one interface, at this machine or at a distance."""

from dataclasses import dataclass
from typing import Protocol

from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from seals.contracts import People, Session
from seals.register import lists, register
from seals.register.dossiers import Dossier, read_dossier
from seals.register.life import State
from seals.register.lists import Entry, SealFilter
from seals.register.orders import SealOrder
from seals.register.statements import Act


class RegisterOffice(Protocol):
    """Where people look seals up and act on them."""

    def apply(self, order: SealOrder) -> None:
        """Apply for a new seal."""
        ...

    def change(self, order: SealOrder) -> None:
        """Apply for another version of a seal."""
        ...

    def decide(self, name: str, act: Act, why: str, digest: str) -> State:
        """State something about a seal: about the version of this digest, or the present one."""
        ...

    def show(self, name: str) -> Dossier:
        """A seal, every signature checked anew."""
        ...

    def picture(self, name: str) -> bytes:
        """The PNG of its newest version."""
        ...

    def seals(self, only: SealFilter, limit: int, after: str) -> list[Entry]:
        """A page of the register."""
        ...


@dataclass(frozen=True)
class LocalRegister:
    """At the machine where the register is."""

    home: Home
    people: People
    person: Session | None = None

    def apply(self, order: SealOrder) -> None:
        """As of the protocol."""
        register.apply(self.home.context, self.people, self._session, self.home.key_store("seals"), order)

    def change(self, order: SealOrder) -> None:
        """As of the protocol."""
        register.change(self.home.context, self.people, self._session, self.home.key_store("seals"), order)

    def decide(self, name: str, act: Act, why: str, digest: str) -> State:
        """As of the protocol."""
        return register.decide(self.home.context, self.people, self._session, name, act, why, digest=digest)

    def show(self, name: str) -> Dossier:
        """As of the protocol."""
        with self.home.storage.reading() as connection:
            return read_dossier(connection, self.people, name)

    def picture(self, name: str) -> bytes:
        """As of the protocol."""
        with self.home.storage.reading() as connection:
            dossier = read_dossier(connection, self.people, name)
            newest = dossier.versions[-1].application
            return register.picture_of(connection, dossier, newest.revision if newest else 0)

    def seals(self, only: SealFilter, limit: int, after: str) -> list[Entry]:
        """As of the protocol."""
        return lists.list_seals(self.home.context, only, limit=limit, after=after)

    @property
    def _session(self) -> Session:
        if self.person is None:
            raise YinxinError(Kind.INVALID, _("nobody acts"), remedy=_("give --as and --key"))
        return self.person
