"""Issuance: from approved requests to certificates, in batches; one certificate is a batch of one.

Check everything, encode, lint; commit the intents; sign and verify; commit the results. What dies in between leaves
intents in the books, which `ca.reconciliation` presumes issued: no signature is ever without a row.
"""

import hashlib
import secrets
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from ca.activation import ProfileVersion, active_profile
from ca.authorities import Authority, authority_of, find_authority
from ca.books import AuthorityKind
from ca.certificate import CertificateTemplate
from ca.double import EncryptionHalf, encryption_halves, envelope_of, record_pairs
from ca.escrow import EncryptionKeys
from ca.history import advance_locked
from ca.intents import claim_keys, record_intents, require_issuers_in_force
from ca.lint import LintedTbs, lint
from ca.profiles import Audience, Profile
from ca.records import certificates
from ca.signing import AuthorityKey
from ca.state import Move
from ca.succession import Predecessor
from core.audit import Event
from core.certificates import serial_text
from core.config import UrlSettings
from core.context import Context
from core.csr import parse_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.store import KeyStore
from core.subject import Subject

SERIAL_PREFIX, SERIAL_RANDOM_OCTETS = b"\x01", 18
"""144 random bits; the prefix keeps the number positive and its length constant."""

_RESULT = (
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
        wanted = self._prepare(requests, of_authorities)
        halves = encryption_halves(self.context, wanted, self.encryption_keys, self._template, self._draw_serial)
        intents = [*wanted, *(half.intent for half in halves if half)]
        # Keys are opened before the intents, so that a wrong passphrase leaves nothing to reconcile.
        keys = {intent.authority.id: AuthorityKey(intent.authority, self.keys) for intent in intents}
        self._commit_intents(intents, actor)
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

    def _prepare(self, requests: Sequence[ApprovedRequest], of_authorities: bool) -> list[Intent]:
        authorities: dict[str, Authority] = {}
        versions: dict[str, ProfileVersion] = {}
        intents = []
        now = self.context.clock.now()
        with self.context.storage.reading() as connection:
            for request in requests:
                try:
                    if request.profile not in versions:
                        versions[request.profile] = active_profile(connection, request.profile)
                    version = versions[request.profile]
                    _require_audience(version.profile, of_authorities)
                    if request.authority not in authorities:
                        authorities[request.authority] = _issuer(connection, request.authority, version.profile)
                    intents.append(self._intend(request, authorities[request.authority], version, now))
                except YinxinError as error:
                    error.subject = error.subject or request.approval.reference
                    raise
        return intents

    def _intend(self, request: ApprovedRequest, authority: Authority, version: ProfileVersion, now: datetime) -> Intent:
        profile = version.profile
        _require_approvals(request.approval, profile)
        csr = parse_csr(request.csr)
        csr.check_possession()
        not_before, not_after = _validity(profile, authority, now)
        subject = request.subject.name()
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

    def _commit_intents(self, intents: Sequence[Intent], actor: str) -> None:
        now = self.context.clock.now()
        with self.context.storage.transaction() as connection:
            require_issuers_in_force(connection, {intent.authority.id: intent.authority for intent in intents}.values())
            claim_keys(connection, intents)
            record_intents(connection, intents, now)
            self.context.audit.extend(connection, (_intent_event(intent, actor) for intent in intents))

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
                updated = connection.execute(
                    _RESULT,
                    [
                        {"of_authority": intent.authority.id, "of_serial": intent.serial, "signed": result.certificate}
                        for intent, result in zip(intents, signed, strict=True)
                    ],
                )
                if updated.rowcount != len(signed):
                    raise YinxinError(Kind.CONFLICT, _("an intent is no longer in the books, or has its result"))
                for authority_id, serials in _by_authority(intents).items():
                    advance_locked(connection, authority_id, serials, Move.ISSUE, at=now, actor=actor)
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


def _issuer(connection: sa.Connection, name: str, profile: Profile) -> Authority:
    """The authority that issues; for a root's own certificate, one that has none yet."""
    if not profile.self_issued:
        return authority_of(connection, name, AuthorityKind.CERTIFICATES)
    authority = find_authority(connection, name)
    if authority is None or authority.certificate is not None:
        raise YinxinError(Kind.CONFLICT, _("a root issues its own certificate once, when it is created"), subject=name)
    return authority


def _require_audience(profile: Profile, of_authorities: bool) -> None:
    if profile.takes_ceremony and not of_authorities:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("the profile {profile} makes a CA: that takes a ceremony").format(profile=profile.name),
        )
    if profile.audience is Audience.ENCRYPTION:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("the profile {profile} is for keys from the key-management centre, beside a signing certificate").format(
                profile=profile.name
            ),
        )
    if of_authorities and not profile.takes_ceremony:
        raise YinxinError(Kind.INVALID, _("the profile {profile} makes no CA").format(profile=profile.name))


def _require_approvals(approval: Approval, profile: Profile) -> None:
    if len(set(approval.approvers)) < profile.approvals:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("the profile {profile} needs {count} approvals by different people").format(
                profile=profile.name, count=profile.approvals
            ),
        )


def _validity(profile: Profile, authority: Authority, now: datetime) -> tuple[datetime, datetime]:
    """Both ends are inside the period (RFC 5280 4.1.2.5); it begins no earlier than the issuer's."""
    limits = authority.limits
    not_before = (now - timedelta(minutes=profile.backdate_minutes)).replace(microsecond=0)
    if limits.not_before:
        not_before = max(not_before, limits.not_before)
    not_after = not_before + timedelta(days=profile.validity_days) - timedelta(seconds=1)
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


def _by_authority(intents: Iterable[Intent]) -> dict[int, list[int]]:
    serials: dict[int, list[int]] = {}
    for intent in intents:
        serials.setdefault(intent.authority.id, []).append(intent.serial)
    return serials


def _intent_event(intent: Intent, actor: str) -> Event:
    approval = intent.request.approval
    details = {
        "authority": intent.authority.name,
        "profile": intent.version.profile.name,
        "version": intent.version.version,
        "tbs": hashlib.sha256(intent.token.tbs).hexdigest(),
        "approval": approval.reference,
        "approved": approval.digest.hex(),
        "approvers": list(approval.approvers),
    }
    return Event("ca.certificate.intend", actor, serial_text(intent.serial), details)


def _result_event(result: IssuedCertificate, actor: str) -> Event:
    details = {"authority": result.authority, "certificate": hashlib.sha256(result.certificate).hexdigest()}
    return Event("ca.certificate.issue", actor, serial_text(result.serial), details)
