"""Recovery of escrowed keys: two officers, one recipient, and everything that must not work."""

import logging
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from asn1crypto import cms as asn1_cms

from ca.escrow import AllottedKey
from ca.kmc import pools, records
from ca.kmc.allotment import revoke
from ca.kmc.custody import KeptKey
from ca.kmc.recovery_rules import Path as RecoveryPath
from ca.kmc.recovery_rules import RecoveryRequest, Stage, replay
from ca.kmc.statements import Act, Officers, OfficerSession, Statement
from core import cms
from core.algorithms import SM2_SM3, KeyKind
from core.audit import read_entries
from core.certificates import armour
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.keys.encryption import encrypt_private_key
from core.keys.envelope import open_cms
from core.keys.envelope_reading import open_envelope
from core.keys.private_key import PycaKey, Sm2Key, generate
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from tests.support import pki
from tests.support.ca import NOW
from tests.support.kmc import Centre, hierarchy, party
from tests.support.secrets_in_clear import found_in, needles, secret_octets


@pytest.fixture
def centre(context: Context, tmp_path: Path) -> Centre:
    return Centre(context, tmp_path)


@pytest.fixture
def allotted(centre: Centre) -> AllottedKey:
    return centre.allot("张三")


def ask(
    centre: Centre,
    allotted: AllottedKey,
    recipient: str = "张三",
    officer: str = "甲",
    *,
    path: RecoveryPath = RecoveryPath.HOLDER,
    certificates: Sequence[bytes] | None = None,
    reason: str = "lost",
    case: str = "",
) -> str:
    given = [party(recipient).certificate] if certificates is None else certificates
    return centre.desk.request(
        centre.session(officer), key=allotted.number, path=path, recipient=given, reason=reason, case=case
    )


def approved(centre: Centre, allotted: AllottedKey, **options: object) -> str:
    number = ask(centre, allotted, **options)  # type: ignore[arg-type]
    assert centre.desk.approve(centre.session("乙"), number).stage is Stage.REQUESTED
    assert centre.desk.approve(centre.session("丙"), number).stage is Stage.APPROVED
    return number


def sm2_key(name: str) -> Sm2Key:
    key = party(name).key
    assert isinstance(key, Sm2Key)
    return key


def test_a_holder_gets_the_key_back(centre: Centre, allotted: AllottedKey) -> None:
    original = open_envelope(allotted.envelope, sm2_key("张三")).private_number()
    revoke(centre.context, allotted.number, actor="ca")  # a revoked certificate's key still decrypts old files
    number = approved(centre, allotted)
    envelope = centre.desk.deliver(centre.session("甲"), number)
    assert open_envelope(envelope, sm2_key("张三")).private_number() == original
    assert centre.desk.envelope_of(number) == envelope
    with pytest.raises(YinxinError, match="delivered already"):
        centre.desk.deliver(centre.session("甲"), number)
    with centre.context.storage.reading() as connection:
        acts = [entry["act"] for entry in read_entries(connection, limit=6)]
    assert acts == [
        *("kmc.key.recover", "kmc.recovery.deliver", "kmc.recovery.approve", "kmc.recovery.approve"),
        *("kmc.recovery.request", "kmc.key.revoke"),
    ]


def test_every_statement_is_good_by_an_implementation_that_is_not_ours(centre: Centre, allotted: AllottedKey) -> None:
    centre.desk.deliver(centre.session("甲"), approved(centre, allotted))
    with centre.context.storage.reading() as connection:
        messages = list(connection.scalars(sa.select(records.recovery_statements.c.statement)))
        keys = connection.execute(sa.select(records.keys)).one()
    for message in messages:
        signed = cms.check(message)
        (info,) = asn1_cms.ContentInfo.load(message)["content"]["signer_infos"]
        octets = b"\x31" + info["signed_attrs"].dump()[1:]
        point = curve.point_of(party(Statement.model_validate_json(signed.content).officer).key.public_key_info)
        assert point is not None
        assert GmsslEngine().verify(point, info["signature"].native, octets)
        assert signed.algorithm is SM2_SM3
    assert len(messages) == 4
    voucher_key = curve.point_of(centre.custodian._keys.signer("signing").public_key_info)
    assert voucher_key is not None
    kept = KeptKey(keys.number, keys.public_key_info, keys.wrapped, keys.voucher)
    assert GmsslEngine().verify(voucher_key, kept.voucher, kept.vouched())


