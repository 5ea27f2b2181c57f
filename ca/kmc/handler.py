"""The key-management centre's side of GM/T 0014: a signed request in, a signed answer out, so that it may stand alone.

A key is given back here only after the officers' recovery was delivered, and to the very key that they approved.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

from asn1crypto import x509

from ca.escrow import KeyRequest
from ca.kmc import messages, pools
from ca.kmc.allotment import allot, find_by_reference, revoke_for
from ca.kmc.history import EscrowedKey, advance, find_key
from ca.kmc.messages import Correspondent
from ca.kmc.recovery import RecoveryDesk
from ca.kmc.state import Move
from core.asn1 import key_management as structures
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from core.tally import Tally

REQUEST_LIFETIME = timedelta(minutes=10)
"""How far a request's time may be from ours."""

_ERROR_NUMBERS = {kind: number for number, kind in enumerate(Kind, start=1)}
"""errNo by kind of error, in the order of `core.errors.Kind`: GM/T 0014 leaves the numbers to the centre."""


@dataclass(frozen=True)
class Handler:
    """Answers certificate authorities."""

    desk: RecoveryDesk
    signer: Signer
    centre: Correspondent
    authorities: Mapping[str, Correspondent]
    """The authorities that may ask, by name: with certificates of keys for this line, which are not CA keys."""
    retention: timedelta = pools.RETENTION
    tally: Tally | None = None
    """Counts what is refused."""

    def answer(self, data: bytes) -> bytes:
        """KMRespond to a CARequest; whatever is wrong becomes ErrorPkgRespond."""
        task_number, name, parts = 0, "", []
        try:
            request, signed = messages.parse_message(data, structures.KsRequest)
            name = self._authenticate(request, signed)
            task_number = request["task_number"].native
            parts = [self._answer_one(name, one) for one in request["requests"]]
        except YinxinError as error:
            parts = [self._refuse(error, name)]
        now = self.desk.context.clock.now()
        return messages.sign_message(parts, self.signer, self.centre, at=now, task_number=task_number)

    def _authenticate(self, request: structures.KsRequest, signed: structures.SignedMessage) -> str:
        """The name of the authority that signed the request just now; `YinxinError` (forbidden) else."""
        entity = request["ca_name"].dump()
        named = [(name, one) for name, one in self.authorities.items() if one.entity_name() == entity]
        if not named:
            raise YinxinError(Kind.FORBIDDEN, _("no authority of this name is served here"))
        name, authority = named[0]
        messages.check_signature(signed, authority)
        if abs(self.desk.context.clock.now() - request["request_time"].native) > REQUEST_LIFETIME:
            raise YinxinError(
                Kind.FORBIDDEN, _("the request was not made just now"), subject=name, remedy=_("check the clocks")
            )
        return name

    def _answer_one(self, authority: str, request: structures.Request) -> bytes:
        """Each request stands for itself: the next is served although one was refused."""
        try:
            match request.name:
                case "apply":
                    return self._apply(authority, request.chosen)
                case "restore":
                    return self._restore(authority, request.chosen)
                case _:
                    return self._revoke(authority, request.chosen)
        except YinxinError as error:
            return self._refuse(error, authority)

    def _refuse(self, error: YinxinError, authority: str) -> bytes:
        if self.tally:
            self.tally.count("kmc.line.answer.refused", authority or "unverified", "kmc", error.kind.value)
        return messages.error_respond(_ERROR_NUMBERS[error.kind], str(error))

    def _apply(self, authority: str, asked: structures.ApplyKeyReq) -> bytes:
        user = asked["user"]
        holder = user["user_name"].native or b""
        if not _is_name(holder):
            raise YinxinError(Kind.INVALID, _("userName does not say whose the key will be (Name, DER)"))
        request = KeyRequest(
            _reference(authority, user["user_cert_no"].native),
            holder,
            user["user_public_key"].dump(),
            user["not_after"].native + self.retention,
            messages.kind_asked_for(asked),
        )
        pools.provide(self.desk.context, self.desk.custodian, request, actor=authority)
        allotted = allot(self.desk.context, self.desk.custodian, request, actor=authority)
        with self.desk.context.storage.reading() as connection:
            key = find_key(connection, allotted.number)
        return self._give(structures.APPLY, key, user["user_cert_no"].native, request.signing_key)

    def _restore(self, authority: str, asked: structures.RestoreKeyReq) -> bytes:
        number, recipient = asked["user_cert_no"].native, asked["user_public_key"].dump()
        context = self.desk.context
        with context.storage.transaction() as connection:
            key = find_key(connection, find_by_reference(connection, _reference(authority, number)), lock=True)
            recovery = self.desk.delivered_to(connection, key, recipient)
            advance(context, connection, key, Move.RECOVER, actor=authority, reference=recovery)
            return self._give(structures.RESTORE, key, number, recipient)

    def _revoke(self, authority: str, asked: structures.RevokeKey) -> bytes:
        number = asked["user_cert_no"].native
        revoke_for(self.desk.context, _reference(authority, number), actor=authority)
        return messages.revoke_message(number)

    def _give(self, tag: int, escrowed: EscrowedKey, certificate_number: int, recipient: bytes) -> bytes:
        key = self.desk.custodian.open(escrowed.kept())
        return messages.key_respond(
            tag,
            certificate_number=certificate_number,
            key=key,
            recipient=recipient,
            signer=self.signer,
            certificate=self.centre.certificate,
        )


def _reference(authority: str, certificate_number: int) -> str:
    return f"{authority}/{certificate_number:x}"


def _is_name(octets: bytes) -> bool:
    try:
        return bool(x509.Name.load(octets, strict=True).native)
    except (ValueError, TypeError, KeyError):
        return False
