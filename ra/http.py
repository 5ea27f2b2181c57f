"""`/api/ra/v1`: the registration authority's verbs over HTTP, for operators at a distance.

A thin shell: it finds out who asks, and each operation (`core.api`) calls one verb. It holds no operator's key: what
changes something comes as a statement that the operator has signed.
"""

from flask import Flask
from werkzeug.wrappers import Request

from ca.encryption_keys import encryption_keys_of
from ca.service import open_authority
from core.api.document import Interface
from core.api.operation import Operation
from core.api.service import add_operations
from core.health import Health
from core.home import Home
from core.http import register_errors, register_health
from ra import http_certificates, http_lists, http_people, http_requests, http_revocations, http_statistics
from ra.health import checks
from ra.http_access import admit_caller
from ra.http_desk import Desk

PREFIX = "/api/ra/v1"
OPERATIONS: tuple[Operation, ...] = (
    *http_requests.operations,
    *http_certificates.operations,
    *http_revocations.operations,
    *http_people.operations,
    *http_lists.operations,
    *http_statistics.operations,
)
INTERFACE = Interface(
    "Yinxin registration authority",
    "Every act is a statement signed with the operator's own key (docs/api.md).",
    {
        "signature": {
            "type": "apiKey",
            "in": "header",
            "name": "Signature-Input",
            "description": "RFC 9421, keyid: the operator's name, tag: yinxin-ra; body by Content-Digest (RFC 9530).",
        },
        "certificate": {"type": "mutualTLS", "description": "The operator's certificate, at the edge."},
    },
)


def create_app(home: Home) -> Flask:
    """The service of this home."""
    issuing = open_authority(home, encryption_keys_of(home)) if home.configuration.ra.issues else None
    app = Flask(__name__, static_folder=None)
    app.json.ensure_ascii = False  # type: ignore[attr-defined]
    app.url_map.strict_slashes = True
    app.url_map.merge_slashes = False
    app.config["MAX_CONTENT_LENGTH"] = max(one.limit for one in OPERATIONS)
    register_errors(app)

    register_health(app, Health(checks(home)))

    def admit(request: Request, body: bytes, _operation: Operation) -> Desk:
        return Desk(home, admit_caller(home.context, request, body, home.configuration.ra.edge_addresses), issuing)

    add_operations(app, home.context, "ra", PREFIX, OPERATIONS, INTERFACE, admit)
    return app
