"""Evidence records (RFC 4998 annex A.1, IMPLICIT TAGS): structures to read them with."""

from asn1crypto import algos, cms, core


class PartialHashtree(core.SequenceOf):
    """Hash values that share a father."""

    _child_spec = core.OctetString


class ReducedHashtree(core.SequenceOf):
    """From the list with the leaf to that below the root."""

    _child_spec = PartialHashtree


class ArchiveTimeStamp(core.Sequence):
    """ArchiveTimeStamp; the time stamp stays as it is, for its octets are hashed."""

    _fields = [
        ("digest_algorithm", algos.DigestAlgorithm, {"implicit": 0, "optional": True}),
        ("attributes", cms.CMSAttributes, {"implicit": 1, "optional": True}),
        ("reduced_hashtree", ReducedHashtree, {"implicit": 2, "optional": True}),
        ("time_stamp", core.Any),
    ]


class ArchiveTimeStampChain(core.SequenceOf):
    """Time stamps over one another, by one digest algorithm."""

    _child_spec = ArchiveTimeStamp


class ArchiveTimeStampSequence(core.SequenceOf):
    """Chains, the oldest first."""

    _child_spec = ArchiveTimeStampChain


class DigestAlgorithms(core.SequenceOf):
    """Those of the chains."""

    _child_spec = algos.DigestAlgorithm


class EvidenceRecord(core.Sequence):
    """EvidenceRecord."""

    _fields = [
        ("version", core.Integer),
        ("digest_algorithms", DigestAlgorithms),
        ("crypto_infos", core.Sequence, {"implicit": 0, "optional": True}),
        ("encryption_info", core.Sequence, {"implicit": 1, "optional": True}),
        ("archive_time_stamp_sequence", ArchiveTimeStampSequence),
    ]
