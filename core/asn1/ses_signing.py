"""Writing signatures made with electronic seals (SES_Signature of GB/T 38540-2020 and GM/T 0031-2025). Pure."""

from datetime import datetime

from core.asn1 import der
from core.asn1.ses import Seal


def to_be_signed(seal: Seal, at: datetime, data_hash: bytes, property_info: str) -> bytes:
    """TBS_Sign of version 4 or 5, whichever the seal has: what the signer signs.

    `data_hash`: SM3 of the protected original, without Z; `property_info`: ASCII, what is protected.
    """
    return der.sequence(
        der.integer(seal.version),
        seal.original,
        der.generalized_time(at),
        der.bit_string(data_hash),
        der.ia5(property_info),
    )


def assemble_signature(
    to_sign: bytes, certificate: bytes, algorithm: str, signature: bytes, timestamp: bytes | None
) -> bytes:
    """SES_Signature: TBS_Sign and the signer's certificate in DER, a dotted OID, the signature, a token over it."""
    return der.sequence(
        to_sign,
        der.octet_string(certificate),
        der.oid(algorithm),
        der.bit_string(signature),
        b"" if timestamp is None else der.explicit(0, der.bit_string(timestamp)),
    )
