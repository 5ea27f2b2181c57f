"""The forms in which a seal signs a PDF, and what it lets others do with the document afterwards."""

from enum import StrEnum


class Form(StrEnum):
    """The structure of the signature."""

    PADES = "pades"
    """A PAdES signature (EN 319 142-1) that is bound to the electronic seal: every PDF program sees a signature."""
    GM = "gm"
    """SES_Signature of GB/T 38540 or GM/T 0031 over the byte range (`/GM.sm2seal`): for programs of that standard."""


class Permission(StrEnum):
    """What may still be done with a certified document (DocMDP, ISO 32000-2 12.8.2.2)."""

    NOTHING = "nothing"
    """1: only what keeps the seal verifiable may be added."""
    FORMS = "forms"
    """2: forms may be filled in, and further seals added."""
    ANNOTATIONS = "annotations"
    """3: annotations as well."""
