from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest
from asn1crypto import parser
from hypothesis import given
from hypothesis import strategies as st

from core.asn1 import der
from core.asn1.ses import parse_seal, parse_signature
from core.asn1.ses_structures import Version
from core.asn1.ses_writing import OwnerKind, SealInfo, SealPicture, assemble_seal
from core.errors import Kind, YinxinError

SM3_WITH_SM2 = "1.2.156.10197.1.501"
INFO = SealInfo(
    vendor_id="YINXIN",
    seal_id="61030000000001",
    owner_kind=OwnerKind.UNIT,
    name="宝鸡市人民政府办公室",
    certificates=[b"0\x00first", b"0\x00second"],
    created=datetime(2026, 7, 20, 1, 2, 3, tzinfo=UTC),
    valid_from=datetime(2026, 7, 20, 9, tzinfo=timezone(timedelta(hours=8))),
    valid_until=datetime(2055, 7, 20, tzinfo=UTC),
    picture=SealPicture("PNG", b"\x89PNG", 45, 45),
)
SEAL = assemble_seal(INFO.encoded(), b"maker", SM3_WITH_SM2, b"signature")


def content_of(element: bytes) -> bytes:
    content: bytes = parser.parse(element)[4]
    return content


def signature_over(seal: bytes, version: int = 4) -> bytes:
    to_sign = der.sequence(
        der.integer(version),
        seal,
        der.generalized_time(INFO.created),
        der.bit_string(b"h" * 32),
        der.ia5("0 10 20 30"),
    )
    return der.sequence(to_sign, der.octet_string(b"signer"), der.oid(SM3_WITH_SM2), der.bit_string(b"value"))


SIGNATURE = signature_over(SEAL)


def test_what_is_written_is_read() -> None:
    seal = parse_seal(SEAL)
    assert seal.version is Version.GBT_38540_2020
    assert (seal.original, seal.signed) == (SEAL, INFO.encoded())
    assert (seal.maker_certificate, seal.algorithm, seal.signature) == (b"maker", SM3_WITH_SM2, b"signature")
    assert seal.timestamp is None
    info = seal.structure["seal_info"].native
    assert info["header"] == {"id": "ES", "version": 4, "vendor_id": "YINXIN"}
    assert info["es_id"] == INFO.seal_id
    assert info["property"] == {
        "type": 1,
        "name": INFO.name,
        "cert_list_type": 1,
        "cert_list": INFO.certificates,
        "create_date": INFO.created,
        "valid_start": INFO.valid_from,
        "valid_end": INFO.valid_until,
    }
    assert info["picture"] == {"type": "PNG", "data": b"\x89PNG", "width": 45, "height": 45}


def test_a_signature_hands_out_its_seal_and_the_original_bytes() -> None:
    signature = parse_signature(SIGNATURE)
    assert signature.version is Version.GBT_38540_2020
    assert signature.seal.original == SEAL
    assert signature.signed == content_of(SIGNATURE)[: len(signature.signed)]
    assert (signature.certificate, signature.signature, signature.data_hash) == (b"signer", b"value", b"h" * 32)
    assert signature.property_info == "0 10 20 30"
    assert signature.structure["to_sign"]["time_info"].native == INFO.created


def with_extension(critical: bytes) -> bytes:
    """The seal info with one extension, whose DEFAULT is written out, which DER forbids and real seals do."""
    extension = der.sequence(der.oid("1.2.3"), critical, der.octet_string(b"x"))
    return der.sequence(content_of(INFO.encoded()), der.sequence(extension))


def test_an_explicit_default_stays_in_the_signed_bytes() -> None:
    info = with_extension(b"\x01\x01\x00")
    seal = parse_seal(assemble_seal(info, b"maker", SM3_WITH_SM2, b"signature"))
    assert seal.signed == info
    assert seal.structure["seal_info"]["ext_datas"].native == [
        {"extn_id": "1.2.3", "critical": False, "extn_value": b"x"}
    ]


def test_version_5_is_told_by_its_timestamp_or_its_header() -> None:
    stamped = der.sequence(content_of(SEAL), der.explicit(0, der.bit_string(b"token")))
    assert parse_seal(stamped).version is Version.GMT_0031_2025
    assert parse_seal(stamped).timestamp == b"token"
    header_5 = SEAL.replace(b"\x16\x02ES\x02\x01\x04", b"\x16\x02ES\x02\x01\x05")
    assert parse_seal(header_5).version is Version.GMT_0031_2025
    assert parse_signature(signature_over(header_5, 5)).version is Version.GMT_0031_2025


def test_certificates_may_be_listed_by_digest() -> None:
    listed = der.sequence(*(der.octet_string(certificate) for certificate in INFO.certificates))
    digests = der.sequence(der.sequence(der.printable("SM3"), der.octet_string(bytes(10))))
    assert len(listed) == len(digests)
    seal = parse_seal(SEAL.replace(b"\x02\x01\x01" + listed, b"\x02\x01\x02" + digests))
    assert seal.structure["seal_info"]["property"]["cert_list"].native == [{"type": "SM3", "value": bytes(10)}]


@pytest.mark.parametrize("data", [b"", b"0", b"\x30\x00", SEAL[:-1], SEAL + b"\x00", b"%PDF-1.7", SIGNATURE])
def test_what_is_no_seal_is_refused(data: bytes) -> None:
    with pytest.raises(YinxinError) as caught:
        parse_seal(data)
    assert caught.value.kind is Kind.INVALID
    assert "\n" not in str(caught.value)


def test_a_seal_is_no_signature() -> None:
    with pytest.raises(YinxinError, match="SES_Signature"):
        parse_signature(SEAL)


def only_yinxin_errors(read: Callable[[bytes], object], data: bytes) -> None:
    try:
        read(data)
    except YinxinError as error:
        assert error.kind is Kind.INVALID


@given(st.binary(max_size=400))
def test_garbage_raises_nothing_else(data: bytes) -> None:
    only_yinxin_errors(parse_seal, data)
    only_yinxin_errors(parse_signature, data)


@given(st.integers(0, len(SIGNATURE) - 1), st.binary(min_size=1, max_size=6))
def test_damaged_signatures_raise_nothing_else(position: int, damage: bytes) -> None:
    damaged = SIGNATURE[:position] + damage + SIGNATURE[position + len(damage) :]
    only_yinxin_errors(parse_signature, damaged)
    only_yinxin_errors(parse_seal, damaged)


@pytest.mark.parametrize(
    "change",
    [
        {"vendor_id": "印信"},
        {"seal_id": ""},
        {"name": ""},
        {"certificates": []},
        {"valid_until": INFO.valid_from},
        {"picture": SealPicture("PNG", b"", 45, 45)},
        {"picture": SealPicture("PNG", b"x", 0, 45)},
        {"picture": SealPicture("图", b"x", 45, 45)},
    ],
)
def test_a_seal_that_could_not_be_read_is_not_written(change: dict[str, object]) -> None:
    with pytest.raises(YinxinError) as caught:
        replace(INFO, **change)  # type: ignore[arg-type]
    assert caught.value.kind is Kind.INVALID
