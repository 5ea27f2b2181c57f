"""Evidence judged (RFC 4998 5.3): each time stamp held when the next one was made, and the newest holds now."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache

from asn1crypto import x509

from core.algorithms import Digest, algorithm_by_identifier
from core.errors import Kind, YinxinError
from core.i18n import _
from tsa.evidence.hash_tree import leads_to
from tsa.evidence.record import ArchiveTimeStamp, EvidenceRecord, sequence_leaf, stamp_leaf
from tsa.evidence.suitability import Suitability, key_name
from tsa.verification import TimeStamp, Verdict, read_token, verdict_on_failure


@dataclass(frozen=True)
class JudgedToken:
    """A token that is good and trusted, and how long it holds."""

    time_stamp: TimeStamp
    path: tuple[bytes, ...]
    """The unit's certificate up to the anchor, DER."""
    holds_until: datetime
    """The earliest end of a certificate of the path, and of each algorithm in it."""


class TokenJudge:
    """Judges tokens by whom is trusted and which algorithms are; each token once, for many records share it."""

    def __init__(
        self, anchors: Sequence[bytes], certificates: Sequence[bytes] = (), suitability: Suitability | None = None
    ) -> None:
        """`anchors`: trusted certificates; `certificates`: others that may help (DER)."""
        self._anchors = anchors
        self._certificates = certificates
        self.suitability = suitability or Suitability()
        self.read = cache(self._read)
        self.judge = cache(self._judge)

    def _read(self, token: bytes) -> TimeStamp:
        """What the token says; `NotValid` if it is not good in itself."""
        with verdict_on_failure(Verdict.INVALID):
            return read_token(token, [*self._certificates, *self._anchors])

    def _judge(self, token: bytes) -> JudgedToken:
        """The token judged at its own time; `NotValid` if it is not good or not trusted."""
        time_stamp = self.read(token)
        with verdict_on_failure(Verdict.UNTRUSTED):
            path = time_stamp.path(self._anchors, self._certificates)
        certificates = [x509.Certificate.load(certificate) for certificate in path]
        names = {time_stamp.digest.name, time_stamp.algorithm.digest.name, *map(key_name, certificates)}
        # What the anchor's own signature is made with proves nothing: it is trusted by itself.
        for certificate in certificates[:-1]:
            names.add(algorithm_by_identifier(certificate["signature_algorithm"].dump()).digest.name)
        ends = [certificate.not_valid_after for certificate in certificates]
        return JudgedToken(time_stamp, path, min([*ends, *map(self.suitability.until, names)]))


@dataclass(frozen=True)
class Evidence:
    """What a record proves: that the object existed at `since`, as long as the record is renewed by `holds_until`."""

    tokens: tuple[JudgedToken, ...]
    """The oldest first."""

    @property
    def since(self) -> datetime:
        """The time of the first time stamp."""
        return self.tokens[0].time_stamp.gen_time

    @property
    def holds_until(self) -> datetime:
        """When the newest time stamp weakens."""
        return self.tokens[-1].holds_until


def verify_record(
    record: EvidenceRecord, digest_of: Callable[[Digest], bytes], judge: TokenJudge, now: datetime
) -> Evidence:
    """Verify a record for an object, whose digests `digest_of` gives. `NotValid` says what is wrong."""
    tokens: list[JudgedToken] = []
    for number, chain in enumerate(record.chains):
        previous = None
        for stamp in chain:
            time_stamp = judge.read(stamp.token)
            with verdict_on_failure(Verdict.INVALID):
                _require_one_digest(stamp, time_stamp, chain[0].digest)
                if previous is not None:
                    _require_renewal(stamp, time_stamp, stamp_leaf(previous))
            if previous is None:
                _require_object(record, number, time_stamp, digest_of)
            tokens.append(_judge_in_order(judge, stamp, tokens))
            previous = stamp
    evidence = Evidence(tuple(tokens))
    with verdict_on_failure(Verdict.WEAKENED):
        _require_strength(evidence.tokens[-1], now)
    return evidence


def _require_one_digest(stamp: ArchiveTimeStamp, time_stamp: TimeStamp, digest: Digest) -> None:
    """RFC 4998 3.1 and 5.3: the time stamp is by the digest of its hash tree, and so are all of a chain."""
    if not digest == stamp.digest == time_stamp.digest:
        raise YinxinError(Kind.INVALID, _("the digest changes within a chain of time stamps"))


def _require_renewal(stamp: ArchiveTimeStamp, time_stamp: TimeStamp, leaf: bytes) -> None:
    if not leads_to(stamp.digest, leaf, stamp.hash_lists, time_stamp.imprint):
        raise YinxinError(Kind.INVALID, _("a renewed time stamp does not cover the one before it"))


def _require_object(
    record: EvidenceRecord, number: int, time_stamp: TimeStamp, digest_of: Callable[[Digest], bytes]
) -> None:
    """The first time stamp of a chain covers the object, and every chain before."""
    stamp = record.chains[number][0]
    with verdict_on_failure(Verdict.CHANGED):
        if number == 0 and not stamp.hash_lists:
            time_stamp.require_imprint(digest_of)
            return
        leaf = digest_of(stamp.digest)
        if number:
            leaf = sequence_leaf(record.chains[:number], stamp.digest, leaf)
        if not leads_to(stamp.digest, leaf, stamp.hash_lists, time_stamp.imprint):
            raise YinxinError(
                Kind.INVALID,
                _("the evidence is for something else: nothing leads from the file's digest to the time stamp"),
                remedy=_("the file was changed after it was stamped, or the evidence belongs to another file"),
            )


def _judge_in_order(judge: TokenJudge, stamp: ArchiveTimeStamp, before: Sequence[JudgedToken]) -> JudgedToken:
    token = judge.judge(stamp.token)
    if before:
        gen_time = token.time_stamp.gen_time
        with verdict_on_failure(Verdict.INVALID):
            if gen_time < before[-1].time_stamp.gen_time:
                raise YinxinError(Kind.INVALID, _("the time stamps of the evidence are not in the order of time"))
        with verdict_on_failure(Verdict.WEAKENED):
            _require_strength(before[-1], gen_time)
    return token


def _require_strength(token: JudgedToken, at: datetime) -> None:
    if at > token.holds_until:
        raise YinxinError(
            Kind.INVALID,
            _("the time stamp of {gen_time} held until {end} only, and was not renewed before").format(
                gen_time=token.time_stamp.gen_time.isoformat(), end=token.holds_until.isoformat(timespec="seconds")
            ),
        )
