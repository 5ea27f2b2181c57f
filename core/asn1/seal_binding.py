"""The signed attribute that binds an electronic seal to a CMS signature. No standard has one; this is our own.

    ElectronicSeal ::= SEQUENCE { digestAlgorithm AlgorithmIdentifier, digest OCTET STRING }   -- of the SESeal in DER

Importing this module teaches asn1crypto the attribute.
"""

from asn1crypto import algos, cms, core

from core.algorithms import Digest

ELECTRONIC_SEAL = "1.3.6.1.4.1.32473.1.4.1"
"""Of the arc for examples (RFC 5612), as all our OIDs."""
NAME = "electronic_seal"


class ElectronicSeal(core.Sequence):
    """The digest of an SESeal."""

    _fields = [("digest_algorithm", algos.DigestAlgorithm), ("digest", core.OctetString)]


class _Values(core.SetOf):
    _child_spec = ElectronicSeal


def electronic_seal(seal: bytes, digest: Digest) -> ElectronicSeal:
    """The attribute's value for a seal (SESeal in DER)."""
    return ElectronicSeal({"digest_algorithm": {"algorithm": digest.name}, "digest": digest.of(seal)})


cms.CMSAttributeType._map[ELECTRONIC_SEAL] = NAME
if cms.CMSAttributeType._reverse_map is not None:
    cms.CMSAttributeType._reverse_map[NAME] = ELECTRONIC_SEAL
cms.CMSAttribute._oid_specs[NAME] = _Values
