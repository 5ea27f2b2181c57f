"""A batch as its calling system handles it: filled from files, and what came of it laid beside them."""

import re
from collections.abc import Iterator, Sequence
from hashlib import sha256
from pathlib import Path, PurePosixPath

from core import files
from core.algorithms import SHA256
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.api.models import BatchEntry, DocumentEntry
from seals.batches.batches import MAXIMUM_DOCUMENTS, DocumentState
from seals.client import SealServer
from seals.folder import PATTERN, Done, Outcome
from seals.terms import SealingTerms

_LONGEST_NAME = 255
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def documents_named(paths: Sequence[Path]) -> list[tuple[Path, str]]:
    """The documents, each with its name in the batch: its place in the folder that was given, or the file's name.

    `YinxinError` (invalid) if two have one name, or there are none, or more than a batch holds.
    """
    found: dict[str, Path] = {}
    for path in paths:
        inside = sorted(path.rglob(PATTERN)) if path.is_dir() else [path]
        for document in inside:
            name = document.relative_to(path).as_posix() if path.is_dir() else document.name
            if name in found or len(name) > _LONGEST_NAME or _CONTROL.search(name):
                raise YinxinError(
                    Kind.INVALID,
                    _("two documents of this name, or a name that a batch cannot hold"),
                    subject=str(document),
                    remedy=_("name it otherwise, or put it into another batch"),
                )
            found[name] = document
    if not 0 < len(found) <= MAXIMUM_DOCUMENTS:
        raise YinxinError(
            Kind.INVALID,
            _("a batch has 1 to {maximum} documents, and these are {count}").format(
                maximum=MAXIMUM_DOCUMENTS, count=len(found)
            ),
            remedy=_("divide them among several batches"),
        )
    return [(path, name) for name, path in found.items()]


def filled(
    server: SealServer, seal: str, terms: SealingTerms, documents: Sequence[tuple[Path, str]], password: str | None
) -> Iterator[BatchEntry]:
    """Open a batch, put the documents in one after the other, start it: where it stands after each step.

    What cannot be put in cancels the batch, so that nothing of it is sealed; `YinxinError` says what it was.
    """
    batch = server.open_batch(seal, terms)
    yield batch
    try:
        for path, name in documents:
            server.add(batch.number, path, name, password)
            yield batch
    except YinxinError as error:
        server.cancel(batch.number)
        error.subject = error.subject or str(path)
        raise
    yield server.start(batch.number)


def fetched(server: SealServer, number: str, out: Path) -> Iterator[Done]:
    """Lay what is sealed of a batch into the folder, as far as it is not there: what became of each document."""
    taken = set[Path]()
    for entry in server.documents(number):
        place = place_of(out, entry, taken)
        taken.add(place)
        try:
            yield _fetched(server, number, entry, place)
        except YinxinError as error:
            yield Done(entry.name, Outcome.FAILED, problem=str(error))


def place_of(out: Path, entry: DocumentEntry, taken: set[Path]) -> Path:
    """Where a document belongs, always below `out`: what it is called, somebody else has said."""
    parts = PurePosixPath(_CONTROL.sub("", entry.name).replace("\\", "/")).parts
    if not parts or any(part in ("/", "..") for part in parts):
        parts = (f"{entry.position}.pdf",)
    place = out.joinpath(*parts)
    return place if place not in taken else place.with_name(f"{place.stem}-{entry.position}{place.suffix}")


def _fetched(server: SealServer, number: str, entry: DocumentEntry, place: Path) -> Done:
    if entry.state is DocumentState.WAITING:
        return Done(entry.name, Outcome.WAITING)
    if entry.state is not DocumentState.SEALED:
        told = entry.problem or {}
        problem = YinxinError(
            Kind.CONFLICT,
            told.get("what") or _("cancelled"),
            subject=told.get("subject", ""),
            remedy=told.get("remedy", ""),
        )
        return Done(entry.name, Outcome.FAILED, problem=str(problem))
    if place.exists():
        if files.digests(place, [SHA256])[SHA256].hex() != entry.sha256_after:
            raise YinxinError(Kind.CONFLICT, _("another file is there already"), subject=str(place))
        return Done(entry.name, Outcome.PRESENT, str(place), entry.sha256_after or "")
    octets = server.fetch(number, entry.position)
    digest = sha256(octets).hexdigest()
    if digest != entry.sha256_after:
        raise YinxinError(Kind.UNAVAILABLE, _("the document is not what the service says"), subject=entry.name)
    files.write(place, octets, replace=False)
    return Done(entry.name, Outcome.SEALED, str(place), digest)
