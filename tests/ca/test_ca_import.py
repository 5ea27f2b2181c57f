"""An existing authority is taken over: what is wrong is told, all of it is entered or nothing, and it goes on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography import x509
from hypothesis import given
from hypothesis import strategies as st

from ca import crl, revocation
from ca.authorities import Authority, chain_of
from ca.crl.checking import check_in_force
from ca.importing.books import enter
from ca.importing.examination import Examination, Sources, examine
from ca.importing.index import IndexRow, UnreadableRow, read_index
from ca.importing.takeover import examine_authority
from ca.inspection import inspect_certificates
from ca.reconciliation import reconcile
from ca.records import authorities, certificates, events, keys
from ca.register import Filter, find, history_of, page
from ca.state import Move, Reason, State
from ca.status import StatusReader
from core.algorithms import KeyKind
from core.audit import entries
from core.certificates import serial_text
from core.errors import Kind, YinxinError
from core.keys.private_key import generate
from core.keys.verification import verify
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from tests.support import pki
from tests.support.auditing import findings, forge, sha256
from tests.support.ca import NOW, TestCentre, activate_untried, pooled_key
from tests.support.old_ca import OldCa, oneline

HELD, STOLEN = "261001000000Z,holdInstruction,holdInstructionReject", "20261002000000Z,keyTime,20260901000000Z"


@pytest.fixture(params=[KeyKind.SM2, KeyKind.P256])
def old(request: pytest.FixtureRequest) -> OldCa:
    """Valid, revoked, held and expired certificates, and the list that says so."""
    made = OldCa(request.param)
    made.issue("张三")
    for name, ended in (("李四", STOLEN), ("王五", HELD)):
        made.revoked[made.issue(name, ended=ended).serial_number] = NOW - timedelta(days=30)
    made.issue("赵六", days=200)
    made.lines[-1] = "E" + made.lines[-1][1:]
    return made


@pytest.fixture(autouse=True)
def _untried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Specimens of the profile are linted where the command is tried."""
    monkeypatch.setattr("ca.importing.books.activate", activate_untried)


def examined(old: OldCa, sources: Sources | None = None, **options: Any) -> Examination:
    authority = examine_authority("old-city", old.key.public_key_info, [old.party.certificate], [], NOW)
    return examine(authority, sources or old.sources(), NOW, **options)


def taken_over(centre: TestCentre, found: Examination, old: OldCa) -> Authority:
    return enter(centre.context, centre.keys, found, old.key, digest=found.digest, actor="keeper")


def test_it_goes_on_as_one_of_ours(centre: TestCentre, old: OldCa) -> None:
    found = examined(old)
    assert found.is_sound and [row.errors + row.remarks for row in found.rows] == [[]] * 4
    authority = taken_over(centre, found, old)
    context, numbers = centre.context, [row.serial for row in found.rows]
    reader = StatusReader(context.storage)
    told = [reader.status(authority.id, number) for number in numbers]
    assert [(one.state, one.reason) for one in told if one] == [
        (State.VALID, None),
        (State.REVOKED, Reason.KEY_COMPROMISE),
        (State.HELD, Reason.CERTIFICATE_HOLD),
        (State.VALID, None),
    ]
    assert told[1] is not None and told[1].revoked_at == datetime(2026, 10, 2, tzinfo=UTC)
    assert reader.status(authority.id, -1) is None and reader.status(authority.id, 1 << 200) is None
    # Lists go on after the last number that was given; revocations of ours join those of before.
    revocation.revoke(context, "old-city", numbers[0], Reason.SUPERSEDED, actor="operator")
    revocation.resume(context, "old-city", numbers[2], actor="operator")
    (published,) = crl.publish(context, centre.keys, "old-city", 24)
    assert published.number == 0x2A
    parsed = x509.load_der_x509_crl(crl.latest(context, "old-city"))
    assert {one.serial_number for one in parsed} == {numbers[0], numbers[1]}
    if old.kind is KeyKind.SM2:
        point = curve.point_of(old.key.public_key_info)
        assert point and GmsslEngine().verify(point, parsed.signature, parsed.tbs_certlist_bytes)
    else:
        assert parsed.is_signature_valid(x509.load_der_x509_certificate(old.party.certificate).public_key())  # type: ignore[arg-type]
    assert [tuple(complaints) for _list, complaints in check_in_force(context, authority)] == [()]
    # It issues, under the path that it has.
    issued = centre.issue(authority="old-city", key=pooled_key("new holder", old.kind))
    certificate = x509.load_der_x509_certificate(issued.certificate)
    verify(old.key.public_key_info, authority.algorithm, certificate.signature, certificate.tbs_certificate_bytes)
    assert chain_of(context.storage, "old-city") == [old.party.certificate]
    assert [complaints for record, complaints in inspect_certificates(context) if record.authority == "old-city"] == [
        ()
    ] * 6
    assert reconcile(context) == []
    steps = history_of(context.storage, find(context.storage, f"{numbers[1]:x}", "old-city"))
    assert [(one.move, one.actor) for one in steps] == [(Move.IMPORT, "keeper"), (Move.REVOKE, "keeper")]
    assert findings(centre) == []


