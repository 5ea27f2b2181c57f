"""The office's HTTP interface, served to this machine from a thread of the test."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from werkzeug.serving import WSGIRequestHandler, make_server

from core.config import FILE_NAME
from core.home import Home
from ra.http import create_app
from tests.support.office import Office


def home_of(office: Office) -> Home:
    """The office as an installation, its clock standing still."""
    (office.folder / FILE_NAME).touch()
    home = Home(office.folder, office.clock)
    # With the office's key for finding identity numbers.
    vars(home)["context"] = office.context
    return home


@contextmanager
def serving(application: Any) -> Iterator[str]:
    """Serve; the address."""

    class Quiet(WSGIRequestHandler):
        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            pass

    server = make_server("127.0.0.1", 0, application, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def application(office: Office) -> Any:
    """The interface of the office."""
    return create_app(home_of(office))
