"""Issuance of attribute certificates, in the order of `ca.issuance`: lint, intents, signatures, results."""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from ca.attributes.attributes import Attributes
from ca.attributes.certificate import Content, certificate_info
from ca.attributes.holders import HolderCertificate, holder_in_force
from ca.attributes.lint import lint_attributes
from ca.attributes.records import attribute_certificates
from ca.attributes.terms import Terms
from ca.authorities import Authority, authority_of
from ca.books import ATTRIBUTES, AuthorityKind
from ca.grounds import require_issuers_in_force
from ca.history import advance
from ca.issuance import SERIAL_PREFIX, SERIAL_RANDOM_OCTETS, Approval
from ca.lint import LintedTbs
from ca.signing import AuthorityKey
from ca.state import Move
from core.audit import Event
from core.certificates import serial_text
from core.config import UrlSettings
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.store import KeyStore

BACKDATED = timedelta(minutes=5)
"""For readers whose clocks are behind."""

Recording = Callable[[sa.Connection, Sequence["IssuedAttributes"]], None]
"""What the caller records in the transaction that commits the results."""


@dataclass(frozen=True)
class ApprovedAttributes:
    """What to certify."""

    authority: str
    """The attribute authority."""
    holder_authority: str
    holder_serial: int
    attributes: Attributes
    terms: Terms
    lasting: timedelta
    """How long from now; at most what the terms allow, and never beyond the holder's certificate."""
    targets: tuple[str, ...]
    approval: Approval


@dataclass(frozen=True)
class IssuedAttributes:
    """An attribute certificate in the books."""

    authority: str
    serial: int
    certificate: bytes
    """DER."""


@dataclass(frozen=True)
class _Intent:
    request: ApprovedAttributes
    authority: Authority
    holder: HolderCertificate
    content: Content
    token: LintedTbs


class AttributeAuthority:
    """Issues attribute certificates with the keys of its key store. Threads may share it."""

    def __init__(
        self,
        context: Context,
        keys: KeyStore,
        urls: UrlSettings,
        *,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self.context, self.keys, self.urls = context, keys, urls
        self._random = random

    def issue(
        self, requests: Sequence[ApprovedAttributes], *, actor: str, recording: Recording | None = None
    ) -> list[IssuedAttributes]:
        """Attribute certificates for all of the requests, in their order, or `YinxinError` and none.

        The error's subject is the reference of the request that is refused. `recording` is called in the transaction
        that commits the results; if it raises, what was signed stays in the books as intents.
        """
        if not requests:
            return []
        with self.context.storage.reading() as connection:
            intents = [self._intend(connection, request) for request in requests]
        # Keys are opened before the intents, so that a wrong passphrase leaves nothing to reconcile.
        keys = {intent.authority.id: AuthorityKey(intent.authority, self.keys) for intent in intents}
        self._commit_intents(intents, actor)
        issued = [
            IssuedAttributes(intent.authority.name, intent.content.serial, keys[intent.authority.id].sign(intent.token))
            for intent in intents
        ]
        self._commit_results(intents, issued, actor, recording)
        return issued

    def _intend(self, connection: sa.Connection, request: ApprovedAttributes) -> _Intent:
        now = self.context.clock.now()
        try:
            authority = authority_of(connection, request.authority, AuthorityKind.ATTRIBUTES)
            holder = holder_in_force(connection, request.holder_authority, request.holder_serial, now)
            not_before, not_after = _validity(request, authority, holder, now)
            content = Content(
                holder.holder,
                int.from_bytes(SERIAL_PREFIX + self._random(SERIAL_RANDOM_OCTETS), "big"),
                not_before,
                not_after,
                request.attributes,
                request.terms,
                request.targets,
            )
            info = certificate_info(authority, self.urls, content)
            token = lint_attributes(info, authority.limits, self.urls, content)
        except YinxinError as error:
            error.subject = error.subject or request.approval.reference
            raise
        return _Intent(request, authority, holder, content, token)

    def _commit_intents(self, intents: Sequence[_Intent], actor: str) -> None:
        now = self.context.clock.now()
        with self.context.storage.transaction() as connection:
            require_issuers_in_force(connection, {intent.authority.id: intent.authority for intent in intents}.values())
            for intent in intents:  # once more, in the transaction: it may have been revoked a moment ago
                holder_in_force(connection, intent.request.holder_authority, intent.request.holder_serial, now)
            connection.execute(sa.insert(attribute_certificates), [_row(intent, now) for intent in intents])
            self.context.audit.extend(connection, (_intent_event(intent, actor) for intent in intents))

    def _commit_results(
        self,
        intents: Sequence[_Intent],
        issued: Sequence[IssuedAttributes],
        actor: str,
        recording: Recording | None,
    ) -> None:
        now = self.context.clock.now()
        try:
            with self.context.storage.transaction() as connection:
                for intent, result in zip(intents, issued, strict=True):
                    connection.execute(
                        sa.update(attribute_certificates)
                        .where(
                            attribute_certificates.c.authority_id == intent.authority.id,
                            attribute_certificates.c.serial == result.serial,
                            attribute_certificates.c.certificate.is_(None),
                        )
                        .values(certificate=result.certificate)
                    )
                    advance(
                        connection,
                        intent.authority.id,
                        [result.serial],
                        Move.ISSUE,
                        at=now,
                        actor=actor,
                        books=ATTRIBUTES,
                    )
                self.context.audit.extend(connection, (_result_event(result, actor) for result in issued))
                if recording:
                    recording(connection, issued)
        except (sa.exc.SQLAlchemyError, YinxinError) as error:
            if isinstance(error, YinxinError) and error.kind is not Kind.UNAVAILABLE:
                raise
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("{count} certificates were signed, but the result could not be recorded").format(count=len(issued)),
                subject=", ".join(serial_text(result.serial) for result in issued[:3]),
                remedy=_("check the database, then run: yinxin ca reconcile; the request can be issued again"),
            ) from error


