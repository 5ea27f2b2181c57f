"""CMS SignedData: ours read by OpenSSL and BouncyCastle, OpenSSL's read by us, and no way to change what was signed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import pem
from hypothesis import given, settings
from hypothesis import strategies as st

from core import cms
from core.algorithms import SHA256, SHA384, SM3, KeyKind
from core.asn1 import der
from core.asn1.elements import read_elements
from core.asn1.signed_data import octets_of, read_signed_data
from core.errors import Kind, YinxinError
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from tests.support.bouncycastle import cms_refusal
from tests.support.openssl import RefusalError, openssl
from tests.support.pki import Party, root

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
SIGNED_AT = datetime(2026, 11, 1, 2, 3, 4, tzinfo=UTC)
CONTENT = "同意制发证书 approve".encode()
KINDS = (KeyKind.SM2, KeyKind.RSA_2048, KeyKind.P256, KeyKind.P384)
EACH_KIND = pytest.mark.parametrize("kind", KINDS)
OPENSSL_KINDS = pytest.mark.parametrize("kind", KINDS[1:])
TST_INFO = "1.2.840.113549.1.9.16.1.4"


@cache
def party(kind: KeyKind) -> Party:
    """An operator certified by a root."""
    return root(kind if kind is not KeyKind.RSA_2048 else KeyKind.P256, not_before=BEGIN).issue(
        "张三", kind=kind, not_before=BEGIN
    )


@cache
def message(kind: KeyKind) -> bytes:
    operator = party(kind)
    return cms.sign(CONTENT, operator.key, operator.certificate, others=operator.chain, signed_at=SIGNED_AT)


@EACH_KIND
def test_what_is_signed_is_read(kind: KeyKind) -> None:
    operator = party(kind)
    signed = cms.check(message(kind))
    assert (signed.content, signed.content_type, signed.signed_at) == (CONTENT, cms.DATA, SIGNED_AT)
    assert (signed.certificate, signed.algorithm) == (operator.certificate, operator.key.algorithm)
    assert set(signed.certificates) == {operator.certificate, *operator.chain}


@EACH_KIND
@pytest.mark.parametrize("content_type", [cms.DATA, "1.2.3.4"])
@pytest.mark.parametrize("content", [b"", b"\x00" * 70_000], ids=["empty", "long"])
def test_any_content_of_any_type(kind: KeyKind, content_type: str, content: bytes) -> None:
    operator = party(kind)
    signed = cms.check(cms.sign(content, operator.key, operator.certificate, content_type=content_type))
    assert (signed.content, signed.content_type, signed.signed_at) == (content, content_type, None)


def test_a_structure_that_is_signed_is_handed_out_as_its_octets() -> None:
    """asn1crypto parses the TSTInfo of a timestamp by itself."""
    operator = party(KeyKind.SM2)
    imprint = der.sequence(SM3.identifier, der.octet_string(SM3.of(CONTENT)))
    info = der.sequence(der.integer(1), der.oid("1.2.3"), imprint, der.integer(7), der.generalized_time(SIGNED_AT))
    signed = cms.check(cms.sign(info, operator.key, operator.certificate, content_type=TST_INFO))
    assert (signed.content, signed.content_type) == (info, TST_INFO)


@OPENSSL_KINDS
@pytest.mark.parametrize("content_type", [cms.DATA, TST_INFO])
def test_openssl_verifies_ours(kind: KeyKind, content_type: str, tmp_path: Path) -> None:
    operator = party(kind)
    ca, file = tmp_path / "ca.pem", tmp_path / "message"
    ca.write_bytes(pem.armor("CERTIFICATE", operator.chain[-1]))
    signed = cms.sign(CONTENT, operator.key, operator.certificate, content_type=content_type, signed_at=SIGNED_AT)
    verify = (
        "cms",
        "-verify",
        "-binary",
        "-cades",
        "-inform",
        "DER",
        "-CAfile",
        ca,
        "-no_check_time",
        "-purpose",
        "any",
    )
    file.write_bytes(signed)
    assert openssl(*verify, "-in", file) == CONTENT
    file.write_bytes(signed.replace(b"approve", b"refuse!"))
    with pytest.raises(RefusalError):
        openssl(*verify, "-in", file)


@OPENSSL_KINDS
@pytest.mark.parametrize("options", [(), ("-cades",), ("-cades", "-keyopt", "rsa_padding_mode:pss")], ids=" ".join)
def test_we_read_those_of_openssl(kind: KeyKind, options: tuple[str, ...], tmp_path: Path) -> None:
    operator = party(kind)
    if "-keyopt" in options:
        if kind is not KeyKind.RSA_2048:
            return
        options = (*options, "-keyopt", "rsa_pss_saltlen:digest")
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_bytes(pem.armor("CERTIFICATE", operator.certificate))
    key.write_bytes(pem.armor("PRIVATE KEY", operator.key.pkcs8()))
    digest = "sha384" if kind is KeyKind.P384 else "sha256"
    sign = ("cms", "-sign", "-binary", "-nodetach", "-outform", "DER", "-md", digest, "-signer", certificate)
    made = openssl(*sign, "-inkey", key, *options, data=CONTENT)
    signed = cms.check(made)
    assert (signed.content, signed.certificate) == (CONTENT, operator.certificate)
    assert signed.signed_at is not None
    with pytest.raises(YinxinError):
        cms.check(made.replace(b"approve", b"refuse!"))


@OPENSSL_KINDS
def test_we_read_what_openssl_writes_as_a_stream(kind: KeyKind, tmp_path: Path) -> None:
    """BER: lengths are indefinite, and the content comes in parts (RFC 5652 5.1, X.690 8.7)."""
    operator = party(kind)
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    certificate.write_bytes(pem.armor("CERTIFICATE", operator.certificate))
    key.write_bytes(pem.armor("PRIVATE KEY", operator.key.pkcs8()))
    sign = ("cms", "-sign", "-binary", "-nodetach", "-stream", "-outform", "DER", "-signer", certificate)
    content = CONTENT * 1000
    made = openssl(*sign, "-inkey", key, data=content)
    assert made.startswith(b"\x30\x80")
    signed = cms.check(made)
    assert (signed.content, signed.certificate) == (content, operator.certificate)
    with pytest.raises(YinxinError):
        cms.check(made.replace(b"approve", b"refuse!", 1))


@EACH_KIND
def test_the_parts_are_those_that_another_reader_finds(kind: KeyKind) -> None:
    parts = read_signed_data(message(kind))
    body = asn1_cms.ContentInfo.load(message(kind), strict=True)["content"]
    (info,) = body["signer_infos"]
    assert parts.content == bytes(body["encap_content_info"]["content"])
    assert parts.certificates == tuple(one.chosen.dump() for one in body["certificates"])
    assert parts.signer == info["sid"].chosen.dump()
    assert parts.digest == info["digest_algorithm"]["algorithm"].dotted
    assert parts.signature_algorithm == info["signature_algorithm"].dump()
    assert parts.signed == b"\x31" + info["signed_attrs"].dump()[1:]
    assert {name: value.raw for name, value in parts.attributes.items()} == {
        item["type"].dotted: item["values"][0].dump() for item in info["signed_attrs"]
    }
    assert parts.signature == info["signature"].native


@pytest.mark.parametrize(("times", "is_read"), [(1, True), (3, True), (2000, False)])
def test_content_in_parts_that_have_parts(times: int, is_read: bool) -> None:
    octets = der.octet_string(CONTENT)
    for _time in range(times):
        octets = der.tlv(0x24, octets)
    (element,) = read_elements(octets, is_ber=True)
    if is_read:
        assert octets_of(element) == CONTENT
    else:
        with pytest.raises(ValueError, match="deeply"):
            octets_of(element)


def test_gmssl_verifies_sm2_over_the_signed_attributes() -> None:
    info = asn1_cms.ContentInfo.load(message(KeyKind.SM2), strict=True)["content"]["signer_infos"][0]
    attributes = b"\x31" + info["signed_attrs"].dump()[1:]
    point = curve.point_of(party(KeyKind.SM2).key.public_key_info)
    assert point is not None
    assert GmsslEngine().verify(point, info["signature"].native, attributes)
    digests = [item["values"][0].native for item in info["signed_attrs"] if item["type"].native == "message_digest"]
    assert digests == [SM3.of(CONTENT)]


def test_bouncycastle_verifies_sm2() -> None:
    assert cms_refusal(message(KeyKind.SM2)) == ""
    assert "MismatchException" in cms_refusal(message(KeyKind.SM2).replace(b"approve", b"refuse!"))
    operator = party(KeyKind.SM2)
    bare = cms.sign(CONTENT, operator.key, operator.certificate, content_type=TST_INFO, include_certificate=False)
    assert cms_refusal(bare, certificates=[operator.certificate]) == ""


@pytest.mark.parametrize(("kind", "digest"), [(KeyKind.P256, SHA256), (KeyKind.P384, SHA384), (KeyKind.SM2, SM3)])
def test_the_signature_is_bound_to_the_certificate(kind: KeyKind, digest: object) -> None:
    """RFC 5035 3: issuer and serial, and the digest; the default algorithm, SHA-256, is not written."""
    info = asn1_cms.ContentInfo.load(message(kind))["content"]["signer_infos"][0]
    (bound,) = [item["values"][0] for item in info["signed_attrs"] if item["type"].dotted == cms.SIGNING_CERTIFICATE_V2]
    ess = bound["certs"][0]
    assert ess["cert_hash"].native == digest.of(party(kind).certificate)  # type: ignore[attr-defined]
    assert (digest.identifier in ess.dump()) is (digest is not SHA256)  # type: ignore[attr-defined]
    assert ess["issuer_serial"]["serial_number"].native == info["sid"].chosen["serial_number"].native


# Crafted messages


def crafted(
    operator: Party,
    *,
    attributes: Sequence[bytes] | None = None,
    bound_to: bytes | None = None,
    certificates: Sequence[bytes] = (),
    content: bytes = CONTENT,
    signers: int = 1,
) -> bytes:
    """A message with a good signature by the operator over whatever attributes."""
    algorithm = operator.key.algorithm
    if attributes is None:
        attributes = usual_attributes(operator, bound_to)
    signed = der.set_of(*attributes)
    signer_info = der.sequence(
        der.integer(1),
        cms.issuer_and_serial(operator.certificate),
        algorithm.digest.identifier,
        der.implicit(0, signed) if attributes else b"",
        algorithm.cms_identifier,
        der.octet_string(operator.key.sign(signed if attributes else content)),
    )
    body = der.sequence(
        der.integer(1),
        der.set_of(algorithm.digest.identifier),
        der.sequence(der.oid(cms.DATA), der.explicit(0, der.octet_string(content))),
        # In the order given: DER would sort them, and a forger would not.
        der.implicit(0, der.tlv(der.SET, b"".join(certificates or [operator.certificate]))),
        der.tlv(der.SET, signer_info * signers),
    )
    return der.sequence(der.oid(cms.SIGNED_DATA), der.explicit(0, body))


def usual_attributes(operator: Party, bound_to: bytes | None = None, digest: bytes | None = None) -> list[bytes]:
    used = operator.key.algorithm.digest
    return [
        cms.attribute(cms.CONTENT_TYPE, der.oid(cms.DATA)),
        cms.attribute(cms.MESSAGE_DIGEST, der.octet_string(digest or used.of(CONTENT))),
        cms.signing_certificate_v2(bound_to or operator.certificate, used),
    ]


def twins(kind: KeyKind) -> tuple[Party, Party]:
    """Two parties whose certificates have the same issuer and serial number."""
    authority = root(KeyKind.P256, not_before=BEGIN)
    one = authority.issue("张三", kind=kind, not_before=BEGIN)
    authority.issued = 0
    other = authority.issue("李四", kind=kind, not_before=BEGIN)
    assert cms.issuer_and_serial(one.certificate) == cms.issuer_and_serial(other.certificate)
    return one, other


def test_a_crafted_message_is_good_to_begin_with() -> None:
    assert cms.check(crafted(party(KeyKind.SM2))).content == CONTENT


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.P256])
def test_the_signer_is_whom_the_signature_names_not_who_lies_first(kind: KeyKind) -> None:
    one, other = twins(kind)
    bystander = party(KeyKind.P384).certificate
    for order in ([one, other], [other, one]):
        bag = [bystander, *(twin.certificate for twin in order)]
        assert cms.check(crafted(one, certificates=bag)).certificate == one.certificate
        assert cms.check(crafted(other, certificates=bag)).certificate == other.certificate
        bare = cms.sign(CONTENT, one.key, one.certificate, include_certificate=False)
        assert cms.check(bare, [twin.certificate for twin in order]).certificate == one.certificate


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.P256])
def test_a_signature_bound_to_anothers_certificate_is_refused(kind: KeyKind) -> None:
    one, other = twins(kind)
    both = [one.certificate, other.certificate]
    for bag in (both, both[::-1], both[:1], both[1:]):
        with pytest.raises(YinxinError):
            cms.check(crafted(one, bound_to=other.certificate, certificates=bag))


def test_the_signers_certificate_must_be_at_hand() -> None:
    operator = party(KeyKind.SM2)
    bare = cms.sign(CONTENT, operator.key, operator.certificate, include_certificate=False)
    for at_hand in ([], operator.chain, [party(KeyKind.P256).certificate]):
        with pytest.raises(YinxinError, match="not in the message") as caught:
            cms.check(bare, at_hand)
        assert caught.value.kind is Kind.INVALID
    assert cms.check(bare, [*operator.chain, operator.certificate]).certificate == operator.certificate


def test_other_things_in_the_bag_do_no_harm() -> None:
    operator = party(KeyKind.SM2)
    other_format = der.implicit(3, der.sequence(der.oid("1.2.3"), der.utf8("x")))
    assert cms.check(crafted(operator, certificates=[other_format, operator.certificate])).content == CONTENT


def refused_messages() -> dict[str, bytes]:
    operator = party(KeyKind.SM2)
    usual = usual_attributes(operator)
    wrong = cms.attribute(cms.MESSAGE_DIGEST, der.octet_string(SM3.of(b"other")))
    right_and_wrong = cms.attribute(
        cms.MESSAGE_DIGEST, der.octet_string(SM3.of(CONTENT)), der.octet_string(SM3.of(b"other"))
    )
    good = message(KeyKind.SM2)
    return {
        "nothing": b"",
        "text": b"I agree.",
        "octets after it": good + b"\x00",
        "cut short": good[:-1],
        "plain data": der.sequence(der.oid(cms.DATA), der.explicit(0, der.octet_string(CONTENT))),
        "no signed attributes": crafted(operator, attributes=[]),
        "no content type": crafted(operator, attributes=usual[1:]),
        "another content type": crafted(
            operator, attributes=[cms.attribute(cms.CONTENT_TYPE, der.oid(TST_INFO)), *usual[1:]]
        ),
        "no digest": crafted(operator, attributes=[usual[0], usual[2]]),
        "another digest": crafted(operator, attributes=usual_attributes(operator, digest=SM3.of(b"other"))),
        "two digests": crafted(operator, attributes=[*usual, wrong]),
        "a digest with two values": crafted(operator, attributes=[usual[0], right_and_wrong, usual[2]]),
        "nobody's signature": crafted(operator, signers=0),
        "two signatures": crafted(operator, signers=2),
        "other content": crafted(operator, content=b"other"),
        "no certificates": good.replace(operator.certificate, b""),
        "deep": b"\x30\x80" * 5000,
    }


REFUSED = refused_messages()


@pytest.mark.parametrize("case", REFUSED)
def test_what_is_not_a_good_message_is_refused_in_words(case: str) -> None:
    with pytest.raises(YinxinError) as caught:
        cms.check(REFUSED[case])
    assert caught.value.kind is Kind.INVALID
    assert "\n" not in str(caught.value)


def test_detached_content_is_not_a_message() -> None:
    operator = party(KeyKind.SM2)
    detached = crafted(operator).replace(der.explicit(0, der.octet_string(CONTENT)), b"")
    with pytest.raises(YinxinError):
        cms.check(detached)


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([KeyKind.SM2, KeyKind.P256]), st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=4)
)
def test_no_change_leads_to_other_content(kind: KeyKind, place: float, damage: bytes) -> None:
    """A change is refused, or touches what is not signed (a version, the bag) and tells nothing else."""
    original = message(kind)
    position = int(place * len(original))
    try:
        signed = cms.check(original[:position] + damage + original[position + len(damage) :])
    except YinxinError as error:
        assert "\n" not in str(error)
    else:
        genuine = cms.check(original)
        assert replace(signed, certificates=()) == replace(genuine, certificates=())


@settings(max_examples=50)
@given(st.binary(max_size=200))
def test_garbage_raises_nothing_else(data: bytes) -> None:
    wrapped = der.sequence(der.oid(cms.SIGNED_DATA), der.explicit(0, der.sequence(data)))
    for attempt in (data, wrapped):
        with pytest.raises(YinxinError):
            cms.check(attempt)
    with pytest.raises(YinxinError):
        cms.check(message(KeyKind.SM2).replace(party(KeyKind.SM2).certificate, b""), [data])
