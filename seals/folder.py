"""Sealing every document of a folder, in as many processes as there are cores; going on where it was left.

A document whose sealed copy is there is done: the copy is written whole, after its use was recorded. Whatever
interrupted the work, it can be started again: a document that was sealed and not yet written is kept under a key that
follows from what it was and where it goes, here with the record of its use, or by the service as its answer.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa

from core import files
from core.api import outcomes
from core.errors import YinxinError
from core.home import Home
from core.i18n import _
from seals import use
from seals.contracts import People, SupportSource
from seals.documents import size_and_sha256
from seals.processes import Died, in_processes
from seals.sealing import SealedDocument
from seals.use import UseOrder

PATTERN = "*.pdf"
SERVICE = "folder"
"""Among those who keep outcomes."""


class Outcome(StrEnum):
    """What became of a document."""

    SEALED = "sealed"
    PRESENT = "present"
    """It was sealed before."""
    WAITING = "waiting"
    """In a batch: its turn has not come."""
    FAILED = "failed"


@dataclass(frozen=True)
class Done:
    """A document, and what became of it."""

    document: str
    """Its path in the folder."""
    outcome: Outcome
    sealed: str = ""
    sha256: str = ""
    """Of the sealed document, hexadecimal."""
    problem: str = ""


Seal = Callable[[Path, Path], bytes]
"""Gives the sealed document, and is told where it goes; `YinxinError` says why there is none."""


class Work(Protocol):
    """A folder's documents, sealed several at a time."""

    def seal(self, documents: Sequence[tuple[Path, Path]], workers: int) -> Iterator[Done]:
        """What became of each document, as it is known."""
        ...


@dataclass
class LocalWork:
    """Sealed where the keys are, in processes: signing takes the processor."""

    home: Home
    support: SupportSource
    people: People
    name: str
    order: UseOrder
    """How; its document does not matter."""
    actor: str

    def seal(self, documents: Sequence[tuple[Path, Path]], workers: int) -> Iterator[Done]:
        """As of the protocol."""
        for (document, _out), done in in_processes(self._begin, documents, workers):
            if isinstance(done, Died):
                yield Done(str(document), Outcome.FAILED, problem=_("the process that sealed it died"))
            else:
                yield done

    def _begin(self) -> Callable[[tuple[Path, Path]], Done]:
        """What a process of its own works with: connections are not shared."""
        self.home.storage.engine.dispose(close=False)
        sealing = _Sealing(self)
        return lambda pair: sealed_into(sealing.seal, *pair)


class _Sealing:
    """One process at it."""

    def __init__(self, work: LocalWork) -> None:
        self.work, self.caller = work, outcomes.Caller(SERVICE, work.actor)
        self.last: tuple[str, Path] | None = None
        """The document before: its key, and where it was to be written."""

    def seal(self, document: Path, out: Path) -> bytes:
        """The document with its seal, as it was made before, or made now."""
        work, order = self.work, replace(self.work.order, document=document)
        context, key = work.home.context, key_of(work.name, work.order, document, out)
        with context.storage.reading() as connection:
            if (made := outcomes.kept(connection, self.caller, key)) is not None:
                self.last = key, out
                return made

        def beside(connection: sa.Connection, sealed: SealedDocument) -> None:
            if self.last is not None and self.last[1].exists():
                outcomes.drop(connection, self.caller, self.last[0])
            outcomes.keep_result(connection, self.caller, key, sealed.read(), context.clock.now())

        keys = work.home.key_store("seals")
        sealed = use.stamp(context, keys, work.support, work.people, work.name, order, actor=work.actor, beside=beside)
        with sealed.file:
            self.last = key, out
            return sealed.read()


def key_of(name: str, order: UseOrder, document: Path, out: Path) -> str:
    """The same for the same document, sealed in the same way, for the same place."""
    with files.opened(document) as file:
        content = size_and_sha256(file)[1]
    asked = (name, repr(replace(order, document=b"")), content, str(out.absolute()))
    return sha256("\n".join(asked).encode()).hexdigest()


def documents_in(folder: Path, out: Path) -> list[tuple[Path, Path]]:
    """Every PDF in the folder and below, with the place of its sealed copy; copies below `out` are none."""
    found = sorted(path for path in folder.rglob(PATTERN) if out not in path.parents)
    return [(path, out / path.relative_to(folder)) for path in found]


def sealed_into(seal: Seal, document: Path, out: Path) -> Done:
    """Seal the document into the file `out`, unless that is there."""
    if out.exists():
        return Done(str(document), Outcome.PRESENT, str(out))
    try:
        octets = seal(document, out)
        files.write(out, octets, replace=False)
        return Done(str(document), Outcome.SEALED, str(out), sha256(octets).hexdigest())
    except YinxinError as error:
        return Done(str(document), Outcome.FAILED, problem=str(error))
