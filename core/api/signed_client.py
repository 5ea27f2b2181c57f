"""A client for people: signs each request with the person's key (RFC 9421), and says errors as the verbs say them."""

import secrets
import time
from typing import Any, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError

from core.api.address import TAG, Server
from core.api.client import TIMEOUT, problem_of, safe_address, trust
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.http_signatures import Message, sign_request
from core.i18n import _, current_language
from core.keys.signer import Signer

Reply = TypeVar("Reply", bound=BaseModel)

ATTEMPTS = 3
PAUSE_SECONDS = 0.3


class SignedClient:
    """A connection to a service, for one person."""

    def __init__(
        self,
        server: Server,
        prefix: str,
        name: str,
        signer: Signer,
        clock: Clock,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._server, self._prefix, self._name, self._signer, self._clock = server, prefix, name, signer, clock
        self._http = httpx.Client(
            base_url=safe_address(server.url),
            verify=trust(server.url, server.ca_file),
            timeout=TIMEOUT,
            transport=transport,
        )

    def get(self, path: str, reply: type[Reply], **query: Any) -> Reply:
        """What is there."""
        parameters = {name: value for name, value in query.items() if value is not None}
        return self._ask("GET", path, b"", reply, parameters, {})

    def post(self, path: str, body: BaseModel, reply: type[Reply]) -> Reply:
        """Hand something in: once, however often the connection breaks."""
        headers = {"Content-Type": "application/json", "Idempotency-Key": secrets.token_hex(16)}
        return self._ask("POST", path, body.model_dump_json().encode(), reply, {}, headers)

    def fetch(self, path: str) -> bytes:
        """A file that is there."""
        return self._answer("GET", path, b"", {}, {}).content

    def _ask(
        self, method: str, path: str, body: bytes, reply: type[Reply], query: dict[str, Any], headers: dict[str, str]
    ) -> Reply:
        try:
            return reply.model_validate_json(self._answer(method, path, body, query, headers).content)
        except ValidationError:
            raise self._unreachable(_("not the answer of this service")) from None

    def _answer(
        self, method: str, path: str, body: bytes, query: dict[str, Any], headers: dict[str, str]
    ) -> httpx.Response:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                response = self._send(method, path, body, query, headers)
            except httpx.TransportError as error:
                if attempt == ATTEMPTS:
                    raise self._unreachable(str(error) or type(error).__name__) from error
                time.sleep(PAUSE_SECONDS * attempt)
                continue
            if response.is_success:
                return response
            raise problem_of(response) or self._unreachable(_("not the answer of this service"))
        raise AssertionError

    def _send(
        self, method: str, path: str, body: bytes, query: dict[str, Any], headers: dict[str, str]
    ) -> httpx.Response:
        request = self._http.build_request(
            method,
            self._prefix + path,
            params=query,
            content=body or None,
            headers=headers | {"Accept-Language": current_language().replace("_", "-")},
        )
        message = Message(method, str(request.url), dict(headers))
        signed = sign_request(
            message,
            body,
            self._signer,
            key_id=self._name,
            tag=TAG,
            created=self._clock.now(),
            nonce=secrets.token_hex(16),
        )
        request.headers.update(signed)
        return self._http.send(request)

    def _unreachable(self, reason: str) -> YinxinError:
        return YinxinError(
            Kind.UNAVAILABLE,
            _("the service does not answer: {reason}").format(reason=reason),
            subject=self._server.url,
            remedy=_("check the address and the network, and try again"),
        )


def segment(text: str) -> str:
    """A name as one segment of a path."""
    return quote(text, safe="")
