"""`/api/seals/v1` for calling systems; and a page where people verify a document."""

from flask import Flask, redirect
from werkzeug.wrappers import Request
from werkzeug.wrappers import Response as WerkzeugResponse

from core.api.document import Interface
from core.api.operation import Operation
from core.api.service import add_operations
from core.health import Health
from core.home import Home
from core.http import register_errors, register_health
from seals.api import digests as http_digests
from seals.api import seals as http_seals
from seals.api.access import calling_system
from seals.api.desk import Desk
from seals.api.passwords import in_header
from seals.batches import http as http_batches
from seals.contracts import People, SupportSource
from seals.health import checks
from seals.register import http as register
from seals.verification.http import add_page

PREFIX = "/api/seals/v1"
INTERFACE = Interface(
    "Yinxin sealing",
    "Documents are sealed with the seals that the calling system may use (docs/api.md).",
    {
        "key": {"type": "http", "scheme": "bearer", "description": "An API key (yinxin seals api-key new)."},
        "certificate": {"type": "mutualTLS", "description": "The calling system's certificate, at the edge."},
    },
)
_FORM_OCTETS = 64 * 1024
"""What a form holds beside its document."""


def operations(home: Home) -> list[Operation]:
    """The operations, with the longest document that this home takes."""
    longest = home.configuration.seals.maximum_document_mib * 1024 * 1024 + _FORM_OCTETS
    every = (*http_seals.operations, *http_digests.operations, *http_batches.operations)
    return [one.taking(longest) if one.limit == http_seals.LONGEST else one for one in every]


def create_app(home: Home, support: SupportSource, people: People) -> Flask:
    """The service of this home; trusted certificates are those in its folder `trust`."""
    app = Flask(__name__)
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    table = operations(home)
    app.config["MAX_CONTENT_LENGTH"] = max(one.limit for one in (*table, *register.operations))
    register_errors(app)
    keys = home.key_store("seals")

    def admit(asking: Request, _body: bytes, operation: Operation) -> Desk:
        edges = home.configuration.seals.edge_addresses
        system = None if operation.open else calling_system(home.context, asking, edges)
        password = in_header(asking) if operation.headers else None
        return Desk(home, keys, support, people, system, password)

    def admit_person(asking: Request, body: bytes, _operation: Operation) -> register.Desk:
        session = people.admit_request(asking, body, home.configuration.seals.edge_addresses)
        return register.Desk(home.context, keys, people, session)

    add_operations(app, home.context, "seals", PREFIX, table, INTERFACE, admit)
    its = f"{PREFIX}/register"
    add_operations(app, home.context, "seal-register", its, register.operations, register.INTERFACE, admit_person)

    register_health(app, Health(checks(home)))

    @app.get("/")
    def start() -> WerkzeugResponse:
        return redirect("/verify")

    add_page(app, home, support, people)
    return app
