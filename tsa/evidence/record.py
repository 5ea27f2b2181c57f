"""EvidenceRecord (RFC 4998): read, written, and continued. Pure: the time stamps are handed in."""

from dataclasses import dataclass, replace

from asn1crypto import cms, parser

from core.algorithms import Digest, digest_by_oid
from core.asn1 import der, ers
from core.asn1.unreadable import UNREADABLE
from core.errors import Kind, YinxinError
from core.i18n import _
from tsa.evidence.hash_tree import HashLists

VERSION = 1


@dataclass(frozen=True)
class ArchiveTimeStamp:
    """A time stamp, and the way from what it covers to what was stamped."""

    digest: Digest
    hash_lists: HashLists
    token: bytes
    """timeStamp, DER."""
    encoded: bytes

    @classmethod
    def of(cls, digest: Digest, hash_lists: HashLists, token: bytes) -> "ArchiveTimeStamp":
        """A new one."""
        lists = [der.sequence(*map(der.octet_string, values)) for values in hash_lists]
        encoded = der.sequence(
            der.implicit(0, digest.identifier), der.implicit(2, der.sequence(*lists)) if lists else b"", token
        )
        return cls(digest, hash_lists, token, encoded)


Chain = tuple[ArchiveTimeStamp, ...]


@dataclass(frozen=True)
class EvidenceRecord:
    """The evidence for one data object: chains of time stamps, the oldest first. None is empty."""

    chains: tuple[Chain, ...]
    crypto_infos: bytes = b""
    """[0], as found; not protected by the time stamps (3.1)."""

    @classmethod
    def begin(cls, first: ArchiveTimeStamp) -> "EvidenceRecord":
        """A record that begins with this time stamp over the data object."""
        return cls(((first,),))

    @property
    def last(self) -> ArchiveTimeStamp:
        """The newest time stamp: that which carries the others now."""
        return self.chains[-1][-1]

    def renewed_by_time_stamp(self, hash_lists: HashLists, token: bytes) -> "EvidenceRecord":
        """Time-stamp renewal (5.2): a stamp over the newest one, by the chain's digest. See `stamp_leaf`."""
        chain = (*self.chains[-1], ArchiveTimeStamp.of(self.last.digest, hash_lists, token))
        return replace(self, chains=(*self.chains[:-1], chain))

    def renewed_by_hash_tree(self, digest: Digest, hash_lists: HashLists, token: bytes) -> "EvidenceRecord":
        """Hash-tree renewal (5.2): a new chain over the data object and all before. See `sequence_leaf`."""
        return replace(self, chains=(*self.chains, (ArchiveTimeStamp.of(digest, hash_lists, token),)))

    def encode(self) -> bytes:
        """EvidenceRecord DER."""
        identifiers = dict.fromkeys(chain[0].digest.identifier for chain in self.chains)
        return der.sequence(
            der.integer(VERSION), der.sequence(*identifiers), self.crypto_infos, encode_sequence(self.chains)
        )


def encode_sequence(chains: tuple[Chain, ...]) -> bytes:
    """ArchiveTimeStampSequence DER."""
    return der.sequence(*(der.sequence(*(stamp.encoded for stamp in chain)) for chain in chains))


def stamp_leaf(stamp: ArchiveTimeStamp) -> bytes:
    """What the next stamp of the same chain covers: the digest of the timeStamp field (5.2)."""
    return stamp.digest.of(stamp.token)


def sequence_leaf(chains: tuple[Chain, ...], digest: Digest, value: bytes) -> bytes:
    """What the first stamp of the next chain covers, `value` being the object's digest: H(h ‖ H(atsc)) (5.2)."""
    return digest.of(value + digest.of(encode_sequence(chains)))


def is_record(data: bytes) -> bool:
    """Whether this begins like an evidence record, and not like a token or a response."""
    try:
        return bool(parser.parse(parser.parse(data)[4])[2] == der.INTEGER)
    except ValueError:
        return False


def parse_record(data: bytes) -> EvidenceRecord:
    """Read a record; `YinxinError` if it is none, or of encrypted content (annex B is not done)."""
    try:
        record = ers.EvidenceRecord.load(data, strict=True)
        version = record["version"].native
        sequence = record["archive_time_stamp_sequence"]
        chains = tuple(tuple(map(_archive_time_stamp, chain)) for chain in sequence)
        crypto_infos = record["crypto_infos"].dump()
        is_encrypted = bool(record["encryption_info"])
        is_der = sequence.dump() == encode_sequence(chains)
    except UNREADABLE as error:
        raise YinxinError(Kind.INVALID, _("not an evidence record (RFC 4998)")) from error
    if is_encrypted or version != VERSION:
        raise YinxinError(
            Kind.UNSUPPORTED, _("an evidence record of another version, or over encrypted content, is not read here")
        )
    if not is_der or not chains or not all(chains):
        raise YinxinError(Kind.INVALID, _("not an evidence record (RFC 4998)"))
    return EvidenceRecord(chains, crypto_infos)


def _archive_time_stamp(stamp: ers.ArchiveTimeStamp) -> ArchiveTimeStamp:
    token: bytes = stamp["time_stamp"].dump()
    # Absent, the digest is that of the time stamp (3.1).
    named = stamp["digest_algorithm"]
    digest = digest_by_oid(named["algorithm"].dotted) if named else read_imprint(token)[0]
    lists = tuple(tuple(value.native for value in values) for values in stamp["reduced_hashtree"] or ())
    if not all(lists):
        raise ValueError("an empty list of hash values")
    return ArchiveTimeStamp(digest, lists, token, stamp.dump())


def read_imprint(token: bytes) -> tuple[Digest, bytes]:
    """What a token stamps, before anything of it is checked; `YinxinError` if it is no token."""
    try:
        content = cms.ContentInfo.load(token, strict=True)["content"]["encap_content_info"]["content"]
        imprint = content.parsed["message_imprint"]
        return digest_by_oid(imprint["hash_algorithm"]["algorithm"].dotted), imprint["hashed_message"].native
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise YinxinError(Kind.INVALID, _("the token's content is not a TSTInfo (RFC 3161)")) from error
