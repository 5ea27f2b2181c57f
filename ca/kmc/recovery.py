"""Giving an escrowed key back: asked for by an officer, approved by two others at least, delivered to one certificate.

Whenever a recovery is acted upon, all its statements are verified and the rules applied again; nothing in the database
beside them counts. The key leaves only in an envelope to the recipient that the officers approved.
"""

import hashlib
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath

import sqlalchemy as sa
from asn1crypto import x509
from pydantic import ValidationError

from ca.kmc import records
from ca.kmc.allotment import holder_of
from ca.kmc.custody import Custodian
from ca.kmc.history import EscrowedKey, advance, find_key
from ca.kmc.recovery_rules import Path, Progress, RecoveryRequest, Stage, extend, replay
from ca.kmc.standing import require_standing
from ca.kmc.state import Move, pool_after
from ca.kmc.statements import Act, Officers, OfficerSession, Statement, require_valid
from core.algorithms import SM3
from core.audit import Event
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.attempts import WaitError
from core.keys.encryption import WrongPassphraseError
from core.keys.envelope import wrap_for
from core.path import build_path
from core.refusals import RefusedError, refusals_recorded

_SESSION_RULES: Mapping[type[YinxinError], str] = {WrongPassphraseError: "pin", WaitError: "pin-wait"}


