"""What is applied for: one version of a seal, in canonical JSON (RFC 8785), which is stored, digested and approved."""

import json
from functools import lru_cache
from typing import Annotated, Literal

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from core.algorithms import SM3
from core.errors import Kind, YinxinError
from core.i18n import _
from core.statements import Hexadecimal, Name
from seals.forms import Form
from seals.register.bounds import UNBOUNDED, Bounds
from seals.register.kinds import SealKind

SEAL_NAME = r"^[a-z0-9][a-z0-9._-]{0,63}$"
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Application(BaseModel):
    """One version of a seal: everything that an approval answers for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    version: Literal[1] = 1
    name: Annotated[str, Field(pattern=SEAL_NAME)]
    """In the register."""
    revision: Annotated[int, Field(ge=1, le=2**31 - 1)]
    """Which version of the seal it is."""
    branch: Annotated[str, Field(max_length=64)] = ""
    """Whose people decide about it."""
    kind: SealKind
    owner: Annotated[str, Field(min_length=1, max_length=128)]
    """The full legal name on the seal: of the unit, or of the person."""
    unit: Annotated[str, Field(min_length=1, max_length=128)]
    """To whom it belongs: the owner, or the unit of the person who is the owner."""
    custodians: Annotated[tuple[Name, ...], Field(min_length=1, max_length=20)]
    """Who keep it: they take it into custody, and allow uses of it."""
    key_name: Annotated[str, Field(min_length=1, max_length=100)]
    """In the key store of the seals."""
    certificate: Hexadecimal
    """The owner's, DER."""
    chain: tuple[Hexadecimal, ...]
    """Its issuers, nearest first, the root included; DER."""
    picture: Digest
    """SM3 of the PNG."""
    drawing: Digest | None = None
    """SM3 of the drawing, where there is one."""
    width_mm: Annotated[int, Field(ge=1, le=200)]
    height_mm: Annotated[int, Field(ge=1, le=200)]
    standard: Literal[4, 5] = 4
    """Version of the structure: 4 of GB/T 38540-2020, 5 of GM/T 0031-2025, which has a time stamp."""
    certificate_list: Literal["certificates", "digests"] = "certificates"
    """How the structure names the certificate that may sign with the seal."""
    form: Form | None = None
    """In which form it signs; None, as in applications from before there was a choice: PAdES."""
    bounds: Bounds = UNBOUNDED

    def canonical(self) -> bytes:
        """The bytes that are stored."""
        return rfc8785.dumps(self.model_dump(mode="json", exclude_none=True))


def digest_of(content: bytes) -> str:
    """SM3 in hexadecimal: what statements are about."""
    return SM3.of(content).hex()


@lru_cache(maxsize=1024)
def parse_application(content: bytes) -> Application:
    """Read a stored application; `YinxinError` (invalid) if it is none in canonical form."""
    try:
        application = Application.model_validate(json.loads(content))
        if application.canonical() == content:
            return application
    except (ValidationError, ValueError):
        pass
    raise YinxinError(Kind.INVALID, _("this is not an application for a seal in its canonical form"))
