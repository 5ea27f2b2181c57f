"""`yinxin audit`: look at the log, sign checkpoints, export, prove, verify."""

import json
import logging
import signal
import threading
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import FrameType

import click

from audit import chain, proofs, rotation
from audit import key as audit_key
from audit.bundle import opened
from audit.checkpoints import Notary
from audit.cli_options import anchors_of, key_options, keys_of, trust_option
from audit.contracts import CHECK_TOKEN, IMPERSONAL, OBJECTS, STAMP, ObjectSource, StampSource
from audit.export import Exported, export
from audit.findings import Finding, is_broken
from audit.reading import read_entry
from audit.sequencer import key_notes
from audit.succession import Succession
from audit.verification import verify_log
from core import files
from core.account import local_account
from core.audit import Event, read_entries
from core.cli import Group, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys.signer import Signer
from core.running import running

PAUSE = 1.0
"""Seconds between two looks of `run`."""
NOT_WHOLE = 3
"""As other commands that verify: the verdict is no."""


@click.group(cls=Group, help=_("The audit log: what was done, by whom; proven to outsiders."))
def group() -> None:
    """The group."""


@group.command("list", help=_("List what was done, by whom, the newest first."), example="yinxin audit list --limit 20")
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help=_("How many entries."))
@click.option("--before", type=int, help=_("Only entries before this number: the next page."))
@output_option
@click.pass_obj
def list_(home: Home, limit: int, before: int | None, output: Output) -> None:
    """List the entries."""
    with home.storage.reading() as connection:
        rows = read_entries(connection, limit=limit, before=before)
    headings = {"number": _("No."), "at": _("Time"), "act": _("Act"), "actor": _("By"), "subject": _("About")}
    output.table(rows, headings)


@group.command(
    help=_("Show the entry of this NUMBER whole, and whether a checkpoint covers it."), example="yinxin audit show 17"
)
@click.argument("number", type=int)
@output_option
@click.pass_obj
def show(home: Home, number: int, output: Output) -> None:
    """One entry."""
    with home.storage.reading() as connection:
        facts = read_entry(connection, number)
    shown = facts if output.json else facts | {"details": json.dumps(facts["details"], ensure_ascii=False)}
    output.details(
        shown,
        {
            "number": _("No."),
            "at": _("Time"),
            "act": _("Act"),
            "actor": _("By"),
            "subject": _("About"),
            "details": _("Details"),
            "position": _("Position in the log"),
            "checkpoint": _("Under the checkpoint over"),
        },
    )


@group.command(
    help=_("Order everything that is new and sign a checkpoint over it now; copy it outside."),
    example="yinxin audit checkpoint --out checkpoint.txt",
)
@click.option(
    "--out", type=click.Path(dir_okay=False, path_type=Path), help=_("Write the checkpoint to this file too.")
)
@output_option
@click.pass_obj
@click.pass_context
def checkpoint(context: click.Context, home: Home, out: Path | None, output: Output) -> None:
    """Sign a checkpoint."""
    made = notary_of(context, home).checkpoint()
    if out:
        files.write(out, made.note)
    facts = {
        "origin": made.checkpoint.origin,
        "size": made.checkpoint.size,
        "root": made.checkpoint.root,
        "digest": made.checkpoint.digest.name,
        "at": made.checkpoint.at,
        "stamped": made.token is not None,
        "note": made.note.decode(),
    }
    if made.token is None and home.configuration.audit.timestamps:
        output.warn(_("the checkpoint has no time stamp yet; the next turn asks again"))
    output.details(
        facts,
        {
            "origin": _("Log"),
            "size": _("Entries"),
            "root": _("Root hash"),
            "digest": _("Digest"),
            "at": _("Time"),
            "stamped": _("Time-stamped"),
        },
    )


