"""The token that permits one signature: made by the linter alone, bound to issuer, profile and bytes, spent at once.

The linter's memory of the tokens that it gave out decides, not the token's content: a token that was built, copied or
unpickled elsewhere is unknown here, and one whose content was altered no longer matches what was noted.
"""

import hashlib
import hmac
import struct
from typing import Any, Self
from weakref import WeakKeyDictionary

from core.errors import Kind, YinxinError
from core.i18n import _

CRL = b"crl"


class LintedTbs:
    """Bytes that the linter passed, for one issuer's key and one purpose."""

    __slots__ = ("__weakref__", "purpose", "tbs")

    tbs: bytes
    purpose: bytes
    """Digest of the profile's version, or `CRL`."""

    def __new__(cls, *_arguments: Any, **_named: Any) -> Self:
        """Nobody but the linter makes one."""
        raise TypeError("only the linter makes a LintedTbs")


_outstanding: WeakKeyDictionary[LintedTbs, bytes] = WeakKeyDictionary()


def _binding(tbs: bytes, issuer_key: bytes, purpose: bytes) -> bytes:
    # Lengths before parts, so that nothing of one part can pass for the next.
    sizes = struct.pack(">III", len(tbs), len(issuer_key), len(purpose))
    return hashlib.sha256(sizes + tbs + issuer_key + purpose).digest()


def permit(tbs: bytes, issuer_key: bytes, purpose: bytes) -> LintedTbs:
    """A new token. For the linter only, which calls this once all rules are kept."""
    token = object.__new__(LintedTbs)
    token.tbs, token.purpose = tbs, purpose
    _outstanding[token] = _binding(tbs, issuer_key, purpose)
    return token


def redeem(token: LintedTbs, issuer_key: bytes, *, of_list: bool = False) -> bytes:
    """The bytes to sign with this issuer's key; spends the token. `YinxinError` (forbidden) if it permits nothing.

    For a list, which may be long, they are the SHA-256 of the bytes to sign.
    """
    noted = _outstanding.pop(token, None) if isinstance(token, LintedTbs) else None
    if noted is None:
        raise _refused(_("nothing is signed without the linter's token, and each serves once"))
    # Read once: what is checked is what is returned.
    tbs, purpose = token.tbs, token.purpose
    if not hmac.compare_digest(noted, _binding(tbs, issuer_key, purpose)):
        raise _refused(_("the linter passed other bytes, or for another issuer or purpose"))
    if (token.purpose == CRL) is not of_list:
        raise _refused(_("a token for a certificate signs no list, nor the other way round"))
    return tbs


def _refused(what: str) -> YinxinError:
    return YinxinError(Kind.FORBIDDEN, what)