@pytest.mark.parametrize("approvers", [(), ("乙",)])
def test_fewer_than_two_approvals_deliver_nothing(
    centre: Centre, allotted: AllottedKey, approvers: tuple[str, ...]
) -> None:
    number = ask(centre, allotted)
    for name in approvers:
        centre.desk.approve(centre.session(name), number)
    with pytest.raises(YinxinError, match="2 are needed") as caught:
        centre.desk.deliver(centre.session("丙"), number)
    assert caught.value.kind is Kind.FORBIDDEN
    with pytest.raises(YinxinError, match="not delivered"):
        centre.desk.envelope_of(number)


def test_nobody_approves_twice_or_what_they_asked_for(centre: Centre, allotted: AllottedKey) -> None:
    number = ask(centre, allotted)
    centre.desk.approve(centre.session("乙"), number)
    for name in ("甲", "乙"):
        with pytest.raises(YinxinError, match="cannot approve"):
            centre.desk.approve(centre.session(name), number)
    assert centre.desk.progress_of(number).approvers == ("乙",)


def test_two_names_with_one_key_are_one_person(centre: Centre, allotted: AllottedKey) -> None:
    second = hierarchy().issue("化名", key=party("乙").key, not_before=centre.context.clock.now())
    centre.officers.certificates["化名"] = second.certificate  # type: ignore[index]
    number = ask(centre, allotted)
    centre.desk.approve(centre.session("乙"), number)
    with pytest.raises(YinxinError, match="cannot approve"):
        centre.desk.approve(OfficerSession("化名", second.certificate, second.key), number)


def test_strangers_and_expired_officers_decide_nothing(
    centre: Centre, allotted: AllottedKey, clock: FixedClock
) -> None:
    number = ask(centre, allotted)
    stranger = party("路人")
    for session in (
        OfficerSession("路人", stranger.certificate, stranger.key),
        OfficerSession("乙", stranger.certificate, stranger.key),  # another's name
        OfficerSession("乙", party("乙").certificate, stranger.key),  # another's certificate
    ):
        with pytest.raises(YinxinError):
            centre.desk.approve(session, number)
    clock.advance(timedelta(days=4000))
    with pytest.raises(YinxinError, match="does not hold"):
        centre.desk.approve(centre.session("乙"), number)


def test_the_holders_key_goes_to_nobody_else(centre: Centre, allotted: AllottedKey, clock: FixedClock) -> None:
    with pytest.raises(YinxinError, match="holder only"):
        ask(centre, allotted, recipient="李四")
    elsewhere = pki.root(KeyKind.SM2, not_before=clock.now())
    pretender = elsewhere.issue("张三", not_before=clock.now())
    assert pretender.name == party("张三").name
    with pytest.raises(YinxinError, match="no trusted issuer"):
        ask(centre, allotted, certificates=[pretender.certificate, elsewhere.certificate])
    with pytest.raises(YinxinError):
        ask(centre, allotted, certificates=[])
    with pytest.raises(YinxinError, match="reason"):
        ask(centre, allotted, reason=" ")
    (spare,) = centre.fill()
    with pytest.raises(YinxinError, match="cannot be moved"):
        centre.desk.request(
            centre.session("甲"),
            key=spare,
            path=RecoveryPath.HOLDER,
            recipient=[party("张三").certificate],
            reason="x",
        )


