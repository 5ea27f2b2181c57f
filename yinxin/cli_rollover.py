"""`yinxin ca rollover`: another key for an authority; shown first, then carried out."""

from pathlib import Path

import click

from core import files
from core.account import local_account
from core.algorithms import KeyKind
from core.cli import Command, Output, output_option
from core.home import Home
from core.i18n import _


@click.command(
    "rollover",
    cls=Command,
    help=_(
        "Give AUTHORITY a new key under the same name, which issues from then on; the old one signs lists for what it"
        " issued. Without --now it is only shown. Where the parent signs elsewhere, a request is written to --out:"
        " carry it there, install the answer with ca subordinate install, and run this again."
    ),
    example="yinxin ca rollover sm2-root\nyinxin ca rollover sm2-root --now",
)
@click.argument("authority")
@click.option(
    "--kind", type=click.Choice([kind.value for kind in KeyKind]), help=_("Kind of the new key; else as before.")
)
@click.option("--profile", help=_("Profile of its certificate; else as before."))
@click.option("--now", is_flag=True, help=_("Do it; interrupted, run it again."))
@click.option(
    "--out", type=click.Path(path_type=Path, dir_okay=False), help=_("Where to write the request to the parent (PEM).")
)
@output_option
@click.pass_obj
def rollover(
    home: Home, authority: str, kind: str | None, profile: str | None, now: bool, out: Path | None, output: Output
) -> None:
    """Show, or roll over."""
    from ca.rollover import plan
    from ca.service import open_authority
    from ca.subordinates.requests import SubordinateRequest, armour_request
    from core.errors import Kind, YinxinError
    from yinxin.rollover import roll_over

    wanted = plan(home.context, authority, kind=KeyKind(kind) if kind else None, profile=profile)
    facts = {
        "present": wanted.present.name,
        "present_until": wanted.present.limits.not_after,
        "name": wanted.name,
        "kind": wanted.kind,
        "issuer": wanted.issuer.name if wanted.issuer else wanted.name,
        "profile": wanted.profile,
    }
    if not now:
        output.details(
            facts,
            {
                "present": _("Authority"),
                "present_until": _("Until"),
                "name": _("Next generation"),
                "kind": _("Kind of key"),
                "issuer": _("Issuer"),
                "profile": _("Profile"),
            },
        )
        output.note(_("Nothing was changed. To do it: --now"))
        return
    if wanted.is_asked_for and out is None:
        raise YinxinError(
            Kind.INVALID,
            _("its parent signs elsewhere"),
            subject=facts["issuer"] if isinstance(facts["issuer"], str) else "",
            remedy=_("say where to write the request: --out FILE"),
        )
    made = roll_over(home, open_authority(home), wanted, actor=local_account())
    if isinstance(made, SubordinateRequest):
        assert out is not None  # noqa: S101 - was asked for
        files.write(out, armour_request(made.csr))
        output.done(
            _("{file}: the request, SM3 {digest}. Carry it to the parent.").format(file=out, digest=made.fingerprint),
            {"name": wanted.name, "request": str(out), "sm3": made.fingerprint},
        )
        output.note(_("{name} goes on issuing until then.").format(name=wanted.present.name))
        return
    output.done(
        _("{next} issues from now on; {present} signs lists for what it issued.").format(
            next=made.name, present=wanted.present.name
        ),
        facts,
    )
    if made.issuer_id is None:
        output.note(
            _("Publish {file} and the links in trust/issuers to all who verify.").format(file=f"{made.name}.pem")
        )
    output.note(_("Start the service ocsp again, so that it answers for this authority."))
