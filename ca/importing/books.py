"""What was examined goes into the books: the authority, everything that it issued, and the number of its last list.

The key comes first, encrypted like all others; then one transaction with all rows and their entries in the audit log.
Killed before it, there is a key that nothing refers to, and the same import goes on from there; after it, all is done.
"""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa
from asn1crypto import x509

from ca.activation import activate, active_profile
from ca.authorities import Authority, find_authority
from ca.history import Imported, enter_imported
from ca.importing.examination import Examination, Row
from ca.importing.profile import IMPORTED, NAME
from ca.importing.takeover import Takeover
from ca.records import authorities, certificates, crls, keys
from ca.state import Reason, State
from ca.subordinates.installing import enter_parents, require_constraints
from core.asn1.names import describe_name
from core.audit import Event
from core.certificates import public_key_info, serial_text
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import PrivateKey
from core.keys.store import KeyStore
from core.prepared import insert_absent

_BATCH = 500


def enter(
    context: Context, store: KeyStore, examined: Examination, key: PrivateKey | None, *, digest: str, actor: str
) -> Authority:
    """Import all of it; again, the same authority as before. `key`: None if the key store has it, in a token.

    `digest`: what was shown and compared. `YinxinError` (forbidden) if it is another's, (invalid) if something is wrong
    in it, (conflict) if the name, the key or the certificate is in the books already; then nothing is changed.
    """
    wanted = examined.authority
    if digest.lower() != examined.digest:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("this is not what was examined: its SM3 is {digest}").format(digest=examined.digest),
            subject=wanted.name,
            remedy=_("look at it again without --digest"),
        )
    with context.storage.reading() as connection:
        if present := _imported_before(connection, examined):
            return present
    if not examined.is_sound:
        raise YinxinError(
            Kind.INVALID,
            _("it cannot be imported as it is"),
            subject=wanted.name,
            remedy=_("look at what is wrong without --digest; nothing was changed"),
        )
    for parent in wanted.path[1:]:
        require_constraints(parent)
    _keep_key(store, wanted, key)
    activate(context, [IMPORTED], actor=actor)
    with context.storage.transaction() as connection:
        _enter(connection, context, examined, store, actor)
        entered = find_authority(connection, wanted.name)
    assert entered is not None  # noqa: S101 - it was entered just now
    return entered


def _imported_before(connection: sa.Connection, examined: Examination) -> Authority | None:
    """The authority if just this was imported; `YinxinError` (conflict) if the books have its name or key otherwise."""
    wanted = examined.authority
    taken = connection.execute(
        sa.select(authorities.c.name, authorities.c.certificate).where(
            (authorities.c.name == wanted.name)
            | ((authorities.c.subject == wanted.subject) & (authorities.c.public_key_info == wanted.public_key_info))
        )
    ).all()
    if not taken:
        return None
    done = connection.scalar(
        sa.select(certificates.c.approval_digest).where(certificates.c.approval_reference == _reference(wanted.name))
    )
    if [tuple(one) for one in taken] == [(wanted.name, wanted.certificate)] and done == bytes.fromhex(examined.digest):
        return find_authority(connection, wanted.name)
    raise YinxinError(
        Kind.CONFLICT,
        _("there is an authority of this name or key already"),
        subject=", ".join(sorted(one.name for one in taken)),
        remedy=_("see: yinxin ca list; an authority is imported once, whole"),
    )


def _reference(name: str) -> str:
    return f"import {name}"


def _keep_key(store: KeyStore, wanted: Takeover, key: PrivateKey | None) -> None:
    if wanted.name not in store and key is not None:
        store.take_in(wanted.name, key)
    if store.signer(wanted.name).public_key_info != wanted.public_key_info:
        raise YinxinError(
            Kind.CONFLICT,
            _("the key store holds another key of this name"),
            subject=wanted.name,
            remedy=_("choose another name, or restore the key"),
        )


