"""Issuance: from approved requests to certificates, in batches; one certificate is a batch of one.

Check everything, encode, lint; commit the intents; sign and verify; commit the results. What dies in between leaves
intents in the books, which `ca.reconciliation` presumes issued: no signature is ever without a row.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from ca.activation import ProfileVersion
from ca.authorities import Authority
from ca.certificate import CertificateTemplate
from ca.double import EncryptionHalf, encryption_halves, envelope_of, record_pairs
from ca.escrow import EncryptionKeys
from ca.grounds import Grounds, all_hold, read_grounds
from ca.history import enter_issued
from ca.intents import claim_keys, record_intents
from ca.lint import LintedTbs, lint
from ca.profiles import Audience, Profile
from ca.records import certificates
from ca.signing import AuthorityKey
from ca.succession import Predecessor
from core.asn1.names import describe_name
from core.audit import Event
from core.certificates import serial_text
from core.config import UrlSettings
from core.context import Context
from core.csr import parse_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.store import KeyStore
from core.prepared import Prepared
from core.subject import Subject

SERIAL_PREFIX, SERIAL_RANDOM_OCTETS = b"\x01", 18
"""144 random bits; the prefix keeps the number positive and its length constant."""

_RESULT = Prepared(
    sa.update(certificates)
    .where(
        certificates.c.authority_id == sa.bindparam("of_authority"),
        certificates.c.serial == sa.bindparam("of_serial"),
        certificates.c.certificate.is_(None),
    )
    .values(certificate=sa.bindparam("signed"))
)

Recording = Callable[[sa.Connection, Sequence["IssuedCertificate"]], None]
"""What the caller records in the transaction that commits the results."""


@dataclass(frozen=True)
class Approval:
    """What was approved, and by whom."""

    reference: str
    """The request's number at the registration authority; `ceremony …` for the centre's own certificates."""
    digest: bytes
    """Of what was approved."""
    approvers: tuple[str, ...]


@dataclass(frozen=True)
class ApprovedRequest:
    """What to certify. Of the CSR, only the key and the proof of possession are used."""

    authority: str
    profile: str
    subject: Subject
    csr: bytes
    """PKCS#10, DER or PEM."""
    approval: Approval
    predecessor: Predecessor | None = None
    """The certificate that it succeeds, whose key it may keep where the profile allows that (`ca.succession`)."""
    span: tuple[datetime, datetime] | None = None
    """When it begins and at the latest ends, where that is another certificate's; else as the profile says."""


@dataclass(frozen=True)
class IssuedCertificate:
    """A certificate in the books."""

    authority: str
    profile: str
    serial: int
    certificate: bytes
    """DER."""
    encryption: "IssuedCertificate | None" = None
    """The one beside it, with double certificates."""
    envelope: bytes = b""
    """Of an encryption certificate: its private key to the holder's signing key (see `ca.escrow`)."""


@dataclass(frozen=True)
class Intent:
    """A request made ready: checked, encoded, linted, not yet signed."""

    request: ApprovedRequest
    authority: Authority
    version: ProfileVersion
    serial: int
    token: LintedTbs
    subject: bytes
    """Name DER."""
    key_digest: bytes
    """SHA-256 of the SPKI."""
    not_before: datetime
    not_after: datetime

    @property
    def grounds(self) -> Grounds:
        """What it stands on."""
        return Grounds(self.authority, self.version)


@dataclass(frozen=True)
class _Ready:
    """All that is needed to sign, with nothing written yet."""

    intents: Sequence[Intent]
    """Of the requests in their order, then of the encryption certificates beside them."""
    halves: Sequence[EncryptionHalf | None]
    keys: Mapping[int, AuthorityKey]
    """By the authority's number."""


