"""What calling systems do over HTTP: who may come in, seals over digests, what they are told of their uses."""

from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
import sqlalchemy as sa
from asn1crypto import cms, pem

from core.algorithms import SM3, KeyKind
from core.api.edge import EDGE_HEADER
from core.audit import read_entries
from core.clock import FixedClock
from core.errors import Kind, YinxinError
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from seals import digests, records
from seals.api import api_keys
from seals.api import models as wire
from seals.client import SealServer
from seals.levels import Level
from seals.terms import SealingTerms
from seals.verification.report import Verdict
from tests.support.pdf import contents, signed_octets
from tests.support.seal_service import Overheard, Service, service_of
from tests.support.sealing import Office

HERE = SealingTerms(page=1, x_mm=100, y_mm=100, level=Level.B_B, purpose="a notice", person="张三")


@pytest.fixture(scope="module")
def server(service: Service) -> SealServer:
    return service.server(service.key())


def refused(kind: Kind, words: str, attempt: Any, *arguments: Any) -> None:
    with pytest.raises(YinxinError, match=words) as caught:
        attempt(*arguments)
    assert caught.value.kind is kind, caught.value


def uses(service: Service) -> int:
    with service.context.storage.reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(records.seal_uses)) or 0


def test_a_caller_sees_its_seals_and_its_uses(service: Service, server: SealServer, plain: bytes) -> None:
    (entry,) = server.seals().seals
    assert (entry.name, entry.state.value) == ("office", "active")
    sealed = server.stamp("office", plain, HERE)
    newest = server.uses("office", limit=1)[0]
    assert (newest.purpose, newest.person, newest.level) == ("a notice", "张三", "B-B")
    assert (newest.sha256_before, newest.sha256_after) == (sha256(plain).hexdigest(), sha256(sealed).hexdigest())
    other = service.server(service.key("other-system"))
    assert other.uses("office") == []
    assert server.uses("office", before=newest.ordinal + 1, limit=1)[0] == newest
    refused(Kind.FORBIDDEN, "may not use", server.seal, "none")
    assert server.verify(sealed)["signatures"][0]["level"] == "B-B"


@pytest.mark.parametrize("level", list(Level), ids=str)
def test_a_document_is_sealed_by_its_digest(service: Service, plain: bytes, level: Level, sm2_office: Office) -> None:
    overheard = Overheard(service.app)
    server = service.server(service.key(f"digests-{level.rank}"), overheard)
    terms = HERE.model_copy(update={"level": level, "pages": "all", "page": None})
    sealed = server.stamp_by_digest("office", plain, terms).read()
    assert sealed.startswith(plain)
    report = sm2_office.report(sealed, status=True)
    assert report.verdict is (Verdict.REMARKS if level is Level.B_B else Verdict.VALID), report
    assert report.signatures[0].level is level
    # Nothing of the document came to the service.
    assert overheard.bodies and not any(b"%PDF" in body or len(body) > 1000 for body in overheard.bodies)
    signer_info = cms.ContentInfo.load(contents(sealed))["content"]["signer_infos"][0]
    attributes = {item["type"].native: item["values"][0].native for item in signer_info["signed_attrs"]}
    assert attributes["message_digest"] == SM3.of(signed_octets(sealed))
    point = curve.point_of(sm2_office.unit.key.public_key_info)
    assert point is not None
    signed = b"\x31" + signer_info["signed_attrs"].dump()[1:]
    assert GmsslEngine().verify(point, signer_info["signature"].native, signed)
    with service.context.storage.reading() as connection:
        acts = {entry["act"]: entry["details"] for entry in read_entries(connection, limit=10)[::-1]}
    assert acts["seals.digest.finish"] == {"sha256_after": sha256(sealed).hexdigest()}
    assert acts["seals.digest.sign"]["digest"] == SM3.of(signed_octets(sealed)).hex()


def test_an_rsa_seal_signs_digests_too(storage: Storage, tmp_path: Path, rsa_office: Office, plain: bytes) -> None:
    service = service_of(storage, tmp_path / "home", rsa_office)
    terms = HERE.model_copy(update={"level": Level.B_LTA})
    sealed = service.server(service.key()).stamp_by_digest("office", plain, terms).read()
    assert rsa_office.report(sealed).verdict is Verdict.VALID


def order(**changes: Any) -> wire.DigestToSign:
    given: dict[str, Any] = {"digest": bytes(32), "sha256_before": "0" * 64, "page": 1, "level": Level.B_B} | changes
    return wire.DigestToSign(**given)


