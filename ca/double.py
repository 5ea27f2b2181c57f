"""Double certificates (GM/T 0034): beside a signing certificate one for a key from the key-management centre.

The two are intended, signed and recorded together; from then on they stand and fall together (`ca.revocation`).
A successor with the same signing key has the same encryption key; one with a new key has a new one.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ca.activation import ProfileVersion, active_profile
from ca.certificate import CertificateTemplate
from ca.escrow import AllottedKey, EncryptionKeys, KeyRequest
from ca.key_quality import PublicKeyFacts, examine_key
from ca.lint import lint
from ca.profiles import KeyType
from ca.records import authorities, certificates, pairs
from ca.succession import Predecessor
from core.algorithms import KeyKind
from core.context import Context
from core.csr import parse_csr
from core.errors import Kind, YinxinError
from core.i18n import _

if TYPE_CHECKING:
    from ca.authorities import Authority
    from ca.issuance import Intent, IssuedCertificate

Template = Callable[["Authority", ProfileVersion], CertificateTemplate]


@dataclass(frozen=True)
class FormerHalf:
    """The encryption certificate of the pair that is succeeded, whose key stays because the signing key does."""

    certificate: Predecessor
    key_reference: str
    key_digest: bytes


@dataclass(frozen=True)
class EncryptionHalf:
    """The encryption certificate that will stand beside a signing one, not yet signed."""

    intent: "Intent"
    asked: KeyRequest
    allotted: AllottedKey


def encryption_halves(
    context: Context,
    intents: Sequence["Intent"],
    keys: EncryptionKeys | None,
    template: Template,
    draw_serial: Callable[[], int],
) -> list[EncryptionHalf | None]:
    """For each signing certificate the half beside it, if its profile has one for keys of this kind.

    Each key is allotted before this returns; asked again after a crash, the centre allots the same.
    """
    names = {intent.version.profile.encryption for intent in intents} - {""}
    if not names:
        return [None] * len(intents)
    with context.storage.reading() as connection:
        versions = {name: active_profile(connection, name) for name in names}
        former = [_former_half(connection, intent) for intent in intents]
    halves: list[EncryptionHalf | None] = []
    for intent, before in zip(intents, former, strict=True):
        version = versions.get(intent.version.profile.encryption)
        signing_key = parse_csr(intent.request.csr).public_key_info
        facts = examine_key(signing_key)
        if version is None or facts.type not in version.profile.keys:
            halves.append(None)
            continue
        try:
            halves.append(_half(intent, before, version, signing_key, facts, keys, template, draw_serial()))
        except YinxinError as error:
            error.subject = intent.request.approval.reference
            raise
    return halves


def _former_half(connection: sa.Connection, signing: "Intent") -> FormerHalf | None:
    """That beside the signing certificate which is succeeded, if the signing key is the same."""
    predecessor = signing.request.predecessor
    if predecessor is None:
        return None
    own, other = certificates.alias("signing"), certificates.alias("encryption")
    row = connection.execute(
        sa.select(pairs.c.encryption_serial, pairs.c.key_reference, other.c.key_digest)
        .join(authorities, authorities.c.id == pairs.c.authority_id)
        .join(own, sa.and_(own.c.authority_id == pairs.c.authority_id, own.c.serial == pairs.c.signing_serial))
        .join(other, sa.and_(other.c.authority_id == pairs.c.authority_id, other.c.serial == pairs.c.encryption_serial))
        .where(
            authorities.c.name == predecessor.authority,
            pairs.c.signing_serial == predecessor.serial,
            own.c.key_digest == signing.key_digest,
        )
    ).first()
    if row is None:
        return None
    return FormerHalf(replace(predecessor, serial=row.encryption_serial), row.key_reference, row.key_digest)


def _half(
    signing: "Intent",
    former: FormerHalf | None,
    version: ProfileVersion,
    signing_key: bytes,
    facts: PublicKeyFacts,
    keys: EncryptionKeys | None,
    template: Template,
    serial: int,
) -> EncryptionHalf:
    profile, request = version.profile, signing.request
    if not profile.is_encryption:
        raise YinxinError(
            Kind.CONFLICT, _("the profile {profile} is not for encryption certificates").format(profile=profile.name)
        )
    if keys is None:
        raise YinxinError(
            Kind.UNAVAILABLE,
            _("the profile {profile} makes double certificates, and there is no key-management centre").format(
                profile=signing.version.profile.name
            ),
            remedy=_("run: yinxin ca kmc found; or set kmc.url to where the centre is"),
        )
    reference = former.key_reference if former else reference_of(signing)
    asked = KeyRequest(reference, signing.subject, signing_key, keep_until=signing.not_after, kind=_kind(facts))
    allotted = keys.allot(asked)
    key_digest = hashlib.sha256(allotted.public_key_info).digest()
    another = former is not None and former.key_digest != key_digest
    if (
        another
        or allotted.public_key_info == signing_key
        or examine_key(allotted.public_key_info).type is not facts.type
    ):
        raise YinxinError(Kind.INVALID, _("the key-management centre gave a key that was not asked for"))
    tbs = template(signing.authority, version).tbs(
        serial=serial,
        not_before=signing.not_before,
        not_after=signing.not_after,
        subject=signing.subject,
        public_key_info=allotted.public_key_info,
        identity=request.subject.identity.extensions(),
    )
    intent = replace(
        signing,
        request=replace(request, predecessor=former.certificate if former else None),
        version=version,
        serial=serial,
        token=lint(tbs, profile, signing.authority.limits),
        key_digest=key_digest,
    )
    return EncryptionHalf(intent, asked, allotted)


def reference_of(signing: "Intent") -> str:
    """What the centre knows the key by: the request as it was approved, so that an amended one gets another key."""
    approval = signing.request.approval
    return f"{approval.reference}/{approval.digest.hex()[:16]}"


def envelope_of(half: EncryptionHalf, keys: EncryptionKeys | None, signing_certificate: bytes) -> bytes:
    """The private key for the holder. CMS names its recipient by the signing certificate, so RSA waits for that."""
    if half.allotted.envelope or keys is None:
        return half.allotted.envelope
    return keys.allot(half.asked, signing_certificate).envelope


def record_pairs(
    connection: sa.Connection, issued: Sequence["IssuedCertificate"], halves: Sequence[EncryptionHalf | None]
) -> None:
    """Enter which certificates belong together; for a key that stays, the new pair answers from now on."""
    rows = []
    for one, half in zip(issued, halves, strict=True):
        if half is None:
            continue
        former = half.intent.request.predecessor
        if former is not None:
            issuer = sa.select(authorities.c.id).where(authorities.c.name == former.authority).scalar_subquery()
            connection.execute(
                sa.update(pairs)
                .where(pairs.c.authority_id == issuer, pairs.c.encryption_serial == former.serial)
                .values(key_due_at=None)
            )
        rows.append(
            {
                "authority_id": half.intent.authority.id,
                "signing_serial": one.serial,
                "encryption_serial": half.intent.serial,
                "key_reference": half.asked.reference,
                "key_due_at": half.intent.not_after,
            }
        )
    if rows:
        connection.execute(sa.insert(pairs), rows)


def partners_of(connection: sa.Connection, authority_id: int, serials: Sequence[int]) -> dict[int, int]:
    """Certificates that stand beside these and are not among them, each with the one that it stands beside."""
    named = set(serials)
    rows = connection.execute(
        sa.select(pairs.c.signing_serial, pairs.c.encryption_serial).where(
            pairs.c.authority_id == authority_id,
            sa.or_(pairs.c.signing_serial.in_(named), pairs.c.encryption_serial.in_(named)),
        )
    )
    both = [(row.signing_serial, row.encryption_serial) for row in rows]
    beside = {second: first for first, second in both} | dict(both)
    return {partner: serial for partner, serial in beside.items() if partner not in named}


def note_revocation(connection: sa.Connection, authority_id: int, serials: Sequence[int], now: datetime) -> None:
    """In the transaction that revokes: the centre is to be told about the keys (`ca.retirement`)."""
    connection.execute(
        sa.update(pairs)
        .where(
            pairs.c.authority_id == authority_id,
            pairs.c.encryption_serial.in_(serials),
            pairs.c.key_due_at.is_not(None),
        )
        .values(key_due_at=now)
    )


def _kind(facts: PublicKeyFacts) -> KeyKind:
    """A key of the size of the signing key."""
    if facts.type is KeyType.SM2:
        return KeyKind.SM2
    sizes = ((2048, KeyKind.RSA_2048), (3072, KeyKind.RSA_3072))
    return next((kind for bits, kind in sizes if facts.bits <= bits), KeyKind.RSA_4096)
