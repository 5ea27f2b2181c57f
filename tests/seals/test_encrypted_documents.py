"""Encrypted PDFs: sealed with their password, encrypted as before, and only as far as their permissions go."""

import shutil
import subprocess
from dataclasses import replace
from functools import cache
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pytest
from asn1crypto import x509
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer
from pyhanko.sign.fields import SigFieldSpec, append_signature_field

from core.errors import Kind, YinxinError
from seals.documents import pdf_proof
from seals.documents.pdf import seal_pdf
from seals.forms import Form
from seals.levels import Level
from seals.placement.placement import AtKeyword, InField, Place, Placement, Straddling
from seals.verification.report import Report, Verdict
from seals.verification.verification import verify_pdf
from tests.support.sealing import PLACE, Office, blank_pdf

USER, OWNER = "user 1", "Owner 2"
SCHEMES: dict[str, dict[str, Any]] = {
    "RC4-40": {"R": 2, "aes": False, "metadata": False},
    "RC4-128": {"R": 3, "aes": False, "metadata": False},
    "AES-128": {"R": 4, "aes": True},
    "AES-256": {"R": 6, "aes": True},
}
EVERYTHING = pikepdf.Permissions(modify_assembly=True)
NOTHING = pikepdf.Permissions(
    modify_annotation=False, modify_form=False, modify_other=False, modify_assembly=False, extract=False
)
needs_peers = pytest.mark.skipif(
    not all(map(shutil.which, ("qpdf", "pdfsig"))),
    reason="qpdf or pdfsig is not installed (Debian: qpdf, poppler-utils)",
)


@cache
def encrypted(
    scheme: str = "AES-256",
    *,
    user: str = USER,
    owner: str = OWNER,
    allow: pikepdf.Permissions = EVERYTHING,
    field: bool = False,
) -> bytes:
    output, source = BytesIO(), BytesIO(blank_pdf(3))
    if field:
        writer = IncrementalPdfFileWriter(source)
        append_signature_field(writer, SigFieldSpec("Chop", box=(100, 100, 300, 300)))
        writer.write_in_place()  # type: ignore[no-untyped-call]
    with pikepdf.open(source) as document:
        document.save(
            output,
            encryption=pikepdf.Encryption(user=user, owner=owner, allow=allow, **SCHEMES[scheme]),
            static_id=True,
        )
    return output.getvalue()


def sealed(
    office: Office,
    document: bytes,
    password: str | None = USER,
    *,
    level: Level = Level.B_T,
    place: Place = PLACE,
    form: Form = Form.PADES,
    **options: Any,
) -> bytes:
    seal = replace(office.seal, form=form)
    return seal_pdf(
        document,
        seal,
        place,
        level=level,
        support=office.support,
        clock=office.clock,
        password=password,
        reason="inspected",
        **options,
    ).read()


def report(office: Office, document: bytes, password: str | None = USER) -> Report:
    return verify_pdf(document, office.trust(status=True), office.clock, password=password)


def refused(kind: Kind, words: str, office: Office, document: bytes, password: str | None, **options: Any) -> None:
    with pytest.raises(YinxinError, match=words) as caught:
        sealed(office, document, password, **options)
    assert caught.value.kind is kind
    assert (password or "?") not in str(caught.value)


@needs_peers
@pytest.mark.parametrize("scheme", SCHEMES)
def test_a_sealed_document_stays_encrypted_as_it_was(rsa_office: Office, tmp_path: Path, scheme: str) -> None:
    document = encrypted(scheme)
    after = sealed(rsa_office, document, level=Level.B_LTA)
    assert after.startswith(document)
    for password in (USER, OWNER):
        seal, archive = report(rsa_office, after, password).signatures
        assert (seal.verdict, seal.level, archive.verdict) == (Verdict.VALID, Level.B_LTA, Verdict.VALID)
        assert seal.claims is not None
        assert seal.claims.reason == "inspected"
        with (
            pikepdf.open(BytesIO(after), password=password) as opened,
            pikepdf.open(BytesIO(document), password=password) as before,
        ):
            assert opened.encryption.encryption_key == before.encryption.encryption_key
            assert (opened.encryption.R, opened.encryption.bits) == (before.encryption.R, before.encryption.bits)
    # What the increment says in words cannot be read without the password.
    assert b"inspected" not in after
    assert rsa_office.seal.name.encode("utf-16-be") not in after
    file = tmp_path / "sealed.pdf"
    file.write_bytes(after)
    check = subprocess.run(["qpdf", f"--password={USER}", "--check", file], capture_output=True, text=True, timeout=30)
    assert check.returncode == 0, check.stderr
    shown = subprocess.run(["pdfsig", "-nocert", "-upw", USER, file], capture_output=True, text=True, timeout=30)
    assert shown.stdout.count("Signature is Valid") == 1, shown  # of a document timestamp it says nothing
    assert "Total document signed" in shown.stdout


