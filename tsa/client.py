"""A client of any RFC 3161 server. What it answers is checked before it is believed."""

import secrets
from collections.abc import Sequence
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from core.algorithms import Digest
from core.errors import Kind, YinxinError
from core.i18n import _
from tsa.request import QUERY, MessageImprint, TimeStampRequest
from tsa.response import REPLY, token_of
from tsa.verification import read_token

_MAXIMUM_REPLY = 1024 * 1024


class Timestamper:
    """Has digests stamped by one server. Threads share it."""

    def __init__(
        self, url: str, *, timeout: float = 10.0, policy: str | None = None, anchors: Sequence[bytes] = ()
    ) -> None:
        """`timeout`: seconds of silence; `policy`: the one to ask for; `anchors`: if given, whom to trust (DER)."""
        if urlsplit(url).scheme not in ("http", "https"):
            raise YinxinError(
                Kind.INVALID,
                _("not the address of a time-stamping server"),
                subject=url,
                remedy=_("http:// or https://"),
            )
        self._url = url
        self._timeout = timeout
        self._policy = policy
        self._anchors = anchors

    def stamp(self, digest: Digest, value: bytes, nonce: int | None = None) -> bytes:
        """A token (DER) for a digest, its answer checked; `YinxinError` if the server gives none that holds."""
        nonce = secrets.randbits(64) if nonce is None else nonce
        request = TimeStampRequest(MessageImprint.of(digest, value), self._policy, nonce, True)
        try:
            token = token_of(self._exchange(request.encode()))
            self._check(token, request)
        except YinxinError as error:
            raise YinxinError(error.kind, error.what, subject=self._url, remedy=error.remedy) from error
        return token

    def _check(self, token: bytes, request: TimeStampRequest) -> None:
        time_stamp = read_token(token)
        if time_stamp.nonce != request.nonce:
            raise YinxinError(Kind.INVALID, _("the answer is to another request: the nonces differ"))
        if (time_stamp.digest, time_stamp.imprint) != (request.imprint.digest, request.imprint.value):
            raise YinxinError(Kind.INVALID, _("the answer is to another request: the imprints differ"))
        if request.policy not in (None, time_stamp.policy):
            raise YinxinError(
                Kind.INVALID, _("the token was given under policy {policy}").format(policy=time_stamp.policy)
            )
        if self._anchors:
            time_stamp.path(self._anchors)

    def _exchange(self, query: bytes) -> bytes:
        message = Request(self._url, query, {"Content-Type": QUERY, "Accept": REPLY})  # noqa: S310 - http(s), see above
        try:
            with urlopen(message, timeout=self._timeout) as answer:  # noqa: S310
                kind = answer.headers.get_content_type()
                reply: bytes = answer.read(_MAXIMUM_REPLY + 1)
        except HTTPError as error:
            error.close()
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("the time-stamping server answers with HTTP status {status}").format(status=error.code),
            ) from error
        except (OSError, HTTPException) as error:
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("the time-stamping server does not answer: {reason}").format(
                    reason=getattr(error, "reason", None) or error
                ),
                remedy=_("check the address and the network, and try again"),
            ) from error
        if len(reply) > _MAXIMUM_REPLY:
            raise YinxinError(Kind.INVALID, _("the answer is longer than a time-stamp reply can be"))
        if kind != REPLY:
            raise YinxinError(Kind.INVALID, _("the answer is not a time-stamp reply but {kind}").format(kind=kind))
        return reply
