"""The transcript: what was done, in canonical JSON (RFC 8785), with all that is needed to check it years later."""

import json
from datetime import UTC
from enum import StrEnum
from typing import Annotated, Literal

import rfc8785
from pydantic import AwareDatetime, BaseModel, ConfigDict, PlainSerializer, ValidationError

from ca.ceremony.plan import Plan, Role, parse_plan
from ca.ceremony.wording import Section, certificate_rows, custody_of, frame_of, people_of
from core.algorithms import SM3
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.custody import Custody
from core.output import for_people
from core.statements import Hexadecimal

Moment = Annotated[
    AwareDatetime, PlainSerializer(lambda at: at.astimezone(UTC).isoformat(timespec="microseconds"), return_type=str)
]


class Step(StrEnum):
    """What is done in a ceremony, in its order."""

    HOME = "home"
    PASSPHRASE = "passphrase"  # noqa: S105 - a step's name
    ROOT = "root"
    LIST = "list"
    REHEARSAL = "rehearsal"
    SHARE = "share"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Done(_Part):
    """A step that was done."""

    at: Moment
    step: Step
    about: str = ""


class Attendant(_Part):
    """Somebody who was present."""

    name: str
    roles: tuple[Role, ...]
    certificate: Hexadecimal | None
    """DER; None: signs by hand."""


class MadeRoot(_Part):
    """A root that was made."""

    name: str
    certificate: Hexadecimal
    """DER."""
    revocation_list: Hexadecimal
    """The first, DER."""


class Transcript(_Part):
    """Everything."""

    version: Literal[1] = 1
    plan: str
    """The file's text."""
    software: str
    began_at: Moment
    ended_at: Moment
    log: str
    """The audit log of the roots' home."""
    log_key: str
    """SHA-256 of the key that signs its checkpoints."""
    present: tuple[Attendant, ...]
    roots: tuple[MadeRoot, ...]
    custody: Custody
    steps: tuple[Done, ...]

    def canonical(self) -> bytes:
        """What is signed about."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    @property
    def digest(self) -> str:
        """SM3 of the canonical octets, hexadecimal."""
        return SM3.of(self.canonical()).hex()

    @property
    def plan_digest(self) -> str:
        """SM3 of the plan's file."""
        return SM3.of(self.plan.encode()).hex()

    @property
    def reference(self) -> str:
        """What statements call the ceremony."""
        return f"ceremony {self.plan_digest[:16]} {self.custody.set_id}"

    def read_plan(self) -> Plan:
        """The plan; `YinxinError` (invalid) if it is none."""
        return parse_plan(self.plan.encode(), "plan")


def parse_transcript(octets: bytes) -> Transcript:
    """Read it; `YinxinError` (invalid) unless it is a transcript in its canonical form."""
    try:
        found = Transcript.model_validate(json.loads(octets))
    except (ValidationError, ValueError) as error:
        raise YinxinError(
            Kind.INVALID, _("not the transcript of a ceremony"), remedy=_("give transcript.json")
        ) from error
    if found.canonical() != octets:
        raise YinxinError(
            Kind.INVALID,
            _("the transcript is not in its canonical form: it was changed"),
            remedy=_("find the file as it was signed"),
        )
    return found


def sections_of(transcript: Transcript) -> list[Section]:
    """What the transcript tells people."""
    plan = transcript.read_plan()
    roots = [
        Section(_("Root {name}").format(name=root.name), certificate_rows(root.certificate, made=True))
        for root in transcript.roots
    ]
    return [
        frame_of(plan, transcript.plan_digest),
        people_of(plan),
        *roots,
        custody_of(plan),
        Section(_("The set of shares"), _custody_rows(transcript.custody)),
        Section(_("What was done"), [(for_people(one.at), _words(one)) for one in transcript.steps]),
        Section(
            _("The record"),
            [
                (_("Begun"), for_people(transcript.began_at)),
                (_("Ended"), for_people(transcript.ended_at)),
                (_("Software"), transcript.software),
                (_("Audit log"), transcript.log),
                (_("Fingerprint of the audit key"), transcript.log_key),
                (_("SM3 of the transcript"), transcript.digest),
            ],
        ),
    ]


def _custody_rows(custody: Custody) -> list[tuple[str, str]]:
    return [
        (_("Set"), custody.set_id),
        *(
            (_("Share {number}").format(number=one.number), f"{one.custodian}, SM3 {one.digest[:16]}…")
            for one in custody.shares
        ),
    ]


def _words(done: Done) -> str:
    words = {
        Step.HOME: _("a home for the roots was made"),
        Step.PASSPHRASE: _("a passphrase was drawn and split"),
        Step.ROOT: _("root {about}: key and certificate were made"),
        Step.LIST: _("root {about}: its first list was signed"),
        Step.REHEARSAL: _("the shares were combined, and opened every key"),
        Step.SHARE: _("the share of {about} was written"),
    }
    return words[done.step].format(about=done.about)
