"""`yinxin ca attribute`: attribute authorities, and the attribute certificates that they issued."""

from pathlib import Path
from typing import Any

import click
from asn1crypto import pem

from ca import crl as revocation_lists
from ca.attributes import register
from ca.attributes.attributes import Attributes
from ca.attributes.reading import read_attribute_certificate
from ca.attributes.register import AttributeFilter, AttributeRecord
from ca.authorities import authority_of, chain_of
from ca.hierarchy import create_attribute_authority
from ca.service import ceremony_approval, open_authority
from ca.state import State
from core import files
from core.account import local_account
from core.algorithms import KeyKind
from core.certificates import armour, serial_text
from core.cli import Command, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.output import Output
from core.subject import Subject

LABEL = "ATTRIBUTE CERTIFICATE"
"""RFC 7468 9."""
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command(
    cls=Command,
    help=_("Make an attribute authority under ISSUER: its key, its certificate, its first revocation list."),
    example="yinxin ca attribute authority sm2-attributes --issuer sm2-issuing",
)
@click.argument("name")
@click.option("--issuer", required=True, help=_("The authority that certifies it."))
@click.option(
    "--kind", type=click.Choice([kind.value for kind in KeyKind]), help=_("Kind of key. Default: the issuer's.")
)
@click.option("--common-name", help=_("The name in its certificate."))
@output_option
@click.pass_obj
def authority(home: Home, name: str, issuer: str, kind: str | None, common_name: str | None, output: Output) -> None:
    """Hold the ceremony."""
    path = found(home, name, issuer, KeyKind(kind) if kind else None, common_name)
    output.done(
        _("{name} issues attribute certificates; its certificate is in {path}. Restart the service ocsp.").format(
            name=name, path=path
        ),
        {"authority": name, "certificate": str(path)},
    )


def found(
    home: Home, name: str, issuer: str, kind: KeyKind | None = None, common_name: str | None = None, actor: str = ""
) -> Path:
    """Make an attribute authority, publish its first list, and write its chain into the home: the file."""
    actor = actor or local_account()
    centre = home.configuration.centre
    with home.storage.reading() as connection:
        family = authority_of(connection, issuer).algorithm.name.replace("ecdsa-", "").split("-")[0]
    chosen = kind or next(one for one in (*centre.key_kinds, *KeyKind) if one.family == family)
    subject = Subject.of_service(
        centre.organization, common_name or f"{centre.name} Attribute Authority {chosen.family.upper()}"
    )
    ca = open_authority(home)
    reference = f"ceremony {name}"
    approval = ceremony_approval(reference, actor, subject, issuer, "attribute-authority")
    create_attribute_authority(ca, name, chosen, subject, issuer=issuer, approval=approval, actor=actor)
    with home.storage.reading() as connection:
        terms = revocation_lists.terms_of(home.configuration.ca, authority_of(connection, name))
    revocation_lists.publish(home.context, ca.keys, name, terms, actor=actor)
    path = home.certificates("ca") / f"{name}.pem"
    files.write(path, armour(chain_of(home.storage, name)))
    return path


@click.command(
    "list",
    cls=Command,
    help=_("The attribute certificates in the order of issue, a page at a time."),
    example="yinxin ca attribute list --holder 张三 --state valid",
)
@click.option("--authority", help=_("Only of this authority."))
@click.option("--holder", help=_("Only of holders with this in their name."))
@click.option("--state", type=click.Choice([state.value for state in State]), help=_("Only in this state."))
@click.option("--after", type=click.IntRange(min=0), default=0, help=_("Go on behind this row (the column Row)."))
@click.option("--limit", type=click.IntRange(1, 10_000), default=100, show_default=True, help=_("Rows on a page."))
@output_option
@click.pass_obj
def list_(
    home: Home,
    authority: str | None,
    holder: str | None,
    state: str | None,
    after: int,
    limit: int,
    output: Output,
) -> None:
    """A page of the register."""
    wanted = AttributeFilter(authority=authority, holder=holder, state=State(state) if state else None)
    records = register.page(home.storage, wanted, after=after, limit=limit)
    output.table(
        [_facts(record) for record in records],
        {
            "row": _("Row"),
            "serial": _("Serial number"),
            "authority": _("Authority"),
            "holder": _("Holder"),
            "attributes": _("Attributes"),
            "not_after": _("Until"),
            "state": _("State"),
        },
    )
    if len(records) == limit:
        output.note(_("There may be more: --after {row}").format(row=records[-1].id))