def test_judicial_recovery_has_a_case_number(centre: Centre, allotted: AllottedKey, clock: FixedClock) -> None:
    court = pki.root(KeyKind.RSA_2048, not_before=clock.now(), common_name="某某市中级人民法院")
    options = {"path": RecoveryPath.JUDICIAL, "certificates": [court.certificate], "reason": "evidence"}
    with pytest.raises(YinxinError, match="case number"):
        ask(centre, allotted, **options, case=" ")  # type: ignore[arg-type]
    number = approved(centre, allotted, **options, case="(2026)某刑初1号")
    envelope = centre.desk.deliver(centre.session("丙"), number)
    assert isinstance(court.key, PycaKey)
    assert open_cms(envelope, court.certificate, court.key).public_key_info == allotted.public_key_info
    with centre.context.storage.reading() as connection:
        entry = next(one for one in read_entries(connection, limit=9) if one["act"] == "kmc.recovery.deliver")
    assert entry["details"]["case"] == "(2026)某刑初1号"


def test_a_rejection_is_final(centre: Centre, allotted: AllottedKey) -> None:
    number = ask(centre, allotted)
    with pytest.raises(YinxinError, match="reason"):
        centre.desk.reject(centre.session("乙"), number, " ")
    assert centre.desk.reject(centre.session("乙"), number, "who?").stage is Stage.REJECTED
    for name in ("乙", "丙"):
        with pytest.raises(YinxinError, match="rejected already"):
            centre.desk.approve(centre.session(name), number)
    with pytest.raises(YinxinError, match="rejected already"):
        centre.desk.deliver(centre.session("甲"), number)


def test_who_writes_to_the_database_still_cannot_redirect_or_approve(centre: Centre, allotted: AllottedKey) -> None:
    number = approved(centre, allotted)
    table = records.recoveries
    with centre.context.storage.reading() as connection:
        content = connection.scalar(sa.select(table.c.content))
    request = RecoveryRequest.model_validate_json(content or b"")
    thief = party("李四").certificate.hex()
    for changed in (
        request.model_copy(update={"recipient": (thief,)}),
        request.model_copy(update={"path": RecoveryPath.JUDICIAL, "case": "x", "recipient": (thief,)}),
        request.model_copy(update={"key": "K000000000000000000000000"}),
    ):
        with centre.context.storage.transaction() as connection:
            connection.execute(sa.update(table).values(content=changed.canonical()))
        with pytest.raises(YinxinError, match="something else"):
            centre.desk.deliver(centre.session("甲"), number)
    with centre.context.storage.transaction() as connection:
        connection.execute(sa.update(table).values(content=content))
        statements = records.recovery_statements
        last = connection.execute(sa.select(statements).order_by(statements.c.sequence.desc()).limit(1)).one()
        connection.execute(sa.delete(statements).where(statements.c.sequence == 3))
        # The first approval once more, in the place of the second.
        first = connection.execute(sa.select(statements).where(statements.c.sequence == 2)).one()
        connection.execute(
            sa.insert(statements).values(
                recovery_id=last.recovery_id,
                sequence=3,
                act="approve",
                officer="丙",
                at=last.at,
                statement=first.statement,
            )
        )
    with pytest.raises(YinxinError, match="something else"):
        centre.desk.deliver(centre.session("甲"), number)


def test_statements_only_count_in_their_order(centre: Centre, allotted: AllottedKey) -> None:
    number = approved(centre, allotted)
    with centre.context.storage.reading() as connection:
        content = connection.scalar(sa.select(records.recoveries.c.content)) or b""
        table = records.recovery_statements
        messages = list(connection.scalars(sa.select(table.c.statement).order_by(table.c.sequence)))
    request = RecoveryRequest.model_validate_json(content)
    assert replay(request, messages, centre.officers).stage is Stage.APPROVED
    for wrong in ([], messages[1:], messages[:1] * 2, [messages[0], messages[2], messages[1]]):
        with pytest.raises(YinxinError):
            replay(request, wrong, centre.officers)
    unrelated = cms.sign(b"{}", party("乙").key, party("乙").certificate)
    with pytest.raises(YinxinError, match="not a statement"):
        replay(request, [unrelated], centre.officers)
    assert number == request.number


