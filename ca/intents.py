"""What is committed before a CA key is used: whose each key is, and the exact bytes that will be signed."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ca.authorities import Authority
from ca.history import steps_of
from ca.records import certificates, keys
from ca.state import State
from ca.succession import require_succession
from core.asn1.names import describe_attributes
from core.errors import Kind, YinxinError
from core.i18n import _

if TYPE_CHECKING:
    from ca.issuance import Intent

# Built once, as in `ca.history`.
_CLAIMS = sa.select(
    keys,
    sa.exists()
    .where(certificates.c.key_digest == keys.c.digest, certificates.c.certificate.is_not(None))
    .label("finished"),
).where(keys.c.digest.in_(sa.bindparam("digests", expanding=True)))
_CLAIM, _INTENT = sa.insert(keys), sa.insert(certificates)


def require_issuers_in_force(connection: sa.Connection, issuers: Iterable[Authority]) -> None:
    """Return if none of these authorities was revoked or held; else `YinxinError` (conflict)."""
    for authority in issuers:
        if authority.serial is None:
            continue  # a root in its ceremony
        history = steps_of(connection, authority.issuer_id or authority.id, authority.serial)
        if history and history[-1].state in (State.HELD, State.REVOKED):
            raise YinxinError(
                Kind.CONFLICT,
                _("the authority's own certificate is {state}").format(state=history[-1].state),
                subject=authority.name,
                remedy=_("issue from another authority"),
            )


def claim_keys(connection: sa.Connection, intents: Sequence["Intent"]) -> None:
    """Note whose each key is. `YinxinError` (conflict) for a key that is in use already.

    Only a retry may bring a key again: the same holder, the same approval, and no result yet; or a successor of the
    key's newest certificate, for the same holder.
    """
    digests = [intent.key_digest for intent in intents]
    claims = {row.digest: row for row in connection.execute(_CLAIMS, {"digests": digests})}
    fresh: dict[bytes, dict[str, object]] = {}
    for intent in intents:
        claim, reference = claims.get(intent.key_digest), intent.request.approval.reference
        predecessor = intent.request.predecessor
        use = "encryption" if intent.version.profile.is_encryption else "signing"
        if claim and claim.use != use:
            raise _in_use(_("a key that encrypts never signs, and the reverse"), reference)
        if claim and claim.finished and predecessor and intent.key_digest not in fresh:
            require_succession(connection, intent, predecessor)
            fresh[intent.key_digest] = {}
            continue
        if intent.key_digest in fresh or (claim and claim.subject != intent.subject):
            raise _in_use(_("the key is certified for another holder"), reference)
        if claim and (claim.approval_reference != reference or claim.finished):
            raise _in_use(_("the key is certified already"), reference)
        row: dict[str, object] = {
            "digest": intent.key_digest,
            "subject": intent.subject,
            "approval_reference": reference,
            "use": use,
        }
        fresh[intent.key_digest] = row
    rows = [row for digest, row in fresh.items() if digest not in claims]
    try:
        if rows:
            connection.execute(_CLAIM, rows)
    except sa.exc.IntegrityError:
        # Another process certified the same key a moment ago.
        raise _in_use(_("the key is certified already"), intents[0].request.approval.reference) from None


def record_intents(connection: sa.Connection, intents: Sequence["Intent"], now: datetime) -> None:
    """Enter the certificates that may come to be."""
    rows = [
        {
            "authority_id": intent.authority.id,
            "serial": intent.serial,
            "shard": intent.authority.distribution.shard_of(intent.serial),
            "profile_id": intent.version.id,
            "subject": describe_attributes(intent.request.subject.attributes()),
            "key_digest": intent.key_digest,
            "not_before": intent.not_before,
            "not_after": intent.not_after,
            "approval_reference": intent.request.approval.reference,
            "approval_digest": intent.request.approval.digest,
            "approvers": list(intent.request.approval.approvers),
            "intended_at": now,
            "tbs": intent.token.tbs,
        }
        for intent in intents
    ]
    try:
        connection.execute(_INTENT, rows)
    except sa.exc.IntegrityError as error:
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("a serial number was drawn twice"),
            remedy=_("the machine's source of random numbers is broken; nothing was signed"),
        ) from error


def _in_use(what: str, reference: str) -> YinxinError:
    return YinxinError(Kind.CONFLICT, what, subject=reference, remedy=_("apply with a new key pair"))
