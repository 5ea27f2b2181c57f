"""Attribute certificates as bytes: encoder, strict reader and linter against each other and against asn1crypto."""

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest
from asn1crypto import cms
from hypothesis import given, settings
from hypothesis import strategies as st

from ca.attributes import certificate as fields
from ca.attributes.attributes import CLASSES, Attributes, Clearance, ServiceIdentity
from ca.attributes.certificate import Content, Holder, certificate_info
from ca.attributes.lint import lint_attributes
from ca.attributes.reading import read_attribute_certificate
from ca.attributes.terms import Terms
from ca.certificate import extension
from ca.lint.reading import IssuerLimits
from ca.lint.token import redeem
from core.algorithms import KeyKind
from core.asn1 import der
from core.asn1.names import encode_name
from core.config import UrlSettings
from core.errors import Kind, YinxinError
from tests.support.ca import pooled_key

NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
URLS = UrlSettings(ca="http://ca.test", ocsp="http://ocsp.test/", tsa="http://tsa.test")
ISSUING = encode_name((("C", "CN"), ("O", "测试中心"), ("CN", "Issuing")))
KEY = pooled_key("attributes", KeyKind.SM2)
AUTHORITY = IssuerLimits(
    "sm2-attributes",
    encode_name((("C", "CN"), ("O", "测试中心"), ("CN", "Attributes"))),
    KEY.public_key_info,
    KEY.algorithm,
    not_before=NOW - timedelta(days=1),
    not_after=NOW + timedelta(days=3000),
)
CONTENT = Content(
    Holder(ISSUING, 0x01FF << 130),
    0x0123 << 136,
    NOW,
    NOW + timedelta(hours=20),
    Attributes(
        roles=("urn:example:role:b", "urn:example:role:a"),
        positions=("副主任",),
        groups=("办公室", "应急小组"),
        charging=("财政局",),
        clearance=Clearance(policy="1.3.6.1.4.1.32473.1.9", classes=("restricted", "secret")),
        services=(ServiceIdentity(service="urn:example:exchange", identity="acct:zhangsan@example.gov.cn"),),
    ),
    Terms.REVOCABLE,
    ("urn:example:exchange",),
)

uris = st.from_regex(r"[a-z][a-z0-9+.\-]{0,9}:[A-Za-z0-9._~:/?#@!$&'()*+,;=%\-]{1,40}", fullmatch=True)
texts = st.text(
    st.characters(
        min_codepoint=0x21,
        max_codepoint=0x9FFF,
        categories=("L", "N", "P", "S"),
    ),
    min_size=1,
    max_size=20,
).filter(lambda text: text.isprintable() and text == text.strip())
oids = st.lists(st.integers(0, 2**40), min_size=1, max_size=6).map(lambda arcs: "1.3." + ".".join(map(str, arcs)))
clearances = st.builds(
    Clearance,
    policy=oids,
    classes=st.sets(st.sampled_from(list(CLASSES)), min_size=1).map(
        lambda names: tuple(sorted(names, key=CLASSES.__getitem__))
    ),
)


def several(values: st.SearchStrategy[object]) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(values, max_size=4, unique=True).map(tuple)


all_attributes = (
    st.fixed_dictionaries(
        {
            "roles": several(uris),
            "positions": several(texts),
            "groups": several(texts),
            "charging": several(texts),
            "clearance": st.none() | clearances,
            "services": several(st.builds(ServiceIdentity, service=uris, identity=uris)),
        }
    )
    .filter(lambda given: any(given.values()))
    .map(Attributes.model_validate)
)
contents = st.builds(
    Content,
    holder=st.builds(Holder, issuer=st.just(ISSUING), serial=st.integers(1, (1 << 159) - 1)),
    serial=st.integers(1 << 137, (1 << 159) - 1),
    not_before=st.just(NOW),
    not_after=st.integers(1, 24 * 3600).map(lambda seconds: NOW + timedelta(seconds=seconds)),
    attributes=all_attributes,
    terms=st.sampled_from(Terms),
    targets=several(uris),
)


def signed(info: bytes) -> bytes:
    return der.sequence(info, KEY.algorithm.identifier, der.bit_string(b"signature"))


def encoded(content: Content = CONTENT) -> bytes:
    return signed(certificate_info(AUTHORITY, URLS, content))


def in_order(values: tuple[object, ...]) -> list[str]:
    return sorted(map(str, values))