def test_digests_that_are_not_signed(service: Service, server: SealServer) -> None:
    before = uses(service)
    refused(Kind.INVALID, "not one of sm3", server.sign_digest, "office", order(digest=bytes(31)))
    without = service.server(service.key("documents-only", scopes=api_keys.USUAL_SCOPES))
    refused(Kind.FORBIDDEN, "not for digests", without.sign_digest, "office", order())
    refused(Kind.FORBIDDEN, "may not use", server.sign_digest, "none", order())
    assert uses(service) == before


def test_document_timestamps_belong_to_a_seal(service: Service, server: SealServer, sm2_office: Office) -> None:
    low = server.sign_digest("office", order()).number
    stamp = wire.DigestToStamp(digest=bytes(32), nonce="ff")
    refused(Kind.CONFLICT, "no document timestamp", server.stamp_digest, low, stamp)
    number = server.sign_digest("office", order(level=Level.B_LTA)).number
    refused(Kind.NOT_FOUND, "of this number", service.server(service.key("stranger")).stamp_digest, number, stamp)
    refused(Kind.INVALID, "not one of sm3", server.stamp_digest, number, wire.DigestToStamp(digest=b"x"))
    for _time in range(digests.MOST_ARCHIVE_TIMESTAMPS - 1):
        assert server.stamp_digest(number, stamp)
    refused(Kind.CONFLICT, "too many", server.stamp_digest, number, stamp)
    server.finish_digest(number, "1" * 64)
    server.finish_digest(number, "1" * 64)
    refused(Kind.CONFLICT, "another document", server.finish_digest, number, "2" * 64)


def test_a_key_ends_and_is_replaced(storage: Storage, tmp_path: Path, rsa_office: Office) -> None:
    clock = FixedClock(rsa_office.clock.now())
    office = Office(KeyKind.P256, clock)
    service = service_of(storage, tmp_path / "home", office)
    first = service.key(days=30)
    assert service.server(first).seals().seals
    second = api_keys.rotate(service.context, "oa", days=60, keep=timedelta(days=2), actor="tester")
    assert service.server(first).seals() == service.server(second).seals()
    clock.advance(timedelta(days=2, seconds=1))
    refused(Kind.FORBIDDEN, "API key", service.server(first).seals)
    assert service.server(second).seals().seals
    clock.advance(timedelta(days=60))
    refused(Kind.FORBIDDEN, "API key", service.server(second).seals)
    third = api_keys.rotate(service.context, "oa", days=None, keep=timedelta(days=2), actor="tester")
    refused(Kind.FORBIDDEN, "API key", service.server(second).seals)
    assert service.server(third).seals().seals
    api_keys.withdraw(service.context, "oa", actor="tester")
    refused(Kind.FORBIDDEN, "API key", service.server(third).seals)
    with pytest.raises(YinxinError, match="withdrawn"):
        api_keys.rotate(service.context, "oa", days=None, keep=timedelta(0), actor="tester")


def test_a_certificate_at_the_edge(service: Service, sm2_office: Office) -> None:
    shown = sm2_office.issuing.issue("OA", kind=KeyKind.SM2, not_before=sm2_office.start).certificate
    service.key("by-certificate", certificate=shown)
    client = service.app.test_client()

    def ask(certificate: bytes, address: str) -> int:
        headers = {EDGE_HEADER: quote(pem.armor("CERTIFICATE", certificate))}
        environ = {"REMOTE_ADDR": address}
        return client.get("/api/seals/v1/seals", headers=headers, environ_overrides=environ).status_code

    assert ask(shown, "192.0.2.1") == 401
    with pytest.MonkeyPatch.context() as patch:
        settings = service.home.configuration
        seals = settings.seals.model_copy(update={"edge_addresses": ("192.0.2.1",)})
        patch.setitem(vars(service.home), "configuration", settings.model_copy(update={"seals": seals}))
        assert ask(shown, "192.0.2.1") == 200
        assert ask(shown, "192.0.2.2") == 401
        assert ask(sm2_office.unit.certificate, "192.0.2.1") == 401


def test_the_same_request_is_carried_out_once(service: Service, plain: bytes) -> None:
    headers = {"Authorization": f"Bearer {service.key('again')}", "Idempotency-Key": "one"}
    client, before = service.app.test_client(), uses(service)
    query = HERE.model_dump(mode="json", exclude_unset=True)

    def ask(document: bytes) -> Any:
        return client.post("/api/seals/v1/seals/office/stamp", headers=headers, query_string=query, data=document)

    first, again = ask(plain), ask(plain)
    assert (first.status_code, first.data) == (200, again.data)
    assert uses(service) == before + 1
    assert ask(plain + b" ").status_code == 422
