"""Whether somebody has an attribute now, judged as RFC 5755 5 has it: from the files, the trusted roots and the status.

Nothing is fetched here: what holds by the responders or the revocation lists is asked of a `StatusSource` handed in.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import partial
from itertools import pairwise
from typing import Protocol

from asn1crypto import x509

from ca.attributes.attributes import Attributes
from ca.attributes.reading import AttributeCertificate
from ca.certificate import key_identifier
from core.algorithms import algorithm_by_identifier
from core.asn1.names import describe_name
from core.certificates import serial_text
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.verification import InvalidSignature, verify
from core.path import build_path


class Answer(StrEnum):
    """The verdict."""

    HAS = "has"
    HAS_NOT = "has-not"
    CANNOT_TELL = "cannot-tell"


class Standing(StrEnum):
    """What a source of status says."""

    GOOD = "good"
    HELD = "held"
    REVOKED = "revoked"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Status:
    """What a source says, and by what."""

    standing: Standing
    source: str
    """The responder's subject, or the list."""
    since: datetime | None = None
    until: datetime | None = None
    """Until when what it says holds."""


class StatusSource(Protocol):
    """Tells what holds now; `YinxinError` if that cannot be had."""

    def of_certificate(self, certificate: bytes, issuer: bytes) -> Status:
        """Of a certificate (DER) by its issuer's."""
        ...

    def of_attributes(self, certificate: AttributeCertificate, authority: bytes, certifier: bytes) -> Status:
        """Of an attribute certificate, by its authority's certificate and that of the CA above."""
        ...


@dataclass(frozen=True)
class Step:
    """One thing that was looked at."""

    about: str
    """A word for programs."""
    holds: bool | None
    """None: it could not be found out."""
    words: str
    """For people."""


@dataclass(frozen=True)
class Judgement:
    """The verdict with its proof."""

    answer: Answer
    steps: tuple[Step, ...]
    attributes: Attributes
    """All that the attribute certificate says, whether it holds or not."""
    authority_path: tuple[bytes, ...] = field(default=(), repr=False)
    """Certificates (DER) from the attribute authority's to the trusted root; empty without one."""
    holder_path: tuple[bytes, ...] = field(default=(), repr=False)


@dataclass(frozen=True)
class Question:
    """What is asked about whom."""

    certificate: AttributeCertificate
    holder: bytes
    """The holder's certificate, DER. That the holder is there, and has its key, is for whoever asks to find out."""
    role: str | None = None
    group: str | None = None
    position: str | None = None
    target: str | None = None
    """The service that asks, where the certificate is for certain services only."""


@dataclass(frozen=True)
class Trust:
    """Whom whoever asks believes (certificates, DER)."""

    anchors: Sequence[bytes]
    """The roots."""
    authorities: Sequence[bytes]
    """The attribute authorities: each is trusted by name (RFC 5755 5), for under a root anybody's key could sign."""
    intermediates: Sequence[bytes]


def judge_attributes(question: Question, trust: Trust, status: StatusSource, now: datetime) -> Judgement:
    """Whether the holder has what is asked for at this moment. Every step is looked at, whatever one said before."""
    inquiry = _Inquiry(question, trust, status, now)
    steps = tuple(inquiry.steps())
    answer = Answer.HAS
    if any(step.holds is None for step in steps):
        answer = Answer.CANNOT_TELL
    if any(step.holds is False for step in steps):
        answer = Answer.HAS_NOT
    return Judgement(answer, steps, question.certificate.attributes, inquiry.authority_path, inquiry.holder_path)


