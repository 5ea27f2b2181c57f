"""`yinxin seals receipt`: sign that a document has come, check what others have signed, see who has not yet."""

from collections.abc import Callable
from pathlib import Path

import click

from core import files
from core.certificates import read_certificates
from core.cli import Group, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys import passphrase
from core.keys.key_file import open_key_file
from seals.cli_options import FILE, PIN_VARIABLE
from seals.contracts import TIMESTAMPER, Timestamper
from seals.receipts import ReceiptReport, sign_receipt, verify_receipt
from seals.verification.report import Verdict
from seals.verification.trust import load_trust

SUFFIX = ".receipt"
_TRUST = click.option(
    "--trust",
    type=click.Path(path_type=Path),
    help=_("The folder of trusted certificates, with newer *.crl files; else trust in the home folder."),
)
_HEADINGS = ("receiver", "verdict", "proven_at", "file", "findings")


@click.group(cls=Group, help=_("Receipts for documents: signed by whoever got them, with a time stamp."))
def receipt() -> None:
    """The group of receipts."""


@receipt.command(
    help=_("Sign with the key of a unit that DOCUMENT has come to it."),
    example="yinxin seals receipt sign notice.pdf --key unit.pem --certificate unit-chain.pem "
    "--tsa https://pki.example.gov.cn/tsa/sm2",
)
@click.argument("document", type=FILE)
@click.option("--key", "key_file", required=True, type=FILE, help=_("The unit's key file."))
@click.option("--pin-file", type=FILE, help=_("File with the PIN, mode 0600; else YINXIN_PIN, or a prompt."))
@click.option("--certificate", required=True, type=FILE, help=_("The unit's certificate, its issuers after it."))
@click.option("--tsa", required=True, help=_("The address of a time-stamping authority."))
@click.option("--note", default="", help=_("A few words to the sender."))
@click.option("--out", type=FILE, help=_("Where to write; else DOCUMENT with .receipt added."))
@output_option
@click.pass_obj
def sign(
    home: Home,
    document: Path,
    key_file: Path,
    pin_file: Path | None,
    certificate: Path,
    tsa: str,
    note: str,
    out: Path | None,
    output: Output,
) -> None:
    """Sign a receipt."""
    source: Callable[[str], Timestamper] | None = click.get_current_context().meta.get(TIMESTAMPER)
    if source is None:
        raise YinxinError(Kind.UNAVAILABLE, _("there are no time stamps to be had here"))
    signer = open_key_file(key_file, passphrase.obtain(str(key_file), file=pin_file, variable=PIN_VARIABLE))
    chain = read_certificates(certificate)
    made = sign_receipt(files.read(document), signer, chain, source(tsa), home.clock, name=document.name, note=note)
    out = out or document.with_name(document.name + SUFFIX)
    files.write(out, made, replace=False)
    output.done(_("{out}: the receipt for {file}").format(out=out, file=document), {"receipt": str(out)})


@receipt.command(
    help=_(
        "Check RECEIPT, and whether it is for DOCUMENT. Exit code: 0 valid, 1 valid with remarks, 2 indeterminate,"
        " 3 invalid."
    ),
    example="yinxin seals receipt verify notice.pdf.receipt notice.pdf --trust trust",
)
@click.argument("file", type=FILE, metavar="RECEIPT")
@click.argument("document", type=FILE)
@_TRUST
@output_option
@click.pass_obj
def verify(home: Home, file: Path, document: Path, trust: Path | None, output: Output) -> int:
    """Check a receipt."""
    report = verify_receipt(files.read(file), files.read(document), load_trust(trust or home.trust), home.clock)
    labels = {
        "verdict": _("Verdict"),
        "receiver": _("Receiver"),
        "subject": _("Certificate"),
        "proven_at": _("Signed before"),
        "note": _("Note"),
        "findings": _("Findings"),
    }
    output.details(_facts(file, report), labels)
    return report.verdict.exit_code


@receipt.command(
    help=_(
        "Tell who has returned a receipt for DOCUMENT, and who of those in a list has not. Exit code: 0 all have,"
        " 1 somebody has not, or not a good one."
    ),
    example="yinxin seals receipt summary notice.pdf receipts/*.receipt --units units.txt",
)
@click.argument("document", type=FILE)
@click.argument("receipts", nargs=-1, type=FILE, metavar="RECEIPT…")
@click.option("--units", type=FILE, help=_("The names of those who were to get it, one on each line, as certified."))
@_TRUST
@output_option
@click.pass_obj
def summary(
    home: Home, document: Path, receipts: tuple[Path, ...], units: Path | None, trust: Path | None, output: Output
) -> int:
    """Tell who has read it."""
    content, trusted = files.read(document), load_trust(trust or home.trust)
    rows = [
        _facts(file, verify_receipt(files.read(file), content, trusted, home.clock))
        for file in output.track(receipts, _("Verifying"))
    ]
    good = {row["receiver"] for row in rows if row["verdict"] <= Verdict.REMARKS}  # type: ignore[operator]
    asked = _names(units) if units else []
    missing = [name for name in asked if name not in good]
    rows.sort(key=lambda row: str(row["proven_at"]))
    absent = {"verdict": None, "proven_at": None, "file": None, "findings": [_("no good receipt")]}
    rows += [{"receiver": name, **absent} for name in missing]
    headings = (_("Receiver"), _("Verdict"), _("Signed before"), _("File"), _("Findings"))
    output.table(rows, dict(zip(_HEADINGS, headings, strict=True)))
    output.note(
        _("{good} of {asked} have returned a good receipt.").format(good=len(good), asked=len(asked) or len(rows))
    )
    return 1 if missing or len(good) < len(receipts) else 0


def _names(file: Path) -> list[str]:
    try:
        return [line.strip() for line in files.read(file).decode("utf-8-sig").splitlines() if line.strip()]
    except UnicodeDecodeError:
        raise YinxinError(Kind.INVALID, _("not a text in UTF-8"), subject=str(file)) from None


def _facts(file: Path, report: ReceiptReport) -> dict[str, object]:
    return {
        "file": str(file),
        "verdict": report.verdict,
        "receiver": report.receiver,
        "subject": report.subject,
        "proven_at": report.proven_at,
        "document": report.words.document if report.words else "",
        "note": report.words.note if report.words else "",
        "findings": [finding.text for finding in report.findings],
    }
