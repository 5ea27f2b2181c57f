"""`yinxin seals stamp --server`: a document of this machine, sealed by a seal service elsewhere."""

from pathlib import Path
from typing import Any

from core import files
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.client import SealServer
from seals.placement.placement import AtKeyword, InField, Placement, Straddling
from seals.sealing import SealedDocument
from seals.terms import SealingTerms
from seals.use import UseOrder


def api_key_in(file: Path | None) -> str:
    """The API key in a file; `YinxinError` if there is none, or others can read it."""
    if file is None:
        raise YinxinError(Kind.INVALID, _("a seal service asks for an API key"), remedy=_("give --api-key-file"))
    key = files.read(file).decode(errors="replace").strip()
    if file.stat().st_mode & 0o077:
        raise YinxinError(
            Kind.FORBIDDEN, _("others can read this file"), subject=str(file), remedy=_("run: chmod 600 FILE")
        )
    return key


def terms_of(order: UseOrder) -> SealingTerms:
    """The same order as calling systems say it; `YinxinError` if a service is not asked for such a thing."""
    if order.repair:
        raise YinxinError(Kind.UNSUPPORTED, _("a document is repaired before it is sealed by a service"))
    match place := order.placement:
        case Placement():
            where: dict[str, Any] = {"x_mm": place.x_mm, "y_mm": place.y_mm, "origin": place.origin}
            where |= {"page": place.page} if isinstance(place.page, int) else {"pages": place.page.text}
        case AtKeyword():
            which = str(place.which)
            where = {"keyword": place.text, "occurrence": which, "dx_mm": place.dx_mm, "dy_mm": place.dy_mm}
            where |= {"pages": place.pages.text}
        case InField():
            where = {"field": place.name} if place.name else {}
        case Straddling():
            where = {"straddle": place.edge, "position_mm": place.position_mm, "group": place.group}
            where |= {"pages": place.pages.text}
    return SealingTerms(
        **where,
        opacity=order.ink.opacity,
        blending=order.ink.blending,
        certify=order.certify,
        level=order.level,
        purpose=order.purpose,
        person=order.person,
        type=order.document_type,
        reason=order.reason,
        location=order.location,
    )


def stamp_at(url: str, key_file: Path | None, name: str, order: UseOrder, clock: Clock) -> SealedDocument:
    """The sealed document, of which only digests have left this machine."""
    with SealServer(url, api_key_in(key_file), clock=clock) as server:
        return server.stamp_by_digest(name, order.document, terms_of(order), order.password)
