"""The service in its worker processes. Started as `python -m ocsp.server`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.home import Home
from core.running import running
from core.server import workers
from core.service.installed import installed
from ocsp.counters import Counters
from ocsp.http import Service
from ocsp.renewal import keeper_of
from ocsp.service import open_service
from ocsp.signing_log import SigningLog

SIGNING_THREADS = 2


def serve(home: Home) -> int:
    """Answer until SIGTERM or SIGINT; the exit code."""
    settings = home.configuration.ocsp
    count = workers.worker_count(settings.workers)
    counters = Counters(count)

    @contextmanager
    def opened(number: int) -> Iterator[Service]:
        counters.use_row(number)
        service, feed, responders = open_service(home, counters)
        feed.start()
        keeper = keeper_of(home, *responders)
        keeper.start()
        signing_log = SigningLog(home.context, counters, lambda: [one.key_name for one in installed(home, "ocsp")])
        if number == 0:  # for all of them
            signing_log.start()
        yield service
        if number == 0:
            signing_log.stop()
        keeper.stop()
        feed.stop()

    return workers.serve(settings, count, opened, threads=SIGNING_THREADS)


def main() -> None:
    """The service of the home in YINXIN_HOME."""
    home = Home(Path(os.environ["YINXIN_HOME"]))
    with running(home, "ocsp"):
        code = serve(home)
    sys.exit(code)


if __name__ == "__main__":
    main()