def test_nobody_seals_or_verifies_without_the_password(rsa_office: Office) -> None:
    document = encrypted()
    refused(Kind.UNSUPPORTED, "no password was given.*--password-file", rsa_office, document, None)
    for wrong in ("user 2", "USER 1", "", "密码"):
        refused(Kind.FORBIDDEN, "does not open", rsa_office, document, wrong)
    after = sealed(rsa_office, document)
    for password, words in ((None, "no password"), ("wrong", "does not open")):
        found = report(rsa_office, after, password)
        assert found.verdict is Verdict.INDETERMINATE
        assert words in found.findings[0].text


def test_a_password_does_no_harm_to_a_document_without_one(rsa_office: Office, plain: bytes) -> None:
    assert report(rsa_office, sealed(rsa_office, plain), "any").verdict is Verdict.VALID


@pytest.mark.parametrize("scheme", ["RC4-40", "AES-128", "AES-256"])
def test_an_empty_password_opens_but_permissions_hold(rsa_office: Office, scheme: str) -> None:
    open_to_all = encrypted(scheme, user="")
    assert report(rsa_office, sealed(rsa_office, open_to_all, None), None).verdict is Verdict.VALID
    locked = encrypted(scheme, user="", allow=NOTHING)
    refused(Kind.FORBIDDEN, "permissions.*owner password", rsa_office, locked, None)
    assert report(rsa_office, sealed(rsa_office, locked, OWNER), None).verdict is Verdict.VALID


ANNOTATING = pikepdf.Permissions(modify_annotation=True, modify_form=True, modify_other=False)
FILLING = pikepdf.Permissions(modify_annotation=False, modify_form=True, modify_other=False)
STRADDLED = Straddling()


@pytest.mark.parametrize(
    ("allow", "place", "permitted"),
    [
        # ISO 32000-2 table 22: bits 4 and 6 to make a field, 6 or 9 to fill one, 6 for annotations.
        (ANNOTATING, PLACE, False),
        (ANNOTATING, InField("Chop"), True),
        (ANNOTATING, STRADDLED, False),
        (FILLING, InField("Chop"), True),
        (FILLING, PLACE, False),
        (NOTHING, InField("Chop"), False),
        (EVERYTHING, STRADDLED, True),
        (pikepdf.Permissions(modify_annotation=False), PLACE, False),
    ],
)
def test_what_the_permissions_permit(
    rsa_office: Office, allow: pikepdf.Permissions, place: Place, permitted: bool
) -> None:
    document = encrypted("AES-128", allow=allow, field=True)
    if permitted:
        assert report(rsa_office, sealed(rsa_office, document, place=place)).verdict is Verdict.VALID
    else:
        refused(Kind.FORBIDDEN, "permissions", rsa_office, document, USER, place=place)
    assert report(rsa_office, sealed(rsa_office, document, OWNER, place=place)).verdict is Verdict.VALID


def test_before_revision_3_there_is_no_permission_to_fill_in_only(rsa_office: Office) -> None:
    document = encrypted("RC4-40", allow=NOTHING, field=True)
    with pikepdf.open(BytesIO(document), password=USER) as opened:
        assert opened.encryption.P & 256  # reserved there, and always set
    refused(Kind.FORBIDDEN, "permissions", rsa_office, document, USER, place=InField("Chop"))


@pytest.mark.parametrize(("scheme", "encoding"), [("AES-256", "utf-8"), ("AES-128", "utf-8"), ("AES-128", "gb18030")])
def test_chinese_passwords_as_the_authors_system_wrote_them(
    rsa_office: Office, tmp_path: Path, scheme: str, encoding: str
) -> None:
    if shutil.which("qpdf") is None:
        pytest.skip("qpdf is not installed")
    password, file, bits = "机密文件", tmp_path / "plain.pdf", "256" if scheme == "AES-256" else "128"
    file.write_bytes(blank_pdf())
    arguments = tmp_path / "arguments"
    lines = ["--allow-weak-crypto", "--password-mode=bytes", str(file), "--encrypt", password, "owner", bits]
    lines += ["--use-aes=y"] * (bits == "128") + ["--", str(tmp_path / "encrypted.pdf")]
    arguments.write_bytes("\n".join(lines).encode(encoding))
    subprocess.run(["qpdf", f"@{arguments}"], check=True, timeout=30)
    after = sealed(rsa_office, (tmp_path / "encrypted.pdf").read_bytes(), password)
    assert report(rsa_office, after, password).verdict is Verdict.VALID


