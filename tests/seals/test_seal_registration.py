"""The registration of a seal on paper: what people stated, and the impression at its true size."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pypdfium2 as pdfium
import pytest
from pypdfium2 import raw

from core.algorithms import SM3
from core.clock import FixedClock
from core.context import Context
from core.errors import Kind, YinxinError
from core.storage import Storage
from seals import records
from seals.forms import Form
from seals.register.bounds import Bounds
from seals.register.dossiers import Dossier, read_dossier
from seals.register.registration import registration
from seals.register.statements import Act
from tests.support.seal_people import CUSTODIAN, MANAGERS, Bureau, bureau_of, order_of
from tests.support.sealing import NAME, Office

CENTRE = "示范市数字证书认证中心"
NOW = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
POINTS_PER_MM = 72 / 25.4


@pytest.fixture
def bureau(storage: Storage, sm2_office: Office) -> Iterator[Bureau]:
    yield bureau_of(Context(storage, FixedClock(NOW)), sm2_office)


def dossier(bureau: Bureau) -> Dossier:
    with bureau.context.storage.reading() as connection:
        return read_dossier(connection, bureau.crew, "office")


def printed(bureau: Bureau) -> pdfium.PdfDocument:
    return pdfium.PdfDocument(registration(dossier(bureau), CENTRE, NOW))


def words(document: pdfium.PdfDocument) -> str:
    return "".join("".join(page.get_textpage().get_text_bounded().split()) for page in document)


def test_everything_that_was_stated_is_on_the_paper(bureau: Bureau) -> None:
    bounds = Bounds(callers=("oa",), per_day=200, hours="08:30-18:00", weekdays=(1, 5), approval=True)
    bureau.seal(unit="宝鸡市人民政府", bounds=bounds, form=Form.GM)
    bureau.decide(Act.FREEZE, CUSTODIAN, why="遗失待查")
    document = printed(bureau)
    said, seen = words(document), dossier(bureau)
    version = seen.in_force
    assert version is not None and version.application is not None and version.structure is not None
    digests = (
        version.digest,
        SM3.of(version.structure).hex(),
        version.application.picture,
        SM3.of(version.application.certificate).hex(),
    )
    facts = (
        "office",
        NAME,
        "宝鸡市人民政府",
        "公章official",
        "已冻结frozen",
        "GB/T38540-2020",
        "/GM.sm2seal",
        "42×42mm",
    )
    limits = ("oa", "200", "08:30-18:00", "1，5", "许可")
    people = (*MANAGERS, CUSTODIAN, "申请apply", "审核approve", "制作make", "领用activate", "冻结freeze", "遗失待查")
    assert [one for one in (*facts, *limits, *people, *digests, CENTRE) if one not in said] == []
    assert said.count("approve") == 2
    assert len(document) <= 2


def test_the_impression_has_its_true_size(bureau: Bureau) -> None:
    bureau.seal()
    (image,) = printed(bureau)[0].get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE])
    left, bottom, right, top = image.get_bounds()
    assert right - left == pytest.approx(42 * POINTS_PER_MM, abs=0.5)
    assert top - bottom == pytest.approx(42 * POINTS_PER_MM, abs=0.5)


def test_a_wide_seal_has_room(bureau: Bureau) -> None:
    bureau.seal(width_mm=120)
    (image,) = printed(bureau)[0].get_objects(filter=[raw.FPDF_PAGEOBJ_IMAGE])
    left, _bottom, right, _top = image.get_bounds()
    assert right - left == pytest.approx(120 * POINTS_PER_MM, abs=0.5)
    assert 0 < left < right < 595


def test_the_version_in_force_is_printed(bureau: Bureau) -> None:
    bureau.apply(order_of(bureau.office))
    with pytest.raises(YinxinError, match="not made yet") as refused:
        printed(bureau)
    assert refused.value.kind is Kind.CONFLICT
    bureau.put_to_use()
    bureau.change(order_of(bureau.office, bounds=Bounds(per_day=7)))
    assert "无限制" in words(printed(bureau)), "what is only applied for is not in force"
    bureau.put_to_use()
    said = words(printed(bureau))
    assert "无限制" not in said
    assert said.count("approve") == 4, "of all versions"


def test_a_seal_from_before_there_were_statements(bureau: Bureau) -> None:
    import sqlalchemy as sa

    bureau.seal()
    with bureau.context.storage.transaction() as connection:
        structure = connection.scalar(sa.select(records.versions.c.structure))
        connection.execute(sa.delete(records.statements))
        connection.execute(sa.update(records.versions).values(revision=0, structure=structure))
        connection.execute(sa.update(records.seals).values(earlier_state="active"))
    with pytest.raises(YinxinError, match="before statements were kept"):
        printed(bureau)
