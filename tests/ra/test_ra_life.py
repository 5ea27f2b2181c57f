"""The life of a request from entry to delivery, what the books say of it, and what never gets into them."""

import shutil
import subprocess
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import x509

from ca.authorities import authority_of, chain_of
from ca.history import steps_of
from ca.records import certificates as ca_certificates
from ca.state import Reason
from ca.state import State as CertificateState
from core.algorithms import SM3, KeyKind
from core.audit import entries
from core.certificates import read_certificates
from core.csr import parse_csr
from core.errors import Kind, YinxinError
from core.keys.key_file import open_key_file
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.subject import Subject
from ra import records, requests, revocation
from ra.delivery import Form, deliver, make_key_and_csr, make_pkcs12, write_certificate
from ra.filters import RequestFilter
from ra.issuance import issue
from ra.moves import State
from ra.operators import list_operators
from ra.refusals import RefusedError
from ra.register import find_request, list_requests
from ra.statements import Act, verify_statement
from tests.support import pki
from tests.support.office import NOW, RESIDENT_ID, STAFF, UNIT, Office


def issued(office: Office, **options: object) -> tuple[str, int]:
    """A request's number and its certificate's serial."""
    number = office.approved(**options)
    (one,) = issue(office.context, office.authority, office.sessions["zhi.make"], [number])
    return number, one.serial


def test_a_staff_certificate_from_entry_to_delivery(office: Office) -> None:
    csr = office.csr()
    number = office.enter(csr=csr)
    assert requests.approve(office.context, office.sessions["shen.review"], number) is State.APPROVED
    (one,) = issue(office.context, office.authority, office.sessions["zhi.make"], [number])
    (delivered,) = deliver(office.context, office.sessions["zhi.make"], number)
    assert delivered.certificate == one.certificate
    certificate = x509.Certificate.load(one.certificate)
    assert certificate.subject.native["common_name"] == "张三"
    assert certificate.public_key.dump() == parse_csr(csr).public_key_info
    record = find_request(office.context, number)
    assert (record.entry.state, record.intact) == (State.DELIVERED, True)
    assert [signed.statement.act for signed in record.statements] == [Act.ENTER, Act.APPROVE, Act.ISSUE, Act.DELIVER]
    assert [act for act in office.acts() if act.startswith("ra.request.")] == [
        "ra.request.enter",
        "ra.request.approve",
        "ra.request.issue",
        "ra.request.deliver",
    ]
    with pytest.raises(YinxinError) as error:
        deliver(office.context, office.sessions["zhi.make"], number)
    assert error.value.kind is Kind.CONFLICT


def test_the_kept_statements_prove_everything_without_us(office: Office) -> None:
    number, _serial = issued(office)
    record = find_request(office.context, number)
    digest = SM3.of(record.content).hex()
    certificates = {operator.name: operator.certificate for operator in list_operators(office.context)}
    for signed in record.statements:
        again = verify_statement(signed.message)
        assert again.statement.digest == digest
        assert again.certificate == certificates[again.statement.operator]
        info = asn1_cms.ContentInfo.load(signed.message)["content"]["signer_infos"][0]
        point = curve.point_of(x509.Certificate.load(signed.certificate).public_key.dump())
        assert point is not None
        assert GmsslEngine().verify(point, info["signature"].native, b"\x31" + info["signed_attrs"].dump()[1:])


def test_the_subject_comes_from_the_request_and_never_from_the_csr(office: Office) -> None:
    number, _serial = issued(office, csr=office.csr(subject=Subject(common_name="市长")))
    (one,) = find_request(office.context, number).certificates
    assert x509.Certificate.load(one.certificate).subject.native["common_name"] == "张三"


