"""Revocation lists: what they hold, how they are numbered, and that nothing else is published."""

import io
import subprocess
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from asn1crypto import crl as asn1_crl
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given
from hypothesis import strategies as st

from ca import conformance
from ca import crl as crls
from ca.authorities import authority_of
from ca.certificate import IssuerFacts
from ca.crl import latest, latest_published
from ca.crl.writing import CrlFacts, Draft, Revoked, Scope, draft, encode_entry
from ca.lint import LintedTbs
from ca.lint.crl import lint_crl
from ca.records import crls as crl_rows
from ca.revocation import Reason, hold, resume, revoke
from core.algorithms import KeyKind
from core.asn1 import der
from core.asn1.names import encode_name
from core.audit import entries
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.keys.store import KeyStore
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from tests.support.ca import TestCentre, pooled_key

LISTED: list[Reason] = [
    reason for reason in Reason if reason not in (Reason.REMOVE_FROM_CRL, Reason.AA_COMPROMISE, Reason.CERTIFICATE_HOLD)
]


def read(crl: bytes) -> dict[int, x509.RevokedCertificate]:
    return {entry.serial_number: entry for entry in x509.load_der_x509_crl(crl)}


def publish(context: Context, keys: KeyStore, authority: str, hours: int) -> bytes:
    crls.publish(context, keys, authority, hours)
    return latest(context, authority)


def number_of(crl: bytes) -> int:
    return x509.load_der_x509_crl(crl).extensions.get_extension_for_class(x509.CRLNumber).value.crl_number


def test_an_empty_list(centre: TestCentre) -> None:
    crl = publish(centre.context, centre.keys, "sm2-issuing", 24)
    parsed = x509.load_der_x509_crl(crl)
    assert list(parsed) == []
    assert parsed.last_update_utc == centre.context.clock.now()
    assert parsed.next_update_utc == centre.context.clock.now() + timedelta(hours=24)
    # RFC 5280 5.1.2.6: revokedCertificates is absent.
    assert asn1_crl.CertificateList.load(crl)["tbs_cert_list"]["revoked_certificates"].native is None
    assert conformance.lint_crl(crl) == []
    assert latest(centre.context, "sm2-issuing") == crl


def test_entries_tell_reason_and_time(each_centre: TestCentre, clock: FixedClock) -> None:
    context = each_centre.context
    issued = each_centre.ca.issue([each_centre.request() for _ in range(len(LISTED) + 3)], actor="operator")
    expected: dict[int, tuple[datetime, Reason]] = {}
    reason: Reason
    for reason, one in zip(LISTED, issued, strict=False):
        clock.advance(timedelta(minutes=1, microseconds=7))
        revoke(context, "sm2-issuing", one.serial, reason, actor="operator")
        expected[one.serial] = (clock.now().replace(microsecond=0), reason)
    hold(context, "sm2-issuing", issued[-1].serial, actor="operator")
    expected[issued[-1].serial] = (clock.now().replace(microsecond=0), Reason.CERTIFICATE_HOLD)
    hold(context, "sm2-issuing", issued[-2].serial, actor="operator")
    resume(context, "sm2-issuing", issued[-2].serial, actor="operator")
    crl = publish(context, each_centre.keys, "sm2-issuing", 24)
    entries_of = read(crl)
    assert set(entries_of) == set(expected)
    for serial, (moment, reason) in expected.items():
        entry = entries_of[serial]
        assert entry.revocation_date_utc == moment
        if reason is Reason.UNSPECIFIED:
            assert len(entry.extensions) == 0
        else:
            assert entry.extensions.get_extension_for_class(x509.CRLReason).value.reason.value == reason.value
    assert conformance.lint_crl(crl) == []
    assert list(entries_of) == sorted(entries_of)


def test_a_resumed_certificate_leaves_the_list(centre: TestCentre) -> None:
    serial = centre.issue().serial
    hold(centre.context, "sm2-issuing", serial, actor="operator")
    assert serial in read(publish(centre.context, centre.keys, "sm2-issuing", 24))
    resume(centre.context, "sm2-issuing", serial, actor="operator")
    assert serial not in read(publish(centre.context, centre.keys, "sm2-issuing", 24))