def test_nothing_is_issued_by_the_profile_of_imports(centre: TestCentre, old: OldCa) -> None:
    taken_over(centre, examined(old), old)
    with pytest.raises(YinxinError, match="issued elsewhere"):
        centre.issue("imported", authority="old-city", key=pooled_key("new holder", old.kind))


def test_a_key_that_was_imported_is_its_holders(centre: TestCentre) -> None:
    old = OldCa()
    old.issue("张三")
    taken_over(centre, examined(old), old)
    with pytest.raises(YinxinError, match="certified for another holder"):
        centre.issue(key=pooled_key("old 张三", KeyKind.SM2))


def test_imported_again_it_is_the_same(centre: TestCentre, old: OldCa) -> None:
    found = examined(old)
    first = taken_over(centre, found, old)
    assert taken_over(centre, found, old) == first
    assert len(page(centre.context.storage, Filter(authority="old-city"))) == 5
    old.issue("later")
    with pytest.raises(YinxinError, match="name or key already") as caught:
        taken_over(centre, examined(old), old)
    assert caught.value.kind is Kind.CONFLICT
    with pytest.raises(YinxinError, match="not what was examined"):
        enter(centre.context, centre.keys, examined(old), old.key, digest=found.digest, actor="keeper")


def test_killed_at_each_seam_nothing_is_half_imported(
    centre: TestCentre, old: OldCa, monkeypatch: pytest.MonkeyPatch
) -> None:
    found, tables = examined(old), (authorities, certificates, events, keys, entries)

    def rows() -> list[int]:
        with centre.context.storage.reading() as connection:
            return [connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0 for table in tables]

    seams = ("books.activate", "books.enter_imported", "books._enter_rows", "books._event", "books.insert_absent")
    before = rows()
    for seam in seams:
        with monkeypatch.context() as patch:
            patch.setattr(f"ca.importing.{seam}", lambda *_a, **_k: (_ for _ in ()).throw(KeyboardInterrupt))
            with pytest.raises(KeyboardInterrupt):
                taken_over(centre, found, old)
        now = rows()
        # The profile may have been put to use: that is an act of its own.
        assert now[:4] == before[:4] and now[4] - before[4] <= 1, seam
    taken_over(centre, found, old)
    assert rows()[1] == before[1] + 5 and findings(centre) == []


def other_root() -> pki.Party:
    return pki.root(KeyKind.SM2, not_before=NOW - timedelta(days=10), common_name="Other")


def test_everything_that_is_wrong_is_told(centre: TestCentre) -> None:
    old = OldCa()
    for number in range(9):
        old.issue(f"holder {number}")
    rows = [line.split("\t") for line in old.lines]
    rows[0][5] = oneline(("C", "CN"), ("O", "旧单位"), ("CN", "somebody else"))
    rows[1][1] = "300101000000Z"
    old.files[2] = (
        old.files[2][0],
        pki.certify_key(other_root(), b"\x30\x00", old.key.public_key_info, not_before=NOW),
    )
    rows[3][3] = rows[4][3]
    damaged = bytearray(old.files[5][1])
    damaged[-3] ^= 1
    old.files[5] = (old.files[5][0], bytes(damaged))
    rows[6][0:3] = ["R", rows[6][1], "20991231000000Z,superseded"]
    rows[7][0:3] = ["R", rows[7][1], "261001000000Z,becauseIWantTo"]
    rows[8][3] = "ZZ"
    index = (
        "".join("\t".join(row) + "\n" for row in rows)
        + "V\tonly two columns\n"
        + f"V\t{rows[0][1]}\t\t{'7F' * 21}\tx\t/CN=x\n"
    )
    files = (*old.files, ("readme.pem", b""))
    found = examined(old, Sources(index.encode(), files, old.party.crl(NOW - timedelta(days=1), {77: NOW}), 1 << 70))
    assert not found.is_sound
    told = "\n".join([*found.errors, *(error for row in found.rows for error in row.errors)])
    for words in (
        "the index has another subject",
        "lets it end at another time",
        "the certificate is not among the files",
        "the index has it twice",
        "the signature is not the authority's",
        "revoked in the future",
        "reason of its revocation is not known: becauseIWantTo",
        "serial number is not hexadecimal",
        "2 columns, and not six",
        "more than 20 octets",
        "not a certificate (PEM or DER): readme.pem",
        "has 4d, which the index does not know",
        "too large to go on",
        "the index does not know the file",
    ):
        assert words in told, words
    with pytest.raises(YinxinError, match="cannot be imported as it is"):
        taken_over(centre, found, old)
    assert page(centre.context.storage, Filter(authority="old-city")) == []


