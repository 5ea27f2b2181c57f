"""`yinxin backup` and `yinxin restore`."""

from pathlib import Path

import click

from audit.key import fingerprint as fingerprint_of
from audit.key import read_public_key
from audit.succession import Succession
from core import files
from core.account import local_account
from core.cli import Command, Output, output_option
from core.config import BackupSettings
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys import passphrase
from core.keys.key_file import open_key_file
from yinxin.backup import container, making
from yinxin.backup.restoring import Restoration, Restored

FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    cls=Command,
    help=_(
        "Write the installation to one file while it runs: records, keys (encrypted), certificates, configuration;"
        " never a passphrase. Encrypted to each custodian, signed with the audit key."
    ),
    example="yinxin backup --to /mnt/backups --custodian zhang.pem --custodian li.pem --keep 14",
)
@click.option(
    "--to",
    "destination",
    type=click.Path(path_type=Path),
    help=_("A new file, or a folder that has them all; else backup.to."),
)
@click.option(
    "--custodian",
    "custodians",
    multiple=True,
    type=FILE,
    help=_("The certificate (SM2 or RSA) of somebody who can open it, each alone; else backup.custodians."),
)
@click.option("--keep", type=click.IntRange(min=0), help=_("How many stay in the folder; else backup.keep. 0: all."))
@output_option
@click.pass_obj
def backup(
    home: Home, destination: Path | None, custodians: tuple[Path, ...], keep: int | None, output: Output
) -> None:
    """Make a backup."""
    settings = home.configuration.backup
    place = destination or (Path(settings.to) if settings.to else None)
    if place is None:
        raise click.UsageError(_("say where to: --to, or backup.to in yinxin.toml"))
    keep_count = settings.keep if keep is None and place.is_dir() else keep or 0
    certificates = making.custodians_of(custodians or _configured(home, settings))
    made = making.make(home, place, certificates, keep=keep_count, actor=local_account())
    if len(certificates) == 1:
        output.warn(_("only one person can open this backup: if that key is lost, so is the backup"))
    names = [one.name for one in made.header.custodians]
    key = fingerprint_of(made.header.audit_key)
    output.done(
        _("{file}: {octets} octets, {entries} entries of the audit log; opens for {names}.").format(
            file=made.file, octets=made.octets, entries=made.header.size, names="; ".join(names)
        ),
        {"file": str(made.file), "octets": made.octets, "entries": made.header.size, "custodians": names}
        | {"key": key, "removed": [str(one) for one in made.removed]},
    )
    output.note(_("To restore it one needs the audit key's fingerprint: {key}").format(key=key))
    if made.removed:
        output.note(_("Removed: {names}.").format(names=", ".join(one.name for one in made.removed)))


def _configured(home: Home, settings: BackupSettings) -> list[Path]:
    return [home.path / one for one in settings.custodians]


@click.command(
    cls=Command,
    help=_(
        "Restore an installation from a backup FILE into the home folder, which must not exist yet. Whose backup it is,"
        " is shown by --audit-key or --fingerprint."
    ),
    example="yinxin --home /var/lib/yinxin restore yinxin-20261101T020000Z.backup --key zhang.key"
    " --audit-key audit-log.pub --checkpoint checkpoints/",
)
@click.argument("file", type=FILE)
@click.option("--key", "key_file", type=FILE, required=True, help=_("The key file of one of its custodians."))
@click.option("--pin-file", type=FILE, help=_("File with the PIN; else YINXIN_PIN, else a prompt."))
@click.option("--audit-key", type=FILE, help=_("The audit key of the installation: audit-log.pub."))
@click.option("--fingerprint", default="", help=_("SHA-256 of the audit key, hexadecimal, instead of the key."))
@click.option(
    "--checkpoint",
    "known",
    multiple=True,
    type=click.Path(path_type=Path),
    help=_("A checkpoint of the audit log kept outside, or a folder of them: shows what was lost since the backup."),
)
@click.option(
    "--storage",
    help=_("URL of the database to restore into; else as the backup's configuration has it. Empty: in the home."),
)
@output_option
@click.pass_obj
def restore(
    home: Home,
    file: Path,
    key_file: Path,
    pin_file: Path | None,
    audit_key: Path | None,
    fingerprint: str,
    known: tuple[Path, ...],
    storage: str | None,
    output: Output,
) -> None:
    """Restore from a backup."""
    notes = [files.read(one) for path in known for one in _files_in(path)]
    # By the first audit key alone, where the checkpoints say which came after it.
    trusted = Succession([read_public_key(audit_key)], notes).keys if audit_key else []
    with container.opened(file, fingerprint, trusted) as opened:
        keys = Succession(trusted or [opened.header.audit_key], notes)
        checkpoints = [keys.open(one) for one in notes]
        pin = passphrase.obtain(str(key_file), file=pin_file, variable="YINXIN_PIN")
        recipient = open_key_file(key_file, pin)
        restoration = Restoration(opened, home.path, recipient, checkpoints, storage, local_account(), home.clock)
        done = restoration.run(output.note)
    _tell(done, output)


def _files_in(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    found = sorted(path.glob("*.txt"))
    if not found:
        raise YinxinError(Kind.NOT_FOUND, _("no checkpoints here"), subject=str(path))
    return found


def _tell(done: Restored, output: Output) -> None:
    log, after = done.continuity, done.aftermath
    facts = {
        "home": str(done.home),
        "made_at": done.header.made_at,
        "entries": log.entries,
        "last_at": log.last_at,
        "lost": log.lost,
        "presumed": [f"{one.authority}/{one.serial:x}" for one in after.presumed],
        "discarded": after.discarded,
        "lists": {f"{one.authority}/{one.shard}": one.number for one in after.lists},
    }
    last = log.last_at.astimezone().isoformat(sep=" ", timespec="seconds") if log.last_at else "-"
    output.done(
        _("Restored into {path}: {entries} entries of the audit log, the last of {moment}.").format(
            path=done.home, entries=log.entries, moment=last
        ),
        facts,
    )
    if log.beyond:
        moment = log.beyond.at.astimezone().isoformat(sep=" ", timespec="seconds")
        output.warn(
            _("{count} acts or more are lost: the log had {size} entries on {moment}.").format(
                count=log.lost, size=log.beyond.size, moment=moment
            )
        )
    if after.presumed:
        output.warn(
            _("{count} certificates were intended and are presumed issued; see: yinxin ca reconcile").format(
                count=len(after.presumed)
            )
        )
    output.note(_("Before services start: bring the passphrases, and do again what was revoked since the backup."))
    output.note(_("docs/operations.md says how, under “Restoring”. Then: yinxin ca crl publish; yinxin health"))
