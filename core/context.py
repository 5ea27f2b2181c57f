"""What every verb is handed: where to store, what time it is, where to record."""

from collections.abc import Callable
from dataclasses import dataclass, field

from core.audit import AuditLog
from core.clock import Clock, SystemClock
from core.keys.lookup import LookupKey
from core.storage import Storage


@dataclass(frozen=True)
class Context:
    """Storage, clock and audit log of one installation."""

    storage: Storage
    clock: Clock = field(default_factory=SystemClock)
    open_lookup_key: Callable[[], LookupKey | None] = lambda: None
    """Gives the registration authority's key for finding identity numbers; the passphrase is sought at first need."""

    @property
    def audit(self) -> AuditLog:
        """The audit log, on this context's clock."""
        return AuditLog(self.clock)

    @property
    def lookup_key(self) -> LookupKey | None:
        """The key for finding identity numbers; None in an installation that has none yet."""
        return self.open_lookup_key()