class _Inquiry:
    def __init__(self, question: Question, trust: Trust, status: StatusSource, now: datetime) -> None:
        self.question, self.certificate = question, question.certificate
        self.trust, self.status, self.now = trust, status, now
        self.authority_path: tuple[bytes, ...] = ()
        self.holder_path: tuple[bytes, ...] = ()

    def steps(self) -> Iterator[Step]:
        """In the order of RFC 5755 5: holder, signature and authority, time, targets, attribute; then the status."""
        yield from self._about_attributes()
        yield self._about_holder()
        yield self._about_time()
        yield from self._about_targets()
        self.holder_path, step = self._path("holder-path", self.question.holder)
        yield step
        yield from self._about_authority()
        yield from self._about_status()

    def _about_attributes(self) -> Iterator[Step]:
        has = self.certificate.attributes
        asked = (
            ("role", _("role"), self.question.role, has.roles),
            ("group", _("group"), self.question.group, has.groups),
            ("position", _("position"), self.question.position, has.positions),
        )
        for about, label, wanted, certified in asked:
            if wanted is None:
                continue
            there = wanted in certified
            words = _("the {kind} {name} is certified") if there else _("the {kind} {name} is not certified")
            yield Step(about, there, words.format(kind=label, name=wanted))

    def _about_holder(self) -> Step:
        holder = x509.Certificate.load(self.question.holder, strict=True)
        name = describe_name(holder.subject.dump())
        ours = self.certificate.holder
        if (holder.issuer.dump(), holder.serial_number) == (ours.issuer, ours.serial):
            return Step("holder", True, _("it is about this holder: {name}").format(name=name))
        words = _("it is about another holder: serial number {serial} of {issuer}")
        return Step("holder", False, words.format(serial=serial_text(ours.serial), issuer=describe_name(ours.issuer)))

    def _about_time(self) -> Step:
        begin, end = self.certificate.not_before, self.certificate.not_after
        holds = begin <= self.now <= end
        words = _("valid from {begin} to {end}") if holds else _("not valid now, but from {begin} to {end}")
        return Step("validity", holds, words.format(begin=_local(begin), end=_local(end)))

    def _about_targets(self) -> Iterator[Step]:
        targets = self.certificate.targets
        if targets:
            holds = self.question.target in targets
            words = _("for this service") if holds else _("for certain services only: {targets}")
            yield Step("target", holds, words.format(targets=", ".join(targets)))

    def _about_authority(self) -> Iterator[Step]:
        name = describe_name(self.certificate.issuer)
        named = [one for one in self.trust.authorities if _may_have_issued(self.certificate, one)]
        signers = [one for one in named if _signed(self.certificate, one)]
        if not named:
            words = _("the attribute authority is not among the trusted ones: {name}").format(name=name)
            yield Step("signature", False, words)
            return
        good = _("signed by the attribute authority {name}") if signers else _("not signed by {name}")
        yield Step("signature", bool(signers), good.format(name=name))
        for signer in signers[:1]:
            self.authority_path, step = self._path("authority-path", signer)
            yield step

    def _path(self, about: str, leaf: bytes) -> tuple[tuple[bytes, ...], Step]:
        try:
            path = build_path(leaf, self.trust.intermediates, self.trust.anchors, self.now)
        except YinxinError as error:
            return (), Step(about, False, str(error))
        names = " ← ".join(describe_name(x509.Certificate.load(one).subject.dump()) for one in path)
        return path, Step(about, True, names)

    def _about_status(self) -> Iterator[Step]:
        if self.certificate.never_revoked:
            yield Step("attribute-status", True, _("short-lived: there is no status to ask for"))
        elif len(self.authority_path) < 2:
            yield Step("attribute-status", None, _("without its authority its status cannot be checked"))
        else:
            authority, certifier, *_above = self.authority_path
            yield _step(
                "attribute-status",
                _("the attribute certificate"),
                partial(self.status.of_attributes, self.certificate, authority, certifier),
            )
        asked: set[bytes] = set()
        for about, path in (("holder-status", self.holder_path), ("authority-status", self.authority_path)):
            for certificate, issuer in pairwise(path):
                if certificate in asked:
                    continue
                asked.add(certificate)
                name = describe_name(x509.Certificate.load(certificate).subject.dump())
                yield _step(about, name, partial(self.status.of_certificate, certificate, issuer))


def _step(about: str, name: str, ask: Callable[[], Status]) -> Step:
    try:
        status = ask()
    except YinxinError as error:
        return Step(about, None, f"{name}: {error}")
    words = {
        Standing.GOOD: _("{name}: good, says {source}"),
        Standing.HELD: _("{name}: on hold since {since}, says {source}"),
        Standing.REVOKED: _("{name}: revoked since {since}, says {source}"),
        Standing.UNKNOWN: _("{name}: not known to {source}"),
    }[status.standing]
    since = _local(status.since) if status.since else "-"
    holds = None if status.standing is Standing.UNKNOWN else status.standing is Standing.GOOD
    return Step(about, holds, words.format(name=name, source=status.source, since=since))


def _may_have_issued(certificate: AttributeCertificate, candidate: bytes) -> bool:
    """Whether name and key identifier fit, and it is no CA's but one for signatures (RFC 5755 4.5, 5)."""
    authority = x509.Certificate.load(candidate, strict=True)
    usage, constraints = authority.key_usage_value, authority.basic_constraints_value
    if constraints is not None and constraints["ca"].native:
        return False
    if usage is not None and "digital_signature" not in usage.native:
        return False
    if authority.subject.dump() != certificate.issuer:
        return False
    return certificate.key_identifier in (None, key_identifier(authority.public_key.dump()))


def _signed(certificate: AttributeCertificate, authority: bytes) -> bool:
    key = x509.Certificate.load(authority).public_key.dump()
    try:
        algorithm = algorithm_by_identifier(certificate.algorithm_identifier)
        verify(key, algorithm, certificate.signature, certificate.info)
    except (InvalidSignature, YinxinError):
        return False
    return True


def _local(moment: datetime) -> str:
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")


def require_question(question: Question) -> None:
    """Return if something is asked; else `YinxinError` (invalid)."""
    if question.role is None and question.group is None and question.position is None:
        raise YinxinError(
            Kind.INVALID,
            _("what shall the holder have?"),
            remedy=_("give a role, a group or a position to look for"),
        )
