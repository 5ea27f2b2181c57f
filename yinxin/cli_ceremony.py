"""`yinxin ca ceremony`: root keys made offline, before witnesses, from one reviewable file."""

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core import files
from core.certificates import read_certificates
from core.cli import Group, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys import passphrase
from core.keys.key_file import open_key_file

if TYPE_CHECKING:
    from ca.ceremony.transcript import Transcript

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("ceremony", cls=Group, help=_("Key ceremonies: root keys made offline, before witnesses."))
def group() -> None:
    """The group."""


@group.command(
    help=_("A dry run: show all that the ceremony by the plan in FILE will do, and the certificates as they will be."),
    example="yinxin ca ceremony plan ceremony.toml --pdf plan.pdf",
)
@click.argument("file", type=_FILE)
@click.option("--pdf", type=_FILE, help=_("Also write it here, to hand round."))
@output_option
@click.pass_obj
def plan(home: Home, file: Path, pdf: Path | None, output: Output) -> None:
    """Show what would be done."""
    from ca.ceremony.plan import load_plan
    from ca.ceremony.preview import preview
    from ca.ceremony.sheets import record_pdf
    from ca.ceremony.wording import text_of
    from ca.profiles import load_profile
    from yinxin.installation import default_configuration

    read = load_plan(file)
    sections = preview(read, load_profile(default_configuration() / "profiles" / "root.toml"), home.clock.now())
    if pdf:
        files.write(pdf, record_pdf(read.plan.title, sections))
    if output.json:
        output.details(
            {"sm3": read.digest, "sections": [{"title": one.title, "rows": one.rows} for one in sections]}, {}
        )
        return
    click.echo(text_of(sections), nl=False)
    output.note(
        _(
            "Hold it offline, once everybody has read this:"
            " yinxin --home ROOT-HOME ca ceremony run {file} --digest {digest}"
        ).format(file=file, digest=read.digest)
    )


@group.command(
    help=_(
        "Hold the ceremony by the plan in FILE: the home of the roots (--home, new), what is published, the shares."
    ),
    example="yinxin --home root-home ca ceremony run ceremony.toml --digest 4f1c…",
)
@click.argument("file", type=_FILE)
@click.option("--digest", required=True, help=_("SM3 of the plan that was reviewed; its first 16 digits are enough."))
@output_option
@click.pass_obj
def run(home: Home, file: Path, digest: str, output: Output) -> None:
    """Hold it."""
    from ca.ceremony.plan import load_plan
    from yinxin.root_home import TRANSCRIPT, hold

    read = load_plan(file)
    if len(digest) < 16 or not read.digest.startswith(digest.lower()):
        raise YinxinError(
            Kind.FORBIDDEN,
            _("this is another plan than the one that was reviewed: its SM3 is {digest}").format(digest=read.digest),
            subject=str(file),
            remedy=_("review it again: yinxin ca ceremony plan {file}").format(file=file),
        )
    held = hold(home.path, read, clock=home.clock, on_step=output.note)
    transcript = held.folder / TRANSCRIPT
    output.done(
        _(
            "The roots are in {home}; certificates, lists and transcript are in {folder}."
            " SM3 of the transcript: {digest}"
        ).format(home=held.home.path, folder=held.folder, digest=held.transcript.digest),
        {
            "home": str(held.home.path),
            "folder": str(held.folder),
            "transcript": str(transcript),
            "sm3": held.transcript.digest,
            "sheets": str(held.sheets) if held.sheets else None,
        },
    )
    if held.sheets:
        output.note(
            _(
                "Print the sheets, let each custodian check theirs (yinxin ca custody check), then remove them:"
                " rm -r {folder}"
            ).format(folder=held.sheets)
        )
    output.note(
        _("Then everybody signs: yinxin ca ceremony sign {transcript} --as NAME --key FILE").format(
            transcript=transcript
        )
    )


@group.command(
    help=_("Sign the transcript in FILE as somebody who was present; recorded in the audit log of the home."),
    example="yinxin --home root-home ca ceremony sign ceremony/transcript.json --as 赵敏 --key zhao.pem",
)
@click.argument("file", type=_FILE)
@click.option("--as", "name", required=True, help=_("Who signs, as the plan has it."))
@click.option("--key", "key_file", required=True, type=_FILE, help=_("Their key file."))
@click.option("--pin-file", type=_FILE, help=_("File with the PIN, mode 0600; else YINXIN_PIN, or a prompt."))
@output_option
@click.pass_obj
def sign(home: Home, file: Path, name: str, key_file: Path, pin_file: Path | None, output: Output) -> None:
    """Attest."""
    from ca.ceremony.attestation import attest, signature_file
    from core.audit import Event

    transcript = _read(file)
    signed_file = signature_file(file.parent, transcript, name)
    signer = open_key_file(key_file, passphrase.obtain(str(key_file), file=pin_file, variable="YINXIN_PIN"))
    signed = attest(transcript, name, signer, home.clock.now())
    details = {"statement": signed.digest, "transcript": transcript.digest}
    with home.storage.transaction() as connection:
        event = Event("ca.ceremony.sign", name, transcript.reference, details)
        home.context.audit.append(connection, event)
        files.write(signed_file, signed.message)
    output.done(
        _("{name} has signed: {file}").format(name=name, file=signed_file), {"name": name, "file": str(signed_file)}
    )


@group.command(
    help=_(
        "Check a ceremony from its files alone, without home and network: transcript, plan, roots, signatures. Exit"
        " code 1 if something is wrong or a signature is missing."
    ),
    example="yinxin ca ceremony verify ceremony/transcript.json",
)
@click.argument("file", type=_FILE)
@click.option(
    "--trust",
    type=click.Path(path_type=Path, exists=True),
    help=_("Roots of the certificates of those present, a file or a folder."),
)
@output_option
def verify(file: Path, trust: Path | None, output: Output) -> int:
    """Check."""
    from ca.ceremony.attestation import examine
    from ca.ceremony.transcript import sections_of
    from ca.ceremony.wording import role_words, text_of
    from ca.lint.reading import UNREADABLE

    verdict = examine(_read(file), file.parent, read_certificates(trust) if trust else ())
    people = [
        {"name": one.name, "roles": role_words(one.roles), "standing": standing} for one, standing in verdict.people
    ]
    if output.json:
        facts = {"whole": verdict.is_whole, "sm3": verdict.transcript.digest, "findings": verdict.findings}
        output.details(facts | {"people": people}, {})
        return 0 if verdict.is_whole else 1
    with suppress(YinxinError, *UNREADABLE):  # what cannot be read is among the findings
        click.echo(text_of(sections_of(verdict.transcript)))
    standings = {
        "signed": _("signed"),
        "missing": _("missing"),
        "by-hand": _("by-hand"),
        "wrong": _("wrong"),
    }
    output.table(
        [row | {"standing": standings[str(row["standing"])]} for row in people],
        {"name": _("Name"), "roles": _("Roles"), "standing": _("Signature")},
    )
    for finding in verdict.findings:
        output.warn(finding)
    if verdict.is_whole:
        output.done(
            _("The transcript is whole. Compare its SM3 with the paper: {digest}").format(
                digest=verdict.transcript.digest
            )
        )
        return 0
    output.done(_("The transcript is not whole: see above."))
    return 1


def _read(file: Path) -> "Transcript":
    from ca.ceremony.transcript import parse_transcript

    try:
        return parse_transcript(files.read(file))
    except YinxinError as error:
        error.subject = error.subject or str(file)
        raise
