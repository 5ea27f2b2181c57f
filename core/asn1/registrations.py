"""asn1crypto (and through it pyHanko) taught the GM algorithms. Importing this module is what registers them.

asn1crypto's tables are static, so both directions are written. The GM/T 0010 names get words of their own: were they
mapped onto those of RFC 5652, asn1crypto would write GM OIDs into ordinary CMS.
"""

from asn1crypto import algos, cms, keys, tsp, x509  # noqa: F401 - tsp teaches cms the signing-certificate attributes
from cryptography.hazmat.primitives import hashes

SM3 = "sm3"
SM2_SM3 = "sm2_sm3"
SM2_SIGN = "sm2_sign"
SM2_CURVE = "sm2p256v1"

_DIGESTS = {"1.2.156.10197.1.401": SM3, "1.2.156.10197.1.401.1": "sm3_keyless"}
_SIGNATURES = {"1.2.156.10197.1.501": SM2_SM3, "1.2.156.10197.1.301.1": SM2_SIGN}
_CONTENT_TYPES = {"1.2.156.10197.6.1.4.2.1": "gm_data", "1.2.156.10197.6.1.4.2.2": "gm_signed_data"}


def _register() -> None:
    for table, entries in (
        (algos.DigestAlgorithmId, _DIGESTS),
        (algos.SignedDigestAlgorithmId, _SIGNATURES),
        (cms.ContentType, _CONTENT_TYPES),
    ):
        table._map.update(entries)
        if table._reverse_map is None:
            table._reverse_map = {name: dotted for dotted, name in table._map.items()}
        table._reverse_map.update({name: dotted for dotted, name in entries.items()})
    cms.ContentInfo._oid_specs["gm_signed_data"] = cms.SignedData
    keys.NamedCurve.register(SM2_CURVE, "1.2.156.10197.1.301", 32)
    # OCSP CertIDs are matched through the attribute that bears the name of the hash, as asn1crypto has it for SHA-1.
    x509.Name.sm3 = property(lambda name: _sm3(name.dump()))
    keys.PublicKeyInfo.sm3 = property(lambda info: _sm3(bytes(info["public_key"])))


def _sm3(data: bytes) -> bytes:
    context = hashes.Hash(hashes.SM3())
    context.update(data)
    return context.finalize()


_register()
