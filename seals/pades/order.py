"""What is to be written for a seal, whoever writes it."""

import dataclasses
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from datetime import datetime

from seals.forms import Permission
from seals.pades.pdfa import NOT_ARCHIVAL, Archival
from seals.pictures.drawing import Drawing
from seals.pictures.ink import Ink
from seals.pictures.samples import Picture
from seals.placement.placement import Mark

PRODUCER = "Yinxin"


@dataclass(frozen=True)
class Remarks:
    """What the signature dictionary says in words, and what it permits."""

    name: str
    reason: str | None
    location: str | None
    at: datetime
    certify: Permission | None = None


@dataclass(frozen=True)
class SignatureOrder:
    """What is written into the signature field and dictionary, and onto the pages."""

    field: str
    is_new: bool
    """Whether the field has to be made; else it is there, and empty."""
    marks: Sequence[Mark]
    """The first is the field's own; the others become stamp annotations."""
    picture: Picture | Drawing
    ink: Ink
    remarks: Remarks
    archival: Archival = NOT_ARCHIVAL
    """Where the document forbids transparency (PDF/A-1), the seal covers what is under its strokes."""
    password: str | None = dataclasses.field(default=None, repr=False)
    """Of the document, if it is encrypted."""

    @property
    def manner(self) -> Hashable:
        """How it is sealed, as far as another document may be sealed otherwise: the look, what is permitted."""
        mark = self.marks[0]
        return self.is_new, self.archival, self.ink, mark.quarter_turns, mark.part, self.remarks.certify
