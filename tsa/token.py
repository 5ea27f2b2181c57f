"""TimeStampToken: TSTInfo in CMS SignedData with ESSCertIDv2 (RFC 3161 2.4.2, RFC 5816 2.2.1).

Pure: no clock, no books. SM2 tokens have the RFC 5652 shape, with the GM algorithm identifiers, or that of GM/T 0010.
"""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache

from core.asn1 import der
from core.cms import Draft, Shape, SignedDataBuilder
from core.keys.signer import Signer
from tsa.request import MessageImprint

TST_INFO = "1.2.840.113549.1.9.16.1.4"
"""id-ct-TSTInfo."""


class TokenBuilder:
    """Makes the tokens of one unit under one policy; what all of them share is encoded once."""

    def __init__(
        self,
        signer: Signer,
        certificate: bytes,
        chain: Sequence[bytes],
        *,
        policy: str,
        accuracy_seconds: int,
        ordering: bool = False,
        shape: Shape = Shape.RFC_5652,
    ) -> None:
        """`certificate` and `chain` (the issuers'): DER."""
        self._head = der.integer(1) + der.oid(policy)
        # ordering is FALSE by DEFAULT, and then not written.
        self._accuracy = der.sequence(der.integer(accuracy_seconds)) + (der.TRUE if ordering else b"")
        self._cms = SignedDataBuilder(
            signer, certificate, content_type=TST_INFO, certificates=(certificate, *chain), shape=shape
        )

    def draft(
        self,
        imprint: MessageImprint,
        *,
        serial: int,
        gen_time: datetime,
        nonce: int | None,
        include_certificates: bool,
    ) -> Draft:
        """The token, to be signed. `gen_time` is written to the second where it is whole, else to the microsecond."""
        tst_info = der.sequence(
            self._head,
            imprint.encoded,
            der.integer(serial),
            _encoded_time(gen_time),
            self._accuracy,
            b"" if nonce is None else der.integer(nonce),
        )
        return self._cms.draft(tst_info, include_certificates=include_certificates)


@lru_cache(maxsize=8)
def _encoded_time(gen_time: datetime) -> bytes:
    """Thousands of tokens tell the same second."""
    return der.generalized_time_with_fraction(gen_time)
