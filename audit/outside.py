"""Where checkpoints are copied: outside of what whoever could change the log can change. Folders, and HTTP servers."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from audit.notes import read_checkpoint
from core import files
from core.errors import Kind, YinxinError
from core.i18n import _

Place = Callable[[bytes, bytes | None], None]
"""Takes a note and its token, if there is one; `YinxinError` if it cannot. Taking the same twice changes nothing."""
SECONDS = 10
NOTE = "text/plain; charset=utf-8"


def place_of(address: str) -> Place:
    """The place of an address: http://…, https://…, or a folder."""
    if urlsplit(address).scheme in ("http", "https"):
        return lambda note, _token: _post(address, note)
    return lambda note, token: _file(Path(address), note, token)


def name_of(note: bytes) -> str:
    """Of the copy: the size, so that they sort, and what tells two logs or two histories of one apart."""
    return f"checkpoint-{read_checkpoint(note).size:015}-{hashlib.sha256(note).hexdigest()[:16]}"


def _file(folder: Path, note: bytes, token: bytes | None) -> None:
    for suffix, content in ((".txt", note), (".tst", token)):
        file = folder / f"{name_of(note)}{suffix}"
        if content is not None and not file.exists():
            files.write(file, content)


def _post(address: str, note: bytes) -> None:
    import httpx  # where it is needed: it takes as long to import as all that verifies

    try:
        answer = httpx.post(address, content=note, headers={"Content-Type": NOTE}, timeout=SECONDS)
    except httpx.HTTPError as error:
        raise YinxinError(
            Kind.UNAVAILABLE, _("does not answer: {reason}").format(reason=error), subject=address
        ) from error
    if not answer.is_success:
        raise YinxinError(
            Kind.UNAVAILABLE, _("answers with HTTP status {status}").format(status=answer.status_code), subject=address
        )
