"""The maker's certificate: a seal is made and used only if it was in force when the seal was made."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from asn1crypto import x509

from core.algorithms import SHA256
from core.context import Context
from core.refusals import RefusedError
from core.storage import Storage
from seals.electronic.inspection import inspect
from seals.electronic.making import Maker, make_seal
from seals.register import uses
from seals.register.bounds import Use
from seals.register.orders import application_of, info_of
from seals.register.registered import find
from seals.register.statements import Act
from seals.verification.report import Verdict
from seals.verification.trust import Trust
from tests.support.seal_people import CUSTODIAN, Bureau, bureau_of, order_of
from tests.support.sealing import Office, ocsp_response, picture


@pytest.fixture
def bureau(storage: Storage, sm2_office: Office) -> Iterator[Bureau]:
    yield bureau_of(Context(storage, sm2_office.clock), sm2_office)


def refuses(bureau: Bureau) -> bool:
    uses._made_rightly.clear()
    try:
        uses.usable(bureau.context, bureau.crew, "office", Use("oa"), "0" * 64)
    except RefusedError as error:
        assert error.rule == "maker"
        return True
    return False


def test_a_maker_who_is_out_of_force_makes_nothing(bureau: Bureau) -> None:
    bureau.apply(order_of(bureau.office))
    bureau.approve()
    bureau.crew.revoked_makers[bureau.maker.certificate] = bureau.context.clock.now()
    with pytest.raises(RefusedError, match="maker"):
        bureau.make()
    with bureau.context.storage.reading() as connection:
        assert next(one["act"] for one in _entries(connection)) == "seals.seal.make.refused"
    bureau.crew.revoked_makers.clear()
    bureau.make()
    bureau.decide(Act.ACTIVATE, CUSTODIAN)
    assert not refuses(bureau)


def _entries(connection: object) -> list[dict[str, object]]:
    from core.audit import read_entries

    return read_entries(connection, limit=1)  # type: ignore[arg-type]


def test_only_what_the_maker_was_then_counts(bureau: Bureau) -> None:
    bureau.seal()
    made_at, maker = find(bureau.context, bureau.crew, "office").made_at, bureau.maker.certificate
    bureau.crew.revoked_makers[maker] = made_at + timedelta(seconds=1)
    assert not refuses(bureau)
    bureau.crew.revoked_makers[maker] = made_at
    assert refuses(bureau)


def made(office: Office, bureau: Bureau) -> bytes:
    application = application_of(order_of(office), revision=1, branch="")
    return make_seal(info_of(application, picture(), office.clock.now()), bureau.maker, office.clock)


def test_an_inspection_asks_responses_and_the_books(bureau: Bureau, sm2_office: Office) -> None:
    url = "http://ocsp.test"
    party = sm2_office.issuing.issue("Maker", not_before=sm2_office.start, ocsp_url=url)
    bureau.maker = Maker(party.key, party.certificate)
    seal, now, maker = made(sm2_office, bureau), sm2_office.clock.now(), bureau.maker.certificate
    unknown = Trust([sm2_office.root.certificate], [sm2_office.issuing.certificate])

    def codes(trust: Trust, revoked_at: datetime | None = None, *, known: bool = True) -> list[str]:
        def books(certificate: bytes, moment: datetime) -> bool:
            assert certificate == maker
            if revoked_at is not None and revoked_at <= moment:
                raise RefusedError("maker", "revoked")
            return known

        return [one.code for one in inspect(seal, trust, now, books).findings]

    assert codes(unknown, known=False) == ["maker-status"]
    assert codes(unknown) == []
    assert codes(unknown, now) == ["maker-revoked"]
    assert codes(unknown, now + timedelta(days=1)) == []
    answer = ocsp_response(sm2_office.issuing, maker, SHA256, now)
    by_response = Trust(unknown.anchors, unknown.certificates, sm2_office.crls()[1:], [answer])
    assert codes(by_response, known=False) == []
    serial = x509.Certificate.load(maker).serial_number
    listed = sm2_office.issuing.crl(now, {serial: now - timedelta(days=1)}, 30)
    both = Trust(unknown.anchors, unknown.certificates, [listed, *sm2_office.crls()[1:]], [answer])
    assert codes(both) == ["maker-revoked"], "what is revoked by one is revoked"
    assert inspect(seal, both, now).verdict is Verdict.INVALID
