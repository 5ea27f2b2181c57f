"""What every operation is handed first: the service's parts, and who asks."""

from dataclasses import dataclass, field

from werkzeug.datastructures import ETags

from core.context import Context
from core.home import Home
from core.keys.store import KeyStore
from seals.api.api_keys import CallingSystem, Scope, require_use
from seals.contracts import People, SupportSource


@dataclass
class Desk:
    """The service's home and keys, and the calling system before it; None where nobody was asked."""

    home: Home
    keys: KeyStore
    support: SupportSource
    people: People
    system: CallingSystem | None
    password: str | None = field(default=None, repr=False)
    """Of the document that was handed in, if it is encrypted."""
    if_match: ETags = field(default_factory=ETags)
    etag: str = ""

    @property
    def name(self) -> str:
        """The calling system's."""
        return self.system.name if self.system else ""

    @property
    def caller(self) -> CallingSystem:
        """The calling system, where one was asked for."""
        if self.system is None:
            raise LookupError("an operation that is open to everybody asks who calls")
        return self.system

    @property
    def context(self) -> Context:
        """What the verbs are handed."""
        return self.home.context

    def require_use(self, scope: Scope, seal: str) -> None:
        """Return if the caller may do this with the seal; else `YinxinError` (forbidden)."""
        require_use(self.system, scope, seal)
