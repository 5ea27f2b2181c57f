"""What a delivery leaves on paper and in files: the receipt, PKCS#7 and PKCS#12, read by others' programs."""

import shutil
import subprocess
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms
from asn1crypto import x509
from hypothesis import given
from hypothesis import strategies as st

from ca.authorities import chain_of
from core.errors import Kind, YinxinError
from core.subject import Identity
from ra import requests
from ra.delivery import Form, deliver, write_certificate
from ra.issuance import issue
from ra.receipt import mask, receipt_of, typeset
from ra.register import find_request
from tests.support.office import RESIDENT_ID, Office
from tests.support.openssl import openssl


def issued(office: Office) -> str:
    number = office.approved()
    issue(office.context, office.authority, office.sessions["zhi.make"], [number])
    return number


def tool(*command: str | Path) -> str:
    if not shutil.which(str(command[0])):
        pytest.skip(f"needs {command[0]}")
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_receipt_can_be_read_selected_and_printed_anywhere(office: Office, tmp_path: Path) -> None:
    number = issued(office)
    with pytest.raises(YinxinError) as error:
        receipt_of(find_request(office.context, number), "个人证书", "示范市数字证书认证中心")
    assert error.value.kind is Kind.CONFLICT
    deliver(office.context, office.sessions["zhi.make"], number)
    record = find_request(office.context, number)
    file = tmp_path / "receipt.pdf"
    file.write_bytes(typeset(receipt_of(record, "个人证书", "示范市数字证书认证中心")))
    text = tool("pdftotext", "-layout", file, "-")
    serial = f"{record.certificates[0].serial:038x}"
    end = x509.Certificate.load(record.certificates[0].certificate).not_valid_after.astimezone()
    ending = f"{end.year} 年 {end.month} 月 {end.day} 日"
    for said in (
        "证书领取单",
        number,
        "张三",
        "宝鸡市人民政府办公室",
        "个人证书",
        "zhi.make",
        serial,
        ending,
        "签字",
        "签名 Signing",
    ):
        assert said in text, said
    assert RESIDENT_ID not in text and RESIDENT_ID[6:14] not in text and "110***********02X" not in text
    assert "110***********02X"[:3] in text and "*" * 10 in text
    assert "no syntax or stream" in tool("qpdf", "--check", file).lower()
    fonts = tool("pdffonts", file).splitlines()[2:]
    assert fonts and all(" yes yes yes " in line for line in fonts), "embedded, subset, with a map to Unicode"
    assert "Pages:           1" in tool("pdfinfo", file)


@given(st.from_regex(r"[A-Z0-9]{3,30}", fullmatch=True))
def test_a_masked_number_hides_most_of_itself(number: str) -> None:
    masked = mask(Identity(passport=number))
    assert len(masked) == len(number) and masked.count("*") >= len(number) / 3
    assert all(one in ("*", other) for one, other in zip(masked, number, strict=True))
    assert mask(Identity()) == "—"


def test_openssl_reads_the_certificates_of_a_pkcs7_file(office: Office, tmp_path: Path) -> None:
    number = issued(office)
    (one,) = find_request(office.context, number).certificates
    chain = chain_of(office.storage, one.authority)
    file = tmp_path / "chain.p7b"
    file.write_bytes(write_certificate(one.certificate, chain, Form.P7B))
    printed = openssl("pkcs7", "-inform", "DER", "-in", file, "-print_certs")
    assert printed.count(b"BEGIN CERTIFICATE") == 1 + len(chain)
    signed = asn1_cms.ContentInfo.load(file.read_bytes(), strict=True)["content"]
    assert len(signed["signer_infos"]) == 0 and signed["version"].native == "v1"
    assert {found.chosen.dump() for found in signed["certificates"]} == {one.certificate, *chain}


def test_a_request_is_delivered_once_whatever_the_form(office: Office) -> None:
    number = issued(office)
    deliver(office.context, office.sessions["zhi.make"], number)
    with pytest.raises(YinxinError) as error:
        deliver(office.context, office.sessions["zhi.make"], number)
    assert error.value.kind is Kind.CONFLICT
    with pytest.raises(YinxinError):
        requests.withdraw(office.context, office.sessions["lu.enter"], number)
