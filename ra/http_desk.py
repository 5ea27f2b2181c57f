"""The desk at which one caller is served: what an operation may use."""

from dataclasses import dataclass, field
from functools import cached_property

from werkzeug.datastructures import ETags
from werkzeug.exceptions import PreconditionFailed

from ca.issuance import CertificateAuthority
from core.api.outcomes import Outcome
from core.context import Context
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from ra.http_access import require_own, session_of
from ra.operators import Operator, OperatorSession, authenticate


@dataclass
class Desk:
    """The office's home, and who stands before it."""

    home: Home
    caller: Operator
    issuing: CertificateAuthority | None
    """Ready to issue; None where the service is not to."""
    if_match: ETags = field(default_factory=ETags)
    etag: str = ""
    """Of what is given out."""
    outcome: Outcome | None = None
    """Of the request's idempotency key."""

    @property
    def name(self) -> str:
        """The caller's."""
        return self.caller.name

    @property
    def context(self) -> Context:
        """What the verbs are handed."""
        return self.home.context

    @cached_property
    def session(self) -> OperatorSession:
        """The caller's, for looking something up: it cannot sign."""
        return session_of(self.caller)

    @property
    def authority(self) -> CertificateAuthority:
        """Ready to issue; `YinxinError` where the service is not to."""
        if self.issuing is None:
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("certificates are not issued by this service"),
                remedy=_("have them issued where the CA is: yinxin ra issue"),
            )
        return self.issuing

    def receive(self, message: bytes) -> bytes:
        """The caller's own signed statement; `RefusedError` if it is another's, or none."""
        require_own(self.caller, authenticate(self.context, message).statement)
        return message

    def require_unchanged(self, etag: str) -> None:
        """Return if what the caller has seen (If-Match) is still so; else 412."""
        if self.if_match and not self.if_match.contains(etag):
            raise PreconditionFailed(_("It has changed since you looked at it."))
