"""`yinxin seals code` and `verify-code`: signed QR codes for paper, made and checked."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import click

from core import files
from core.certificates import read_certificates
from core.cli import Command, Group, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from seals.cli_options import FILE, people_of
from seals.codes.judgement import CodeReport, verify_code
from seals.codes.known import KnownSeals, known_seals
from seals.codes.page_code import PageCode
from seals.codes.picture import code_file, read_codes
from seals.codes.statement import is_code
from seals.codes.use import new_code
from seals.register.bounds import Use
from seals.verification.bundle_cli import grounds

ACTOR = "command"
_KINDS = {".png": "png", ".svg": "svg", ".pdf": "pdf"}


@click.group(cls=Group, help=_("QR codes for paper (数字指纹): short statements signed with the key of a seal."))
def code() -> None:
    """The group of codes."""


@code.command(
    help=_("Make a code about the document NUMBER with the seal NAME. FIELDS: a JSON file, names and texts."),
    example="yinxin seals code new office 0001234567 fields.json --show 金额 --out code.png",
)
@click.argument("name")
@click.argument("number")
@click.argument("fields", type=FILE)
@click.option("--show", multiple=True, help=_("A field that the code itself shows; others are compared by digest."))
@click.option("--out", type=FILE, help=_("Where to write: .png, .svg or .pdf; else the text is printed."))
@click.option("--purpose", default="", help=_("For the books."))
@click.option("--type", "document_type", default="", help=_("The type of the document, where the seal asks for it."))
@output_option
@click.pass_obj
def new(
    home: Home,
    name: str,
    number: str,
    fields: Path,
    show: tuple[str, ...],
    out: Path | None,
    purpose: str,
    document_type: str,
    output: Output,
) -> None:
    """Make a code."""
    if out and out.suffix.lower() not in _KINDS:
        raise YinxinError(
            Kind.INVALID, _("no picture has this suffix"), subject=str(out), remedy=_("name it .png, .svg or .pdf")
        )
    use = Use(ACTOR, "", document_type, purpose)
    text = _made(home, name, number, read_fields(fields), show, use)
    if out:
        files.write(out, code_file(text, _KINDS[out.suffix.lower()]), replace=False)
        output.done(_("{out}: the code for {number}").format(out=out, number=number), {"code": text, "file": str(out)})
    else:
        output.done(text, {"code": text})


def _made(home: Home, name: str, number: str, fields: dict[str, str], show: tuple[str, ...], use: Use) -> str:
    return new_code(home.context, home.key_store("seals"), people_of(home), name, number, fields, show=show, use=use)


def _verify_options(function: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option(
            "--trust",
            type=click.Path(path_type=Path),
            help=_("The folder of trusted certificates, with newer *.crl files; else trust in the home folder."),
        ),
        click.option(
            "--certificate", type=FILE, help=_("The issuer's certificate (PEM or DER), its issuers after it.")
        ),
        click.option(
            "--crl", "crls", multiple=True, type=FILE, help=_("A revocation list of the certificate's issuer.")
        ),
        click.option(
            "--bundle",
            "bundle_file",
            type=FILE,
            help=_("An evidence bundle (yinxin seals bundle), which --trust vouches for."),
        ),
        click.option(
            "--fingerprint",
            "fingerprints",
            multiple=True,
            help=_("For --bundle, instead of --trust: the SHA-256 of an anchor in it that you trust."),
        ),
        click.option("--fields", type=FILE, help=_("The fields on the paper, all of them: JSON, names and texts.")),
        click.argument("source", metavar="TEXT | FILE"),
    ):
        function = option(function)
    return function


@click.command(
    "verify-code",
    cls=Command,
    help=_(
        "Check a code, without a network: its TEXT, or a FILE with a photograph (PNG, JPEG) or a PDF. Exit code: 0"
        " valid, 1 valid with remarks, 2 indeterminate, 3 invalid."
    ),
    example="yinxin seals verify-code photo.jpg --certificate unit.pem --trust trust --fields fields.json",
)
@_verify_options
@output_option
@click.pass_obj
def verify_code_command(
    home: Home,
    source: str,
    fields: Path | None,
    certificate: Path | None,
    crls: tuple[Path, ...],
    bundle_file: Path | None,
    fingerprints: tuple[str, ...],
    trust: Path | None,
    output: Output,
) -> int:
    """Check a code."""
    trusted = grounds(home, trust, crls, bundle_file, fingerprints, output)
    brought = read_certificates(certificate) if certificate else []
    ours = _seals_of(home)
    known = replace(trusted, certificates=[*trusted.certificates, *brought, *ours.certificates])
    claimed = read_fields(fields) if fields else None
    reports = [verify_code(text, known, home.clock, claimed, ours.owners) for text in _texts(source)]
    for report in reports:
        _print(output, report)
    return max(report.verdict for report in reports).exit_code


code.add_command(
    Command(
        "verify",
        params=verify_code_command.params,
        callback=verify_code_command.callback,
        help=verify_code_command.help,
        example="yinxin seals code verify photo.jpg --certificate unit.pem --trust trust --fields fields.json",
    )
)


def _seals_of(home: Home) -> KnownSeals:
    """At the centre, all seals are known."""
    from core.config import FILE_NAME

    return known_seals(home.context) if (home.path / FILE_NAME).exists() else KnownSeals()


def _texts(source: str) -> list[str]:
    if is_code(source):
        return [source]
    content = files.read(Path(source))
    if content.lstrip()[:4] == b"YX1:":
        return [content.decode("ascii", errors="replace")]
    found = [text for text in read_codes(content) if is_code(text)]
    if not found:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no code of ours is seen here"),
            subject=source,
            remedy=_("photograph it again, straight and in good light"),
        )
    return found


def _print(output: Output, report: CodeReport) -> None:
    said = report.statement
    facts = {
        "verdict": report.verdict if output.json else report.verdict.words,
        "number": said.number if said else None,
        "seal": said.seal if said else None,
        "signer": report.signer,
        "at": said.at if said else None,
        "shown": dict(said.shown) if said else {},
        "algorithm": report.algorithm,
        "findings": [finding.text for finding in report.findings],
    }
    if not output.json and said:
        facts["shown"] = [f"{name}: {text}" for name, text in said.shown.items()]
    labels = {
        "verdict": _("Verdict"),
        "findings": _("Because"),
        "number": _("Document number"),
        "shown": _("Fields"),
        "seal": _("Seal"),
        "signer": _("Signer"),
        "at": _("Claimed time"),
    }
    output.details(facts, {name: label for name, label in labels.items() if output.json or facts[name]})


def read_fields(file: Path) -> dict[str, str]:
    """The fields in a JSON file; `YinxinError` (invalid) if they are not names and texts."""
    try:
        found = json.loads(files.read(file))
    except ValueError as error:
        raise YinxinError(Kind.INVALID, _("not JSON: {reason}").format(reason=error), subject=str(file)) from error
    if not isinstance(found, dict) or not found or not all(isinstance(one, str) for one in found.values()):
        raise YinxinError(
            Kind.INVALID,
            _("the fields are not names and texts"),
            subject=str(file),
            remedy=_('write them as {"金额": "1250.00"}'),
        )
    return found


def code_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give `stamp` the options of `page_code`."""
    for option in (
        click.option("--code-size", type=click.FloatRange(20, 80), default=30, show_default=True, help=_("In mm.")),
        click.option("--code-page", type=click.IntRange(1), default=1, show_default=True, help=_("For --code.")),
        click.option("--code-at", help=_("For --code: its middle, X,Y in mm from the lower left corner.")),
        click.option("--code-show", multiple=True, help=_("For --code: a field that the code itself shows.")),
        click.option("--code-number", help=_("For --code: the number of the document.")),
        click.option("--code", "code_fields", type=FILE, help=_("Put a QR code about these fields (JSON) on it.")),
    ):
        function = option(function)
    return function


def page_code(
    *,
    code_fields: Path | None,
    code_number: str | None,
    code_show: tuple[str, ...],
    code_at: str | None,
    code_page: int,
    code_size: float,
) -> PageCode | None:
    """The code that these options ask for; None if they ask for none. `YinxinError` (invalid) if something lacks."""
    if code_fields is None:
        return None
    try:
        x_mm, y_mm = (float(number) for number in (code_at or "").split(","))
    except ValueError:
        x_mm = y_mm = -1
    if x_mm < 0 or not code_number:
        raise YinxinError(
            Kind.INVALID,
            _("a code needs a number and a place"),
            remedy=_("give --code-number, and --code-at such as 170,25"),
        )
    return PageCode(code_number, read_fields(code_fields), code_show, code_page, x_mm, y_mm, code_size)