@given(contents)
@settings(max_examples=120, deadline=None)
def test_what_is_written_is_what_is_read(content: Content) -> None:
    read = read_attribute_certificate(encoded(content))
    assert (read.holder, read.serial, read.issuer) == (content.holder, content.serial, AUTHORITY.subject)
    assert (read.not_before, read.not_after) == (content.not_before, content.not_after)
    assert read.attributes.groups == content.attributes.groups
    assert read.attributes.clearance == content.attributes.clearance
    assert in_order(read.attributes.roles) == in_order(content.attributes.roles)
    assert in_order(read.attributes.positions) == in_order(content.attributes.positions)
    assert in_order(read.attributes.services) == in_order(content.attributes.services)
    assert read.targets == content.targets
    assert read.never_revoked is (content.terms is Terms.SHORT_LIVED)
    assert read.unknown == ()
    lint_attributes(read.info, AUTHORITY, URLS, content)


@given(contents)
@settings(max_examples=60, deadline=None)
def test_asn1crypto_reads_the_same(content: Content) -> None:
    data = encoded(content)
    parsed = cms.AttributeCertificateV2.load(data, strict=True)
    body = parsed["ac_info"].native
    by_type = {one["type"]: one["values"] for one in body["attributes"]}
    assert body["version"] == "v2"
    assert body["holder"]["base_certificate_id"]["serial"] == content.holder.serial
    raw = {one["type"].native: one["values"] for one in parsed["ac_info"]["attributes"]}
    roles = sorted(one["role_name"].chosen.contents.decode() for one in raw.get("role", ()))
    assert roles == in_order(content.attributes.roles)
    groups = by_type.get("group", [{"values": ()}])
    assert tuple(groups[0]["values"]) == content.attributes.groups
    if content.attributes.clearance:
        (clearance,) = by_type["clearance"]
        assert len(clearance["class_list"]) == len(content.attributes.clearance.classes)
        assert clearance["policy_id"] == content.attributes.clearance.policy
    assert parsed.dump() == data


@given(st.integers(0, len(encoded()) - 1), st.integers(0, 255))
@settings(max_examples=300, deadline=None)
def test_no_altered_octet_makes_the_reader_stumble(position: int, octet: int) -> None:
    data = bytearray(encoded())
    data[position] = octet
    try:
        read = read_attribute_certificate(bytes(data))
    except YinxinError as error:
        assert error.kind in (Kind.INVALID, Kind.UNSUPPORTED)
    else:
        assert read.encoded == bytes(data)


@given(st.binary(max_size=200))
@settings(max_examples=100, deadline=None)
def test_no_octets_make_the_reader_stumble(data: bytes) -> None:
    with pytest.raises(YinxinError):
        read_attribute_certificate(data)


def test_the_shape_is_that_of_rfc_5755() -> None:
    """Section 4.1, field by field, written here by hand."""
    content = dataclasses.replace(
        CONTENT, serial=0x0123, attributes=Attributes(roles=("urn:a:b",)), terms=Terms.SHORT_LIVED, targets=()
    )
    info = certificate_info(AUTHORITY, URLS, content)
    holder = b"\x30" + _length(
        b"\xa0" + _length(b"\x30" + _length(b"\xa4" + _length(ISSUING)) + der.integer(content.holder.serial))
    )
    issuer = b"\xa0" + _length(b"\x30" + _length(b"\xa4" + _length(AUTHORITY.subject)))
    times = bytes.fromhex("3022180f") + b"20261101020000Z" + bytes.fromhex("180f") + b"20261101220000Z"
    # Attribute role (2.5.4.72): SET { SEQUENCE { [1] { [6] "urn:a:b" } } }
    role = bytes.fromhex("3016 3014 0603550448 310d 300b a109 8607") + b"urn:a:b"
    expected = b"\x02\x01\x01" + holder + issuer + KEY.algorithm.identifier + bytes.fromhex("02020123") + times + role
    assert info[4 if info[1] & 0x80 else 2 :].startswith(expected)
    assert info.endswith(bytes.fromhex("0603551d3804020500"))  # noRevAvail, NULL


def _length(content: bytes) -> bytes:
    return (bytes((len(content),)) if len(content) < 128 else bytes((0x81, len(content)))) + content


def test_the_default_clearance_is_not_written() -> None:
    """X.690 11.5."""
    plain = Attributes(clearance=Clearance(policy="1.2.3"))
    assert plain.encoded().endswith(bytes.fromhex("31063004") + der.oid("1.2.3"))
    assert read_attribute_certificate(encoded(dataclasses.replace(CONTENT, attributes=plain))).attributes == plain