class CertificateAuthority:
    """Issues certificates with the keys of its key store. Threads may share it."""

    def __init__(
        self,
        context: Context,
        keys: KeyStore,
        urls: UrlSettings,
        *,
        encryption_keys: EncryptionKeys | None = None,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        """`encryption_keys`: where the second keys of double certificates come from."""
        self.context, self.keys, self.urls = context, keys, urls
        self.encryption_keys = encryption_keys
        self._random = random
        self._grounds: dict[tuple[str, str], Grounds] = {}
        self._templates: dict[tuple[int, int], CertificateTemplate] = {}

    def issue(
        self, requests: Sequence[ApprovedRequest], *, actor: str, recording: Recording | None = None
    ) -> list[IssuedCertificate]:
        """Certificates for all of the requests, in their order, or `YinxinError` and none.

        The error's subject is the reference of the request that is refused. `recording` is called in the transaction
        that commits the results; if it raises, the certificates were signed and stay in the books as intents.
        """
        return self._issue(requests, actor, recording, of_authorities=False)

    def certify_authority(self, request: ApprovedRequest, *, actor: str, recording: Recording) -> IssuedCertificate:
        """The certificate of a CA: for ceremonies (`ca.hierarchy`) only."""
        (issued,) = self._issue([request], actor, recording, of_authorities=True)
        return issued

    def _issue(
        self, requests: Sequence[ApprovedRequest], actor: str, recording: Recording | None, *, of_authorities: bool
    ) -> list[IssuedCertificate]:
        if not requests:
            return []
        with self._refusal_recorded(requests, actor):
            ready = self._make_ready(requests, of_authorities)
        while not self._commit_intents(ready.intents, actor):
            # A profile was activated since its version was read; that is seldom, so this ends.
            self._grounds.clear()
            ready = self._make_ready(requests, of_authorities)
        intents, halves, keys = ready.intents, ready.halves, ready.keys
        signed = [
            IssuedCertificate(
                intent.authority.name,
                intent.version.profile.name,
                intent.serial,
                keys[intent.authority.id].sign(intent.token),
            )
            for intent in intents
        ]
        issued = self._pair_up(signed, halves)
        self._commit_results(intents, signed, issued, halves, actor, recording)
        return issued

    @contextmanager
    def _refusal_recorded(self, requests: Sequence[ApprovedRequest], actor: str) -> Iterator[None]:
        """Enter that a request is not certified: by the linter, for its key, or for what was approved."""
        try:
            yield
        except YinxinError as error:
            references = [one.approval.reference for one in requests]
            about = error.subject if error.subject in references else references[0]
            with self.context.storage.transaction() as connection:
                event = Event("ca.certificate.refuse", actor, about[:256], {"kind": error.kind.value})
                self.context.audit.append(connection, event)
            raise

    def _pair_up(
        self, signed: Sequence[IssuedCertificate], halves: Sequence[EncryptionHalf | None]
    ) -> list[IssuedCertificate]:
        """One for each request, the encryption certificate in it: these were signed after the others."""
        second = iter(signed[len(halves) :])
        return [
            one
            if half is None
            else replace(
                one,
                encryption=replace(next(second), envelope=envelope_of(half, self.encryption_keys, one.certificate)),
            )
            for one, half in zip(signed, halves, strict=False)
        ]

    def _make_ready(self, requests: Sequence[ApprovedRequest], of_authorities: bool) -> _Ready:
        if self._grounds:
            try:
                return self._ready(requests, of_authorities)
            except YinxinError as error:
                # Refused, perhaps by a version that is not in use any more.
                self._grounds.clear()
                if error.kind is Kind.UNAVAILABLE:
                    raise
        return self._ready(requests, of_authorities)

    def _ready(self, requests: Sequence[ApprovedRequest], of_authorities: bool) -> _Ready:
        wanted = self._prepare(requests, of_authorities)
        halves = encryption_halves(self.context, wanted, self.encryption_keys, self._template, self._draw_serial)
        intents = [*wanted, *(half.intent for half in halves if half)]
        # Keys are opened before the intents, so that a wrong passphrase leaves nothing to reconcile.
        keys = {intent.authority.id: AuthorityKey(intent.authority, self.keys) for intent in intents}
        return _Ready(intents, halves, keys)

    def _prepare(self, requests: Sequence[ApprovedRequest], of_authorities: bool) -> list[Intent]:
        intents = []
        now = self.context.clock.now()
        for request in requests:
            try:
                intents.append(self._intend(request, self._grounds_of(request, of_authorities), now))
            except YinxinError as error:
                error.subject = error.subject or request.approval.reference
                raise
        return intents

    def _grounds_of(self, request: ApprovedRequest, of_authorities: bool) -> Grounds:
        """As they are kept, but for ceremonies; `_commit_intents` confirms them."""
        key = (request.authority, request.profile)
        if not of_authorities and (kept := self._grounds.get(key)):
            return kept
        with self.context.storage.reading() as connection:
            grounds = read_grounds(connection, *key, of_authorities=of_authorities)
        if not of_authorities:
            self._grounds[key] = grounds
        return grounds

    def _intend(self, request: ApprovedRequest, grounds: Grounds, now: datetime) -> Intent:
        authority, version = grounds.authority, grounds.version
        profile = version.profile
        _require_approvals(request.approval, profile)
        csr = parse_csr(request.csr)
        csr.check_possession()
        not_before, not_after = validity(profile, authority, now, request.span)
        subject = request.subject.name()
        if profile.audience is Audience.CROSS and csr.subject != subject:
            # What it signed names it to the octet: certified otherwise, nothing of it would be found.
            raise YinxinError(
                Kind.INVALID,
                _("the other CA calls itself {name}, and would be certified as {subject}").format(
                    name=describe_name(csr.subject), subject=describe_name(subject)
                ),
                remedy=_("apply with its name as it writes it; names in other forms of string are not certified here"),
            )
        serial = self._draw_serial()
        tbs = self._template(authority, version).tbs(
            serial=serial,
            not_before=not_before,
            not_after=not_after,
            subject=subject,
            public_key_info=csr.public_key_info,
            identity=request.subject.identity.extensions(),
        )
        token = lint(tbs, profile, authority.limits)
        key_digest = hashlib.sha256(csr.public_key_info).digest()
        return Intent(request, authority, version, serial, token, subject, key_digest, not_before, not_after)

    def _draw_serial(self) -> int:
        return int.from_bytes(SERIAL_PREFIX + self._random(SERIAL_RANDOM_OCTETS), "big")

    def _template(self, authority: Authority, version: ProfileVersion) -> CertificateTemplate:
        key = (authority.id, version.id)
        if key not in self._templates:
            self._templates[key] = CertificateTemplate(version.profile, authority, self.urls)
        return self._templates[key]

    def _commit_intents(self, intents: Sequence[Intent], actor: str) -> bool:
        """Commit them, if what they stand on holds; whether it does."""
        now = self.context.clock.now()
        grounds = {(intent.authority.id, intent.version.id): intent.grounds for intent in intents}
        with self.context.storage.transaction() as connection:
            if not all_hold(connection, grounds.values()):
                return False
            claim_keys(connection, intents)
            record_intents(connection, intents, now)
            self.context.audit.extend(connection, (_intent_event(intent, actor) for intent in intents))
        return True

    def _commit_results(
        self,
        intents: Sequence[Intent],
        signed: Sequence[IssuedCertificate],
        issued: Sequence[IssuedCertificate],
        halves: Sequence[EncryptionHalf | None],
        actor: str,
        recording: Recording | None,
    ) -> None:
        """`signed`: of each intent; `issued`: of each request, the encryption certificates inside."""
        now = self.context.clock.now()
        try:
            with self.context.storage.transaction() as connection:
                updated = _RESULT.execute(
                    connection,
                    [
                        {"of_authority": intent.authority.id, "of_serial": intent.serial, "signed": result.certificate}
                        for intent, result in zip(intents, signed, strict=True)
                    ],
                )
                if updated != len(signed):
                    raise YinxinError(Kind.CONFLICT, _("an intent is no longer in the books, or has its result"))
                numbers = [(intent.authority.id, intent.serial) for intent in intents]
                enter_issued(connection, numbers, at=now, actor=actor)
                self.context.audit.extend(connection, (_result_event(result, actor) for result in signed))
                record_pairs(connection, issued, halves)
                if recording:
                    recording(connection, issued)
        except (sa.exc.SQLAlchemyError, YinxinError) as error:
            if isinstance(error, YinxinError) and error.kind is not Kind.UNAVAILABLE:
                raise
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("{count} certificates were signed, but the result could not be recorded").format(count=len(signed)),
                subject=", ".join(serial_text(result.serial) for result in signed[:3]),
                remedy=_("check the database, then run: yinxin ca reconcile; the request can be issued again"),
            ) from error