def test_an_entry_stays_for_one_list_after_expiry(centre: TestCentre, clock: FixedClock) -> None:
    serial = centre.issue("ocsp").serial
    revoke(centre.context, "sm2-issuing", serial, Reason.SUPERSEDED, actor="operator")
    publish(centre.context, centre.keys, "sm2-issuing", 24)
    clock.advance(timedelta(days=367))
    assert serial in read(publish(centre.context, centre.keys, "sm2-issuing", 24))
    clock.advance(timedelta(hours=1))
    assert serial not in read(publish(centre.context, centre.keys, "sm2-issuing", 24))


def test_sub_authorities_are_on_the_roots_list(centre: TestCentre) -> None:
    with centre.context.storage.reading() as connection:
        serial = authority_of(connection, "sm2-issuing").serial
    assert serial
    revoke(centre.context, "sm2-root", serial, Reason.CA_COMPROMISE, actor="keeper")
    assert set(read(publish(centre.context, centre.keys, "sm2-root", 24))) == {serial}
    # The revoked authority still publishes its own lists: those are what stops what it issued.
    assert publish(centre.context, centre.keys, "sm2-issuing", 24)


def test_numbers_only_grow(each_centre: TestCentre) -> None:
    context = each_centre.context
    numbers = [number_of(publish(context, each_centre.keys, "sm2-issuing", 24)) for _ in range(3)]
    assert numbers == [1, 2, 3]
    assert number_of(publish(context, each_centre.keys, "sm2-root", 24)) == 1
    with context.storage.reading() as connection:
        acts = connection.scalars(sa.select(entries.c.subject).where(entries.c.act == "ca.crl.publish")).all()
    assert acts == ["sm2-issuing"] * 3 + ["sm2-root"]