def _enter(connection: sa.Connection, context: Context, examined: Examination, store: KeyStore, actor: str) -> None:
    wanted, now = examined.authority, context.clock.now()
    _imported_before(connection, examined)  # by another process, meanwhile
    above, parent = enter_parents(connection, wanted.path, now)[0] if not wanted.is_root else (None, wanted.name)
    number = connection.scalar(
        sa.insert(authorities)
        .values(
            name=wanted.name,
            kind="certificates",
            issuer_id=above,
            subject=wanted.subject,
            public_key_info=wanted.public_key_info,
            algorithm=store.signer(wanted.name).algorithm.name,
            serial=wanted.serial,
            certificate=wanted.certificate,
            created_at=now,
        )
        .returning(authorities.c.id)
    )
    assert number is not None  # noqa: S101 - the database gives every row one
    details = {
        "certificate": hashlib.sha256(wanted.certificate).hexdigest(),
        "serial": serial_text(wanted.serial),
        "issuer": parent,
        "digest": examined.digest,
        "certificates": len(examined.rows),
        "number": examined.crl_number or 0,
    }
    context.audit.append(connection, Event("ca.authority.import", actor, wanted.name, details))
    profile = active_profile(connection, NAME).id
    own = Row(
        wanted.serial,
        describe_name(wanted.subject)[:1024],
        wanted.not_before,
        wanted.not_after,
        None,
        None,
        wanted.certificate,
        None,
    )
    _enter_rows(connection, context, examined, [own], above or number, profile, actor)
    for start in range(0, len(examined.rows), _BATCH):
        batch = examined.rows[start : start + _BATCH]
        _enter_rows(connection, context, examined, batch, number, profile, actor)
    if examined.crl_number:
        # A number that was given, by somebody else: ours go on from it (RFC 5280 5.2.3).
        last = (examined.crl_at or now).replace(microsecond=0)
        connection.execute(
            sa.insert(crls).values(
                authority_id=number,
                shard=0,
                number=examined.crl_number,
                base=None,
                last_event=0,
                this_update=last,
                next_update=last,
                entries=0,
                size=0,
                packed_size=0,
            )
        )


def _enter_rows(
    connection: sa.Connection,
    context: Context,
    examined: Examination,
    rows: Sequence[Row],
    issuer: int,
    profile: int,
    actor: str,
) -> None:
    """Certificates of one issuer: rows, keys, history, log. One that the books have already stays as it is."""
    name, now = examined.authority.name, context.clock.now()
    known = sa.select(certificates.c.serial).where(
        certificates.c.authority_id == issuer, certificates.c.serial.in_([row.serial for row in rows])
    )
    present = set(connection.scalars(known))
    new = [row for row in rows if row.serial not in present]
    if not new:
        return
    connection.execute(
        sa.insert(certificates), [_row(one, name, examined.digest, issuer, profile, actor, now) for one in new]
    )
    claims = list(_claims(new, name))
    if claims:
        insert_absent(connection, keys, claims)
    ended = [Imported(one.serial, one.not_before, one.revoked_at, one.reason) for one in new]
    enter_imported(connection, issuer, ended, actor=actor)
    issuer_name = connection.scalar(sa.select(authorities.c.name).where(authorities.c.id == issuer))
    context.audit.extend(connection, (_event(one, str(issuer_name), examined, actor) for one in new))


def _row(row: Row, name: str, digest: str, issuer: int, profile: int, actor: str, now: datetime) -> dict[str, object]:
    key = hashlib.sha256(public_key_info(row.certificate)).digest() if row.certificate else bytes(32)
    tbs = x509.Certificate.load(row.certificate)["tbs_certificate"].dump() if row.certificate else b""
    return {
        "authority_id": issuer,
        "serial": row.serial,
        "shard": 0,
        "profile_id": profile,
        "subject": row.subject,
        "key_digest": key,
        "not_before": row.not_before,
        "not_after": row.not_after,
        "approval_reference": _reference(name),
        "approval_digest": bytes.fromhex(digest),
        "approvers": [actor],
        "intended_at": now,
        "tbs": tbs,
        "certificate": row.certificate,
    }


def _claims(rows: Sequence[Row], name: str) -> Iterator[dict[str, object]]:
    """Whose each key is, so that nobody else has it certified."""
    for row in rows:
        if row.certificate:
            yield {
                "digest": hashlib.sha256(public_key_info(row.certificate)).digest(),
                "subject": x509.Certificate.load(row.certificate).subject.dump(),
                "approval_reference": _reference(name),
                "use": "signing",
            }


def _event(row: Row, issuer: str, examined: Examination, actor: str) -> Event:
    details: dict[str, object] = {"authority": issuer, "import": examined.authority.name}
    details |= {"digest": examined.digest, "state": State.VALID.value}
    if row.certificate:
        details["certificate"] = hashlib.sha256(row.certificate).hexdigest()
    if row.revoked_at and row.reason:
        held = row.reason is Reason.CERTIFICATE_HOLD
        details["state"] = (State.HELD if held else State.REVOKED).value
        details |= {"reason": row.reason.value, "at": row.revoked_at.isoformat()}
    return Event("ca.certificate.import", actor, serial_text(row.serial), details)
