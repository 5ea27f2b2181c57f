import pypdfium2
import pytest

from yinxin.sample import SEAL_KEYWORD, SEAL_PLACE, typeset_notice

MM = 72 / 25.4


@pytest.fixture(scope="module")
def notice() -> bytes:
    return typeset_notice()


def test_the_notice_is_small_and_the_same_every_time(notice: bytes) -> None:
    assert notice.startswith(b"%PDF-")
    assert len(notice) < 300_000
    assert notice == typeset_notice()


def test_it_has_an_even_number_of_a4_pages_with_embedded_fonts(notice: bytes) -> None:
    document = pypdfium2.PdfDocument(notice)
    assert len(document) == 4
    for page in document:
        assert page.get_size() == pytest.approx((210 * MM, 297 * MM), abs=0.1)
    assert notice.count(b"/FontFile3") == 2
    assert "宝政办发〔2026〕18号" in document[0].get_textpage().get_text_range()


def test_the_seal_covers_the_signature_and_the_date_and_keeps_off_the_text(notice: bytes) -> None:
    page = pypdfium2.PdfDocument(notice)[SEAL_PLACE.page - 1]
    text = page.get_textpage()
    content = text.get_text_range()
    for covered in (SEAL_KEYWORD, "2026年7月20日"):
        start = content.rindex(covered)
        boxes = [text.get_charbox(index) for index in range(start, start + len(covered))]
        left, bottom = min(box[0] for box in boxes), min(box[1] for box in boxes)
        right, top = max(box[2] for box in boxes), max(box[3] for box in boxes)
        assert left / MM < SEAL_PLACE.x_mm < right / MM
        assert SEAL_PLACE.x_mm == pytest.approx((left + right) / 2 / MM, abs=1)
        assert SEAL_PLACE.y_mm - 22.5 < bottom / MM < top / MM < SEAL_PLACE.y_mm + 22.5
    attachment_line = text.get_charbox(content.index("附件："))
    assert attachment_line[1] / MM > SEAL_PLACE.y_mm + 22.5
