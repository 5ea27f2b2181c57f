"""The pages of the report: counts that are right, charts that any reader of SVG can draw, words that are escaped."""

from collections import Counter
from datetime import UTC, date, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import pytest
import resvg_py
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit.chain import Chain
from audit.findings import Finding, Gravity
from audit.merkle import root_of
from audit.notes import Checkpoint
from audit.report import pages
from audit.report.gathering import MAXIMUM_BARS, Gathered, Report, Series, bars
from audit.report.plots import bar_chart
from core.algorithms import SM3
from core.i18n import speaking

SVG = "{http://www.w3.org/2000/svg}"
FIRST, LAST = date(2026, 11, 1), date(2026, 11, 30)


def gathered_of(*acts: tuple[str, str], **details: str) -> Gathered:
    """Of these moments and acts."""
    gathered = Gathered(FIRST, LAST)
    for position, (at, act) in enumerate(acts):
        entry: dict[str, Any] = {"at": at, "act": act, "actor": "<b>张三</b>", "subject": "s", "details": details}
        gathered.take(position, rfc8785.dumps(entry))
    return gathered


def report_of(gathered: Gathered, *findings: Finding) -> Report:
    root = root_of(SM3, [])
    checkpoint = Checkpoint("audit.example/1", 0, root, SM3, datetime(2026, 11, 30, tzinfo=UTC))
    return Report(gathered, Chain([checkpoint]), list(findings), "ab" * 32)


def test_days_are_those_of_beijing() -> None:
    gathered = gathered_of(
        ("2026-10-31T15:59:59+00:00", "ca.certificate.issue"),
        ("2026-10-31T16:00:00+00:00", "ca.certificate.issue"),
        ("2026-11-30T15:59:59+00:00", "seals.document.seal"),
        ("2026-11-30T16:00:00+00:00", "seals.document.seal"),
    )
    issued, _revoked, sealed, _refused = gathered.series()
    assert issued.days == {FIRST: 1} and sealed.days == {LAST: 1}
    assert gathered.entries == 2 and gathered.people["<b>张三</b>"] == {"ca": 1, "seals": 1}


def test_refusals_are_told_by_rule() -> None:
    at = "2026-11-05T02:00:00+00:00"
    gathered = gathered_of((at, "ra.request.approve.refused"), (at, "ca.crl.refuse"), rule="self-approval")
    assert gathered.refusals == {("ra.request.approve", "self-approval"): 1, ("ca.crl", "self-approval"): 1}
    assert gathered.series()[3].days == {date(2026, 11, 5): 2}


@given(st.integers(1, 4000), st.dictionaries(st.integers(0, 4000), st.integers(1, 1000)))
def test_bars_lose_nothing(days: int, counts: dict[int, int]) -> None:
    last = FIRST + timedelta(days=days - 1)
    inside = Counter({FIRST + timedelta(days=day): count for day, count in counts.items() if day < days})
    drawn = bars(Series("x", inside), FIRST, last)
    assert sum(count for _label, count in drawn) == inside.total()
    assert len(drawn) <= max(MAXIMUM_BARS + 1, days / 28 + 2)


@pytest.mark.parametrize("counts", [[], [0], [1], [0, 3, 7], [99_999_999], list(range(60))])
def test_charts_can_be_drawn_by_others(counts: list[int]) -> None:
    svg = bar_chart([(f"<{place}", count) for place, count in enumerate(counts)], 'a "title" & <more>', "serif")
    tree = ElementTree.fromstring(svg)
    assert len(tree.findall(f"{SVG}rect")) == sum(count > 0 for count in counts)
    for rectangle in tree.findall(f"{SVG}rect"):
        assert float(rectangle.attrib["y"]) >= 0 and float(rectangle.attrib["height"]) > 0
    assert bytes(resvg_py.svg_to_bytes(svg_string=svg)).startswith(b"\x89PNG")


def test_the_page_stands_by_itself_and_escapes_names() -> None:
    gathered = gathered_of(("2026-11-05T02:00:00+00:00", "ra.request.enter"))
    finding = Finding(Gravity.BROKEN, "chain", "<script>", "it is & was <bad>", 7)
    for language, words in (("en", "see the findings"), ("zh_CN", "<html")):
        with speaking(language):
            page = pages.html(report_of(gathered, finding)).decode()
        assert words in page and "&lt;b&gt;张三&lt;/b&gt;" in page
        assert "<script" not in page and "<b>" not in page and "src=" not in page
        assert "http" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    with speaking("en"):
        assert "the rules were kept." in pages.html(report_of(gathered)).decode()


def test_the_verdict_of_a_log_without_a_checkpoint() -> None:
    with speaking("en"):
        assert "altered" in pages.verdict(Report(Gathered(FIRST, LAST), Chain(), [], "ab"))
