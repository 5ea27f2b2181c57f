"""What a restored installation must never do again, although its books do not know that it was done.

- Serial numbers of certificates, attribute certificates and tokens hold 80 or 136 random bits.
- CRL numbers go on after a thousand for each second since the backup (`ca.crl.skipping`).
- No token gets a time before the restoration (`tsa.records.pass_over`).
- Spare keys of the key-management centre, which may have been given out since, are destroyed.
- Certificates that were intended are presumed issued, as after a crash (`ca.reconciliation`).
- Ordinals of tokens and of uses of seals, events and entries of the log count what is in these books. The entry that
  is made here says where they go on.

What was decided since (revocations, withdrawals, appointments, uses of seals) nobody here can know: docs/operations.md
says how it is done again.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.continuity import Continuity
from ca import reconciliation
from ca.crl.skipping import Skipped, skip_numbers
from ca.kmc.pools import discard_spare
from ca.reconciliation import Presumed
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from tsa.records import pass_over
from yinxin.backup.container import Backup, Header
from yinxin.backup.records import enter

ACT = "backup.restore"


@dataclass(frozen=True)
class Aftermath:
    """What was done so that nothing repeats."""

    lists: list[Skipped]
    discarded: int
    """Spare keys of the key-management centre."""
    presumed: list[Presumed]


def settle(context: Context, backup: Backup, continuity: Continuity, *, actor: str) -> Aftermath:
    """Pass over whatever may have been given since the backup, and enter the restoration in the audit log."""
    header, now = backup.header, context.clock.now()
    elapsed = _elapsed(now, header, continuity)
    with context.storage.transaction() as connection:
        enter(connection, header.made_at, backup.file, backup.file.stat().st_size, header.size)
        skipped = skip_numbers(connection, elapsed, now)
        pass_over(connection, now)
        reference = f"restored {header.made_at.isoformat()}"
        discarded = discard_spare(context, connection, actor=actor, reference=reference)
        details = {
            "made_at": header.made_at.isoformat(),
            "entries": continuity.entries,
            "lost": continuity.lost,
            "lists": [{"authority": one.authority, "shard": one.shard, "number": one.number} for one in skipped],
            "discarded": discarded,
        }
        if continuity.beyond:
            beyond = continuity.beyond
            details["beyond"] = {"size": beyond.size, "root": beyond.root.hex(), "at": beyond.at.isoformat()}
        context.audit.append(connection, Event(ACT, actor, header.origin, details))
    return Aftermath(skipped, discarded, reconciliation.reconcile(context))


def _elapsed(now: datetime, header: Header, continuity: Continuity) -> timedelta:
    known = [header.made_at, *([continuity.last_at] if continuity.last_at else [])]
    if continuity.beyond:
        known.append(continuity.beyond.at)
    if now < max(known):
        raise YinxinError(
            Kind.CONFLICT,
            _("the clock is behind what is restored, of {moment}").format(moment=max(known).isoformat()),
            remedy=_("set the clock right; nothing was changed"),
        )
    return now - header.made_at
