"""The service in its worker processes. Started as `python -m tsa.server`."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from core.health import Health
from core.home import Home
from core.running import running
from core.server import workers
from core.service.keeper import Keeper
from tsa.counters import Counters
from tsa.health import checks
from tsa.http import TimeStampService
from tsa.installation import clock_watch, load_units, open_authority

SIGNING_THREADS = 1
"""There is a worker for each core; while one token is signed, the recorder's thread waits for the disk."""


def serve(home: Home) -> int:
    """Give tokens until SIGTERM or SIGINT; the exit code."""
    settings = home.configuration.tsa
    # Ordered tokens come one after the other: a second process would only have its own refused and signed again.
    count = 1 if settings.ordering else workers.worker_count(settings.workers)
    counters = Counters(count)

    @contextmanager
    def opened(number: int) -> Iterator[TimeStampService]:
        counters.use_row(number)
        watch = clock_watch(home)
        if watch:
            watch.start()
        authority = open_authority(home, watch, when_recorded=counters.add_group)
        keeper = Keeper(home, "tsa", lambda: authority.use(load_units(home)), when_expired="no tokens are given")
        keeper.start()
        yield TimeStampService(authority, Health(checks(home, authority, watch)), counters)
        keeper.stop()
        if watch:
            watch.stop()

    return workers.serve(settings, count, opened, threads=SIGNING_THREADS)


def main() -> None:
    """The service of the home in YINXIN_HOME."""
    home = Home(Path(os.environ["YINXIN_HOME"]))
    with running(home, "tsa"):
        code = serve(home)
    sys.exit(code)


if __name__ == "__main__":
    main()