@dataclass(frozen=True)
class RecoveryDesk:
    """Where recoveries are decided: the centre's keys, its officers, and the roots of holders' certificates."""

    context: Context
    custodian: Custodian
    officers: Officers
    anchors: tuple[bytes, ...]

    def open_session(self, name: str, key_file: FilePath, pin: bytes) -> OfficerSession:
        """Open the officer's key file with the PIN. `RefusedError` if it is wrong, was so too often, or another's."""
        # Who is at the machine is not proven yet, so nobody is named as the actor of a refusal.
        known = name if name in self.officers.certificates else "unknown"  # what is typed may be anything
        with refusals_recorded(self.context, "kmc.session.open", actor="unverified", subject=known):
            try:
                session = self.officers.open_session(name, key_file, pin)
            except YinxinError as error:
                rule = _SESSION_RULES.get(type(error), "other-key" if error.kind is Kind.FORBIDDEN else "")
                if not rule:
                    raise
                raise RefusedError(rule, error.what, subject=error.subject, remedy=error.remedy) from None
        certificate = hashlib.sha256(session.certificate).hexdigest()
        with self.context.storage.transaction() as connection:
            event = Event("kmc.session.open", name, name, {"certificate": certificate})
            self.context.audit.append(connection, event)
        return session

    def request(
        self,
        session: OfficerSession,
        *,
        key: str,
        path: Path,
        recipient: Sequence[bytes],
        reason: str,
        case: str = "",
    ) -> str:
        """Ask for a key; the number of the recovery.

        `recipient`: the certificate (DER) that it goes to, its issuers after it. On the holder's path it bears the
        holder's name and leads to our roots; on the judicial path a case number is needed. `YinxinError` else.
        """
        number = f"KR-{self.context.clock.now():%Y%m%d}-{secrets.token_hex(4)}"
        with self.context.storage.transaction() as connection:
            escrowed = find_key(connection, key)
            try:
                request = RecoveryRequest(
                    number=number,
                    key=key,
                    public_key=escrowed.public_key_info.hex(),
                    path=path,
                    case=case.strip(),
                    reason=reason.strip(),
                    recipient=tuple(certificate.hex() for certificate in recipient),
                )
            except ValidationError:
                raise YinxinError(
                    Kind.INVALID, _("a recovery needs a reason, of 1,000 characters at most"), subject=key
                ) from None
            self._check(connection, request, escrowed)
            (identifier,) = connection.execute(
                sa.insert(records.recoveries).values(number=number, key_id=escrowed.id, content=request.canonical())
            ).inserted_primary_key or (0,)
            self._append(connection, identifier, Progress(request, ()), Act.REQUEST, session)
        return number

    def approve(self, session: OfficerSession, number: str) -> Progress:
        """Approve exactly what was asked for; the progress after."""
        return self._decide(session, number, Act.APPROVE)

    def reject(self, session: OfficerSession, number: str, why: str) -> Progress:
        """Reject it, saying why; final."""
        if not why.strip():
            raise YinxinError(Kind.INVALID, _("a rejection needs a reason"), subject=number)
        return self._decide(session, number, Act.REJECT, why.strip())

    def deliver(self, session: OfficerSession, number: str) -> bytes:
        """The key in an envelope to the recipient (see `core.keys.envelope`); kept, so that `envelope_of` has it again.

        `YinxinError` (forbidden) without enough approvals.
        """
        with self.context.storage.transaction() as connection:
            identifier, progress = self._read(connection, number, lock=True)
            request = progress.request
            progress = self._append(connection, identifier, progress, Act.DELIVER, session)
            key = find_key(connection, request.key, lock=True)
            self._check(connection, request, key)
            for statement in progress.statements:  # an approval does not outlast its officer's certificate
                officer = statement.officer
                require_standing(connection, self.officers.certificate_of(officer), subject=officer)
            advance(self.context, connection, key, Move.RECOVER, actor=session.name, reference=number)
            envelope = wrap_for(self.custodian.open(key.kept()), request.recipient_certificate)
            connection.execute(
                sa.update(records.recoveries).where(records.recoveries.c.id == identifier).values(envelope=envelope)
            )
        return envelope

    def progress_of(self, number: str) -> Progress:
        """How far a recovery is."""
        with self.context.storage.reading() as connection:
            return self._read(connection, number)[1]

    def envelope_of(self, number: str) -> bytes:
        """What was delivered; it opens with the recipient's key alone. `YinxinError` (conflict) before that."""
        if self.progress_of(number).stage is Stage.DELIVERED:
            query = sa.select(records.recoveries.c.envelope).where(records.recoveries.c.number == number)
            with self.context.storage.reading() as connection:
                envelope = connection.scalar(query)
            if envelope is not None:
                return bytes(envelope)
        raise YinxinError(Kind.CONFLICT, _("the recovery was not delivered yet"), subject=number)

    def delivered_to(self, connection: sa.Connection, key: EscrowedKey, recipient: bytes) -> str:
        """The number of the recovery in which officers approved and delivered this key to this public key (SPKI DER).

        `YinxinError` (forbidden) if there is none.
        """
        numbers = connection.scalars(
            sa.select(records.recoveries.c.number)
            .where(records.recoveries.c.key_id == key.id, records.recoveries.c.envelope.is_not(None))
            .order_by(records.recoveries.c.id.desc())
        )
        for number in list(numbers):
            progress = self._read(connection, number)[1]
            request = progress.request
            named = x509.Certificate.load(request.recipient_certificate).public_key.dump()
            if (progress.stage, request.key, named) == (Stage.DELIVERED, key.number, recipient):
                require_standing(connection, request.recipient_certificate, subject=_("recipient"))
                return str(number)
        raise YinxinError(
            Kind.FORBIDDEN,
            _("no recovery of this key to this recipient was approved and delivered"),
            subject=key.number,
            remedy=_("have the officers of the key-management centre decide"),
        )

    def _decide(self, session: OfficerSession, number: str, act: Act, why: str = "") -> Progress:
        with self.context.storage.transaction() as connection:
            identifier, progress = self._read(connection, number, lock=True)
            return self._append(connection, identifier, progress, act, session, why)

    def _read(self, connection: sa.Connection, number: str, *, lock: bool = False) -> tuple[int, Progress]:
        query = sa.select(records.recoveries).where(records.recoveries.c.number == number)
        row = connection.execute(query.with_for_update() if lock else query).first()
        if row is None:
            raise YinxinError(Kind.NOT_FOUND, _("no such recovery"), subject=number)
        table = records.recovery_statements
        messages = connection.scalars(
            sa.select(table.c.statement).where(table.c.recovery_id == row.id).order_by(table.c.sequence)
        )
        request = RecoveryRequest.model_validate_json(row.content)
        if request.number != number or request.canonical() != row.content:
            raise YinxinError(Kind.INVALID, _("the recovery's content was changed"), subject=number)
        return row.id, replay(request, list(messages), self.officers)

    def _append(
        self,
        connection: sa.Connection,
        identifier: int,
        progress: Progress,
        act: Act,
        session: OfficerSession,
        why: str = "",
    ) -> Progress:
        request = progress.request
        require_standing(connection, session.certificate, subject=session.name)
        statement = Statement(
            act=act,
            subject=request.number,
            sequence=len(progress.statements) + 1,
            digest=progress.digest,
            decision=why,
            at=self.context.clock.now(),
            officer=session.name,
        )
        message = session.sign(statement)
        after = extend(progress, self.officers.verify(message), self.officers)
        connection.execute(
            sa.insert(records.recovery_statements).values(
                recovery_id=identifier,
                sequence=statement.sequence,
                act=act.value,
                officer=session.name,
                at=statement.at,
                statement=message,
            )
        )
        details = {"key": request.key, "path": request.path.value, "case": request.case, "digest": progress.digest}
        details |= {"statement": SM3.of(message).hex()}
        event = Event(f"kmc.recovery.{act.value}", session.name, request.number, details)
        self.context.audit.append(connection, event)
        return after

    def _check(self, connection: sa.Connection, request: RecoveryRequest, key: EscrowedKey) -> None:
        """Whether this key may go to this recipient, now."""
        pool_after(key.pool, Move.RECOVER, subject=key.number)
        holder = holder_of(connection, self.custodian, key)
        certificates = [bytes.fromhex(one) for one in request.recipient]
        if not certificates or request.public_key != key.public_key_info.hex():
            raise YinxinError(Kind.INVALID, _("a recovery names its key and one recipient"), subject=request.number)
        now = self.context.clock.now()
        require_valid(certificates[0], now, subject=_("recipient"))
        for certificate in certificates:
            require_standing(connection, certificate, subject=_("recipient"))
        if request.path is Path.JUDICIAL:
            if not request.case:
                raise YinxinError(
                    Kind.INVALID, _("a judicial recovery needs a case number"), subject=key.number, remedy="--case"
                )
            return
        if x509.Certificate.load(certificates[0]).subject.dump() != holder.holder:
            raise YinxinError(
                Kind.FORBIDDEN,
                _("a key goes back to its holder only; this certificate is somebody else's"),
                subject=key.number,
                remedy=_("for evidence, ask for a judicial recovery with its case number"),
            )
        build_path(certificates[0], certificates[1:], self.anchors, now)
