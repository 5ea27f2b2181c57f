"""The client of `/api/seals/v1`, for our own command and for document systems in Python.

```python
with SealServer("https://seals.example.gov.cn", key) as server:
    sealed = server.stamp("office", document, SealingTerms(page=1, x_mm=100, y_mm=80))
    kept_here = server.stamp_by_digest("office", document, SealingTerms(keyword="（盖章）"))  # it does not travel
```
"""

import secrets
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote

import httpx
from pydantic import BaseModel, ValidationError
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from core.api.client import TIMEOUT, problem_of, safe_address, trust
from core.clock import Clock, SystemClock
from core.errors import Kind, YinxinError
from core.i18n import _, current_language
from seals.api import models as wire
from seals.api.passwords import as_header
from seals.by_digest import sealed_by_digest
from seals.documents import Document, opened
from seals.sealing import SealedDocument
from seals.terms import SealingTerms

PREFIX = "/api/seals/v1"
ATTEMPTS = 3
PDF = "application/pdf"
Reply = TypeVar("Reply", bound=BaseModel)


class SealServer:
    """A connection to a seal service, for one calling system. Errors are those of the verbs (`YinxinError`)."""

    def __init__(
        self,
        url: str,
        api_key: str,
        *,
        ca_file: Path | None = None,
        transport: httpx.BaseTransport | None = None,
        clock: Clock | None = None,
    ) -> None:
        """`api_key`: empty where only what is open to everybody is asked; `ca_file`: whom to trust, instead of those
        whom the machine trusts; `transport`: for tests.
        """
        self._url = url
        self._clock = clock or SystemClock()
        self._http = httpx.Client(
            base_url=safe_address(url),
            verify=trust(url, ca_file),
            timeout=TIMEOUT,
            transport=transport,
            headers={"Authorization": f"Bearer {api_key}"} if api_key else {},
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._http.close()

    def seals(self) -> wire.SealList:
        """The seals that may be used, and for what."""
        return self._get("/seals", wire.SealList)

    def seal(self, name: str) -> wire.SealMaterial:
        """One of them, with certificates and picture."""
        return self._get(f"/seals/{_segment(name)}", wire.SealMaterial)

    def uses(self, name: str, *, before: int | None = None, limit: int = 100) -> list[wire.UseEntry]:
        """What this calling system has used a seal for: the newest, or the newest before a number."""
        query = {"limit": limit} | ({} if before is None else {"before": before})
        return self._get(f"/seals/{_segment(name)}/uses", wire.UsePage, query).uses

    def stamp(
        self, name: str, document: Document, terms: SealingTerms, password: str | None = None, *, key: str = ""
    ) -> bytes:
        """The sealed document. However often the connection breaks, it is sealed once. `password`: if encrypted.

        `key`: an idempotency key, under which the same document is had again for a day, by another process too.
        """
        path = f"/seals/{_segment(name)}/stamp"
        headers = as_header(password) | ({"Idempotency-Key": key} if key else {})
        return self._send(path, _octets(document), PDF, _query(terms), headers).content

    def stamp_by_digest(
        self, name: str, document: Document, terms: SealingTerms, password: str | None = None
    ) -> SealedDocument:
        """The sealed document, of which only digests leave this machine."""
        return sealed_by_digest(self, name, document, terms, self._clock, password)

    def verify(self, document: Document, password: str | None = None) -> dict[str, Any]:
        """The report on a document (yinxin-seal-report/1)."""
        report: dict[str, Any] = self._send("/verify", _octets(document), PDF, {}, as_header(password)).json()
        return report

    def sign_digest(self, name: str, order: wire.DigestToSign) -> wire.DigestSignature:
        """The value of the signature over a byte range."""
        return self._post(f"/seals/{_segment(name)}/digests", order, wire.DigestSignature)

    def stamp_digest(self, number: str, order: wire.DigestToStamp) -> bytes:
        """The document timestamp over a byte range."""
        return self._post(f"/digests/{_segment(number)}/timestamp", order, wire.Stamped).token

    def finish_digest(self, number: str, sha256: str) -> None:
        """Tell what document came of it."""
        self._post(f"/digests/{_segment(number)}/finish", wire.Finished(sha256=sha256), wire.Noted)

    def open_batch(self, name: str, terms: SealingTerms) -> wire.BatchEntry:
        """A batch of documents to be sealed alike."""
        return self._post("/batches", wire.BatchToOpen(seal=name, terms=terms), wire.BatchEntry)

    def add(self, batch: str, document: Document, name: str = "", password: str | None = None) -> int:
        """Put a document into the batch; its position."""
        path, query = f"/batches/{_segment(batch)}/documents", {"name": name}
        reply = self._send(path, _octets(document), PDF, query, as_header(password))
        return self._read(reply, wire.Added).position

    def start(self, batch: str) -> wire.BatchEntry:
        """Have the documents of the batch sealed."""
        return self._read(self._send(f"/batches/{_segment(batch)}/start", b"", None, {}), wire.BatchEntry)

    def cancel(self, batch: str) -> wire.BatchEntry:
        """Have nothing more of the batch sealed."""
        return self._read(self._send(f"/batches/{_segment(batch)}/cancel", b"", None, {}), wire.BatchEntry)

    def batch(self, batch: str) -> wire.BatchEntry:
        """Where the batch stands."""
        return self._get(f"/batches/{_segment(batch)}", wire.BatchEntry)

    def batches(self, *, before: str | None = None, limit: int = 100) -> list[wire.BatchEntry]:
        """The newest batches, or the newest before one of this number."""
        query: dict[str, Any] = {"limit": limit} | ({} if before is None else {"before": before})
        return self._get("/batches", wire.BatchPage, query).batches

    def documents(self, batch: str) -> Iterator[wire.DocumentEntry]:
        """What became of the documents, in their order."""
        after = 0
        while page := self._get(f"/batches/{_segment(batch)}/documents", wire.DocumentPage, {"after": after}).documents:
            yield from page
            after = page[-1].position

    def fetch(self, batch: str, position: int) -> bytes:
        """A sealed document of the batch."""
        return self._ask("GET", f"/batches/{_segment(batch)}/documents/{position}", b"", {}, {}).content

    def webhook_key(self) -> wire.WebhookKey:
        """What the requests to webhooks are checked with (`seals.batches.webhooks.verify_notice`)."""
        return self._get("/webhook-key", wire.WebhookKey)

    def _get(self, path: str, reply: type[Reply], query: dict[str, Any] | None = None) -> Reply:
        return self._read(self._ask("GET", path, b"", query or {}, {}), reply)

    def _post(self, path: str, body: BaseModel, reply: type[Reply]) -> Reply:
        content = body.model_dump_json(exclude_unset=True).encode()
        return self._read(self._send(path, content, "application/json", {}), reply)

    def _send(
        self,
        path: str,
        body: bytes,
        media_type: str | None,
        query: dict[str, Any],
        headers: dict[str, str] | None = None,
    ) -> httpx.Response:
        usual = {"Idempotency-Key": secrets.token_hex(16)} | ({"Content-Type": media_type} if media_type else {})
        return self._ask("POST", path, body, query, usual | (headers or {}))

    def _ask(
        self, method: str, path: str, body: bytes, query: dict[str, Any], headers: dict[str, str]
    ) -> httpx.Response:
        language = {"Accept-Language": current_language().replace("_", "-")}
        trying = Retrying(
            retry=retry_if_exception_type(httpx.TransportError),
            stop=stop_after_attempt(ATTEMPTS),
            wait=wait_exponential_jitter(multiplier=0.2, max=5, jitter=0.2),
            reraise=True,
        )
        try:
            response: httpx.Response = trying(
                self._http.request, method, PREFIX + path, params=query, content=body, headers=headers | language
            )
        except httpx.TransportError as error:
            raise self._unreachable(str(error) or type(error).__name__) from error
        if not response.is_success:
            raise problem_of(response) or self._unreachable(f"HTTP {response.status_code}")
        return response

    def _read(self, response: httpx.Response, reply: type[Reply]) -> Reply:
        try:
            return reply.model_validate_json(response.content)
        except ValidationError:
            raise self._unreachable(_("not the answer of a seal service")) from None

    def _unreachable(self, reason: str) -> YinxinError:
        return YinxinError(
            Kind.UNAVAILABLE,
            _("the seal service does not answer: {reason}").format(reason=reason),
            subject=self._url,
            remedy=_("check the address and the network, and try again"),
        )


def _segment(text: str) -> str:
    return quote(text, safe="")


def _octets(document: Document) -> bytes:
    with opened(document) as stream:
        stream.seek(0)
        return stream.read()


def _query(terms: SealingTerms) -> dict[str, Any]:
    return terms.model_dump(mode="json", exclude_unset=True, exclude_none=True)