@group.command(
    help=_(
        "Order entries and sign checkpoints until interrupted, the last one at the end. `yinxin serve` does it too."
    ),
    example="yinxin audit run",
)
@click.pass_obj
@click.pass_context
def run(context: click.Context, home: Home) -> None:
    """Run the sequencer."""
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING)
    notary, stop = notary_of(context, home), threading.Event()

    def end(_signal: int, _frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, end)
    with running(home, "audit"):
        work(notary, stop)
    # The time-stamping service may have ended already: what lacks a token is offered again by the next to run.
    replace(notary, stamp=None).checkpoint()


def work(notary: Notary, stop: threading.Event) -> None:
    """Turn after turn. What fails now is tried again: entries wait in their tables."""
    while not stop.wait(PAUSE):
        try:
            notary.turn()
        except YinxinError as error:
            logging.getLogger(__name__).warning("%s", error)


@group.command(
    "export",
    help=_("Write the whole log up to now to one file, with its checkpoints and what entries refer to."),
    example="yinxin audit export audit.zip",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--without-objects",
    is_flag=True,
    help=_("Leave out certificates, statements and contents: they hold personal data."),
)
@output_option
@click.pass_obj
@click.pass_context
def export_(context: click.Context, home: Home, file: Path, without_objects: bool, output: Output) -> None:
    """Export the log."""
    done, key = export_now(context, home, file, with_objects=not without_objects)
    output.done(
        _(
            "{count} entries under {checkpoints} checkpoints are in {file}; the audit key's fingerprint is {key}."
        ).format(count=done.size, checkpoints=done.checkpoints, file=file, key=key),
        {"origin": done.origin, "size": done.size, "checkpoints": done.checkpoints, "objects": dict(done.objects)}
        | {"file": str(file), "key": key},
    )


@group.command(
    help=_("Write a file that proves the entry of this NUMBER, or that the log continues a former checkpoint."),
    example="yinxin audit prove 17 --out proof.json\nyinxin audit prove --since checkpoint.txt --out proof.json",
)
@click.argument("number", type=int, required=False)
@click.option("--since", type=click.Path(dir_okay=False, path_type=Path), help=_("The former checkpoint."))
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True, help=_("The file to write."))
@key_options
@output_option
@click.pass_obj
def prove(
    home: Home,
    number: int | None,
    since: Path | None,
    out: Path,
    key: tuple[Path, ...],
    fingerprint: str,
    output: Output,
) -> None:
    """Write a proof."""
    if (number is None) == (since is None):
        raise click.UsageError(_("give the number of an entry, or --since"))
    if number is not None:
        proof = proofs.prove_entry(home.context, number)
    else:
        note = files.read(since or Path())
        with home.storage.reading() as connection:
            keys = Succession(keys_of(home, key, fingerprint), key_notes(connection))
        former = keys.open(note)
        proof = proofs.prove_continuation(home.context, former, note)
    files.write(out, proof)
    output.done(_("The proof is in {file}.").format(file=out), {"file": str(out)})


@group.command(
    help=_(
        "Verify an exported FILE or a proof, with the audit key alone: no network, no database."
        " Exits with 3 if anything was changed or broken."
    ),
    example="yinxin audit verify audit.zip --key audit-log.pub --checkpoint checkpoint.txt",
)
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@key_options
@trust_option
@click.option(
    "--checkpoint",
    "known",
    multiple=True,
    type=click.Path(path_type=Path),
    help=_("A checkpoint known from outside, or a folder of them: shows whether the end was cut off."),
)
@output_option
@click.pass_obj
@click.pass_context
def verify(
    context: click.Context,
    home: Home,
    file: Path,
    key: tuple[Path, ...],
    fingerprint: str,
    trust: Path | None,
    known: tuple[Path, ...],
    output: Output,
) -> int:
    """Verify an export or a proof."""
    if not files.read(file).startswith(b"PK"):
        return _verify_proof(file, keys_of(home, key, fingerprint), output)
    with opened(file) as bundle:
        trusted = keys_of(home, key, fingerprint, bundle.key_file())
        notes = [files.read(one) for path in known for one in _files_in(path)]
        check, anchors = context.meta[CHECK_TOKEN], anchors_of(home, trust)
        verified = verify_log(bundle, trusted, notes, check_token=check, anchors=anchors)
    return _tell(verified.chain, verified.findings, output)