@click.command(
    cls=Command,
    help=_("One attribute certificate, what happened to it, and the file itself with --out."),
    example="yinxin ca attribute show 01a2b3c4 --out role.pem",
)
@click.argument("serial")
@click.option("--authority", help=_("The authority that issued it, if the number alone does not tell."))
@click.option("--out", type=_FILE, help=_("Write it here."))
@click.option("--form", type=click.Choice(["pem", "der"]), default="pem", show_default=True, help=_("PEM or DER."))
@output_option
@click.pass_obj
def show(home: Home, serial: str, authority: str | None, out: Path | None, form: str, output: Output) -> None:
    """Facts and history."""
    record = register.find(home.storage, serial, authority)
    if out:
        if record.certificate is None:
            output.warn(_("It was not finished: there is no file to write."))
        else:
            files.write(out, pem.armor(LABEL, record.certificate) if form == "pem" else record.certificate)
    history = [
        f"{step.at.astimezone():%Y-%m-%d %H:%M:%S} {step.move.value}: {step.actor}"
        + (f" ({step.reason.value})" if step.reason else "")
        for step in register.history_of(home.storage, record)
    ]
    output.details(
        {**_facts(record), "history": history},
        {
            "serial": _("Serial number"),
            "authority": _("Authority"),
            "holder": _("Holder"),
            "holder_serial": _("Holder's certificate"),
            "attributes": _("Attributes"),
            "targets": _("For"),
            "terms": _("Terms"),
            "not_before": _("From"),
            "not_after": _("Until"),
            "state": _("State"),
            "reason": _("Reason"),
            "approval": _("Approval"),
            "approvers": _("Approved by"),
            "history": _("History"),
        },
    )


def read_file(path: Path) -> bytes:
    """The attribute certificate (DER) in a file, PEM or DER."""
    data = files.read(path)
    try:
        label, _headers, content = pem.unarmor(data) if pem.detect(data) else (LABEL, {}, data)
    except ValueError:
        label = ""
    if label != LABEL:
        raise YinxinError(Kind.INVALID, _("not an attribute certificate (PEM or DER)"), subject=str(path))
    return bytes(content)


def in_words(attributes: Attributes) -> list[str]:
    """Each attribute with its kind, for people."""
    clearance = attributes.clearance
    values = (
        (_("role"), attributes.roles),
        (_("position"), attributes.positions),
        (_("group"), attributes.groups),
        (_("charging"), attributes.charging),
        (_("clearance"), [f"{'/'.join(clearance.classes)} ({clearance.policy})"] if clearance else []),
        (_("service"), [f"{one.service} {one.identity}" for one in attributes.services]),
    )
    return [f"{label} {value}" for label, given in values for value in given]


def _facts(record: AttributeRecord) -> dict[str, Any]:
    read = read_attribute_certificate(record.certificate) if record.certificate else None
    return {
        "row": record.id,
        "serial": serial_text(record.serial),
        "authority": record.authority,
        "holder": record.holder,
        "holder_serial": serial_text(record.holder_serial),
        "attributes": in_words(read.attributes) if read else [],
        "targets": read.targets if read else (),
        "terms": record.terms,
        "not_before": record.not_before,
        "not_after": record.not_after,
        "state": record.state,
        "reason": record.reason,
        "changed_at": record.changed_at,
        "approval": record.approval_reference,
        "approvers": record.approvers,
    }