def test_another_authoritys_certificate_and_one_that_the_list_revokes() -> None:
    old = OldCa()
    first, second = old.issue("first"), old.issue("second")
    stranger = OldCa(KeyKind.P256)
    stranger.party.name = other_root().name
    stranger.party.issued = old.party.issued - 1
    old.files[1] = (old.files[1][0], stranger.issue("second", kind=KeyKind.SM2).dump())
    old.revoked[first.serial_number] = NOW
    found = examined(old)
    assert second.serial_number == found.rows[1].serial
    assert [
        "stands on the revocation list" in found.rows[0].errors[0],
        "another authority" in found.rows[1].errors[0],
    ] == [True] * 2


def test_missing_files(centre: TestCentre) -> None:
    """Only their numbers are known: they are answered for, revoked and listed none the less."""
    old = OldCa()
    first, second = old.issue("first").serial_number, old.issue("second", ended=STOLEN).serial_number
    old.files.clear()
    assert not examined(old).is_sound
    found = examined(old, accept_missing=True)
    assert found.is_sound and all("not among the files" in row.remarks[0] for row in found.rows)
    authority = taken_over(centre, found, old)
    reader = StatusReader(centre.context.storage)
    assert [one and one.state for one in map(reader.status, [authority.id] * 2, (first, second))] == [
        State.VALID,
        State.REVOKED,
    ]
    revocation.revoke_own(
        centre.context, find(centre.context.storage, f"{first:x}", "old-city"), Reason.SUPERSEDED, actor="keeper"
    )
    crl.publish(centre.context, centre.keys, "old-city", 24)
    parsed = x509.load_der_x509_crl(crl.latest(centre.context, "old-city"))
    assert {one.serial_number for one in parsed} == {first, second}
    assert reconcile(centre.context) == [] and findings(centre) == []


def test_a_root_in_its_own_index_and_without_a_number(centre: TestCentre) -> None:
    old = OldCa()
    read = x509.load_der_x509_certificate(old.party.certificate)
    until = read.not_valid_after_utc.strftime("%y%m%d%H%M%SZ")
    old.lines.append(f"V\t{until}\t\t{read.serial_number:X}\tunknown\t/CN=any")
    found = examined(old, old.sources(crl=False, next_number=None))
    assert found.is_sound and found.rows == () and found.crl_number is None
    taken_over(centre, found, old)
    (published,) = crl.publish(centre.context, centre.keys, "old-city", 24)
    assert published.number == 1 and findings(centre) == []


def test_under_an_authority_above(centre: TestCentre) -> None:
    root = pki.root(KeyKind.SM2, not_before=NOW - timedelta(days=500), common_name="National Root")
    old = OldCa(above=root)
    old.issue("张三")
    given = [root.certificate, old.party.certificate]
    with pytest.raises(YinxinError, match="no trusted issuer"):
        examine_authority("old-city", old.key.public_key_info, given, [], NOW)
    authority = examine_authority("old-city", old.key.public_key_info, given, [root.certificate], NOW)
    taken_over(centre, examine(authority, old.sources(), NOW), old)
    assert chain_of(centre.context.storage, "old-city") == [old.party.certificate, root.certificate]
    centre.issue(authority="old-city")
    assert findings(centre) == []