def export_now(context: click.Context, home: Home, file: Path, *, with_objects: bool = True) -> tuple[Exported, str]:
    """Everything up to now in this file; what it holds, and the fingerprint of the audit key."""
    notary = notary_of(context, home)
    event = Event("audit.export", local_account(), file.name[:256], {"objects": with_objects})
    with home.storage.transaction() as connection:
        home.context.audit.append(connection, event)
    notary.checkpoint()
    source: ObjectSource = context.meta[OBJECTS]
    objects = {kind: one for kind, one in source().items() if with_objects or kind in IMPERSONAL}
    first = audit_key.public_keys(home)[0]
    done = export(home.context, file, first, objects)
    return done, audit_key.fingerprint(first)


def notary_of(context: click.Context, home: Home, signer: Signer | None = None) -> Notary:
    """Who signs checkpoints in this home: with the key in force, unless another is given."""
    settings = home.configuration.audit
    source: StampSource = context.meta[STAMP]
    stamp = source(home) if settings.timestamps else None
    open_key = (lambda _key: signer) if signer else partial(rotation.open_key, home)
    return Notary.of(home.context, open_key, settings, stamp)


def _files_in(path: Path) -> list[Path]:
    return sorted(path.glob("*.txt")) if path.is_dir() else [path]


def _verify_proof(file: Path, trusted: list[bytes], output: Output) -> int:
    try:
        proven = proofs.verify_proof(file, trusted)
    except YinxinError as error:
        if error.kind is not Kind.INVALID:
            raise
        output.done(_("Not proven: {reason}").format(reason=error), {"proven": False, "reason": str(error)})
        return NOT_WHOLE
    about = proven.checkpoint
    facts = {"proven": True, "origin": about.origin, "size": about.size, "at": about.at, "position": proven.position}
    if proven.entry is not None:
        output.done(
            _("Proven: the log of {at} has at position {position} this entry: {entry}").format(
                at=about.at.astimezone().isoformat(sep=" ", timespec="seconds"),
                position=proven.position,
                entry=proven.entry.decode(),
            ),
            facts | {"entry": json.loads(proven.entry)},
        )
    else:
        former = proven.former or about
        output.done(
            _("Proven: the log of {size} entries begins with the {former} of the former checkpoint, unchanged.").format(
                size=about.size, former=former.size
            ),
            facts | {"former": former.size},
        )
    return 0


def _tell(seen: chain.Chain, findings: list[Finding], output: Output) -> int:
    last, broken = seen.last, is_broken(findings)
    verdict = "broken" if broken else "whole"
    if output.json:
        facts = {"verdict": verdict, "entries": seen.entries, "checkpoints": len(seen.checkpoints)}
        facts |= {"stamped": seen.stamped, "origin": last.origin if last else None}
        output.done("", facts | {"findings": [vars(one) for one in findings]})
        return NOT_WHOLE if broken else 0
    rows = [vars(one) for one in findings]
    headings = {
        "gravity": _("Finding"),
        "position": _("Position"),
        "rule": _("Rule"),
        "subject": _("About"),
        "what": _("Details"),
    }
    if rows:
        output.table(rows, headings)
    if broken or last is None:
        output.done(_("The log was altered, or a rule was broken: see the findings."))
        return NOT_WHOLE
    output.done(
        _(
            "The log is whole: {count} entries until {at}, {checkpoints} checkpoints, {stamped} of them time-stamped."
        ).format(
            count=seen.entries,
            at=last.at.astimezone().isoformat(sep=" ", timespec="seconds"),
            checkpoints=len(seen.checkpoints),
            stamped=seen.stamped,
        )
    )
    return 0


group.add_later("rotate", "audit.cli_rotation:rotate", _("Have a new audit key succeed the present one."))
group.add_later("report", "audit.cli_report:report", _("Report on a period: what was done, by whom, every finding."))
