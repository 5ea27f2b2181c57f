"""The service in its worker processes. Started as `python -m ocsp.server`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.home import Home
from core.server import workers
from ocsp.counters import Counters
from ocsp.http import Service
from ocsp.renewal import keeper_of
from ocsp.service import open_service

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
        yield service
        keeper.stop()
        feed.stop()

    return workers.serve(settings, count, opened, threads=SIGNING_THREADS)


def main() -> None:
    """The service of the home in YINXIN_HOME."""
    sys.exit(serve(Home(Path(os.environ["YINXIN_HOME"]))))


if __name__ == "__main__":
    main()
