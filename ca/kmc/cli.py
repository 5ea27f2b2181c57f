"""`yinxin ca kmc`: make and count escrowed keys, decide about recoveries, look into envelopes."""

import getpass
import os
from dataclasses import asdict
from pathlib import Path

import click

from ca.encryption_keys import encryption_keys_of, make_link
from ca.encryption_keys import retire as retire_keys
from ca.kmc import cli_destruction, pools
from ca.kmc.cli_officer import PIN_VARIABLE, acting_officer
from ca.kmc.custody import Custodian
from ca.kmc.installation import desk_of, officers_folder
from ca.kmc.recovery import RecoveryDesk
from ca.kmc.recovery_rules import Path as RecoveryPath
from ca.kmc.recovery_rules import Progress
from ca.kmc.state import Pool
from ca.kmc.statements import OfficerSession
from ca.service import open_authority
from core import files
from core.algorithms import KeyKind
from core.certificates import read_certificates
from core.cli import Group, Output, output_option
from core.home import Home
from core.i18n import _
from core.keys import passphrase

PASSPHRASE_VARIABLE = "YINXIN_KMC_PASSPHRASE"  # noqa: S105 - a name
_FILE = click.Path(path_type=Path, dir_okay=False)
_KINDS = click.Choice([kind.value for kind in pools.ESCROWED_KINDS])


@click.group("kmc", cls=Group, help=_("The key-management centre: escrowed encryption keys and their recovery."))
def group() -> None:
    """The group."""


@group.command(
    help=_("Found the centre in this home: a passphrase of its own and the two keys that guard the others."),
    example="yinxin ca kmc found",
)
@output_option
@click.pass_obj
def found(home: Home, output: Output) -> None:
    """Found."""
    if not home.passphrase_file("kmc").exists() and PASSPHRASE_VARIABLE not in os.environ:
        passphrase.create_file(home.passphrase_file("kmc"))
    Custodian(home.key_store("kmc")).found()
    officers = str(officers_folder(home))
    output.done(
        _("The key-management centre is founded; put its officers' certificates into {folder}.").format(
            folder=officers
        ),
        {"officers": officers},
    )


@group.command(
    help=_("Put the centre on the line: keys and certificates of both ends, to sign messages with."),
    example="yinxin ca kmc link",
)
@output_option
@click.pass_obj
def link(home: Home, output: Output) -> None:
    """Link."""
    make_link(home, open_authority(home), actor=_actor())
    certificates = str(home.certificates("kmc"))
    output.done(_("The line is made; its certificates are in {folder}.").format(folder=certificates), {})


@group.command(
    help=_("Tell the centre which keys are out of use since their certificates were revoked or have expired."),
    example="yinxin ca kmc retire",
)
@output_option
@click.pass_obj
def retire(home: Home, output: Output) -> None:
    """Retire."""
    keys = encryption_keys_of(home)
    told = retire_keys(home, keys) if keys else []
    output.done(_("{count} keys moved to the historical pool.").format(count=len(told)), {"references": told})


@group.command(
    help=_("Make spare keys of this kind: COUNT of them, or without it as many as the pool lacks."),
    example="yinxin ca kmc generate sm2 100\nyinxin ca kmc generate sm2 --least 20 --full 100",
)
@click.argument("kind", type=_KINDS)
@click.argument("count", type=click.IntRange(1, 100_000), required=False)
@click.option("--least", type=click.IntRange(1), default=20, show_default=True, help=_("Refill below this many."))
@click.option("--full", type=click.IntRange(1), default=100, show_default=True, help=_("Refill up to this many."))
@output_option
@click.pass_obj
def generate(home: Home, kind: str, count: int | None, least: int, full: int, output: Output) -> None:
    """Generate."""
    custodian = Custodian(home.key_store("kmc"))
    if count is None:
        level = pools.Level(least, full)
        made = pools.refill(home.context, custodian, KeyKind(kind), level, actor=_actor())
    else:
        numbers = pools.generate(home.context, custodian, KeyKind(kind), count, actor=_actor())
        made = list(output.track(numbers, _("Keys"), count))
    output.done(_("{count} spare keys made.").format(count=len(made)), {"made": len(made), "numbers": made})


