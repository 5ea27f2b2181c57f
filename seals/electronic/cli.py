"""`yinxin seals inspect`: any electronic seal, explained and checked."""

from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from core import files
from core.certificates import read_certificates
from core.cli import Command, Output, output_option
from core.config import FILE_NAME
from core.home import Home
from core.i18n import _
from seals.cli_options import FILE, people_of
from seals.contracts import PEOPLE
from seals.electronic.inspection import Inspection, inspect
from seals.electronic.makers import Books, no_books
from seals.verification.facts import CertificateFacts
from seals.verification.trust import Trust, load_trust


@click.command(
    "inspect",
    cls=Command,
    help=_(
        "Explain the electronic seal FILE (SESeal of GM/T 0031-2014, GB/T 38540-2020 or GM/T 0031-2025, or a signature"
        " made with one) and check it. Exit code: 0 valid, 1 valid with remarks, 2 indeterminate, 3 invalid."
    ),
    example="yinxin seals inspect office.esl --picture office.png\n"
    "yinxin seals inspect theirs.esl --trust roots --json",
)
@click.argument("file", type=FILE)
@click.option("--picture", type=FILE, help=_("Also write the picture in the seal to this file."))
@click.option(
    "--trust",
    type=click.Path(path_type=Path),
    help=_("The folder of trusted certificates, with newer *.crl files; else trust in the home folder."),
)
@click.option(
    "--issuer", "issuers", multiple=True, type=FILE, help=_("Certificates between the maker's and a trusted one.")
)
@click.option("--crl", "crls", multiple=True, type=FILE, help=_("The revocation list of the maker's issuer."))
@output_option
@click.pass_obj
def inspect_command(
    home: Home,
    file: Path,
    picture: Path | None,
    trust: Path | None,
    issuers: tuple[Path, ...],
    crls: tuple[Path, ...],
    output: Output,
) -> int:
    """Inspect a seal."""
    data = files.read(file)
    inspection = inspect(data, _trust(home, trust, issuers, crls), home.clock.now(), _books(home))
    if picture:
        files.write(picture, inspection.image, replace=False)
    if output.json:
        output.details(inspection.as_json(), {})
    else:
        _print(output, inspection)
    return inspection.verdict.exit_code


def _trust(home: Home, folder: Path | None, issuers: tuple[Path, ...], crls: tuple[Path, ...]) -> Trust:
    """Nothing is trusted where nothing is given and there is no home: then everything but that can be said."""
    folder = folder or (home.trust if home.trust.exists() else None)
    known = Trust(()) if folder is None else load_trust(folder, crls)
    between = [certificate for issuer in issuers for certificate in read_certificates(issuer)]
    ours = home.certificates("seals")
    if ours.is_dir() and any(ours.iterdir()):
        between += read_certificates(ours)
    return replace(known, certificates=between)


def _books(home: Home) -> Books:
    """Those of the authority, at its own centre."""
    if not (home.path / FILE_NAME).exists() or PEOPLE not in click.get_current_context().meta:
        return no_books
    people = people_of(home)

    def look(certificate: bytes, moment: datetime) -> bool:
        with home.storage.reading() as connection:
            return people.require_maker(connection, certificate, moment)

    return look


def _print(output: Output, inspection: Inspection) -> None:
    facts: dict[str, Any] = {
        _("Verdict"): inspection.verdict.words,
        _("Because"): "; ".join(finding.text for finding in inspection.findings),
        _("Structure"): f"{inspection.standard} ({inspection.version})",
        _("Name"): inspection.name,
        _("Kind"): {1: _("of a unit"), 2: _("of a person")}.get(inspection.kind, inspection.kind),
        _("Number"): inspection.seal_id,
        _("Vendor"): inspection.vendor_id,
        _("Made at"): inspection.created,
        _("Valid from"): inspection.valid_from,
        _("Valid until"): inspection.valid_until,
        _("May sign with it"): [
            _certificate(one.certificate) if one.certificate else f"{one.algorithm} {one.digest}"
            for one in inspection.certificates
        ],
        _("Picture"): _("{kind}, {octets} octets, {width} × {height} mm").format(
            kind=inspection.picture.kind,
            octets=inspection.picture.octets,
            width=inspection.picture.width_mm,
            height=inspection.picture.height_mm,
        ),
        _("Extensions"): [f"{one.oid}: {one.value}" for one in inspection.extensions],
        _("Maker"): _certificate(inspection.maker),
        _("Issuer"): inspection.maker.issuer,
        _("Algorithm"): inspection.algorithm,
        _("Time stamp"): inspection.timestamp,
    }
    if inspection.signature:
        facts |= {
            _("Signer"): _certificate(inspection.signature.signer),
            _("Protects"): inspection.signature.property_info,
            _("SM3 of what is protected"): inspection.signature.data_hash,
            _("Signed, at the latest"): inspection.signature.timestamp,
        }
    known = {label: value for label, value in facts.items() if value not in (None, "", [])}
    output.details(known, {label: label for label in known})


def _certificate(facts: CertificateFacts) -> str:
    return f"{facts.subject} ({facts.serial_number})"
