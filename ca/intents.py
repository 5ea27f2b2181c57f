"""What is committed before a CA key is used: whose each key is, and the exact bytes that will be signed."""

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ca.profiles import Audience
from ca.records import certificates, keys
from ca.succession import require_succession
from core.asn1.names import describe_attributes
from core.errors import Kind, YinxinError
from core.i18n import _
from core.prepared import Prepared, insert_absent

if TYPE_CHECKING:
    from ca.issuance import Intent

# Built once, as in `ca.history`.
_CLAIMS = sa.select(
    keys,
    sa.exists()
    .where(certificates.c.key_digest == keys.c.digest, certificates.c.certificate.is_not(None))
    .label("finished"),
).where(keys.c.digest.in_(sa.bindparam("digests", expanding=True)))
_INTENT = Prepared(sa.insert(certificates).inline())


def claim_keys(connection: sa.Connection, intents: Sequence["Intent"]) -> None:
    """Note whose each key is. `YinxinError` (conflict) for a key that is in use already.

    Only a retry may bring a key again: the same holder, the same approval, and no result yet; or a successor of the
    key's newest certificate, for the same holder.
    """
    rows = [
        {
            "digest": intent.key_digest,
            "subject": intent.subject,
            "approval_reference": intent.request.approval.reference,
            "use": _use(intent),
        }
        for intent in intents
    ]
    if insert_absent(connection, keys, rows) < len(rows):
        _require_free(connection, intents)


def _require_free(connection: sa.Connection, intents: Sequence["Intent"]) -> None:
    """Of keys all of which are noted: `YinxinError` (conflict) unless each is its intent's own, or a successor's."""
    wanted = {"digests": [intent.key_digest for intent in intents]}
    claims = {row.digest: row for row in connection.execute(_CLAIMS, wanted)}
    seen: set[bytes] = set()
    for intent in intents:
        claim, reference = claims[intent.key_digest], intent.request.approval.reference
        predecessor = intent.request.predecessor
        again = intent.key_digest in seen
        seen.add(intent.key_digest)
        if claim.use != _use(intent):
            raise _in_use(_("a key that encrypts never signs, and the reverse"), reference)
        if intent.version.profile.audience is Audience.LINK and claim.subject == intent.subject:
            continue  # the authority's own other key, certified by the one beside it
        if claim.finished and predecessor and not again:
            require_succession(connection, intent, predecessor)
            continue
        if again or claim.subject != intent.subject:
            raise _in_use(_("the key is certified for another holder"), reference)
        if claim.approval_reference != reference or claim.finished:
            raise _in_use(_("the key is certified already"), reference)


def _use(intent: "Intent") -> str:
    return "encryption" if intent.version.profile.is_encryption else "signing"


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
        _INTENT.execute(connection, rows)
    except sa.exc.IntegrityError as error:
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("a serial number was drawn twice"),
            remedy=_("the machine's source of random numbers is broken; nothing was signed"),
        ) from error


def _in_use(what: str, reference: str) -> YinxinError:
    return YinxinError(Kind.CONFLICT, what, subject=reference, remedy=_("apply with a new key pair"))
