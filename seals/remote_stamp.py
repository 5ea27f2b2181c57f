"""Documents of this machine, sealed by a seal service elsewhere."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from pathlib import Path
from typing import Any

from core import files
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.api.api_keys import Scope, not_for
from seals.client import SealServer
from seals.folder import Done, key_of, sealed_into
from seals.placement.placement import AtKeyword, InField, Placement, Straddling
from seals.sealing import SealedDocument
from seals.service_options import Service
from seals.terms import SealingTerms
from seals.use import UseOrder


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


@dataclass
class RemoteWork:
    """A folder's documents, sealed by a service: several requests at a time, since most of it is waiting."""

    service: Service
    clock: Clock
    name: str
    order: UseOrder
    """How; its document does not matter."""
    by_digest: bool
    """Whether the documents stay here, and only digests travel."""

    def require_permission(self) -> None:
        """Return if the service answers, and the API key is for this; `YinxinError` otherwise."""
        with self.service.open(self.clock) as server:
            allowed = server.seals()
        if self.name not in {seal.name for seal in allowed.seals}:
            raise YinxinError(Kind.FORBIDDEN, _("this API key may not use the seal"), subject=self.name)
        scope = Scope.DIGESTS if self.by_digest else Scope.DOCUMENTS
        if scope not in allowed.scopes:
            raise not_for(scope)

    def seal(self, documents: Sequence[tuple[Path, Path]], workers: int) -> Iterator[Done]:
        """As of `seals.folder.Work`."""
        with self.service.open(self.clock) as server, ThreadPoolExecutor(workers) as pool:

            def one(pair: tuple[Path, Path]) -> Done:
                return sealed_into(partial(self._sealed, server), *pair)

            try:
                for future in as_completed([pool.submit(one, pair) for pair in documents]):
                    yield future.result()
            finally:
                # Whoever interrupts does not wait for those that have not begun.
                pool.shutdown(cancel_futures=True)

    def _sealed(self, server: SealServer, document: Path, out: Path) -> str:
        terms, password = terms_of(self.order), self.order.password
        if self.by_digest:
            sealed = server.stamp_by_digest(self.name, document, terms, password)
            with sealed.file:
                octets = sealed.read()
        else:
            key = key_of(self.name, self.order, document, out)
            octets = server.stamp(self.name, document, terms, password, key=key)
        files.write(out, octets, replace=False)
        return sha256(octets).hexdigest()


def stamp_at(service: Service, name: str, order: UseOrder, clock: Clock) -> SealedDocument:
    """The sealed document, of which only digests have left this machine."""
    with service.open(clock) as server:
        return server.stamp_by_digest(name, order.document, terms_of(order), order.password)