def test_nothing_happens_where_it_cannot_be_recorded(
    centre: Centre, allotted: AllottedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = approved(centre, allotted)
    with monkeypatch.context() as patch:
        patch.setattr("core.audit.AuditLog.extend", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            centre.desk.deliver(centre.session("甲"), number)
    assert centre.desk.progress_of(number).stage is Stage.APPROVED


def test_officers_of_a_folder(tmp_path: Path) -> None:
    assert Officers.read(tmp_path / "none").certificates == {}
    (tmp_path / "甲.pem").write_bytes(armour([party("甲").certificate, hierarchy().certificate]))
    officers = Officers.read(tmp_path)
    assert officers.certificates == {"甲": party("甲").certificate}
    for name in ("甲", "乙"):
        (tmp_path / f"{name}.key").write_bytes(encrypt_private_key(party(name).key, b"pin"))
    session = officers.open_session("甲", tmp_path / "甲.key", b"pin")
    statement = Statement(
        act=Act.REQUEST,
        subject="n",
        sequence=1,
        digest="0" * 64,
        at=NOW,
        officer="甲",
    )
    assert officers.verify(session.sign(statement)) == statement
    with pytest.raises(YinxinError, match="not the key of officer"):
        officers.open_session("甲", tmp_path / "乙.key", b"pin")
    with pytest.raises(YinxinError, match="no such officer"):
        officers.open_session("乙", tmp_path / "乙.key", b"pin")


def test_an_officer_who_comes_is_entered_and_one_who_is_refused_too(context: Context, tmp_path: Path) -> None:
    centre = Centre(context, tmp_path)
    for name in ("甲", "乙"):
        (tmp_path / f"{name}.key").write_bytes(encrypt_private_key(party(name).key, b"pin"))
    session = centre.desk.open_session("甲", tmp_path / "甲.key", b"pin")
    for name, key, pin in (("甲", "甲", b"no"), ("甲", "乙", b"pin"), ("610302198001010016", "甲", b"pin")):
        with pytest.raises(YinxinError):
            centre.desk.open_session(name, tmp_path / f"{key}.key", pin)
    with context.storage.reading() as connection:
        *refused, came = [one for one in read_entries(connection, limit=10) if one["act"].startswith("kmc.session")]
    assert came["actor"] == "甲" and session.name == "甲" and len(came["details"]["certificate"]) == 64
    told = [(one["act"], one["actor"], one["subject"], one["details"]["rule"]) for one in reversed(refused)]
    act = ("kmc.session.open.refused", "unverified")
    assert told == [(*act, "甲", "pin"), (*act, "甲", "other-key"), (*act, "unknown", "other-key")]


def test_no_private_number_is_anywhere_in_clear(
    context: Context, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Database with its write-ahead log, key files, audit log, delivered envelopes, log messages, error messages."""
    made = []

    def watched(kind: KeyKind) -> Sm2Key | PycaKey:
        made.append(generate(kind))
        return made[-1]

    monkeypatch.setattr(pools, "generate_key", watched)
    with caplog.at_level(logging.DEBUG):
        centre = Centre(context, tmp_path)
        centre.fill(kind=KeyKind.RSA_2048)
        allotted = centre.allot("张三")
        (tmp_path / "envelope").write_bytes(allotted.envelope)
        (tmp_path / "recovered").write_bytes(centre.desk.deliver(centre.session("甲"), approved(centre, allotted)))
        with pytest.raises(YinxinError) as caught:
            open_envelope(allotted.envelope, sm2_key("李四"))
    own = [centre.custodian._keys._sm2(name) for name in ("wrapping", "signing")]
    secrets = [secret_octets(key) for key in [*made, *own]]
    assert len(secrets) == 4
    assert any(path.name.startswith("yinxin.db") for path in tmp_path.iterdir())
    assert found_in(tmp_path, secrets) == []
    said = (caplog.text + str(caught.value)).encode()
    assert not any(needle in said for secret in secrets for needle in needles(secret))
    # The search itself finds what is there.
    (tmp_path / "slip").write_bytes(b"..." + secrets[0].hex().encode())
    assert found_in(tmp_path, secrets) == ["slip"]