def test_authorities_that_are_not_taken_over() -> None:
    root = other_root()
    weak = generate(KeyKind.RSA_2048)
    key = generate(KeyKind.SM2)
    me = pki.Party(root.name, key, b"")
    leaf = pki.certify_key(me, root.name, key.public_key_info, authority=False, not_before=NOW)
    unlisted = pki.certify_key(me, root.name, key.public_key_info, usages=(pki.KEY_CERT_SIGN,), not_before=NOW)
    over = pki.certify_key(me, root.name, key.public_key_info, not_before=NOW, days=-1)
    cases = [
        (key.public_key_info, [leaf], "makes no authority"),
        (key.public_key_info, [unlisted], "key usage allows no"),
        (key.public_key_info, [over], "was not valid at"),
        (key.public_key_info, [root.certificate], "none of the certificates is for this key"),
        (root.key.public_key_info, [root.certificate], "key identifier is not"),
        (weak.public_key_info[:-5] + bytes(5), [], "not in its standard encoding|cannot be read|exponent|small prime"),
    ]
    for public, brought, words in cases:
        with pytest.raises(YinxinError, match=words):
            examine_authority("old-city", public, brought, [], NOW)
    with pytest.raises(YinxinError, match="a-z, 0-9"):
        examine_authority("Old City", key.public_key_info, [leaf], [], NOW)


def test_forged_imports_are_found(centre: TestCentre) -> None:
    """No request stands behind an imported certificate: so none may be slipped in as one."""
    old = OldCa()
    old.issue("张三")
    found = examined(old)
    taken_over(centre, found, old)
    issued = centre.issue(authority="old-city")
    assert findings(centre) == []
    common = {
        "authority": "old-city",
        "import": "old-city",
        "state": "valid",
        "certificate": sha256(issued.certificate),
    }
    forge(centre, "ca.certificate.import", "7777", **common, digest=found.digest)
    what = {one.what for one in findings(centre)}
    assert "1 certificates were to be imported, and there are 2" in what and "the certificate is missing" in what
    forge(centre, "ca.certificate.import", "7778", **common, digest="00" * 32)
    forge(centre, "ca.certificate.import", "7779", **common | {"import": "nobody"})
    assert [one.what for one in findings(centre)].count("a certificate was imported, and no authority with it") == 2
    forge(centre, "ca.authority.import", "sm2-issuing", certificates=0, number=99, digest="00" * 32)
    assert {one.rule for one in findings(centre)} >= {"import"}
    assert "an authority was imported that was there already" in {one.what for one in findings(centre)}
    forge(centre, "ca.certificate.import", serial_text(issued.serial), **common, digest=found.digest)
    assert "serial" in {one.rule for one in findings(centre)}


def test_an_imported_certificate_that_others_signed_is_found(centre: TestCentre) -> None:
    old = OldCa()
    old.issue("张三")
    stranger = OldCa(KeyKind.P256)
    foreign = replace(examined(old), rows=())
    row = replace(examined(old).rows[0], certificate=stranger.issue("张三", kind=KeyKind.SM2).dump())
    taken_over(centre, replace(foreign, rows=(row,)), old)
    assert [one.what for one in findings(centre)] == ["the imported certificate is not signed by the authority"]


@given(st.binary(max_size=400))
def test_any_octets_are_rows_or_told(data: bytes) -> None:
    for row in read_index(data):
        assert isinstance(row, IndexRow | UnreadableRow)


@given(st.text(alphabet="VRE\t0123456789ABCZ,/=CN\n unspecifiedkeyCompromise", max_size=120))
def test_what_looks_like_rows(text: str) -> None:
    for row in read_index(text.encode()):
        if isinstance(row, IndexRow):
            assert row.serial >= 0 and (row.revoked_at is None) == (row.reason is None)


@given(
    serial=st.integers(0, 1 << 159),
    at=st.integers(946684800, 3786912000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)),
    name=st.text(st.characters(codec="utf-8"), max_size=20),
)
def test_rows_are_read_as_they_were_written(serial: int, at: datetime, name: str) -> None:
    form = "%y%m%d%H%M%SZ" if at.year < 2050 else "%Y%m%d%H%M%SZ"
    line = "\t".join(
        ("R", at.strftime(form), f"{at.strftime(form)},CACompromise", f"{serial:X}", "unknown", oneline(("CN", name)))
    )
    assert list(read_index(line.encode())) == [IndexRow(1, serial, at, at, Reason.CA_COMPROMISE, oneline(("CN", name)))]
