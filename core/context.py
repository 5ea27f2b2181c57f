"""What every verb is handed: where to store, what time it is, where to record."""

from dataclasses import dataclass, field

from core.audit import AuditLog
from core.clock import Clock, SystemClock
from core.storage import Storage


@dataclass(frozen=True)
class Context:
    """Storage, clock and audit log of one installation."""

    storage: Storage
    clock: Clock = field(default_factory=SystemClock)

    @property
    def audit(self) -> AuditLog:
        """The audit log, on this context's clock."""
        return AuditLog(self.clock)
