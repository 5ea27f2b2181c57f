"""Verifying every document of a folder, in several processes, into a ledger (CSV) that is gone on with.

The ledger is the only memory: a document that stands in it as it lies there now, judged on the same grounds, is not
judged again. A process that dies over a document leaves that document indeterminate, and the others go on.
"""

import csv
import io
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path
from typing import IO

from core import files
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.processes import Died, in_processes
from seals.verification.beside import SIGNATURES, Neighbours, verify_path
from seals.verification.report import Report, Verdict
from seals.verification.trust import Trust

SUFFIXES = frozenset({".pdf", ".esl"}) | SIGNATURES
LONGEST_SECONDS = 120
"""For one document; a document that takes longer is made to."""
MEMORY_MIB = 1024
"""What a process may take for one document."""
_LIST = "; "


@dataclass(frozen=True)
class Row:
    """A document and the verdict about it, as the ledger keeps it."""

    document: str
    """Its path below the folder."""
    verdict: str
    seals: str = ""
    """The signers' names, in the order of signing."""
    proven: str = ""
    """The proven time of each seal (ISO 8601), or `none`."""
    codes: str = ""
    """Of the findings; for programs."""
    reasons: str = ""
    """The findings in words."""
    sha256: str = ""
    size: str = ""
    """Octets."""
    modified: str = ""
    """When the file was last written, and those beside it that belong to it: nanoseconds since 1970."""
    checked_at: str = ""
    grounds: str = ""
    """On which anchors and lists it was judged: a digest of them."""


COLUMNS = [field.name for field in fields(Row)]


def documents_in(folder: Path) -> list[str]:
    """Every document in the folder and below, by its path in it."""
    found = []
    for below, folders, names in os.walk(folder):
        folders.sort()
        found += [str(Path(below, name).relative_to(folder)) for name in names if Path(name).suffix.lower() in SUFFIXES]
    return sorted(found)


def grounds_of(trust: Trust) -> str:
    """What a verdict rests on beside the document, in sixteen digits."""
    parts = (trust.anchors, trust.certificates, trust.crls, trust.ocsp_responses)
    return sha256(b"".join(sha256(one).digest() for part in parts for one in sorted(part))).hexdigest()[:16]


@dataclass(frozen=True)
class FolderWork:
    """What a process of its own is told."""

    folder: Path
    trust: Trust
    clock: Clock
    grounds: str
    password: str | None = None
    """Of those that are encrypted."""

    def begin(self) -> Callable[[str], Row]:
        """Judges one document after the other."""
        neighbours = Neighbours()
        return lambda document: self.row(document, neighbours)

    def row(self, document: str, neighbours: Neighbours) -> Row:
        """The document's line."""
        path = self.folder / document
        try:
            size, modified = _as_it_lies(path, neighbours)
            report = verify_path(
                path, self.trust, self.clock, name=document, password=self.password, neighbours=neighbours
            )
        except YinxinError as error:
            return Row(document, Verdict.INDETERMINATE.value, codes="unreadable-file", reasons=error.what)
        except OSError as error:
            return Row(document, Verdict.INDETERMINATE.value, codes="unreadable-file", reasons=str(error.strerror))
        except MemoryError:
            return _too_large(document)
        return _row(document, report, size, modified, self.grounds)


def verify_folder(work: FolderWork, documents: Sequence[str], workers: int) -> Iterator[Row]:
    """The line of each document, as it is known."""
    found = in_processes(work.begin, documents, workers, seconds=LONGEST_SECONDS, memory_mib=MEMORY_MIB)
    for document, row in found:
        if not isinstance(row, Died):
            yield row
        elif row.exit_code is None:
            yield Row(document, Verdict.INDETERMINATE.value, codes="too-long", reasons=_("it takes too long to judge"))
        else:
            died = _("the process that judged it died")
            yield Row(document, Verdict.INDETERMINATE.value, codes="process-died", reasons=died)


def _too_large(document: str) -> Row:
    text = _("judging it takes more memory than is given to one document")
    return Row(document, Verdict.INDETERMINATE.value, codes="too-large", reasons=text)


def _row(document: str, report: Report, size: str, modified: str, grounds: str) -> Row:
    seals = [one for one in report.signatures if one.kind != "document-timestamp"]
    findings = report.all_findings()
    return Row(
        document,
        report.verdict.value,
        _LIST.join(one.claims.name or (one.signer.subject if one.signer else one.field) for one in seals),
        _LIST.join(one.proven_time.isoformat() if one.proven_time else "none" for one in seals),
        _LIST.join(dict.fromkeys(one.code for one in findings)),
        _LIST.join(dict.fromkeys(one.text for one in findings)),
        report.sha256,
        size,
        modified,
        report.checked_at.isoformat(),
        grounds,
    )


def _as_it_lies(path: Path, neighbours: Neighbours) -> tuple[str, str]:
    written = [path.stat(), *(one.stat() for one in neighbours.related(path))]
    return str(written[0].st_size), " ".join(str(status.st_mtime_ns) for status in written)


class Ledger:
    """The lines so far, in a CSV file that a spreadsheet opens."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def standing(self, folder: Path, grounds: str) -> dict[str, Row]:
        """The lines about documents that lie there as they did, judged on the same grounds.

        `YinxinError` (conflict) if the file is something else.
        """
        if not self.path.exists():
            return {}
        whole, _newline, _broken = files.read(self.path).decode("utf-8-sig", errors="replace").rpartition("\n")
        reader = csv.DictReader(io.StringIO(whole))
        if (reader.fieldnames or COLUMNS) != COLUMNS:
            raise YinxinError(
                Kind.CONFLICT,
                _("the file exists already, and is no list of verdicts"),
                subject=str(self.path),
                remedy=_("choose another name or remove it"),
            )
        rows = [_read(line) for line in reader if None not in line.values() and None not in line]
        beside = Neighbours()
        return {row.document: row for row in rows if row.grounds == grounds and _lies_there(folder, row, beside)}

    @contextmanager
    def writing(self, rows: Sequence[Row]) -> Iterator[Callable[[Row], None]]:
        """Begin it anew with these lines, then add others; each is in the file when the call returns."""
        # Whole or not at all: what was known is not lost when we die here.
        files.write(self.path, ("\ufeff" + _text(rows)).encode())
        with self.path.open("a", encoding="utf-8", newline="") as file:
            yield lambda row: _add(file, row)


def _lies_there(folder: Path, row: Row, neighbours: Neighbours) -> bool:
    try:
        return _as_it_lies(folder / row.document, neighbours) == (row.size, row.modified)
    except OSError:
        return False


def _text(rows: Sequence[Row]) -> str:
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, COLUMNS)
    writer.writeheader()
    writer.writerows(_cells(row) for row in rows)
    return text.getvalue()


def _add(file: IO[str], row: Row) -> None:
    csv.DictWriter(file, COLUMNS).writerow(_cells(row))
    file.flush()


_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def _cells(row: Row) -> dict[str, str]:
    """What a spreadsheet would take for a formula gets a space before it: names come from strangers."""
    return {name: f" {text}" if text.startswith(_FORMULA) else text for name, text in asdict(row).items()}


def _read(line: dict[str, str]) -> Row:
    return Row(**{name: _without_guard(text) for name, text in line.items()})


def _without_guard(text: str) -> str:
    return text[1:] if text.startswith(" ") and text[1:].startswith(_FORMULA) else text
