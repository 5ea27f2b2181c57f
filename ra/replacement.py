"""What a request may ask for beside what is in force already: whose key it brings, and which certificate it replaces.

A successor gets no more than a fresh application would: the same profile, as many approvals, the same way to the CA.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from asn1crypto import x509

import ca.revocation
from ca.activation import active_profile
from ca.authorities import authority_of
from ca.history import steps_of
from ca.records import keys
from ca.state import Reason
from ca.state import State as CertificateState
from ca.succession import Predecessor
from core.algorithms import SM3
from core.certificates import serial_text
from core.context import Context
from core.csr import parse_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.subject import Subject
from ra import records
from ra.applications import Application, Replaced, Succession
from ra.dossiers import read_dossier
from ra.moves import PENDING, State
from ra.refusals import RefusedError
from ra.register import StoredCertificate, certificates_of

REASONS = {
    Succession.RENEW: frozenset[Reason](),
    Succession.REKEY: frozenset({Reason.SUPERSEDED}),
    Succession.CHANGE: frozenset({Reason.SUPERSEDED, Reason.AFFILIATION_CHANGED}),
}
"""For which reasons the replaced one may be revoked with its successor's issue; renewed, it holds to its end."""


@dataclass(frozen=True)
class Holding:
    """A certificate that a holder has, and the request that it came of."""

    number: str
    certificate: StoredCertificate
    """Of the key in the request."""
    application: Application
    others: tuple[StoredCertificate, ...] = ()
    """What else the request brought."""

    @property
    def not_after(self) -> datetime:
        """Its end."""
        end: datetime = x509.Certificate.load(self.certificate.certificate).not_valid_after
        return end

    @property
    def public_key_info(self) -> bytes:
        """SPKI DER."""
        return parse_csr(self.application.csr).public_key_info


def find_holding(connection: sa.Connection, authority: str, serial: int, *, lock: bool = False) -> Holding:
    """What a certificate of this number belongs to; `YinxinError` (not found) if it is no holder's."""
    table, requests = records.request_certificates, records.requests
    query = (
        sa.select(requests.c.id, requests.c.number)
        .join(table, table.c.request_id == requests.c.id)
        .where(table.c.authority == authority, table.c.serial == serial)
    )
    row = connection.execute(query.with_for_update() if lock else query).first()
    if row is None:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no certificate of this number was issued here for a holder"),
            subject=f"{authority}/{serial_text(serial)}",
            remedy=_("check the serial number and the authority"),
        )
    application = read_dossier(connection, row.number).application
    key = parse_csr(application.csr).public_key_info
    found = certificates_of(connection, row.id)
    own = next(one for one in found if x509.Certificate.load(one.certificate).public_key.dump() == key)
    return Holding(row.number, own, application, tuple(one for one in found if one is not own))


def predecessor_of(application: Application) -> Predecessor | None:
    """What the CA is told of the certificate replaced."""
    replaced = application.replaces
    if replaced is None:
        return None
    return Predecessor(replaced.authority, int(replaced.serial, 16), renamed=replaced.kind is Succession.CHANGE)


def check_replacement(connection: sa.Connection, application: Application, now: datetime) -> None:
    """Return if the request's key is its own to bring, and what it replaces may be replaced so; else `YinxinError`."""
    replaced = application.replaces
    if replaced is None:
        _require_new_key(connection, application)
        return
    holding = find_holding(connection, replaced.authority, int(replaced.serial, 16), lock=True)
    if replaced.digest != SM3.of(holding.certificate.certificate).hex():
        raise RefusedError(
            "other-certificate", _("the request is about another certificate"), subject=application.number
        )
    before = holding.application
    require_reason(replaced.kind, replaced.revoke, application.number)
    if application.branch != before.branch:
        raise RefusedError(
            "other-branch",
            _("this is another branch's"),
            subject=application.number,
            remedy=_("have it done by an operator of that branch"),
        )
    if application.profile != before.profile:
        raise RefusedError(
            "other-profile",
            _("a successor has the profile of the certificate that it replaces"),
            subject=application.number,
            remedy=_("apply for a new certificate"),
        )
    _require_in_force(connection, holding, now)
    _require_only_successor(connection, holding, application.number, now)
    _require_same_holder(replaced, before.subject, application.subject, application.number)
    if parse_csr(application.csr).public_key_info == holding.public_key_info:
        _require_same_key_allowed(connection, holding, application, replaced, now)
    elif replaced.kind is Succession.RENEW:
        raise _conflict(_("a renewal keeps the key"), application.number, _("use: yinxin ra rekey"))
    else:
        _require_new_key(connection, application)


def require_reason(kind: Succession, reason: Reason | None, subject: str) -> None:
    """Return if what is replaced in this way may be revoked for this reason, or is not revoked; else `RefusedError`."""
    if reason is not None and reason not in REASONS[kind]:
        raise RefusedError(
            "reason",
            _("a certificate that is replaced so is not revoked for this reason: {reason}").format(reason=reason.value),
            subject=subject,
            remedy=_("one of: {reasons}").format(
                reasons=", ".join(sorted(one.value for one in REASONS[kind])) or _("none")
            ),
        )


def retire_replaced(context: Context, connection: sa.Connection, application: Application, actor: str) -> None:
    """Revoke what the successor replaces, where that was approved, in the transaction that releases the successor."""
    replaced = application.replaces
    if replaced is None or replaced.revoke is None:
        return
    holding = find_holding(connection, replaced.authority, int(replaced.serial, 16), lock=True)
    for one in (holding.certificate, *holding.others):
        if certificate_state(connection, one.authority, one.serial) is not CertificateState.REVOKED:
            ca.revocation.revoke_all(context, connection, one.authority, [one.serial], replaced.revoke, actor=actor)