def test_identity_numbers_stay_out_of_log_lists_and_errors(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    number, serial = issued(office)
    revocation.revoke(office.context, office.sessions["shen.review"], "sm2-issuing", serial, Reason.SUPERSEDED)
    with pytest.raises(YinxinError) as error:
        office.enter(profile="unit", subject=STAFF)
    told = [bytes(row.entry).decode() for row in office.rows(entries)]
    told += [repr(list_requests(office.context, office.sessions["shen.review"]).entries), caplog.text, str(error.value)]
    told += [signed.statement.canonical().decode() for signed in find_request(office.context, number).statements]
    assert not [text for text in told if RESIDENT_ID in text or RESIDENT_ID[:17] in text]


def test_equal_requests_have_unlike_digests_so_that_none_can_be_guessed(office: Office) -> None:
    csr = office.csr()
    numbers = []
    for _count in range(2):
        numbers.append(office.enter(csr=csr))
        requests.withdraw(office.context, office.sessions["lu.enter"], numbers[-1])
    digests = {find_request(office.context, number).digest for number in numbers}
    assert len(digests) == 2


@pytest.mark.parametrize(
    ("options", "kind"),
    [
        ({"csr": b"nonsense"}, Kind.INVALID),
        ({"profile": "nonesuch"}, Kind.NOT_FOUND),
        ({"authority": "nonesuch"}, Kind.NOT_FOUND),
        ({"profile": "issuing"}, Kind.FORBIDDEN),
        ({"profile": "ocsp"}, Kind.FORBIDDEN),
        ({"profile": "operator"}, Kind.FORBIDDEN),
        ({"profile": "unit", "subject": STAFF}, Kind.INVALID),
        ({"profile": "staff", "subject": UNIT}, Kind.INVALID),
        ({"subject": Subject(organization="某局", common_name="张\u202e三")}, Kind.INVALID),
        ({"subject": Subject(organization="某局", common_name="张" * 65)}, Kind.INVALID),
        ({"subject": Subject(common_name="张三")}, Kind.INVALID),
    ],
)
def test_bad_requests_are_refused_at_entry_and_change_nothing(
    office: Office, options: dict[str, object], kind: Kind
) -> None:
    with pytest.raises(YinxinError) as error:
        office.enter(**({"csr": office.csr()} | options))  # type: ignore[arg-type]
    assert error.value.kind is kind
    assert office.rows(records.requests) == []


def test_a_csr_without_the_key_is_refused_at_entry(office: Office) -> None:
    csr = bytearray(office.csr())
    csr[-1] ^= 1
    with pytest.raises(YinxinError) as error:
        office.enter(csr=bytes(csr))
    assert error.value.kind is Kind.INVALID
    assert office.rows(records.requests) == []


def test_a_key_is_certified_once(office: Office) -> None:
    csr = office.csr()
    issued(office, csr=csr)
    with pytest.raises(YinxinError) as error:
        office.enter(csr=csr)
    assert error.value.kind is Kind.CONFLICT


def test_revoke_hold_and_resume_are_ordered_and_signed(office: Office) -> None:
    _number, serial = issued(office)
    shen = office.sessions["shen.review"]
    revocation.hold(office.context, shen, "sm2-issuing", serial)
    revocation.resume(office.context, shen, "sm2-issuing", serial)
    revocation.revoke(office.context, shen, "sm2-issuing", serial, Reason.KEY_COMPROMISE)
    orders = [verify_statement(one).statement for one in revocation.orders_about(office.context, "sm2-issuing", serial)]
    assert [(order.act, order.sequence, order.decision) for order in orders] == [
        (Act.HOLD, 1, ""),
        (Act.RESUME, 2, ""),
        (Act.REVOKE, 3, "keyCompromise"),
    ]
    assert state_of(office, serial) is CertificateState.REVOKED
    for attempt in (revocation.hold, revocation.resume):
        with pytest.raises(YinxinError) as error:
            attempt(office.context, shen, "sm2-issuing", serial)
        assert error.value.kind is Kind.CONFLICT
    assert len(revocation.orders_about(office.context, "sm2-issuing", serial)) == 3
    assert [act for act in office.acts() if act.startswith("ra.certificate.")] == [
        "ra.certificate.hold",
        "ra.certificate.resume",
        "ra.certificate.revoke",
    ]


def state_of(office: Office, serial: int) -> CertificateState:
    with office.storage.reading() as connection:
        return steps_of(connection, authority_of(connection, "sm2-issuing").id, serial)[-1].state


def test_only_reviewers_revoke_and_only_for_reasons_that_are_theirs(office: Office) -> None:
    _number, serial = issued(office)
    for who, reason, broken in (
        ("zhi.make", Reason.SUPERSEDED, "role"),
        ("shen.review", Reason.CA_COMPROMISE, "reason"),
        ("shen.review", Reason.CERTIFICATE_HOLD, "reason"),
    ):
        with pytest.raises(RefusedError) as refusal:
            revocation.revoke(office.context, office.sessions[who], "sm2-issuing", serial, reason)
        assert refusal.value.rule == broken
    assert state_of(office, serial) is CertificateState.VALID


def test_services_authorities_and_operators_are_not_the_operators_to_revoke(office: Office) -> None:
    for row in office.rows(ca_certificates):
        for authority in ("sm2-root", "sm2-issuing"):
            with pytest.raises(YinxinError) as error:
                revocation.revoke(
                    office.context,
                    office.sessions["quan.all"],
                    authority,
                    row.serial,
                    Reason.SUPERSEDED,
                )
            assert error.value.kind is Kind.NOT_FOUND


def test_an_order_about_a_certificate_is_carried_out_once(office: Office) -> None:
    _number, serial = issued(office)
    shen = office.sessions["shen.review"]
    revocation.hold(office.context, shen, "sm2-issuing", serial)
    (order,) = revocation.orders_about(office.context, "sm2-issuing", serial)
    revocation.resume(office.context, shen, "sm2-issuing", serial)
    with pytest.raises(YinxinError) as error:
        revocation.submit_order(office.context, order)
    assert error.value.kind is Kind.CONFLICT
    assert state_of(office, serial) is CertificateState.VALID


def test_lists_are_paged_by_key(each_office: Office) -> None:
    office, shen = each_office, each_office.sessions["shen.review"]
    numbers = [office.enter() for _count in range(5)]
    requests.reject(office.context, shen, numbers[1], "材料不全")
    found, after = [], None
    while True:
        page = list_requests(office.context, shen, RequestFilter(state=State.ENTERED), after=after, limit=2)
        found += [entry.number for entry in page.entries]
        if (after := page.next) is None:
            break
    assert found == [numbers[0], *numbers[2:]]
    assert list_requests(office.context, shen, RequestFilter(profile="unit")).entries == []
    assert (
        list_requests(office.context, shen, RequestFilter(state=State.REJECTED)).entries[0].holder.endswith("CN=张三")
    )
    for wrong in ({"limit": 0}, {"after": "20261101-NONESUCH"}):
        with pytest.raises(YinxinError):
            list_requests(office.context, shen, **wrong)


def test_certificates_are_written_in_every_form(office: Office, tmp_path: Path) -> None:
    number, _serial = issued(office)
    (one,) = find_request(office.context, number).certificates
    chain = chain_of(office.storage, one.authority)
    assert write_certificate(one.certificate, chain, Form.DER) == one.certificate
    for form, expected in ((Form.PEM, [one.certificate]), (Form.CHAIN, [one.certificate, *chain])):
        (tmp_path / "certificate.pem").write_bytes(write_certificate(one.certificate, chain, form))
        assert read_certificates(tmp_path / "certificate.pem") == expected


def test_a_key_of_the_other_family_is_refused_at_entry(office: Office) -> None:
    for kind in (KeyKind.RSA_2048, KeyKind.P256, KeyKind.P384):
        with pytest.raises(YinxinError) as error:
            office.enter(csr=office.csr(kind))
        assert error.value.kind is Kind.INVALID


@pytest.mark.skipif(not shutil.which("openssl"), reason="needs the openssl command")
@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA_2048])
def test_a_holder_makes_a_key_and_packs_the_certificate_as_openssl_reads_it(tmp_path: Path, kind: KeyKind) -> None:
    key_file = tmp_path / "key.pem"
    csr = make_key_and_csr(kind, key_file, b"secret", STAFF)
    assert key_file.stat().st_mode & 0o777 == 0o600
    parse_csr(csr).check_possession()
    issuer = pki.root(kind, not_before=NOW)
    other = issuer.issue("李四", kind=kind, not_before=NOW)
    key = open_key_file(key_file, b"secret")
    own = pki._certify("张三", key, issuer, 7, False, (0, 1), (), NOW, 30).certificate
    packed = make_pkcs12(key_file, b"secret", [own, *other.chain], name="张三", new_passphrase=b"new secret")
    (tmp_path / "zhangsan.p12").write_bytes(packed)
    command = ["openssl", "pkcs12", "-in", "zhangsan.p12", "-passin", "pass:new secret", "-nokeys"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count(b"BEGIN CERTIFICATE") == 2
    with pytest.raises(YinxinError):
        make_pkcs12(key_file, b"secret", [other.certificate], name="张三", new_passphrase=b"x")
    with pytest.raises(YinxinError):
        make_pkcs12(key_file, b"wrong", [own], name="张三", new_passphrase=b"x")


def test_a_name_that_does_not_fit_makes_no_key_file(tmp_path: Path) -> None:
    with pytest.raises(YinxinError):
        make_key_and_csr(KeyKind.SM2, tmp_path / "key.pem", b"secret", Subject(common_name="x" * 65))
    assert not (tmp_path / "key.pem").exists()
