"""OCSPResponse (RFC 6960 4.2), written: pure functions of time, signer and findings.

What one signer's responses have in common is encoded once, in a `Letterhead`.
"""

from collections.abc import Iterable
from datetime import UTC, datetime
from enum import IntEnum

from core.algorithms import SHA1
from core.asn1 import der
from core.keys.signer import Signer, is_quick
from ocsp.request import nonce_extension, subject_public_key

BASIC, ARCHIVE_CUTOFF = "1.3.6.1.5.5.7.48.1.1", "1.3.6.1.5.5.7.48.1.6"

GOOD = der.implicit(0, der.NULL)
UNKNOWN = der.implicit(2, der.NULL)


class Refusal(IntEnum):
    """OCSPResponseStatus without an answer (RFC 6960 4.2.1)."""

    MALFORMED_REQUEST = 1
    INTERNAL_ERROR = 2
    TRY_LATER = 3
    SIG_REQUIRED = 5
    UNAUTHORIZED = 6


class Reason(IntEnum):
    """CRLReason (RFC 5280 5.3.1)."""

    UNSPECIFIED = 0
    KEY_COMPROMISE = 1
    CA_COMPROMISE = 2
    AFFILIATION_CHANGED = 3
    SUPERSEDED = 4
    CESSATION_OF_OPERATION = 5
    CERTIFICATE_HOLD = 6
    REMOVE_FROM_CRL = 8
    PRIVILEGE_WITHDRAWN = 9
    AA_COMPROMISE = 10


def revoked(at: datetime, reason: Reason | None) -> bytes:
    """CertStatus revoked. Unspecified is not written: absence says the same (RFC 5280 5.3.1)."""
    reason_element = der.explicit(0, der.enumerated(reason)) if reason else b""
    return der.implicit(1, der.sequence(der.generalized_time(at), reason_element))


NOT_ISSUED = revoked(datetime(1970, 1, 1, tzinfo=UTC), Reason.CERTIFICATE_HOLD)
"""What the extended definition of *revoked* says of a certificate that was never issued (RFC 6960 2.2)."""


def archive_cutoff(since: datetime) -> bytes:
    """Extension: status is kept beyond expiry, of all that was valid since then (RFC 6960 4.4.4)."""
    return der.sequence(der.oid(ARCHIVE_CUTOFF), der.octet_string(der.generalized_time(since)))


EXTENDED_REVOKE = der.sequence(der.oid("1.3.6.1.5.5.7.48.1.9"), der.octet_string(der.NULL))
"""Extension: *revoked* may mean never issued; never critical (RFC 6960 4.4.8)."""


def single_response(
    cert_id: bytes, status: bytes, this_update: datetime, next_update: datetime, extensions: bytes = b""
) -> bytes:
    """SingleResponse about a CertID (DER, as it was sent). `extensions`: the elements of singleExtensions."""
    until = der.explicit(0, der.generalized_time(next_update))
    single_extensions = der.explicit(1, der.sequence(extensions)) if extensions else b""
    return der.sequence(cert_id, status, der.generalized_time(this_update), until, single_extensions)


def refusal(status: Refusal) -> bytes:
    """OCSPResponse that answers nothing, unsigned."""
    return der.sequence(der.enumerated(status))


class Letterhead:
    """What all responses of one signer carry: who responds (byKey), the algorithm, the responder's certificate."""

    def __init__(self, signer: Signer, certificate: bytes | None) -> None:
        """`certificate`: None where the issuer itself signs, whose certificate every client has."""
        self._signer = signer
        # KeyHash is SHA-1 whatever the algorithm of the signature (RFC 6960 4.2.1).
        key_hash = SHA1.of(subject_public_key(signer.public_key_info))
        self.responder_id = der.explicit(2, der.octet_string(key_hash))
        self._algorithm = signer.algorithm.identifier
        self.is_quick = is_quick(signer)
        """A signature takes less time than handing it to another thread."""
        self.certificates = der.explicit(0, der.sequence(certificate)) if certificate else b""

    def response_data(
        self, produced_at: datetime, singles: Iterable[bytes], nonce: bytes | None, extensions: bytes = b""
    ) -> bytes:
        """ResponseData: what gets signed. `extensions`: elements of responseExtensions, beside the nonce's."""
        elements = (b"" if nonce is None else nonce_extension(nonce)) + extensions
        tail = der.explicit(1, der.sequence(elements)) if elements else b""
        return der.sequence(self.responder_id, der.generalized_time(produced_at), der.sequence(*singles), tail)

    def signature(self, response_data: bytes) -> bytes:
        """The signer's, over ResponseData."""
        return self._signer.sign(response_data)

    def enclose(self, response_data: bytes, signature: bytes) -> bytes:
        """OCSPResponse, successful, with this signature."""
        basic = der.sequence(response_data, self._algorithm, der.bit_string(signature), self.certificates)
        response_bytes = der.sequence(der.oid(BASIC), der.octet_string(basic))
        return der.sequence(der.enumerated(0), der.explicit(0, response_bytes))

    def sign(self, response_data: bytes) -> bytes:
        """OCSPResponse, successful, signed."""
        return self.enclose(response_data, self.signature(response_data))
