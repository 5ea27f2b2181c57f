"""What every operation is handed first: the service's parts, and who asks."""

from dataclasses import dataclass, field

import sqlalchemy as sa
from pydantic import BaseModel
from werkzeug.datastructures import ETags

from core.api.operation import File
from core.api.outcomes import Outcome
from core.api.service import response_of
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
    outcome: Outcome | None = None

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

    def keep(self, connection: sa.Connection, reply: BaseModel | File) -> None:
        """Keep the answer under the request's idempotency key, if any, in the transaction of what it tells of."""
        if self.outcome is not None:
            self.outcome.keep(connection, response_of(reply))

    def require_use(self, scope: Scope, seal: str) -> None:
        """Return if the caller may do this with the seal; else `YinxinError` (forbidden)."""
        require_use(self.system, scope, seal)
