"""Words that the page hands out and takes back: only this process can have written them, and it keeps none of them."""

import base64
import hmac
import json
import zlib
from typing import Any

from core.errors import Kind, YinxinError
from core.i18n import _

_MOST = 1 << 20
"""Octets of words."""


class Keepsakes:
    """Makes keepsakes and opens them; a process that is started anew knows nothing of the earlier ones."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    def keepsake(self, words: dict[str, Any]) -> str:
        """The words, compressed, with a code that vouches for them."""
        packed = zlib.compress(json.dumps(words).encode())
        return base64.urlsafe_b64encode(self._code(packed) + packed).decode()

    def opened(self, keepsake: str) -> dict[str, Any]:
        """The words; `YinxinError` (invalid) if they are not ours."""
        try:
            content = base64.urlsafe_b64decode(keepsake)
        except ValueError:
            content = b""
        code, packed = content[:32], content[32:]
        if not hmac.compare_digest(code, self._code(packed)):
            raise YinxinError(Kind.INVALID, _("this report is not at hand any more"), remedy=_("verify it again"))
        # Ours, and so no bomb; the bound is for what we write ourselves.
        words: dict[str, Any] = json.loads(zlib.decompressobj().decompress(packed, _MOST))
        return words

    def _code(self, packed: bytes) -> bytes:
        return hmac.digest(self._secret, packed, "sha256")
