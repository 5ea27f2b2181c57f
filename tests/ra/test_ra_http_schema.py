"""The served description is true: schemathesis asks everything that it describes, and much that it does not."""

import shutil
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest
import schemathesis
from asn1crypto import pem
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from core.api.edge import EDGE_HEADER
from core.api.operation import Operation
from core.clock import FixedClock
from core.storage import Storage
from ra.http import OPERATIONS, PREFIX, create_app
from tests.support.office import NOW, Office
from tests.support.office_server import home_of

PATH = "/api/ra/v1/openapi.json"


def at_the_edge(application: Any, certificate: bytes) -> Any:
    """The application behind an edge to which whoever says to be somebody shows this certificate."""

    def edge(environ: dict[str, Any], start_response: Any) -> Any:
        environ["REMOTE_ADDR"] = "192.0.2.1"
        if environ.pop("HTTP_SIGNATURE_INPUT", "") == "edge":
            environ["HTTP_" + EDGE_HEADER.upper().replace("-", "_")] = quote(pem.armor("CERTIFICATE", certificate))
        return application(environ, start_response)

    return edge


@pytest.fixture(scope="module")
def office(founded: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    folder = tmp_path_factory.mktemp("described") / "office"
    shutil.copytree(founded.folder, folder)
    storage = Storage(f"sqlite:///{folder / 'yinxin.db'}")
    yield Office(folder, storage, FixedClock(NOW), dict(founded.sessions))
    storage.close()


@pytest.fixture(scope="module")
def description(office: Office) -> Any:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("YINXIN_RA__EDGE_ADDRESSES", '["192.0.2.1"]')
        home = home_of(office)
        application = at_the_edge(create_app(home), office.sessions["quan.all"].certificate)
        home.configuration  # noqa: B018 - read while the environment says so
    office.approved()
    office.enter()
    return schemathesis.openapi.from_wsgi(PATH, application)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_the_description_is_true(description: Any, operation: Operation) -> None:
    described = description[PREFIX + operation.path][operation.method]
    can_be_wrong = operation.parameters or operation.query or operation.body
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE] if can_be_wrong else [GenerationMode.POSITIVE]

    @settings(
        max_examples=6,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of([described.as_strategy(generation_mode=mode) for mode in modes]))
    def ask(case: Any) -> None:
        # What fits the description may still be against the rules, and is then refused.
        case.call_and_validate(headers={"Signature-Input": "edge"}, excluded_checks=[positive_data_acceptance])

    ask()