def hold_key(connection: sa.Connection, request_id: int, application: Application, now: datetime) -> None:
    """Let no other request bring this key while this one is under way; `YinxinError` (conflict) if one does."""
    table = records.requests
    digest = _key_digest(application)
    expired = sa.and_(table.c.state == State.ENTERED.value, table.c.decide_by < now, table.c.id != request_id)
    connection.execute(sa.update(table).where(table.c.pending_key == digest, expired).values(pending_key=None))
    other = connection.scalar(
        sa.select(table.c.number).where(table.c.pending_key == digest, table.c.id != request_id).limit(1)
    )
    if other is None:
        try:
            connection.execute(sa.update(table).where(table.c.id == request_id).values(pending_key=digest))
        except sa.exc.IntegrityError:
            other = _("entered at this moment")
    if other is not None:
        raise _conflict(
            _("a request with this key is under way: {number}").format(number=other),
            application.number,
            _("withdraw that one, or apply with a new key pair"),
        )


def certificate_state(connection: sa.Connection, authority: str, serial: int) -> CertificateState | None:
    """Where a certificate stands."""
    steps = steps_of(connection, authority_of(connection, authority).id, serial)
    return steps[-1].state if steps else None


def _key_digest(application: Application) -> bytes:
    return hashlib.sha256(parse_csr(application.csr).public_key_info).digest()


def _require_new_key(connection: sa.Connection, application: Application) -> None:
    """The CA refuses a used key too; here it is told before anybody has spent work on the request."""
    reference = connection.scalar(sa.select(keys.c.approval_reference).where(keys.c.digest == _key_digest(application)))
    if reference not in (None, application.number):
        raise _conflict(_("the key is certified already"), application.number, _("apply with a new key pair"))


def _require_in_force(connection: sa.Connection, holding: Holding, now: datetime) -> None:
    one = holding.certificate
    state = certificate_state(connection, one.authority, one.serial)
    if state is not CertificateState.VALID:
        raise _conflict(
            _("the certificate is {state}; only one that is valid is replaced").format(
                state=state.value if state else _("unknown")
            ),
            one.label,
            _("resume it first") if state is CertificateState.HELD else _("apply for a new certificate"),
        )
    if now > holding.not_after:
        raise _conflict(
            _("the certificate expired on {day}").format(day=holding.not_after.date()),
            one.label,
            _("apply for a new certificate"),
        )


def _require_only_successor(connection: sa.Connection, holding: Holding, number: str, now: datetime) -> None:
    one = holding.certificate
    other = successor_of(connection, one.authority, one.serial, now, but=number)
    if other is not None:
        raise _conflict(
            _("request {number} replaces it already").format(number=other),
            one.label,
            _("see: yinxin ra show {number}").format(number=other),
        )


def successor_of(connection: sa.Connection, authority: str, serial: int, now: datetime, *, but: str = "") -> str | None:
    """The request that replaces this certificate or has replaced it, if there is one."""
    table = records.requests
    waiting = sa.and_(
        table.c.state.in_([state.value for state in PENDING]),
        sa.not_(sa.and_(table.c.state == State.ENTERED.value, table.c.decide_by < now)),
    )
    done = table.c.state.in_([State.ISSUED.value, State.DELIVERED.value])
    found: str | None = connection.scalar(
        sa.select(table.c.number)
        .where(
            table.c.replaced_authority == authority,
            table.c.replaced_serial == serial,
            table.c.number != but,
            sa.or_(waiting, done),
        )
        .limit(1)
    )
    return found


def _require_same_holder(replaced: Replaced, before: Subject, after: Subject, number: str) -> None:
    if replaced.kind is Succession.CHANGE:
        if before == after:
            raise YinxinError(
                Kind.INVALID,
                _("nothing about the holder is changed"),
                subject=number,
                remedy=_("say what changes, or use: yinxin ra renew, yinxin ra rekey"),
            )
    elif before != after:
        raise RefusedError(
            "other-holder",
            _("the successor of a certificate is for the same holder"),
            subject=number,
            remedy=_("use: yinxin ra change"),
        )


def _require_same_key_allowed(
    connection: sa.Connection, holding: Holding, application: Application, replaced: Replaced, now: datetime
) -> None:
    rules = active_profile(connection, application.profile).profile.renewal
    if replaced.kind is Succession.REKEY:
        raise _conflict(_("a rekeying needs a new key"), application.number, _("apply with a new key pair"))
    if not rules.same_key:
        raise _conflict(
            _("the profile {profile} does not let a key be certified again").format(profile=application.profile),
            application.number,
            _("make a new key pair and use: yinxin ra rekey"),
        )
    opens = holding.not_after - timedelta(days=rules.days)
    if replaced.kind is Succession.RENEW and now < opens:
        raise _conflict(
            _("a certificate is renewed in its last {days} days; this one from {day}").format(
                days=rules.days, day=opens.date()
            ),
            holding.certificate.label,
            _("wait, or use: yinxin ra rekey"),
        )
    before, after = holding.application.subject, application.subject
    if (before.common_name, before.identity) != (after.common_name, after.identity):
        # Whoever has another name or number may be another person, and a key has one holder.
        raise _conflict(
            _("with the same key, name and identity numbers stay as they are"),
            application.number,
            _("apply with a new key pair"),
        )


def _conflict(what: str, subject: str, remedy: str) -> YinxinError:
    return YinxinError(Kind.CONFLICT, what, subject=subject, remedy=remedy)
