"""The form of a seal is what two people approved, and every structure of the register signs in it."""

import shutil
from pathlib import Path

import pytest

from core.asn1.ses import parse_signature
from core.asn1.ses_structures import CertificateListKind, Version
from core.context import Context
from core.storage import Storage
from seals import use
from seals.forms import Form
from seals.levels import Level
from seals.placement.placement import Straddling
from seals.register.applications import parse_application
from seals.register.orders import application_of
from seals.verification.report import Verdict
from tests.support import pdf
from tests.support.seal_people import Bureau, bureau_of, order_of
from tests.support.sealing import Office, blank_pdf


@pytest.fixture
def bureau(migrated_sqlite: Path, tmp_path: Path, sm2_office: Office) -> Bureau:
    file = tmp_path / "yinxin.db"
    shutil.copy(migrated_sqlite, file)
    return bureau_of(Context(Storage(f"sqlite:///{file}"), sm2_office.clock), sm2_office)


@pytest.mark.parametrize("form", [None, Form.GM])
@pytest.mark.parametrize(
    ("standard", "named"),
    [
        (Version.GBT_38540_2020, CertificateListKind.CERTIFICATES),
        (Version.GMT_0031_2025, CertificateListKind.DIGESTS),
    ],
)
def test_a_seal_signs_in_its_form(
    bureau: Bureau, standard: Version, named: CertificateListKind, form: Form | None
) -> None:
    bureau.seal(standard=standard, certificate_list=named, form=form)
    order = use.UseOrder(blank_pdf(3), Straddling(), Level.B_LTA)
    made = use.stamp(bureau.context, bureau.keys, bureau.support, bureau.crew, "office", order, actor="oa")
    sealed = made.read()
    report = bureau.office.report(sealed)
    assert report.verdict is Verdict.VALID
    seal = report.signatures[0]
    assert seal.electronic_seal is not None
    assert seal.electronic_seal.version == standard
    assert seal.electronic_seal.maker_trusted
    assert seal.sub_filter == ("GM.sm2seal" if form else "ETSI.CAdES.detached")
    if form:
        assert parse_signature(pdf.contents(sealed)).version is standard


def test_applications_from_before_there_was_a_choice_are_the_same_octets(bureau: Bureau) -> None:
    plain = application_of(order_of(bureau.office), revision=1, branch="").canonical()
    assert b"form" not in plain
    chosen = application_of(order_of(bureau.office, form=Form.GM), revision=1, branch="").canonical()
    assert parse_application(chosen).form is Form.GM
