"""The line to a key-management centre elsewhere: messages over HTTP. What it carries is signed at both ends."""

from dataclasses import dataclass
from http.client import HTTPException
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from ca.kmc.messages import MAXIMUM_SIZE
from core.errors import Kind, YinxinError
from core.i18n import _

MESSAGE = "application/octet-stream"
PATH = "/kmc"


@dataclass(frozen=True)
class HttpLine:
    """Carries messages to one centre."""

    url: str
    """Of the centre; messages go to the path /kmc below it."""
    timeout: float = 10.0
    """Seconds of silence."""

    def __post_init__(self) -> None:
        """`YinxinError` (invalid) unless it is an address of HTTP."""
        if urlsplit(self.url).scheme not in ("http", "https"):
            raise YinxinError(
                Kind.INVALID,
                _("not the address of a key-management centre"),
                subject=self.url,
                remedy=_("http:// or https://"),
            )

    def send(self, message: bytes) -> bytes:
        """The answer to a message; `YinxinError` (unavailable) if there is none."""
        request = Request(self.url.rstrip("/") + PATH, message, {"Content-Type": MESSAGE})  # noqa: S310 - http(s)
        try:
            with urlopen(request, timeout=self.timeout) as answer:  # noqa: S310
                reply: bytes = answer.read(MAXIMUM_SIZE + 1)
        except HTTPError as error:
            error.close()
            raise self._unavailable(_("HTTP status {status}").format(status=error.code)) from error
        except (OSError, HTTPException) as error:
            raise self._unavailable(str(getattr(error, "reason", None) or error)) from error
        return reply

    def _unavailable(self, reason: str) -> YinxinError:
        return YinxinError(
            Kind.UNAVAILABLE,
            _("the key-management centre does not answer: {reason}").format(reason=reason),
            subject=self.url,
            remedy=_("check kmc.url and the service there (yinxin serve kmc), and try again"),
        )
