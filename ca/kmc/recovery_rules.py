"""What a recovery asks for and how far it is: derived from its signed statements, each time anew."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field

from ca.kmc.statements import Act, Officers, Statement
from core.algorithms import SM3
from core.errors import Kind, YinxinError
from core.i18n import _

APPROVALS = 2
"""At least: GM/T 0034 and the rules of the house; one person alone never recovers a key."""


class Path(StrEnum):
    """Why a key leaves."""

    HOLDER = "holder"
    """To its holder, who lost it (GM/T 0034 12.4)."""
    JUDICIAL = "judicial"
    """To an authority, for evidence, with a case number (GM/T 0034 12.5)."""


class RecoveryRequest(BaseModel):
    """What officers approve."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    number: str
    key: str
    """Number of the escrowed key."""
    public_key: str
    """Its SPKI, DER, hexadecimal."""
    path: Path
    case: Annotated[str, Field(max_length=128)]
    reason: Annotated[str, Field(min_length=1, max_length=1000)]
    recipient: tuple[str, ...]
    """The recipient's certificate, its issuers after it; DER, hexadecimal."""

    def canonical(self) -> bytes:
        """Canonical JSON (RFC 8785)."""
        return rfc8785.dumps(self.model_dump(mode="json"))

    @property
    def recipient_certificate(self) -> bytes:
        """DER."""
        return bytes.fromhex(self.recipient[0])


class Stage(StrEnum):
    """How far a recovery is."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REJECTED = "rejected"
    DELIVERED = "delivered"


@dataclass(frozen=True)
class Progress:
    """Who stated what about a request so far; every statement was verified."""

    request: RecoveryRequest
    statements: tuple[Statement, ...]

    @property
    def digest(self) -> str:
        """SM3 of the canonical request."""
        return SM3.of(self.request.canonical()).hex()

    @property
    def requester(self) -> str:
        """Who asked."""
        return self.statements[0].officer

    @property
    def approvers(self) -> tuple[str, ...]:
        """Who approved, in order."""
        return tuple(one.officer for one in self.statements if one.act is Act.APPROVE)

    @property
    def stage(self) -> Stage:
        """How far it is."""
        last = self.statements[-1].act
        if last is Act.REJECT:
            return Stage.REJECTED
        if last is Act.DELIVER:
            return Stage.DELIVERED
        return Stage.APPROVED if len(self.approvers) >= APPROVALS else Stage.REQUESTED


def extend(progress: Progress, statement: Statement, officers: Officers) -> Progress:
    """The progress after a verified statement, if the rules allow it; else `YinxinError`."""
    subject = progress.request.number
    place = (subject, len(progress.statements) + 1, progress.digest)
    if (statement.subject, statement.sequence, statement.digest) != place:
        raise YinxinError(Kind.CONFLICT, _("the statement is about something else"), subject=subject)
    first = not progress.statements
    if first != (statement.act is Act.REQUEST):
        raise YinxinError(Kind.CONFLICT, _("a recovery begins with its request"), subject=subject)
    if not first:
        _check_decision(progress, statement, officers)
    return Progress(progress.request, (*progress.statements, statement))


def _check_decision(progress: Progress, statement: Statement, officers: Officers) -> None:
    subject, stage = progress.request.number, progress.stage
    if stage in (Stage.REJECTED, Stage.DELIVERED):
        raise YinxinError(
            Kind.CONFLICT, _("the recovery is {stage} already").format(stage=stage.value), subject=subject
        )
    if statement.act is Act.DELIVER and stage is not Stage.APPROVED:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("{count} officers approved so far; {needed} are needed").format(
                count=len(progress.approvers), needed=APPROVALS
            ),
            subject=subject,
            remedy=_("run as another officer: yinxin ca kmc recover approve {number}").format(number=subject),
        )
    if statement.act is Act.APPROVE:
        involved = {officers.key_of(name) for name in (progress.requester, *progress.approvers)}
        names = {progress.requester, *progress.approvers}
        if statement.officer in names or officers.key_of(statement.officer) in involved:
            raise YinxinError(
                Kind.FORBIDDEN,
                _("whoever asked for a recovery, or approved it already, cannot approve it"),
                subject=subject,
                remedy=_("have another officer approve it"),
            )


def replay(request: RecoveryRequest, messages: Sequence[bytes], officers: Officers) -> Progress:
    """The progress that signed statements (SignedData) lead to; `YinxinError` if one of them breaks a rule."""
    progress = Progress(request, ())
    for message in messages:
        progress = extend(progress, officers.verify(message), officers)
    if not progress.statements:
        raise YinxinError(Kind.INVALID, _("a recovery that nobody asked for"), subject=request.number)
    return progress
