"""The services as WSGI applications, each with the keys of its own authority. OCSP and TSA have servers of their own.

Granian's worker processes call these factories; which home they serve stands in YINXIN_HOME.
"""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from core.home import Home

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication


def build(service: str, home: Home) -> "WSGIApplication":
    """The application of a service of this home. Modules are imported as they are needed."""
    match service:
        case "ca":
            from ca import reconciliation
            from ca.http import create_app as create_ca

            reconciliation.reconcile(home.context)
            return create_ca(home.context)
        case "ra":
            from ra.http import create_app as create_ra

            return create_ra(home)
        case "seals":
            from seals.http import create_app as create_seals
            from yinxin.seal_people import SealPeople
            from yinxin.wiring import RemoteSupport

            return create_seals(home, RemoteSupport(home), SealPeople(home.context))
        case "kmc":
            from ca.kmc.http import create_app as create_kmc
            from ca.kmc.installation import handler_of

            return create_kmc(handler_of(home))
        case _:
            raise ValueError(service)


def _served_home() -> Home:
    return Home(Path(os.environ["YINXIN_HOME"]))


def ca() -> "WSGIApplication":
    """CRLs and CA certificates."""
    return build("ca", _served_home())


def ra() -> "WSGIApplication":
    """Registration, for operators at a distance."""
    return build("ra", _served_home())


def seals() -> "WSGIApplication":
    """Sealing and verification."""
    return build("seals", _served_home())


def kmc() -> "WSGIApplication":
    """The key-management centre."""
    return build("kmc", _served_home())
