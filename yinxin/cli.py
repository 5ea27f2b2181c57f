"""The command `yinxin`: the front door's own verbs, and the doors to the other rooms."""

import json
import resource
import signal
import sys
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Literal

import click

from audit.contracts import CHECK_TOKEN, OBJECTS, STAMP, Objects, Stamp
from core.cli import Group, Output, output_option, run
from core.home import Home
from core.i18n import _
from seals.contracts import CHECKPOINT, PEOPLE, SUPPORT, TIMESTAMPER, People, SupportSource, Timestamper


@click.group(cls=Group, help=_("Yinxin: the certificate and electronic-seal authority of an e-government platform."))
@click.option(
    "--home",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="YINXIN_HOME",
    default=Path("home"),
    show_default=True,
    help=_("The folder of the installation; or set YINXIN_HOME."),
)
@click.version_option(package_name="yinxin", prog_name="yinxin", message="%(prog)s %(version)s")
@click.pass_context
def front_door(context: click.Context, home: Path) -> None:
    """The group of everything."""
    context.obj = Home(home)
    context.meta[SUPPORT] = _sealing_support
    context.meta[PEOPLE] = _seal_people
    context.meta[TIMESTAMPER] = _timestamper
    context.meta[CHECKPOINT] = _checkpoint
    context.meta[STAMP] = _audit_stamp
    context.meta[CHECK_TOKEN] = _check_token
    context.meta[OBJECTS] = _audited_objects


def _sealing_support(home: Home) -> SupportSource:
    from yinxin.wiring import sealing_support

    return sealing_support(home)


def _timestamper(address: str) -> Timestamper:
    from tsa.client import Timestamper as TimestampClient

    return TimestampClient(address)


def _checkpoint(home: Home) -> dict[str, bytes]:
    from audit.sequencer import latest_checkpoint

    with home.storage.reading() as connection:
        newest = latest_checkpoint(connection)
    if newest is None:
        return {}
    return {"checkpoint.note": newest.note} | ({"checkpoint.tst": newest.token} if newest.token else {})


def _seal_people(home: Home) -> People:
    from yinxin.seal_people import SealPeople

    return SealPeople(home.context)


def _audit_stamp(home: Home) -> Stamp:
    from yinxin.audited import stamp_of

    return stamp_of(home)


def _check_token(token: bytes, octets: bytes, anchors: Sequence[bytes]) -> datetime:
    from yinxin.audited import check_token

    return check_token(token, octets, anchors)


def _audited_objects() -> Objects:
    from yinxin.audited import OBJECTS

    return OBJECTS


@front_door.command(
    help=_("Create an installation: keys, hierarchies, service certificates, first CRLs."),
    example="yinxin --home /var/lib/yinxin init\nyinxin --home /var/lib/yinxin init --root offline",
)
@output_option
@click.option(
    "--config",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=_("Start from this yinxin.toml instead of the default one."),
)
@click.option(
    "--root",
    type=click.Choice(["here", "offline"]),
    default="here",
    show_default=True,
    help=_(
        "Where the roots are: made here too, for trials; or offline, by a ceremony: then requests are written, and when"
        " the certificates are installed, the same command completes the installation."
    ),
)
@click.pass_obj
def init(home: Home, config: Path | None, root: str, output: Output) -> None:
    """Create an installation."""
    from yinxin import completion, installation

    if root == "offline" and home.path.exists() and any(home.path.iterdir()) and completion.waits(home):
        completion.complete(home, output.note)
        output.done(_("The installation is complete."), {"home": str(home.path)})
        return
    offline = root == "offline"
    made = installation.create(home.path, settings=config, on_step=output.note, under_offline_roots=offline)
    if offline:
        output.note(_("Carry the requests in {path} to the roots.").format(path=made.path / "requests"))
    output.done(_("The installation is in {path}.").format(path=made.path), {"home": str(made.path)})


@front_door.command(
    help=_("Bring an installation to this version: the schema of its database, and what it has come to need."),
    example="yinxin migrate",
)
@output_option
@click.pass_obj
def migrate(home: Home, output: Output) -> None:
    """Bring the database up to date."""
    from core.account import local_account
    from core.audit import Event
    from core.schema import newest_revision, revision_of
    from core.storage import Storage
    from ra.cli_search import tell
    from yinxin import installation, upgrade

    storage = Storage(home.database_url)
    with storage.reading() as connection:
        before = revision_of(connection)
    storage.migrate()
    storage.close()
    if before != newest_revision():
        with home.storage.transaction() as connection:
            event = Event("core.schema.migrate", local_account(), newest_revision(), {"before": before})
            home.context.audit.append(connection, event)
    upgrade.make_lookup_key(home)
    upgrade.begin_audit_log(home)
    installation.name_makers(home)
    with output.progress(_("Trying the profiles")):
        adopted = upgrade.adopt_profiles(home, actor=local_account())
    if adopted:
        output.note(_("Profiles of this version that are in use now: {names}.").format(names=", ".join(adopted)))
    if differing := upgrade.differing_profiles(home):
        output.note(
            _("Profiles that differ from those of this version, and stay: {names}.").format(names=", ".join(differing))
        )
    sentence, _facts = tell(home, output)
    output.note(sentence)
    output.done(_("The database has this version's schema."), {"home": str(home.path)})