def _validity(
    request: ApprovedAttributes, authority: Authority, holder: HolderCertificate, now: datetime
) -> tuple[datetime, datetime]:
    """Never longer than the terms, the holder's certificate or the authority's allow."""
    if not timedelta(0) < request.lasting <= request.terms.longest:
        raise YinxinError(
            Kind.INVALID,
            _("{terms} attribute certificates last {longest} hours at most").format(
                terms=request.terms, longest=int(request.terms.longest.total_seconds()) // 3600
            ),
        )
    ends = [end for end in (authority.limits.not_after, holder.not_after) if end]
    not_before = (now - BACKDATED).replace(microsecond=0)
    if authority.limits.not_before:
        not_before = max(not_before, authority.limits.not_before)
    not_after = min(not_before + request.lasting, *ends)
    if authority.limits.not_after and now > authority.limits.not_after:
        raise YinxinError(
            Kind.CONFLICT,
            _("the authority {authority} expired on {day}").format(
                authority=authority.name, day=authority.limits.not_after.date()
            ),
            remedy=_("issue from another authority"),
        )
    return not_before, not_after


def _row(intent: _Intent, now: datetime) -> dict[str, object]:
    approval = intent.request.approval
    return {
        "authority_id": intent.authority.id,
        "serial": intent.content.serial,
        "terms": intent.content.terms.value,
        "holder_authority_id": intent.holder.authority_id,
        "holder_serial": intent.content.holder.serial,
        "holder": intent.holder.subject,
        "not_before": intent.content.not_before,
        "not_after": intent.content.not_after,
        "approval_reference": approval.reference,
        "approval_digest": approval.digest,
        "approvers": list(approval.approvers),
        "intended_at": now,
        "tbs": intent.token.tbs,
    }


def _intent_event(intent: _Intent, actor: str) -> Event:
    approval = intent.request.approval
    details = {
        "authority": intent.authority.name,
        "terms": intent.content.terms.value,
        "holder": serial_text(intent.content.holder.serial),
        "tbs": hashlib.sha256(intent.token.tbs).hexdigest(),
        "lint": "passed",
        "approval": approval.reference,
        "approved": approval.digest.hex(),
        "approvers": list(approval.approvers),
    }
    return Event("ca.attribute.intend", actor, serial_text(intent.content.serial), details)


def _result_event(result: IssuedAttributes, actor: str) -> Event:
    details = {"authority": result.authority, "certificate": hashlib.sha256(result.certificate).hexdigest()}
    return Event("ca.attribute.issue", actor, serial_text(result.serial), details)