def test_what_is_encrypted_to_certificates_or_with_the_withdrawn_revision_5(rsa_office: Office, tmp_path: Path) -> None:
    from pyhanko.pdf_utils.crypt import PubKeySecurityHandler
    from pyhanko.pdf_utils.crypt.pubkey import RecipientEncryptionPolicy

    writer = copy_into_new_writer(PdfFileReader(BytesIO(blank_pdf())))
    recipient = x509.Certificate.load(rsa_office.unit.certificate)
    handler = PubKeySecurityHandler.build_from_certs(
        [recipient], policy=RecipientEncryptionPolicy(ignore_key_usage=True)
    )
    writer.security_handler = handler
    writer._encrypt = writer.add_object(handler.as_pdf_object())  # type: ignore[no-untyped-call]
    output = BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    for repair in (False, True):
        with pytest.raises(YinxinError, match=r"to certificates|beyond repair") as caught:
            sealed(rsa_office, output.getvalue(), None, repair=repair)
        assert caught.value.kind in (Kind.UNSUPPORTED, Kind.INVALID)
    assert report(rsa_office, output.getvalue()).verdict is Verdict.INDETERMINATE
    stream = BytesIO()
    with pikepdf.open(BytesIO(blank_pdf())) as document:
        document.save(stream, encryption=pikepdf.Encryption(user=USER, owner=OWNER, R=5))
    refused(Kind.UNSUPPORTED, "in a way that is not supported", rsa_office, stream.getvalue(), USER)


def test_an_integrity_code_is_not_broken(rsa_office: Office) -> None:
    writer = copy_into_new_writer(PdfFileReader(BytesIO(blank_pdf())))
    writer.encrypt(OWNER, USER, pdf_mac=True)  # type: ignore[no-untyped-call]
    output = BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    refused(Kind.UNSUPPORTED, "integrity code", rsa_office, output.getvalue(), OWNER)
    assert report(rsa_office, output.getvalue()).findings[0].code == "no-signature"


@pytest.mark.parametrize("form", Form)
def test_several_seals_everywhere_in_both_forms(sm2_office: Office, form: Form) -> None:
    first = sealed(sm2_office, encrypted(), place=AtKeyword("Page 2"), level=Level.B_T, form=form)
    both = sealed(sm2_office, first, OWNER, place=STRADDLED, level=Level.B_LTA, form=form)
    found = report(sm2_office, both)
    assert found.verdict is Verdict.VALID, found
    assert [one.level for one in found.signatures if one.kind == "seal"] == [Level.B_LTA] * 2


def test_what_is_changed_after_the_seal_is_noticed(sm2_office: Office) -> None:
    after = sealed(sm2_office, encrypted(), level=Level.B_T)
    writer = IncrementalPdfFileWriter(BytesIO(after))
    writer.encrypt(OWNER)  # type: ignore[no-untyped-call]
    stream = generic.StreamObject(stream_data=b"BT /F1 24 Tf 100 700 Td (paid) Tj ET")
    writer.add_stream_to_page(0, writer.add_object(stream))  # type: ignore[no-untyped-call]
    output = BytesIO()
    writer.write(output)  # type: ignore[no-untyped-call]
    (seal,) = report(sm2_office, output.getvalue()).signatures
    assert (seal.verdict, seal.intact, seal.changes.rule if seal.changes else "") == (Verdict.INVALID, True, "content")
    flipped = bytearray(after)
    flipped[after.index(b"stream") + 20] ^= 1
    assert report(sm2_office, bytes(flipped)).verdict is Verdict.INVALID


def test_what_stays_the_same_is_not_verified_again(sm2_office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    sealed(sm2_office, encrypted(), level=Level.B_T)
    monkeypatch.delattr(pdf_proof, "_require_as_anybody")
    again = sealed(sm2_office, encrypted("RC4-128"), level=Level.B_T, place=Placement(2, 80, 80))
    assert report(sm2_office, again).verdict is Verdict.VALID


def test_a_repaired_copy_stays_encrypted(rsa_office: Office) -> None:
    damaged = encrypted().replace(b"startxref", b"startxrex")
    refused(Kind.INVALID, "damaged", rsa_office, damaged, USER)
    refused(Kind.UNSUPPORTED, "no password", rsa_office, damaged, None, repair=True)
    refused(Kind.FORBIDDEN, "does not open", rsa_office, damaged, "wrong", repair=True)
    after = sealed(rsa_office, damaged, repair=True)
    assert report(rsa_office, after).verdict is Verdict.VALID
    assert report(rsa_office, after, None).verdict is Verdict.INDETERMINATE
    with pikepdf.open(BytesIO(after), password=OWNER) as opened:
        assert opened.encryption.R == 6