def _require_approvals(approval: Approval, profile: Profile) -> None:
    if len(set(approval.approvers)) < profile.approvals:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("the profile {profile} needs {count} approvals by different people").format(
                profile=profile.name, count=profile.approvals
            ),
        )


def validity(
    profile: Profile, authority: Authority, now: datetime, span: tuple[datetime, datetime] | None = None
) -> tuple[datetime, datetime]:
    """From when to when a certificate by this profile would hold now; `YinxinError` (conflict) beyond its issuer's end.

    Both ends are inside the period (RFC 5280 4.1.2.5); it begins no earlier than the issuer's.
    """
    limits = authority.limits
    not_before = (now - timedelta(minutes=profile.backdate_minutes)).replace(microsecond=0)
    if limits.not_before:
        not_before = max(not_before, limits.not_before)
    if span:
        not_before = span[0]
    not_after = not_before + timedelta(days=profile.validity_days) - timedelta(seconds=1)
    if span:
        not_after = min(not_after, span[1])
    if limits.not_after and now > limits.not_after:
        raise YinxinError(
            Kind.CONFLICT,
            _("the authority {authority} expired on {day}").format(
                authority=authority.name, day=limits.not_after.date()
            ),
            remedy=_("issue from another authority"),
        )
    if limits.not_after and not_after > limits.not_after:
        raise YinxinError(
            Kind.CONFLICT,
            _("the certificate would last longer than the authority {authority}, which expires on {day}").format(
                authority=authority.name, day=limits.not_after.date()
            ),
            remedy=_("issue from a newer authority, or with a profile of fewer days"),
        )
    return not_before, not_after


def _intent_event(intent: Intent, actor: str) -> Event:
    approval = intent.request.approval
    details = {
        "authority": intent.authority.name,
        "profile": intent.version.profile.name,
        "version": intent.version.version,
        "tbs": hashlib.sha256(intent.token.tbs).hexdigest(),
        "lint": "passed",
        "approval": approval.reference,
        "approved": approval.digest.hex(),
        "approvers": list(approval.approvers),
    }
    return Event("ca.certificate.intend", actor, serial_text(intent.serial), details)


def _result_event(result: IssuedCertificate, actor: str) -> Event:
    details = {"authority": result.authority, "certificate": hashlib.sha256(result.certificate).hexdigest()}
    return Event("ca.certificate.issue", actor, serial_text(result.serial), details)