def test_no_secret_is_ever_written() -> None:
    assert set(ServiceIdentity.model_fields) == {"service", "identity"}
    service = cms.AttributeCertificateV2.load(encoded())["ac_info"]["attributes"].native
    (info,) = next(one["values"] for one in service if one["type"] == "authentication_info")
    assert info["auth_info"] is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"serial": 5}, "serial number"),
        ({"not_after": NOW + timedelta(hours=21)}, "validity"),
        ({"holder": Holder(ISSUING, 7)}, "holder"),
        ({"attributes": Attributes(roles=("urn:example:role:c",))}, "attributes"),
        ({"terms": Terms.SHORT_LIVED}, "extensions"),
        ({"targets": ()}, "extensions"),
    ],
)
def test_the_linter_refuses_what_was_not_meant(change: dict[str, object], words: str) -> None:
    info = certificate_info(AUTHORITY, URLS, CONTENT)
    with pytest.raises(YinxinError, match=words):
        lint_attributes(info, AUTHORITY, URLS, dataclasses.replace(CONTENT, **change))  # type: ignore[arg-type]


def test_the_linter_refuses_more_time_than_terms_and_authority_allow() -> None:
    long = dataclasses.replace(CONTENT, not_after=NOW + timedelta(days=367))
    with pytest.raises(YinxinError, match="longer than the terms"):
        lint_attributes(certificate_info(AUTHORITY, URLS, long), AUTHORITY, URLS, long)
    brief = dataclasses.replace(AUTHORITY, not_after=NOW + timedelta(hours=1))
    with pytest.raises(YinxinError, match="after the authority"):
        lint_attributes(certificate_info(brief, URLS, CONTENT), brief, URLS, CONTENT)
    short = dataclasses.replace(CONTENT, terms=Terms.SHORT_LIVED, not_after=NOW + timedelta(hours=25))
    with pytest.raises(YinxinError, match="longer than the terms"):
        lint_attributes(certificate_info(AUTHORITY, URLS, short), AUTHORITY, URLS, short)


def test_the_token_is_for_this_authority_alone() -> None:
    token = lint_attributes(certificate_info(AUTHORITY, URLS, CONTENT), AUTHORITY, URLS, CONTENT)
    with pytest.raises(YinxinError):
        redeem(token, pooled_key("other", KeyKind.SM2).public_key_info)


def altered(old: bytes, new: bytes) -> bytes:
    """The certificate with these octets exchanged for as many others."""
    data = encoded()
    assert data.count(old) == 1
    assert len(old) == len(new)
    return data.replace(old, new)


@pytest.mark.parametrize(
    "data",
    [
        encoded() + b"\0",
        encoded()[:-1],
        b"",
        der.sequence(),
        # Version 1; a critical extension that nobody knows; UTCTime; another algorithm outside than inside.
        altered(encoded()[4:11], encoded()[4:10] + b"\0"),
        altered(der.oid(fields.TARGET_INFORMATION), der.oid("2.5.29.99")),
        altered(b"20261101020000Z", b"202611010200.0Z"),
        altered(b"20261101220000Z", b"20261101010000Z"),
        der.sequence(certificate_info(AUTHORITY, URLS, CONTENT), der.sequence(der.oid("1.2.3")), der.bit_string(b"s")),
    ],
)
def test_the_reader_refuses(data: bytes) -> None:
    with pytest.raises(YinxinError):
        read_attribute_certificate(data)


def test_no_revocation_available_and_a_revocation_list_contradict_each_other() -> None:
    both = [*fields.extensions(AUTHORITY, URLS, CONTENT), extension(fields.NO_REVOCATION_AVAILABLE, der.NULL)]
    info = certificate_info(AUTHORITY, URLS, CONTENT)
    written = der.sequence(*fields.extensions(AUTHORITY, URLS, CONTENT))
    head = info[4 : -len(written)]
    with pytest.raises(YinxinError, match="contradict"):
        read_attribute_certificate(signed(der.sequence(head, der.sequence(*both))))


def test_encoded_anew_by_a_library_that_did_not_write_it_it_is_the_same() -> None:
    parsed = cms.AttributeCertificateV2.load(encoded())
    parsed.native  # noqa: B018 - everything is parsed
    assert parsed.dump(force=True) == encoded()
