"""What the server and a service tell each other: an exchange, and the reply to it."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Generic, NamedTuple, Protocol, TypeVar

from werkzeug.exceptions import HTTPException

from core.http import problem_response

Answer = TypeVar("Answer")
Deliver = Callable[[Answer], None]
"""Is told the answer, once."""


@dataclass(slots=True)
class Exchange:
    """A request of HTTP, as it was read."""

    method: bytes
    target: bytes
    """Path and query, percent-encoded."""
    body: bytes = b""
    content_type: bytes = b""
    if_none_match: bytes = b""
    accept_language: bytes = b""

    def with_body(self, body: bytes) -> "Exchange":
        """The same, but for the body."""
        return Exchange(self.method, self.target, body, self.content_type, self.if_none_match, self.accept_language)


class Reply(NamedTuple):
    """Status line and header fields, but for those of the connection; body."""

    head: bytes
    body: bytes


class Service(Protocol, Generic[Answer]):
    """What answers. Threads share it, but all else than `answer` is called in the loop's only."""

    maximum_body: int
    """Octets; a longer one is answered with `too_large`, and not read."""
    too_large: Reply

    def at_once(self, exchange: Exchange) -> Reply | None:
        """The reply, if nothing has to be signed, read or written for it."""
        ...

    def is_quick(self, exchange: Exchange) -> bool:
        """Whether handing `answer` to another thread would take longer than calling it in the loop."""
        ...

    def answer(self, asked: Sequence[tuple[Exchange, Deliver[Answer]]]) -> None:
        """Where there is no reply at once: hand each its answer, now or later, in any thread.

        What waits is handed in together: a service whose answers take several steps does each step for all of them.
        """
        ...

    def finish(self, exchange: Exchange, answer: Answer) -> Reply:
        """The reply with that answer."""
        ...

    def busy(self, exchange: Exchange) -> Reply:
        """The reply where too much waits already."""
        ...


def reply_head(status: HTTPStatus, fields: Iterable[tuple[str, str]]) -> bytes:
    """The status line and these header fields."""
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", *(f"{name}: {value}" for name, value in fields)]
    return "".join(f"{line}\r\n" for line in lines).encode("latin-1")


def problem(error: HTTPException) -> Reply:
    """What is no question gets an error of HTTP."""
    document = problem_response(error)
    fields = [field for field in document.headers if field[0] != "Content-Length"]
    return Reply(reply_head(HTTPStatus(document.status_code), fields), document.get_data())