@group.command("pools", help=_("How many keys are in each pool."), example="yinxin ca kmc pools")
@output_option
@click.pass_obj
def pools_(home: Home, output: Output) -> None:
    """Statistics."""
    rows = [asdict(one) for one in pools.statistics(home.context)]
    output.table(rows, {"kind": _("Kind"), "pool": _("Pool"), "count": _("Keys")})


@group.command(
    help=_("Escrowed keys in the order of their making, a page at a time."),
    example="yinxin ca kmc keys --pool active --limit 50",
)
@click.option("--pool", type=click.Choice([pool.value for pool in Pool]), help=_("Only in this pool."))
@click.option("--after", type=click.IntRange(min=0), default=0, help=_("Go on behind this row (the column Row)."))
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help=_("Rows on a page."))
@output_option
@click.pass_obj
def keys(home: Home, pool: str | None, after: int, limit: int, output: Output) -> None:
    """A page."""
    found = pools.list_keys(home.context, pool=Pool(pool) if pool else None, after=after, limit=limit)
    output.table(
        [asdict(one) for one in found],
        {
            "row": _("Row"),
            "number": _("Number"),
            "kind": _("Kind"),
            "pool": _("Pool"),
            "reference": _("Request"),
            "keep_until": _("Kept until"),
        },
    )


for command in (cli_destruction.due, cli_destruction.destroy):
    group.add_command(command)


@group.group(cls=Group, help=_("Giving a key back: one officer asks, two others approve, then it is delivered."))
def recover() -> None:
    """The group."""


@recover.command(
    help=_("Ask for an escrowed key, for its holder or, with --case, for an authority."),
    example=(
        "yinxin ca kmc recover request K0123456789abcdef01234567 --to zhangsan.pem --reason 'token lost' "
        "--as wang --key wang.pem"
    ),
)
@click.argument("number")
@click.option(
    "--to", "recipient", required=True, type=_FILE, help=_("The recipient's certificate, its issuers after it.")
)
@click.option("--reason", required=True, help=_("Why."))
@click.option("--case", default="", help=_("Case number: makes it a judicial recovery."))
@acting_officer
@output_option
def request(
    desk: RecoveryDesk,
    session: OfficerSession,
    number: str,
    recipient: Path,
    reason: str,
    case: str,
    output: Output,
) -> None:
    """Request."""
    made = desk.request(
        session,
        key=number,
        path=RecoveryPath.JUDICIAL if case else RecoveryPath.HOLDER,
        recipient=read_certificates(recipient),
        reason=reason,
        case=case,
    )
    output.done(
        _("Recovery {number} is asked for; two other officers approve it.").format(number=made), {"number": made}
    )


@recover.command(
    help=_("Approve exactly what was asked for."),
    example="yinxin ca kmc recover approve KR-20261101-0a1b2c3d --as li --key li.pem",
)
@click.argument("number")
@acting_officer
@output_option
def approve(desk: RecoveryDesk, session: OfficerSession, number: str, output: Output) -> None:
    """Approve."""
    _print(desk.approve(session, number), output)


@recover.command(
    help=_("Reject a recovery, for good."),
    example="yinxin ca kmc recover reject KR-20261101-0a1b2c3d --reason 'not the holder' --as li --key li.pem",
)
@click.argument("number")
@click.option("--reason", required=True, help=_("Why."))
@acting_officer
@output_option
def reject(desk: RecoveryDesk, session: OfficerSession, number: str, reason: str, output: Output) -> None:
    """Reject."""
    _print(desk.reject(session, number, reason), output)


