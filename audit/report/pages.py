"""The report in the reader's language: HTML in one file, without scripts and outside resources; PDF by Typst."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from audit.findings import Gravity, is_broken
from audit.report.gathering import Report, bars
from audit.report.plots import bar_chart
from core.i18n import _, current_language
from core.output import for_people

SOURCE = Path(__file__).with_name("report.typ")
STYLE = Path(__file__).with_name("report.css")
FONT = "Noto Serif SC"
WIDE = 5
"""Columns of the findings."""

Table = tuple[str, Sequence[str], Sequence[Sequence[str]]]
"""Title, headings, rows."""


def verdict(report: Report) -> str:
    """In a sentence."""
    if is_broken(report.findings) or report.chain.last is None:
        return _("The log was altered, or a rule was broken: see the findings.")
    if report.findings:
        return _("The log is whole, and the rules were kept; there are remarks.")
    return _("The log is whole, and the rules were kept.")


def facts(report: Report) -> list[tuple[str, str]]:
    """What was looked at."""
    gathered, last = report.gathered, report.chain.last
    return [
        (_("Period"), f"{gathered.first} – {gathered.last}"),
        (_("Log"), last.origin if last else "-"),
        (_("Entries in the period"), str(gathered.entries)),
        (_("Entries in the whole log"), str(report.chain.entries)),
        (_("Checkpoints, of them time-stamped"), f"{len(report.chain.checkpoints)}, {report.chain.stamped}"),
        (_("Newest checkpoint"), for_people(last.at) if last else "-"),
        (_("Root hash"), last.root.hex() if last else "-"),
        (_("Fingerprint of the audit key"), report.key),
    ]


def findings(report: Report) -> Table:
    """What was found."""
    gravities = {Gravity.BROKEN: _("broken"), Gravity.REMARK: _("remark")}
    found = [
        (gravities[one.gravity], for_people(one.position), one.rule, one.subject, one.what) for one in report.findings
    ]
    return (_("Findings"), (_("Finding"), _("Position"), _("Rule"), _("About"), _("Details")), found)


def tables(report: Report) -> list[Table]:
    """What was refused, what was done, and by whom."""
    gathered = report.gathered
    refusals = [(act, rule, str(count)) for (act, rule), count in gathered.refusals.most_common()]
    acts = [(act, str(count)) for act, count in sorted(gathered.acts.items())]
    people = sorted(gathered.people.items(), key=lambda one: (-one[1].total(), one[0]))
    did = [
        (name, str(rooms.total()), ", ".join(f"{room} {count}" for room, count in rooms.most_common()))
        for name, rooms in people
    ]
    return [
        (_("What was refused"), (_("Act"), _("Rule"), _("Count")), refusals),
        (_("By whom"), (_("By"), _("Count"), _("Where")), did),
        (_("What was done"), (_("Act"), _("Count")), acts),
    ]


def charts(report: Report) -> list[tuple[str, str]]:
    """Title with the sum, and SVG; empty, where there is nothing to draw."""
    first, last = report.gathered.first, report.gathered.last
    drawn = []
    for series in report.gathered.series():
        title = f"{series.name}: {series.days.total()}"
        drawn.append((title, bar_chart(bars(series, first, last), title, FONT) if series.days.total() else ""))
    return drawn


def html(report: Report) -> bytes:
    """One file."""
    language = {"zh_CN": "zh-CN"}.get(current_language(), "en")
    title, state = _("Report on the audit log"), "broken" if is_broken(report.findings) else "whole"
    style = STYLE.read_text(encoding="utf-8")
    parts = [
        f'<!doctype html>\n<html lang="{language}"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        f"<style>{style}</style></head><body><main><h1>{escape(title)}</h1>",
        f'<p class="verdict {state}">{escape(verdict(report))}</p><dl>',
        *(f"<dt>{escape(label)}</dt><dd>{escape(value)}</dd>" for label, value in facts(report)),
        "</dl>",
        _html_table(findings(report)),
        *(f"<figure><figcaption>{escape(name)}</figcaption>{svg}</figure>" for name, svg in charts(report)),
        *map(_html_table, tables(report)),
        "</main></body></html>\n",
    ]
    return "".join(parts).encode()


def _html_table(table: Table) -> str:
    title, headings, rows = table
    if not rows:
        return f"<h2>{escape(title)}</h2><p>{escape(_('None.'))}</p>"
    head = "".join(f"<th>{escape(one)}</th>" for one in headings)
    body = "".join("<tr>" + "".join(f"<td>{escape(one)}</td>" for one in row) + "</tr>" for row in rows)
    kind = ' class="findings"' if len(headings) == WIDE else ""
    return f"<h2>{escape(title)}</h2><table{kind}><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def pdf(report: Report) -> bytes:
    """A4 pages, characters embedded and selectable."""
    # Imported here: typesetting takes libraries that no other command needs.
    import typst
    from pylopdf_fonts_zh_cn import serif_path

    content = {
        "title": _("Report on the audit log"),
        "none": _("None."),
        "chinese": current_language() == "zh_CN",
        "broken": is_broken(report.findings),
        "verdict": verdict(report),
        "facts": facts(report),
        "findings": findings(report),
        "charts": charts(report),
        "tables": tables(report),
    }
    octets: bytes = typst.compile(
        SOURCE,
        format="pdf",
        font_paths=[serif_path().parent],
        ignore_system_fonts=True,
        sys_inputs={"report": json.dumps(content, ensure_ascii=False)},
    )
    return octets
