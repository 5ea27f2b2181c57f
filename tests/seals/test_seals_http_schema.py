"""The served description is true: schemathesis asks everything that it describes, and much that it does not."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection, positive_data_acceptance

from core.api.operation import Operation
from seals.http import PREFIX, operations
from tests.support.seal_service import Service


def table() -> list[Operation]:
    from seals.api import digests as http_digests
    from seals.api import seals as http_seals
    from seals.batches import http as http_batches

    return [*http_seals.operations, *http_digests.operations, *http_batches.operations]


@pytest.fixture(scope="module")
def described(service: Service) -> Any:
    key = service.key()
    assert {one.name for one in operations(service.home)} == {one.name for one in table()}
    return schemathesis.openapi.from_wsgi(f"{PREFIX}/openapi.json", service.app), key


@pytest.mark.parametrize("operation", table(), ids=lambda one: one.name)
def test_the_description_is_true(described: Any, operation: Operation) -> None:
    description, key = described
    part = description[PREFIX + operation.path][operation.method]
    can_be_wrong = operation.parameters or operation.query or operation.body or operation.file
    modes = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE] if can_be_wrong else [GenerationMode.POSITIVE]

    @settings(
        max_examples=6,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.one_of([part.as_strategy(generation_mode=mode) for mode in modes]))
    def ask(case: Any) -> None:
        # What fits the description may still be against the rules, and is then refused.
        excluded = [positive_data_acceptance]
        if operation.name == "verify":
            # Whatever is handed in gets its report.
            excluded.append(negative_data_rejection)
        case.call_and_validate(headers={"Authorization": f"Bearer {key}"}, excluded_checks=excluded)

    ask()
