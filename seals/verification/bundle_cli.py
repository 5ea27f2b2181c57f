"""`yinxin seals bundle`: what an auditor needs years later, in one signed ZIP."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import click

from core import files
from core.account import local_account
from core.algorithms import RSA_SHA256, SM2_SM3
from core.audit import Event
from core.certificates import read_certificates
from core.cli import Command, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.service.installed import newest_of
from seals.cli_options import FILE, support_of
from seals.contracts import CHECKPOINT
from seals.verification.bundle import (
    Anchored,
    Bundle,
    by_certificates,
    by_fingerprints,
    read_bundle,
    self_named,
    write_bundle,
)
from seals.verification.trust import Trust, load_trust, with_crls


@click.command(
    "bundle",
    cls=Command,
    help=_(
        "Write what an auditor needs years later, without a network and without us: anchors, certificates, revocation"
        " lists, the register with its statements, the state of the audit log; signed, with a time stamp."
    ),
    example="yinxin seals bundle --key sm2-seal-maker --out evidence-2026.zip",
)
@click.option("--key", required=True, help=_("The key of the seals that signs it: the seal maker's, sm2-seal-maker."))
@click.option("--out", type=FILE, required=True, help=_("Where to write."))
@output_option
@click.pass_obj
def bundle(home: Home, key: str, out: Path, output: Output) -> None:
    """Write a bundle."""
    from seals.verification.bundle_contents import contents_of  # whoever reads one needs no database

    newest = newest_of(home, "seals", key)
    signer, support = home.key_store("seals").signer(newest.key_name), support_of(home)
    timestamper = support.support(signer.algorithm).timestamper
    if timestamper is None:
        raise YinxinError(Kind.UNAVAILABLE, _("there are no time stamps to be had here"))
    contents = contents_of(home, support, (SM2_SM3, RSA_SHA256), _checkpoint(home))
    chain = read_certificates(home.certificates("seals") / f"{newest.key_name}.pem")
    made = write_bundle(contents, signer, chain, timestamper, home.clock)
    with home.storage.transaction() as connection:
        event = Event("seals.bundle.make", local_account(), out.name[:256], {"files": len(contents)})
        home.context.audit.append(connection, event)
    files.write(out, made, replace=False)
    output.done(
        _("{out}: {count} files; signed by {key}").format(out=out, count=len(contents), key=key),
        {"bundle": str(out), "files": len(contents)},
    )


def _checkpoint(home: Home) -> dict[str, bytes]:
    source: Callable[[Home], dict[str, bytes]] | None = click.get_current_context().meta.get(CHECKPOINT)
    return source(home) if source else {}


def grounds(
    home: Home,
    trust: Path | None,
    crls: Sequence[Path],
    bundle_file: Path | None,
    fingerprints: Sequence[str],
    output: Output,
) -> Trust:
    """What a verdict shall rest on: the folder of anchors, and what a bundle that it vouches for knows; or the bundle
    and the anchors in it that are named by their fingerprints.
    """
    if bundle_file is None:
        return load_trust(trust or home.trust, crls)
    if fingerprints:
        return with_crls(_opened(home, bundle_file, by_fingerprints(fingerprints), output).trust, crls)
    known = load_trust(trust or home.trust, crls)
    brought = _opened(home, bundle_file, by_certificates(known.anchors), output).trust
    # The bundle may only narrow down who makes seals, and does not overrule the reader.
    return replace(known.knowing(brought.knowledge), makers=known.makers or brought.makers)


def _opened(home: Home, file: Path, anchored: Anchored, output: Output) -> Bundle:
    try:
        found = read_bundle(files.read(file), anchored, home.clock)
    except YinxinError as error:
        error.subject = error.subject or str(file)
        raise
    output.note(
        _("Bundle of {moment}, signed by {signer}.").format(
            moment=found.proven_at.astimezone().isoformat(sep=" ", timespec="seconds"), signer=self_named(found.signer)
        )
    )
    return found
