"""A document that is sealed together with a code on its page: one use of the seal, and one permission for it."""

import hashlib
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pikepdf
import pytest

from core.context import Context
from core.errors import YinxinError
from core.storage import Storage
from seals import use
from seals.codes.judgement import verify_code
from seals.codes.page_code import PageCode
from seals.codes.picture import read_codes
from seals.codes.statement import is_code
from seals.levels import Level
from seals.placement.placement import Placement
from seals.register.bounds import Bounds
from seals.register.permissions import permit
from seals.register.uses import list_uses
from seals.use import UseOrder
from seals.verification.report import Verdict
from tests.support.seal_people import CUSTODIAN, Bureau, OfficeKeys, OfficeSupport, bureau_of
from tests.support.sealing import Office

FIELDS = {"缴款人": "张三", "金额": "1250.00"}
CODE = PageCode("0001234567", FIELDS, ["金额"], 2, 40, 40, 30)


@pytest.fixture
def bureau(storage: Storage, sm2_office: Office) -> Iterator[Bureau]:
    """Its seal seals once, and only what a custodian has permitted."""
    bureau = bureau_of(Context(storage, sm2_office.clock), sm2_office)
    bureau.seal(bounds=Bounds(total=1, approval=True))
    yield bureau


def stamped(bureau: Bureau, document: bytes | Path, code: PageCode | None = CODE) -> bytes:
    order = UseOrder(document, Placement(2, 150, 60), Level.B_B, code=code)
    keys, support = OfficeKeys(bureau.office), OfficeSupport(bureau.office)
    with use.stamp(bureau.context, keys, support, bureau.crew, "office", order, actor="command").file as file:
        file.seek(0)
        return file.read()


def test_one_use_and_one_permission(bureau: Bureau, plain: bytes, tmp_path: Path) -> None:
    digest = hashlib.sha256(plain).hexdigest()
    permit(bureau.context, bureau.crew, bureau.crew[CUSTODIAN], "office", digest)
    (tmp_path / "fee.pdf").write_bytes(plain)
    sealed = stamped(bureau, tmp_path / "fee.pdf")
    (text,) = [one for one in read_codes(sealed) if is_code(one)]
    trust = bureau.office.trust(status=True)
    with_certificates = type(trust)(
        trust.anchors, [bureau.office.unit.certificate, *bureau.office.unit.chain], trust.crls
    )
    assert verify_code(text, with_certificates, bureau.office.clock, FIELDS).verdict is Verdict.VALID
    assert bureau.office.report(sealed, status=True).verdict in (Verdict.VALID, Verdict.REMARKS)
    (only,) = list_uses(bureau.context, bureau.crew, bureau.crew[CUSTODIAN], "office")
    assert (only.sha256_before, only.sha256_after) == (digest, hashlib.sha256(sealed).hexdigest())
    assert only.place == "2: 40, 40 mm (YX1 0001234567); 2: 150, 60 mm"
    assert only.permission is not None
    with pytest.raises(YinxinError, match=r"permi|times"):
        stamped(bureau, plain)


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (PageCode("1", FIELDS, [], 7, 40, 40, 30), "no page 7"),
        (PageCode("1", FIELDS, ["总额"], 1, 40, 40, 30), "no field"),
        (PageCode("1", {"附言": "长" * 900}, ["附言"], 1, 40, 40, 30), "more than a code holds"),
    ],
)
def test_what_cannot_have_the_code_is_not_sealed(bureau: Bureau, plain: bytes, code: PageCode, words: str) -> None:
    permit(bureau.context, bureau.crew, bureau.crew[CUSTODIAN], "office", hashlib.sha256(plain).hexdigest())
    with pytest.raises(YinxinError, match=words):
        stamped(bureau, plain, code)
    assert list_uses(bureau.context, bureau.crew, bureau.crew[CUSTODIAN], "office") == []
    assert stamped(bureau, plain), "the permission and the only use are still there"


def test_a_sealed_document_takes_no_code(bureau: Bureau, sealed_sm2: bytes) -> None:
    permit(bureau.context, bureau.crew, bureau.crew[CUSTODIAN], "office", hashlib.sha256(sealed_sm2).hexdigest())
    with pytest.raises(YinxinError, match="signed"):
        stamped(bureau, sealed_sm2)
    with pikepdf.open(BytesIO(sealed_sm2)) as document:
        assert len(document.pages) == 2
