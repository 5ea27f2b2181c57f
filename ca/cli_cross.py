"""`yinxin ca cross`: cross certificates, given by us and given to us."""

from pathlib import Path

import click
from asn1crypto import x509

from core import files
from core.account import local_account
from core.asn1.names import describe_name
from core.certificates import armour, read_certificates, serial_text
from core.cli import Group, Output, output_option
from core.home import Home
from core.i18n import _

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("cross", cls=Group, help=_("Cross certificates: others certify our authorities, and we theirs."))
def group() -> None:
    """The group."""


@group.command(
    help=_("Write the request by which another centre certifies our AUTHORITY's key."),
    example="yinxin ca cross request sm2-root --out sm2-root.csr",
)
@click.argument("authority")
@click.option("--out", required=True, type=_FILE, help=_("Where to write the request (PEM)."))
@output_option
@click.pass_obj
def request(home: Home, authority: str, out: Path, output: Output) -> None:
    """Ask to be certified."""
    from ca.cross import request_cross
    from ca.service import open_authority
    from ca.subordinates.requests import armour_request
    from core.algorithms import SM3

    csr = request_cross(open_authority(home), authority, actor=local_account())
    files.write(out, armour_request(csr))
    digest = SM3.of(csr).hex()
    output.done(
        _("{file}: the request, SM3 {digest}. Carry it to the other centre.").format(file=out, digest=digest),
        {"name": authority, "request": str(out), "sm3": digest},
    )


@group.command(
    help=_(
        "Keep the cross certificate in FILE, by which another centre certified our AUTHORITY, and hand it out beside"
        " its chain; FILE also holds those above it. Their root is named by its fingerprint, and not trusted for that."
    ),
    example="yinxin ca cross install sm2-root partner.pem --root 9a0e…",
)
@click.argument("authority")
@click.argument("file", type=_FILE)
@click.option("--root", default="", help=_("SM3 or SHA-256 of the root's certificate, from another source than FILE."))
@output_option
@click.pass_obj
def install(home: Home, authority: str, file: Path, root: str, output: Output) -> None:
    """Install."""
    from ca.cli_subordinate import anchors_of
    from ca.cross import install_cross
    from ca.further import handed_out

    given = read_certificates(file)
    installed = install_cross(home.context, authority, given, anchors_of(home, given, root), actor=local_account())
    files.write(home.certificates("ca") / f"{authority}.pem", armour(handed_out(home.storage, authority)))
    output.done(
        _("{issuer} vouches for {name} until {day}: certificate {serial}.").format(
            issuer=installed.issuer,
            name=authority,
            day=installed.not_after.date(),
            serial=serial_text(installed.serial),
        ),
        {"name": authority, "issuer": installed.issuer, "serial": serial_text(installed.serial)},
    )


@group.command(
    "list",
    help=_("The cross certificates that we have given, and those that we have."),
    example="yinxin ca cross list",
)
@output_option
@click.pass_obj
def list_(home: Home, output: Output) -> None:
    """One row for each."""
    from ca.activation import active_profiles
    from ca.authorities import list_authorities
    from ca.further import FurtherKind, further_of
    from ca.profiles import Audience
    from ca.register import Filter, every

    rows: list[dict[str, object]] = []
    with home.storage.reading() as connection:
        crossing = [one.profile.name for one in active_profiles(connection) if one.profile.audience is Audience.CROSS]
        for authority in list_authorities(home.storage):
            for one in further_of(connection, authority, FurtherKind.CROSS):
                read = x509.Certificate.load(one)
                rows.append(
                    {
                        "direction": _("to us"),
                        "subject": describe_name(authority.subject),
                        "issuer": describe_name(read.issuer.dump()),
                        "serial": serial_text(read.serial_number),
                        "not_after": read.not_valid_after,
                    }
                )
    for profile in crossing:
        for record in every(home.storage, Filter(profile=profile)):
            rows.append(
                {
                    "direction": _("by us"),
                    "subject": record.subject,
                    "issuer": record.authority,
                    "serial": serial_text(record.serial),
                    "not_after": record.not_after,
                    "state": record.state,
                }
            )
    output.table(
        rows,
        {
            "direction": _("Given"),
            "subject": _("Subject"),
            "issuer": _("Issuer"),
            "serial": _("Serial number"),
            "not_after": _("Until"),
            "state": _("State"),
        },
    )
