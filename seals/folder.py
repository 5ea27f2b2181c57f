"""Sealing every document of a folder, in as many processes as there are cores; going on where it was left.

A document whose sealed copy is there is done: the copy is written whole, after its use was recorded. Whatever
interrupted the work, it can be started again, and nothing is sealed twice: the copy is on the disk before its use is
recorded (`seals.unfinished`), or kept by the service as its answer.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Protocol

from core import files
from core.errors import YinxinError
from core.home import Home
from core.i18n import _
from seals import use
from seals.contracts import People, SupportSource
from seals.documents import size_and_sha256
from seals.processes import Died, in_processes
from seals.unfinished import unfinished
from seals.use import UseOrder

PATTERN = "*.pdf"


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


Seal = Callable[[Path, Path], str]
"""Puts the sealed document in its place, and gives its SHA-256; `YinxinError` says why there is none."""


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
        return lambda pair: sealed_into(self._sealed, *pair)

    def _sealed(self, document: Path, out: Path) -> str:
        home, order = self.home, replace(self.order, document=document)
        with unfinished(home.context, out) as copy:
            if copy.sha256 is None:
                keys = home.key_store("seals")
                sealed = use.stamp(
                    home.context, keys, self.support, self.people, self.name, order, actor=self.actor, beside=copy.keep
                )
                sealed.file.close()
            return copy.finish()


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
        return Done(str(document), Outcome.SEALED, str(out), seal(document, out))
    except YinxinError as error:
        return Done(str(document), Outcome.FAILED, problem=str(error))
