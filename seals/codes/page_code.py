"""A code that goes on a document together with the seal: made with the seal's key, in one use of it."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from seals.codes.statement import Fields, sign_code
from seals.placement.placement import Origin
from seals.sealing import Seal


@dataclass(frozen=True)
class PageCode:
    """What the code says, and where it is seen."""

    number: str
    """Of the document, as its issuer counts."""
    fields: Fields
    show: Collection[str]
    """The fields that the code itself shows."""
    page: int
    """The first is 1."""
    x_mm: float
    """Of its middle, from the lower left corner."""
    y_mm: float
    size_mm: float

    def put_on(self, document: bytes, name: str, seal: Seal, now: datetime) -> bytes:
        """The document with the code; `YinxinError` if it cannot take one. `name`: of the seal, in the register."""
        # Drawing takes libraries that sealing does not.
        from seals.codes.on_page import with_code

        text = sign_code(self.number, self.fields, name, seal.signer, seal.certificate, now, self.show)
        place = self.page, self.x_mm, self.y_mm
        return with_code(document, text, *place, size_mm=self.size_mm, origin=Origin.LOWER_LEFT)

    def in_words(self) -> str:
        """For auditors."""
        return f"{self.page}: {self.x_mm:.4g}, {self.y_mm:.4g} mm (YX1 {self.number})"
