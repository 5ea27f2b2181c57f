"""The one typed error. Verbs raise it; only the edges (command, HTTP, OCSP, TSP) turn it into something else."""

from enum import StrEnum


class Kind(StrEnum):
    """What sort of failure, in the words that the edges map."""

    INVALID = "invalid"
    """The input is wrong (exit code 2, HTTP 400)."""
    NOT_FOUND = "not-found"
    """No such object (exit code 2, HTTP 404)."""
    CONFLICT = "conflict"
    """The object's state does not allow it (exit code 2, HTTP 409)."""
    FORBIDDEN = "forbidden"
    """The actor may not do it (exit code 2, HTTP 403)."""
    UNSUPPORTED = "unsupported"
    """Well formed, but not something that we do (exit code 2, HTTP 422)."""
    UNAVAILABLE = "unavailable"
    """Something that we depend on cannot be had now (exit code 2, HTTP 503)."""


class YinxinError(Exception):
    """A failure that a person can act on: what is wrong, with which object, and what to do next."""

    def __init__(self, kind: Kind, what: str, *, subject: str = "", remedy: str = "") -> None:
        super().__init__(what)
        self.kind = kind
        self.what = what
        self.subject = subject
        """The object concerned: a file, a serial number, a request."""
        self.remedy = remedy

    def __str__(self) -> str:
        """One line: subject, what, and what to do."""
        line = f"{self.subject}: {self.what}" if self.subject else self.what
        return f"{line} ({self.remedy})" if self.remedy else line