@recover.command(
    help=_("Deliver an approved recovery: the key in an envelope that only the recipient's key opens."),
    example="yinxin ca kmc recover deliver KR-20261101-0a1b2c3d --out zhangsan.env --as wang --key wang.pem",
)
@click.argument("number")
@click.option("--out", required=True, type=_FILE, help=_("Write it here."))
@acting_officer
@output_option
def deliver(desk: RecoveryDesk, session: OfficerSession, number: str, out: Path, output: Output) -> None:
    """Deliver."""
    files.write(out, desk.deliver(session, number), replace=False)
    output.done(_("The envelope is in {path}.").format(path=out), {"number": number, "path": str(out)})


@recover.command(
    help=_("How far a recovery is; with --out, the envelope that was delivered once more."),
    example="yinxin ca kmc recover show KR-20261101-0a1b2c3d",
)
@click.argument("number")
@click.option("--out", type=_FILE, help=_("Write it here."))
@output_option
@click.pass_obj
def show(home: Home, number: str, out: Path | None, output: Output) -> None:
    """Show."""
    desk = desk_of(home)
    if out:
        files.write(out, desk.envelope_of(number), replace=False)
    _print(desk.progress_of(number), output)


@group.group(cls=Group, help=_("The envelopes that private keys travel in."))
def envelope() -> None:
    """The group."""


@envelope.command(
    help=_("Say what an envelope is, where it departs from the standard, and whether its two keys belong together."),
    example="yinxin ca kmc envelope inspect zhangsan.env --key zhangsan-signing.pem --certificate encryption.pem",
)
@click.argument("file", type=_FILE)
@click.option("--key", "key_file", required=True, type=_FILE, help=_("The holder's signing key, an encrypted file."))
@click.option("--certificate", type=_FILE, help=_("The encryption certificate to compare with."))
@click.option("--pin-file", type=_FILE, help=_("File with the PIN, mode 0600; else YINXIN_PIN, or a prompt."))
@output_option
def inspect(file: Path, key_file: Path, certificate: Path | None, pin_file: Path | None, output: Output) -> int:
    """Inspect."""
    from asn1crypto import x509

    from core.keys.envelope_reading import envelope_in, require_sm2
    from core.keys.envelope_reading import inspect as examine
    from core.keys.key_file import open_key_file

    data, inside = envelope_in(files.read(file))
    pin = passphrase.obtain(str(key_file), file=pin_file, variable=PIN_VARIABLE)
    recipient = require_sm2(open_key_file(key_file, pin))
    expected = x509.Certificate.load(read_certificates(certificate)[0]).public_key.dump() if certificate else inside
    found = examine(data, recipient, expected)
    facts = {
        "shape": found.shape,
        "belongs_together": found.key is not None,
        "public_key": found.public_key_info,
        "remarks": list(found.remarks),
    }
    labels = {
        "shape": _("Shape"),
        "belongs_together": _("Keys belong together"),
        "public_key": _("Public key"),
        "remarks": _("Remarks"),
    }
    output.details(facts, labels)
    return 0 if found.key is not None else 1


def _actor() -> str:
    return f"local:{getpass.getuser()}"


def _print(progress: Progress, output: Output) -> None:
    request = progress.request
    facts = {
        "number": request.number,
        "stage": progress.stage,
        "key": request.key,
        "path": request.path,
        "case": request.case or None,
        "reason": request.reason,
        "recipient": _subject(request.recipient_certificate),
        "requester": progress.requester,
        "approvers": progress.approvers,
        "digest": progress.digest,
    }
    labels = {
        "number": _("Recovery"),
        "stage": _("State"),
        "key": _("Key"),
        "path": _("Path"),
        "case": _("Case"),
        "reason": _("Reason"),
        "recipient": _("Recipient"),
        "requester": _("Asked for by"),
        "approvers": _("Approved by"),
        "digest": _("Digest"),
    }
    output.details(facts, labels)


def _subject(certificate: bytes) -> str:
    from asn1crypto import x509

    from core.asn1.names import describe_name

    return describe_name(x509.Certificate.load(certificate).subject.dump())
