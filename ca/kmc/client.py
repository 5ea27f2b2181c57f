"""The certificate authority's side: encryption key pairs from a key-management centre, here or on another machine.

`ca.escrow.EncryptionKeys` is the seam: given an approved request and the holder's signing key, the encryption key's
SPKI and the envelope. Whoever issues double certificates is handed one, and does not know where the centre stands.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

from ca.escrow import AllottedKey, KeyRequest
from ca.kmc import messages, pools
from ca.kmc.allotment import allot, retire_unclaimed, revoke_for
from ca.kmc.custody import Custodian
from ca.kmc.messages import Correspondent
from core.algorithms import SM3
from core.asn1 import key_management as structures
from core.clock import Clock
from core.context import Context
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer

_NUMBER_SIZE = 16


@dataclass(frozen=True)
class LocalCentre:
    """A centre in this process: for small installations, and for the centre's own service."""

    context: Context
    custodian: Custodian
    actor: str
    retention: timedelta = pools.RETENTION

    def allot(self, request: KeyRequest, certificate: bytes | None = None) -> AllottedKey:
        """A pair for the holder; made now if there is none to spare."""
        pools.provide(self.context, self.custodian, request, actor=self.actor)
        kept = replace(request, keep_until=request.keep_until + self.retention)
        return allot(self.context, self.custodian, kept, actor=self.actor, certificate=certificate)

    def revoke(self, reference: str) -> None:
        """Move the key of a reference to the historical pool."""
        revoke_for(self.context, reference, actor=self.actor)

    def retire_unclaimed(self) -> list[str]:
        """Move keys that the authority never told of to the historical pool, once their term is over."""
        return retire_unclaimed(self.context, actor=self.actor)


@dataclass(frozen=True)
class RemoteCentre:
    """A centre elsewhere, reached by GM/T 0014 messages."""

    send: Callable[[bytes], bytes]
    """Carries a CARequest there and the KMRespond back."""
    signer: Signer
    sender: Correspondent
    centre: Correspondent
    clock: Clock

    def allot(self, request: KeyRequest, certificate: bytes | None = None) -> AllottedKey:
        """A pair for the holder."""
        number = certificate_number(request.reference)
        asked = messages.apply_request(
            certificate_number=number,
            signing_key=request.signing_key,
            holder=request.holder,
            begin=self.clock.now(),
            end=request.keep_until,
            kind=request.kind,
        )
        return self._key(asked, "apply", number, certificate)

    def restore(self, reference: str, signing_key: bytes, certificate: bytes | None = None) -> AllottedKey:
        """A key back, to the key (SPKI DER) that the officers approved; `certificate` (DER): of an RSA holder."""
        number = certificate_number(reference)
        asked = messages.restore_request(certificate_number=number, signing_key=signing_key)
        return self._key(asked, "restore", number, certificate)

    def revoke(self, reference: str) -> None:
        """Move the key of a reference to the historical pool."""
        number = certificate_number(reference)
        answer = self._ask(messages.revoke_message(number), "revoke")
        self._require_number(answer, number)

    def _key(self, asked: bytes, expected: str, number: int, certificate: bytes | None) -> AllottedKey:
        answer = self._ask(asked, expected)
        self._require_number(answer, number)
        return AllottedKey("", answer["public_key"].dump(), messages.envelope_of(answer, self.centre, certificate))

    def _ask(self, asked: bytes, expected: str) -> structures.RetKeyRespond | structures.RevokeKey:
        task_number = secrets.randbits(63)
        message = messages.sign_message([asked], self.signer, self.sender, at=self.clock.now(), task_number=task_number)
        respond, signed = messages.parse_message(self.send(message), structures.KsRespond)
        messages.check_signature(signed, self.centre)
        answers = list(respond["responds"])
        if len(answers) == 1 and answers[0].name == "error":
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("the key-management centre refuses: {reason}").format(
                    reason=answers[0].chosen["description"].native or answers[0].chosen["number"].native
                ),
            )
        if respond["task_number"].native != task_number or len(answers) != 1 or answers[0].name != expected:
            raise _other_answer()
        answer: structures.RetKeyRespond | structures.RevokeKey = answers[0].chosen
        return answer

    def _require_number(self, answer: structures.RetKeyRespond | structures.RevokeKey, number: int) -> None:
        if answer["user_cert_no"].native != number:
            raise _other_answer()


def certificate_number(reference: str) -> int:
    """userCertNo: stands for the approved request, since no certificate exists yet when a key is asked for."""
    return int.from_bytes(SM3.of(reference.encode())[:_NUMBER_SIZE], "big")


def _other_answer() -> YinxinError:
    return YinxinError(
        Kind.INVALID, _("the key-management centre answers something else"), remedy=_("do not use it, and ask again")
    )
