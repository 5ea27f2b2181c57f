"""An archive: a folder of files, and beside them, in its folder `evidence`, an evidence record for each.

`notes/a.pdf` is proven by `evidence/notes/a.pdf.ers`, or, until that is there, by a token `notes/a.pdf.tst` or `.tsr`.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from core import files
from core.algorithms import Digest
from core.errors import YinxinError
from core.i18n import _
from tsa.evidence.record import ArchiveTimeStamp, EvidenceRecord, is_record, parse_record, read_imprint
from tsa.evidence.verification import Evidence, TokenJudge, verify_record
from tsa.response import find_token
from tsa.verification import NotValid, Verdict

FOLDER = "evidence"
SUFFIX = ".ers"
TOKEN_SUFFIXES = (".tst", ".tsr")


class Standing(StrEnum):
    """How it stands with one file."""

    VALID = "valid"
    DUE = "due"
    """Valid, and to be renewed soon."""
    STAMPED = "stamped"
    RENEWED = "renewed"
    UNPROTECTED = "unprotected"
    """There is no evidence for it."""
    UNTRUSTED = "untrusted"
    WEAKENED = "weakened"
    INVALID = "invalid"
    CHANGED = "changed"
    MISSING = "missing"
    """There is evidence, and no file."""

    @property
    def exit_code(self) -> int:
        """0 good, 1 not proven with what is at hand, 3 damaged."""
        if self is Standing.UNPROTECTED:
            return 1
        if self is Standing.MISSING:
            return 3
        return Verdict(self.value).exit_code if self.value in set(Verdict) else 0


@dataclass(frozen=True)
class FileReport:
    """What is said of one file."""

    file: str
    """Its path in the archive."""
    standing: Standing
    since: datetime | None = None
    """It existed then."""
    holds_until: datetime | None = None
    """The evidence is to be renewed before."""
    time_stamps: int = 0
    explanation: str = ""

    @classmethod
    def of(cls, file: str, standing: Standing, evidence: Evidence) -> "FileReport":
        """Of evidence that holds."""
        return cls(file, standing, evidence.since, evidence.holds_until, len(evidence.tokens))


@dataclass(frozen=True)
class Examined:
    """A file with its evidence, verified."""

    report: FileReport
    digests: dict[Digest, bytes]
    record: EvidenceRecord | None = None
    evidence: Evidence | None = None


class Archive:
    """The files of a folder and their evidence. Nothing here changes a file that is not evidence."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._documents = set(self._find_documents())

    def documents(self) -> list[str]:
        """The files to be proven: paths in the archive, sorted."""
        return sorted(self._documents)

    def names(self) -> list[str]:
        """The files that are there or have evidence, sorted."""
        evidence = self.folder / FOLDER
        proven = {path.relative_to(evidence).as_posix().removesuffix(SUFFIX) for path in evidence.rglob(f"*{SUFFIX}")}
        return sorted(self._documents | proven)

    def unprotected(self) -> list[str]:
        """The files without evidence, sorted."""
        return [name for name in self.documents() if self._source(name) is None]

    def record_path(self, name: str) -> Path:
        """Where the evidence record of a file lies."""
        return self.folder / FOLDER / f"{name}{SUFFIX}"

    def digests(self, name: str, algorithms: Iterable[Digest]) -> dict[Digest, bytes]:
        """The digests of a file; `YinxinError` if it cannot be read."""
        return files.digests(self.folder / name, algorithms)

    def write(self, name: str, record: EvidenceRecord) -> None:
        """Put this record in the place of the one before, whole or not at all."""
        files.write(self.record_path(name), record.encode())

    def examine(self, name: str, judge: TokenJudge, now: datetime, also: Iterable[Digest] = ()) -> Examined:
        """Verify a file's evidence. `also`: further digests of the file, from the same reading. Never `YinxinError`."""
        source = self._source(name)
        if source is None:
            what = _("there is no evidence for this file; yinxin tsa archive makes it")
            return Examined(FileReport(name, Standing.UNPROTECTED, explanation=what), {})
        if name not in self._documents:
            what = _("the evidence is there, the file is not")
            return Examined(FileReport(name, Standing.MISSING, explanation=what), {})
        digests: dict[Digest, bytes] = {}
        try:
            record = read_evidence(files.read(source))
            digests = self.digests(name, {*(chain[0].digest for chain in record.chains), *also})
            evidence = verify_record(record, digests.__getitem__, judge, now)
        except NotValid as error:
            return Examined(FileReport(name, Standing(error.verdict.value), explanation=str(error)), digests)
        except YinxinError as error:
            return Examined(FileReport(name, Standing.INVALID, explanation=str(error)), digests)
        return Examined(FileReport.of(name, Standing.VALID, evidence), digests, record, evidence)

    def _source(self, name: str) -> Path | None:
        candidates = [self.record_path(name), *(self.folder / f"{name}{suffix}" for suffix in TOKEN_SUFFIXES)]
        return next((path for path in candidates if path.is_file()), None)

    def _find_documents(self) -> Iterator[str]:
        found = {path.relative_to(self.folder) for path in self.folder.rglob("*") if path.is_file()}
        for path in found:
            is_evidence = path.parts[0] == FOLDER and (path.suffix == SUFFIX or path.name.startswith("."))
            is_token = path.suffix in TOKEN_SUFFIXES and path.with_suffix("") in found
            if not is_evidence and not is_token:
                yield path.as_posix()


def read_evidence(data: bytes) -> EvidenceRecord:
    """The evidence in a file's octets: a record; or a token or response, as the record that begins with it."""
    if is_record(data):
        return parse_record(data)
    token = find_token(data)
    return EvidenceRecord.begin(ArchiveTimeStamp.of(read_imprint(token)[0], (), token))