def test_a_number_whose_signature_failed_is_not_used_again(
    each_centre: TestCentre, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = each_centre.context
    first = publish(context, each_centre.keys, "sm2-issuing", 24)

    def dead(*_arguments: object) -> bytes:
        raise RuntimeError("the device is gone")

    with monkeypatch.context() as patch:
        patch.setattr("ca.signing.AuthorityKey.sign_list", dead)
        with pytest.raises(RuntimeError):
            publish(context, each_centre.keys, "sm2-issuing", 24)
    assert latest(context, "sm2-issuing") == first
    assert number_of(publish(context, each_centre.keys, "sm2-issuing", 24)) == 3


def test_an_older_list_does_not_replace_a_newer_one(each_centre: TestCentre, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process publishes between our reservation and our publication."""
    context, keys = each_centre.context, each_centre.keys
    real = draft
    overtaken: list[bytes] = []

    def meddling(*arguments: Any) -> Draft:
        if not overtaken:
            overtaken.append(b"")
            overtaken[0] = publish(context, keys, "sm2-issuing", 24)
        return real(*arguments)

    monkeypatch.setattr("ca.crl.issue.draft", meddling)
    with pytest.raises(YinxinError, match="newer CRL") as caught:
        publish(context, keys, "sm2-issuing", 24)
    assert caught.value.kind is Kind.CONFLICT
    assert latest(context, "sm2-issuing") == overtaken[0]
    assert number_of(overtaken[0]) == 2


def test_the_clock_must_not_go_back(centre: TestCentre, clock: FixedClock) -> None:
    publish(centre.context, centre.keys, "sm2-issuing", 24)
    clock.advance(timedelta(hours=-1))
    with pytest.raises(YinxinError, match="clock is behind"):
        publish(centre.context, centre.keys, "sm2-issuing", 24)


def test_an_expired_authority_publishes_nothing(centre: TestCentre, clock: FixedClock) -> None:
    clock.advance(timedelta(days=3651))
    with pytest.raises(YinxinError, match="expired on"):
        publish(centre.context, centre.keys, "sm2-issuing", 24)


def test_before_the_first_list(centre: TestCentre) -> None:
    with pytest.raises(YinxinError, match="no CRL was published") as caught:
        latest(centre.context, "sm2-issuing")
    assert caught.value.kind is Kind.NOT_FOUND
    with pytest.raises(YinxinError, match="no such authority"):
        latest(centre.context, "nobody")


def test_facts_of_the_published_list(centre: TestCentre) -> None:
    revoke(centre.context, "sm2-issuing", centre.issue().serial, Reason.SUPERSEDED, actor="operator")
    crl = publish(centre.context, centre.keys, "sm2-issuing", 12)
    published = latest_published(centre.context, "sm2-issuing")
    assert (published.number, published.entries, published.size) == (1, 1, len(crl))
    assert published.next_update - published.this_update == timedelta(hours=12)
    with centre.context.storage.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(crl_rows)) == 1


def test_sm2_signature_is_verified_by_gmssl(centre: TestCentre) -> None:
    parsed = x509.load_der_x509_crl(publish(centre.context, centre.keys, "sm2-issuing", 24))
    point = curve.point_of(centre.keys.signer("sm2-issuing").public_key_info)
    assert point
    assert GmsslEngine().verify(point, parsed.signature, parsed.tbs_certlist_bytes)


def test_openssl_verifies_the_rsa_list(centre: TestCentre, tmp_path: Path) -> None:
    centre.build(KeyKind.RSA_3072)
    issued = centre.issue(authority="rsa-issuing", key=pooled_key("crl leaf", KeyKind.RSA_2048))
    revoke(centre.context, "rsa-issuing", issued.serial, Reason.KEY_COMPROMISE, actor="operator")
    crl = publish(centre.context, centre.keys, "rsa-issuing", 24)
    with centre.context.storage.reading() as connection:
        certificate = authority_of(connection, "rsa-issuing").certificate
    assert certificate
    pem = x509.load_der_x509_certificate(certificate).public_bytes(Encoding.PEM)
    (tmp_path / "ca.pem").write_bytes(pem)
    (tmp_path / "list.crl").write_bytes(crl)
    command = ["openssl", "crl", "-inform", "DER", "-in", "list.crl", "-CAfile", "ca.pem", "-noout", "-text"]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert "verify OK" in result.stderr, result.stderr
    assert "Key Compromise" in result.stdout


def tbs_of(issuer: IssuerFacts, facts: CrlFacts, entries_of: Iterable[Revoked]) -> bytes:
    return b"".join(draft(issuer, facts, entries_of, io.BytesIO()).chunks())


ISSUED_AT = datetime(2026, 11, 1, tzinfo=UTC)
FACTS = CrlFacts(7, ISSUED_AT, ISSUED_AT + timedelta(days=1))


def an_issuer() -> IssuerFacts:
    key = pooled_key("crl issuer", KeyKind.SM2)
    return IssuerFacts("ca", encode_name((("C", "CN"), ("CN", "CRL CA"))), key.public_key_info, key.algorithm)


def lint(tbs: bytes, entries_meant: int = 0, facts: CrlFacts = FACTS, now: datetime = ISSUED_AT) -> LintedTbs:
    return lint_crl(lambda: [tbs], an_issuer(), facts, entries_meant, now)


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"number": 8}, "number"),
        ({"this_update": datetime(2026, 11, 2, tzinfo=UTC)}, "times"),
        ({"next_update": datetime(2026, 10, 31, tzinfo=UTC)}, "times|after"),
        ({"base": 3}, "extensions"),
        ({"scope": Scope("http://ca.test/crl/ca/3.crl")}, "extensions"),
        ({"scope": Scope(attributes=True)}, "extensions"),
        ({"freshest": "http://ca.test/crl/ca/delta.crl"}, "extensions"),
        ({"expired_since": datetime(2026, 1, 1, tzinfo=UTC)}, "extensions"),
    ],
)
def test_the_linter_compares_the_list_with_what_was_meant(changes: dict[str, Any], complaint: str) -> None:
    wrong = replace(FACTS, **changes)
    with pytest.raises(YinxinError, match=complaint):
        lint(tbs_of(an_issuer(), wrong, []))
    if "extensions" in complaint:  # such a list is right where it was meant
        assert lint(tbs_of(an_issuer(), wrong, []), facts=wrong)


@pytest.mark.parametrize(
    ("meant", "written", "complaint"),
    [
        ({"base": 3}, {"base": 4}, "base"),
        ({"base": 8}, {"base": 8}, "base"),
        (
            {"scope": Scope("http://ca.test/crl/ca/3.crl")},
            {"scope": Scope("http://ca.test/crl/ca/4.crl")},
            "other cert",
        ),
        ({"scope": Scope("http://ca.test/a")}, {"scope": Scope("http://ca.test/a", attributes=True)}, "other cert"),
        ({"freshest": "http://ca.test/a"}, {"freshest": "http://ca.test/b"}, "elsewhere"),
        ({"expired_since": ISSUED_AT}, {"expired_since": ISSUED_AT - timedelta(days=1)}, "another time"),
    ],
)
def test_the_linter_reads_what_extensions_say(meant: dict[str, Any], written: dict[str, Any], complaint: str) -> None:
    with pytest.raises(YinxinError, match=complaint):
        lint(tbs_of(an_issuer(), replace(FACTS, **written), []), facts=replace(FACTS, **meant))


def test_the_linter_sees_missing_strange_and_double_entries() -> None:
    at = datetime(2026, 10, 1, tzinfo=UTC)
    one, two = Revoked(5, at, Reason.SUPERSEDED), Revoked(6, at, Reason.UNSPECIFIED)
    assert lint(tbs_of(an_issuer(), FACTS, [one, two]), 2)
    for others in ([one], [one, two, Revoked(7, at, Reason.SUPERSEDED)], [one, two, two], [two, one]):
        with pytest.raises(YinxinError, match="the CRL would be wrong"):
            lint(tbs_of(an_issuer(), FACTS, others), 2)
    future = [one, Revoked(6, ISSUED_AT + timedelta(days=1), Reason.UNSPECIFIED)]
    with pytest.raises(YinxinError, match="in the future"):
        lint(tbs_of(an_issuer(), FACTS, future), 2)
    with pytest.raises(YinxinError, match="in the future"):
        lint(tbs_of(an_issuer(), FACTS, [one, two]), 2, now=ISSUED_AT - timedelta(seconds=1))
    removed = [Revoked(5, at, Reason.REMOVE_FROM_CRL)]
    with pytest.raises(YinxinError, match="wrong extensions"):  # RFC 5280 5.3.1: only in deltas
        lint(tbs_of(an_issuer(), FACTS, removed), 1)
    delta = replace(FACTS, base=3)
    assert lint(tbs_of(an_issuer(), delta, removed), 1, delta)


@pytest.mark.parametrize("tbs", [b"", b"\x30\x00", der.sequence(der.integer(1)), b"\x30\x80\x00\x00"])
def test_the_linter_refuses_junk(tbs: bytes) -> None:
    with pytest.raises(YinxinError):
        lint(tbs)


@given(st.data())
def test_the_linter_refuses_every_altered_octet(data: st.DataObject) -> None:
    """Or what it passes says the same: no octet of the frame is free."""
    at = datetime(2026, 10, 1, tzinfo=UTC)
    tbs = tbs_of(
        an_issuer(), FACTS, [Revoked(5 << 100, at, Reason.SUPERSEDED), Revoked(6 << 100, at, Reason.UNSPECIFIED)]
    )
    position = data.draw(st.integers(0, len(tbs) - 1))
    altered = bytearray(tbs)
    altered[position] ^= data.draw(st.integers(1, 255))
    try:
        lint(bytes(altered), 2)
    except YinxinError:
        return
    # What an entry says is the books' matter: the linter counts, and looks at the shape.
    begin, end = tbs.index(der.integer(5 << 100)), tbs.rindex(b"\xa0")
    assert begin <= position < end


@given(
    st.dictionaries(
        st.integers(1, 2**159 - 1),
        st.tuples(
            st.integers(946_684_800, 1_767_225_600).map(lambda t: datetime.fromtimestamp(t, UTC)),
            st.sampled_from(LISTED),
        ),
        max_size=20,
    ),
    st.integers(1, 50),
)
def test_what_is_written_is_what_others_read(given_entries: dict[int, tuple[datetime, Reason]], size: int) -> None:
    revoked = [Revoked(serial, *given_entries[serial]) for serial in sorted(given_entries)]
    tbs = tbs_of(an_issuer(), FACTS, revoked)
    pieces = [tbs[at : at + size] for at in range(0, len(tbs), size)]
    assert lint_crl(lambda: pieces, an_issuer(), FACTS, len(revoked), ISSUED_AT)
    body = asn1_crl.TbsCertList.load(tbs, strict=True)
    listed = body["revoked_certificates"].native or []
    assert [entry["user_certificate"] for entry in listed] == sorted(given_entries)
    assert [entry["revocation_date"] for entry in listed] == [entry.at for entry in revoked]
    assert body["version"].native == "v2"


@given(st.integers(-600_000_000, 5_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC)))
def test_times_are_those_of_the_one_encoder(moment: datetime) -> None:
    entry = encode_entry(Revoked(1, moment, Reason.UNSPECIFIED))
    assert entry == der.sequence(der.integer(1), der.time(moment))
