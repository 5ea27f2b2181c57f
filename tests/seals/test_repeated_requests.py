"""A request repeated after a crash: the use of the seal and the kept answer are one, so that nothing counts twice."""

import multiprocessing
import os
from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from core.algorithms import SM3
from core.api import service as api_service
from seals import records
from seals.http import PREFIX
from tests.support.seal_service import Service

Ask = Callable[[], Any]


def uses(service: Service) -> int:
    with service.context.storage.reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(records.seal_uses)) or 0


@pytest.fixture(params=["document", "digest"])
def ask(service: Service, plain: bytes, request: pytest.FixtureRequest) -> Ask:
    """One request, always the same."""
    key = service.key(f"{request.param}-{len(request.node.name)}-{os.urandom(3).hex()}")
    headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": "the same"}
    sent: dict[str, Any] = {"data": plain, "content_type": "application/pdf"}
    where = "stamp?page=1&x_mm=100&y_mm=100&level=B-B"
    if request.param == "digest":
        where = "digests"
        digest = {"digest": "A" * 43 + "=", "sha256_before": SM3.of(b"").hex(), "page": 1, "level": "B-B"}
        sent = {"json": digest}
    return lambda: service.app.test_client().post(f"{PREFIX}/seals/office/{where}", headers=headers, **sent)


def test_what_died_after_the_use_was_recorded_is_answered_and_not_done_again(
    service: Service, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = uses(service)
    process = multiprocessing.get_context("fork").Process(target=_ask_and_die, args=(service, ask))
    process.start()
    process.join(60)
    assert process.exitcode == 9
    assert uses(service) == before + 1
    first, second = ask(), ask()
    assert first.status_code == 200, first.text
    assert first.data == second.data
    assert uses(service) == before + 1


def _ask_and_die(service: Service, ask: Ask) -> None:
    service.context.storage.engine.dispose(close=False)
    kept = api_service._answer

    def dying(*arguments: Any) -> Any:
        kept(*arguments)
        os._exit(9)

    vars(api_service)["_answer"] = dying
    ask()


class CrashError(BaseException):
    """Nobody catches it."""


def test_nor_is_it_where_only_the_request_broke(service: Service, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    before, kept = uses(service), api_service._answer

    def breaking(*arguments: Any) -> Any:
        kept(*arguments)
        raise CrashError

    with monkeypatch.context() as patch, pytest.raises(CrashError):
        patch.setattr(api_service, "_answer", breaking)
        ask()
    assert ask().status_code == 200
    assert uses(service) == before + 1


def test_what_failed_before_the_use_was_recorded_can_be_done(
    service: Service, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = uses(service)
    with monkeypatch.context() as patch, pytest.raises(CrashError):
        patch.setattr("core.audit.AuditLog.append", _crash)
        ask()
    assert uses(service) == before
    assert ask().status_code == 200
    assert uses(service) == before + 1


def _crash(*_arguments: Any) -> None:
    raise CrashError