@front_door.command(
    help=_("Do the main job from nothing in a throw-away home, and leave the results in a folder."),
    example="yinxin demo --out demo",
)
@output_option
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("demo"),
    show_default=True,
    help=_("Where the results go."),
)
def demo(out: Path, output: Output) -> None:
    """Run the demonstration."""
    from yinxin import demo as demonstration
    from yinxin.demo.steps import Step

    def tell(step: Step) -> None:
        if not output.json:
            click.echo(f"{step.seconds:7.2f} s  {step.name}  {click.style(step.outcome, dim=True)}")

    steps = demonstration.run(out, tell)
    seconds = sum(step.seconds for step in steps)
    output.done(
        _("Done in {seconds:.1f} s. Look at {sealed}, {reports} and {summary}.").format(
            seconds=seconds, sealed=out / "sealed", reports=out / "reports", summary=out / demonstration.SUMMARY
        ),
        json.loads((out / demonstration.SUMMARY).read_bytes()),
    )


@front_door.command(
    help=_("Run the services named (ca, ra, ocsp, tsa, seals, kmc), or all of them, until interrupted."),
    example="yinxin serve\nyinxin serve ocsp",
)
@click.argument("services", nargs=-1, type=click.Choice(["ca", "ra", "ocsp", "tsa", "seals", "kmc"]))
@click.option("--seed", is_flag=True, help=_("If there is no installation yet, make one with sample people and seals."))
@output_option
@click.pass_obj
def serve(home: Home, services: tuple[str, ...], seed: bool, output: Output) -> None:
    """Run services."""
    from yinxin import serving

    if seed and not home.path.exists():
        from yinxin.demo.seeding import seed_home

        home = seed_home(home.path, output.note)
    if len(services) == 1 and services != ("ca",):
        # The authority has to be maintained beside it: lists run out, and services wait for certificates.
        serving.become(home, services[0])
    with serving.Running(home, services or serving.services_of(home)) as running:
        rows = [{"service": name, "url": serving.url(home, name)} for name in services or serving.services_of(home)]
        output.table(rows, {"service": _("Service"), "url": _("Address")})
        output.note(_("Stop with Ctrl+C."))
        running.wait()


@front_door.command(
    help=_(
        "Renew the certificates of SERVICE: ask the authority for new ones in time, install what it has issued."
        " The OCSP service does it by itself; restart the others afterwards."
    ),
    example="yinxin renew tsa",
)
@click.argument("service", type=click.Choice(["ocsp", "tsa", "seals"]))
@click.option("--early", is_flag=True, help=_("Ask although the present certificates have time left, or are expired."))
@output_option
@click.pass_obj
def renew(home: Home, service: Literal["ocsp", "tsa", "seals"], early: bool, output: Output) -> None:
    """One round of a service's renewal."""
    from core.service.installed import newest
    from core.service.renewal import fingerprint_of, renew
    from yinxin.installation import name_makers, renewable_names

    names = renewable_names(home, service)
    done = renew(home, service, names=names, early=early)
    if service == "seals":
        name_makers(home)
    rows: list[dict[str, object]] = [
        {"name": one.key_name, "not_after": one.not_after, "asked": one.next_key_name in done.asked}
        | {"installed": one.key_name in done.installed, "next": fingerprint_of(home, service, one)}
        for one in newest(home, service)
        if names is None or one.name in names
    ]
    output.table(
        rows,
        {
            "name": _("Key"),
            "not_after": _("Until"),
            "installed": _("Just installed"),
            "asked": _("Just asked for"),
            "next": _("Fingerprint of the next key"),
        },
    )


front_door.add_later("backup", "yinxin.backup.cli:backup", _("Write the installation to one encrypted, signed file."))
front_door.add_later("restore", "yinxin.backup.cli:restore", _("Restore an installation from a backup."))
front_door.add_later("health", "yinxin.cli_health:health", _("Examine what can run out, fall behind or be missing."))
front_door.add_later("ca", "yinxin.cli_ca:group", _("Certificates, revocation lists, profiles and hierarchies."))
front_door.add_later("ra", "ra.cli:group", _("Requests for certificates: enter, approve, issue, deliver, revoke."))
front_door.add_later("keys", "yinxin.cli_keys:group", _("Private keys of the authorities, in files and in tokens."))
front_door.add_later("ocsp", "ocsp.cli:group", _("Certificate status: ask any responder, answer requests."))
front_door.add_later("tsa", "tsa.cli:tsa", _("Time stamps: give them, ask for them, verify them."))
front_door.add_later("audit", "audit.cli:group", _("The audit log: what was done, by whom; proven to outsiders."))
front_door.add_later("seals", "seals.cli:group", _("Seals: make them, seal documents, verify sealed documents."))


def main() -> None:
    """The entry point. SIGTERM interrupts like Ctrl+C: what was begun is undone."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    # A core would hold private keys. What is started from here inherits it.
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    sys.exit(run(front_door))
