"""Sealing every document of a folder, in as many processes as there are cores; going on where it was left.

A document whose sealed copy is there is done: the copy is written whole, after its use was recorded. Nothing else is
remembered, so that whatever interrupted the work, it can be started again.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from core import files
from core.errors import YinxinError
from core.home import Home
from core.i18n import _
from seals import use
from seals.contracts import People, SupportSource
from seals.documents import size_and_sha256
from seals.processes import Died, in_processes
from seals.use import UseOrder

PATTERN = "*.pdf"


class Outcome(StrEnum):
    """What became of a document."""

    SEALED = "sealed"
    PRESENT = "present"
    """It was sealed before."""
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


@dataclass
class Sealer:
    """Seals one document after the other, in a process of its own."""

    home: Home
    support: SupportSource
    people: People
    name: str
    terms: dict[str, Any]
    """For `UseOrder`, but the document."""
    actor: str

    def seal(self, document: Path, out: Path) -> Done:
        """Seal it, unless its copy is there."""
        if out.exists():
            return Done(str(document), Outcome.PRESENT, str(out))
        home = self.home
        try:
            order = UseOrder(document, **self.terms)
            keys = home.key_store("seals")
            sealed = use.stamp(home.context, keys, self.support, self.people, self.name, order, actor=self.actor)
            with sealed.file:
                files.write(out, sealed.read(), replace=False)
                return Done(str(document), Outcome.SEALED, str(out), size_and_sha256(sealed.file)[1])
        except YinxinError as error:
            return Done(str(document), Outcome.FAILED, problem=str(error))

    def begin(self) -> Callable[[tuple[Path, Path]], Done]:
        """What a process of its own works with: connections are not shared."""
        self.home.storage.engine.dispose(close=False)
        return lambda pair: self.seal(*pair)


def documents_in(folder: Path, out: Path) -> list[tuple[Path, Path]]:
    """Every PDF in the folder and below, with the place of its sealed copy; copies below `out` are none."""
    found = sorted(path for path in folder.rglob(PATTERN) if out not in path.parents)
    return [(path, out / path.relative_to(folder)) for path in found]


def seal_folder(sealer: Sealer, documents: Sequence[tuple[Path, Path]], workers: int) -> Iterator[Done]:
    """What became of each document, as it is known."""
    for (document, _out), done in in_processes(sealer.begin, documents, workers):
        if isinstance(done, Died):
            yield Done(str(document), Outcome.FAILED, problem=_("the process that sealed it died"))
        else:
            yield done
