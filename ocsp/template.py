"""A response about one certificate with everything that is the same encoded already: the rest is put into its places.

The places are found in a response that the builder (`ocsp.response`) made, so that there is one way to write one; a
property test compares what both make. A template is for one signer and one size of each part, and there are few sizes.
"""

from datetime import UTC, datetime
from functools import lru_cache

from ocsp.response import Letterhead, single_response

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TIME = len("19700101000000Z")
_HEADER = 2
"""Octets of tag and length where the content is short."""


class Template:
    """OCSPResponse with one SingleResponse, no extension but the nonce, produced at thisUpdate."""

    def __init__(self, letterhead: Letterhead, cert_id: int, status: int, nonce: int, signature: int) -> None:
        """For parts of so many octets; a nonce of none is left out."""
        single = single_response(bytes(cert_id), bytes(status), _EPOCH, _EPOCH)
        data = letterhead.response_data(_EPOCH, [single], bytes(nonce) or None)
        produced_at = data.index(letterhead.responder_id) + len(letterhead.responder_id) + _HEADER
        next_update = data.index(single, produced_at + _TIME) + len(single) - _TIME
        this_update = next_update - 2 * _HEADER - _TIME
        question = this_update - _HEADER - status - cert_id
        self._opening = data[:produced_at]
        self._before_question = data[produced_at + _TIME : question]
        self._before_this_update = data[this_update - _HEADER : this_update]
        self._before_next_update = data[this_update + _TIME : next_update]
        self._before_nonce = data[next_update + _TIME : len(data) - nonce]
        response = letterhead.enclose(data, bytes(signature))
        start, end = response.index(data), len(response) - len(letterhead.certificates)
        self._head = response[:start]
        self._before_signature = response[start + len(data) : end - signature]
        self._certificates = letterhead.certificates

    def response_data(
        self, cert_id: bytes, status: bytes, this_update: int, next_update: int, nonce: bytes = b""
    ) -> bytes:
        """What is signed. Times in seconds since 1970."""
        this = _generalized(this_update)
        return b"".join(
            (
                *(self._opening, this, self._before_question, cert_id, status, self._before_this_update, this),
                *(self._before_next_update, _generalized(next_update), self._before_nonce, nonce),
            )
        )

    def enclose(self, response_data: bytes, signature: bytes) -> bytes:
        """OCSPResponse, successful."""
        return b"".join((self._head, response_data, self._before_signature, signature, self._certificates))


@lru_cache(maxsize=1024)
def template(letterhead: Letterhead, cert_id: int, status: int, nonce: int, signature: int) -> Template:
    """The template for these sizes, made once."""
    return Template(letterhead, cert_id, status, nonce, signature)


@lru_cache(maxsize=16_384)
def _generalized(seconds: int) -> bytes:
    """The content of a GeneralizedTime (RFC 5280 4.1.2.5.2)."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y%m%d%H%M%SZ").encode()
