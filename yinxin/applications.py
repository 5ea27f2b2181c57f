"""The services as WSGI applications, each with the keys of its own authority. OCSP and TSA have servers of their own.

Granian's worker processes call these factories; which home they serve stands in YINXIN_HOME.
"""

import os
from contextlib import ExitStack
from datetime import timedelta
from multiprocessing.util import Finalize
from pathlib import Path
from typing import TYPE_CHECKING

from core.health import Health
from core.home import Home
from core.running import running

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

    from seals.batches.work import Worker


def build(service: str, home: Home) -> "WSGIApplication":
    """The application of a service of this home. Modules are imported as they are needed."""
    match service:
        case "ca":
            from ca import reconciliation
            from ca.health import checks as ca_checks
            from ca.http import create_app as create_ca

            reconciliation.reconcile(home.context)
            return create_ca(home.context, Health(ca_checks(home)))
        case "ra":
            from ra.http import create_app as create_ra

            return create_ra(home)
        case "seals":
            from seals.http import create_app as create_seals
            from yinxin.seal_people import SealPeople
            from yinxin.wiring import RemoteSupport

            return create_seals(home, RemoteSupport(home), SealPeople(home.context))
        case "kmc":
            from ca.kmc.health import checks as kmc_checks
            from ca.kmc.http import create_app as create_kmc
            from ca.kmc.installation import handler_of

            return create_kmc(handler_of(home), Health(kmc_checks(home)))
        case _:
            raise ValueError(service)


def _served_home(service: str) -> Home:
    """The home that this process serves from now on."""
    home, until_the_end = Home(Path(os.environ["YINXIN_HOME"])), ExitStack()
    until_the_end.enter_context(running(home, service))
    Finalize(None, until_the_end.close, exitpriority=0)  # a worker process ends without `atexit`
    return home


def ca() -> "WSGIApplication":
    """CRLs and CA certificates."""
    return build("ca", _served_home("ca"))


def ra() -> "WSGIApplication":
    """Registration, for operators at a distance."""
    return build("ra", _served_home("ra"))


def seals() -> "WSGIApplication":
    """Sealing and verification; batches are worked off beside it."""
    from threading import Event, Thread

    home = _served_home("seals")
    application = build("seals", home)
    Thread(target=seal_worker(home).run, args=(Event(),), name="batches", daemon=True).start()
    return application


def seal_worker(home: Home) -> "Worker":
    """What works off batches of this home."""
    from seals.batches.webhooks import Webhooks
    from seals.batches.work import Worker
    from yinxin.seal_people import SealPeople
    from yinxin.wiring import RemoteSupport

    keys = home.key_store("seals")
    kept = timedelta(days=home.configuration.seals.batch_days)
    people = SealPeople(home.context)
    return Worker(home.context, keys, RemoteSupport(home), people, Webhooks(home.context, keys), kept)


def kmc() -> "WSGIApplication":
    """The key-management centre."""
    return build("kmc", _served_home("kmc"))
