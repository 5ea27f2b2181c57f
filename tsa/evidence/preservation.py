"""Preserving an archive: evidence made for what has none, and renewed in time. Batch by batch, one time stamp for each.

Whatever is interrupted can be begun again: a record is replaced whole, and what is done already is not due any more.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from core.algorithms import Digest
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from tsa.evidence.archive import Archive, Examined, FileReport, Standing
from tsa.evidence.hash_tree import HashLists, grow
from tsa.evidence.record import ArchiveTimeStamp, EvidenceRecord, sequence_leaf, stamp_leaf
from tsa.evidence.verification import Evidence, TokenJudge, verify_record

BATCH = 1000

Stamp = Callable[[Digest, bytes], bytes]
"""A token (DER) for a digest; `YinxinError` if there can be none."""


@dataclass(frozen=True)
class Preservation:
    """An archive kept by one time-stamping authority."""

    archive: Archive
    judge: TokenJudge
    clock: Clock
    margin: timedelta
    """So long before it weakens, evidence is due."""
    batch: int = BATCH

    def check(self, names: Iterable[str]) -> Iterator[FileReport]:
        """Verify the evidence of these files."""
        for name in names:
            yield self._examine(name).report

    def protect(self, names: Iterable[str], stamp: Stamp, digest: Digest) -> Iterator[FileReport]:
        """Make evidence for these files, which have none."""
        self._require_suitable(digest)
        for some in _batches(names, self.batch):
            values: dict[str, bytes] = {}
            for name in some:
                try:
                    values[name] = self.archive.digests(name, [digest])[digest]
                except YinxinError as error:
                    yield FileReport(name, Standing.UNPROTECTED, explanation=str(error))
            if not values:
                continue
            tree = grow(digest, values.values())
            token = stamp(digest, tree.root)
            for name, value in values.items():
                record = EvidenceRecord.begin(ArchiveTimeStamp.of(digest, tree.ways[value], token))
                yield self._keep(name, Standing.STAMPED, record, {digest: value})

    def renew(
        self, names: Iterable[str], stamp: Stamp, preferred: Digest, *, change_digest: bool = False, early: bool = False
    ) -> Iterator[FileReport]:
        """Renew what is due; report the rest as `check` does.

        `preferred`: the digest of new hash trees, where the old one weakens, or wherever it is another
        (`change_digest`). `early`: renew also what is not due. `YinxinError` if it would gain nothing.
        """
        self._require_suitable(preferred)
        for some in _batches(names, self.batch):
            due: dict[Digest, list[Examined]] = {}
            weak: list[Examined] = []
            for name in some:
                examined = self._examine(name, also=[preferred])
                record = examined.record
                if record is None:
                    yield examined.report
                elif not self._is_suitable(record.last.digest) or (
                    change_digest and record.last.digest is not preferred
                ):
                    weak.append(examined)
                elif early or examined.report.standing is Standing.DUE:
                    due.setdefault(record.last.digest, []).append(examined)
                else:
                    yield examined.report
            for digest, group in due.items():
                yield from self._renew_time_stamps(group, stamp, digest, must_gain=not early)
            if weak:
                yield from self._renew_hash_trees(weak, stamp, preferred)

    def _renew_time_stamps(
        self, group: Sequence[Examined], stamp: Stamp, digest: Digest, *, must_gain: bool
    ) -> Iterator[FileReport]:
        leaves = {one.report.file: stamp_leaf(_record(one).last) for one in group}

        def renewed(one: Examined, way: HashLists, token: bytes) -> EvidenceRecord:
            return _record(one).renewed_by_time_stamp(way, token)

        return self._renew(group, leaves, renewed, stamp, digest, must_gain=must_gain)

    def _renew_hash_trees(self, group: Sequence[Examined], stamp: Stamp, digest: Digest) -> Iterator[FileReport]:
        leaves = {one.report.file: sequence_leaf(_record(one).chains, digest, one.digests[digest]) for one in group}

        def renewed(one: Examined, way: HashLists, token: bytes) -> EvidenceRecord:
            return _record(one).renewed_by_hash_tree(digest, way, token)

        return self._renew(group, leaves, renewed, stamp, digest, must_gain=False)

    def _renew(
        self,
        group: Sequence[Examined],
        leaves: dict[str, bytes],
        renewed: Callable[[Examined, HashLists, bytes], EvidenceRecord],
        stamp: Stamp,
        digest: Digest,
        *,
        must_gain: bool,
    ) -> Iterator[FileReport]:
        tree = grow(digest, leaves.values())
        token = stamp(digest, tree.root)
        for one in group:
            record = renewed(one, tree.ways[leaves[one.report.file]], token)
            yield self._keep(
                one.report.file, Standing.RENEWED, record, one.digests, one.evidence if must_gain else None
            )

    def _keep(
        self,
        name: str,
        standing: Standing,
        record: EvidenceRecord,
        digests: dict[Digest, bytes],
        before: Evidence | None = None,
    ) -> FileReport:
        """Write a record, once it verifies from its octets' beginning to end."""
        evidence = verify_record(record, digests.__getitem__, self.judge, self.clock.now())
        if before is not None and evidence.holds_until <= before.holds_until:
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("a new time stamp would hold no longer than the present one, until {end}").format(
                    end=evidence.holds_until.isoformat(timespec="seconds")
                ),
                subject=name,
                remedy=_("renew the certificate of the time-stamping unit first, or use another server or policy"),
            )
        self.archive.write(name, record)
        return FileReport.of(name, standing, evidence)

    def _examine(self, name: str, also: Iterable[Digest] = ()) -> Examined:
        now = self.clock.now()
        examined = self.archive.examine(name, self.judge, now, also)
        if examined.evidence is None or examined.evidence.holds_until - now > self.margin:
            return examined
        report = FileReport.of(name, Standing.DUE, examined.evidence)
        return Examined(report, examined.digests, examined.record, examined.evidence)

    def _is_suitable(self, digest: Digest) -> bool:
        return self.judge.suitability.until(digest.name) - self.margin > self.clock.now()

    def _require_suitable(self, digest: Digest) -> None:
        if not self._is_suitable(digest):
            raise YinxinError(
                Kind.UNSUPPORTED,
                _("evidence by {digest} would weaken too soon").format(digest=digest.name),
                remedy=_("choose another with --digest"),
            )


def _batches(names: Iterable[str], size: int) -> Iterator[list[str]]:
    rest = iter(names)
    while some := list(islice(rest, size)):
        yield some


def _record(examined: Examined) -> EvidenceRecord:
    if examined.record is None:
        raise AssertionError("only what verified is renewed")
    return examined.record
