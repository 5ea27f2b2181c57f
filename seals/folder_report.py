"""What became of many documents: at a terminal, for programs, and in a file."""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import click
from pydantic_core import to_json

from core import files
from core.cli import Output
from core.i18n import _
from seals.cli_options import Function
from seals.folder import Done, Outcome

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""How a cell begins that an office program takes for a formula (OWASP CSV Injection): documents are named by others."""


def report_option(function: Function) -> Function:
    """Give the command `--report` and the parameter `report: Path | None`."""
    option = click.option(
        "--report", type=click.Path(path_type=Path, dir_okay=False), help=_("A .csv or .json of every document.")
    )
    decorated: Function = option(function)
    return decorated


def tell(output: Output, done: Iterable[Done], report: Path | None) -> int:
    """Print what went wrong, or everything for programs, and write the report; the exit code: 1 if some failed."""
    every = list(done)
    if report:
        files.write(report, _written(every, report.suffix == ".json"))
    failed = [one for one in every if one.outcome is Outcome.FAILED]
    if output.json:
        output.table(map(asdict, every), {})
    elif failed:
        output.table(map(asdict, failed), {"document": _("Document"), "problem": _("Problem")})
    counts = {outcome: sum(one.outcome is outcome for one in every) for outcome in Outcome}
    output.note(
        _("{sealed} sealed, {present} were there, {failed} failed.").format(
            sealed=counts[Outcome.SEALED], present=counts[Outcome.PRESENT], failed=counts[Outcome.FAILED]
        )
    )
    return 1 if failed else 0


def _written(done: Sequence[Done], as_json: bool) -> bytes:
    rows = [asdict(one) for one in done]
    if as_json:
        return to_json(rows, indent=2)
    text = io.StringIO()
    writer = csv.DictWriter(text, [field.name for field in fields(Done)])
    writer.writeheader()
    writer.writerows({name: _plain(value) for name, value in row.items()} for row in rows)
    # With a mark, so that spreadsheets read Chinese names.
    return text.getvalue().encode("utf-8-sig")


def _plain(value: str) -> str:
    return f"'{value}" if value.startswith(_FORMULA) else value
