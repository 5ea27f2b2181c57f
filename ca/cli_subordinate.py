"""`yinxin ca subordinate`: authorities under a root that is kept offline, or under another centre."""

from pathlib import Path
from typing import Any

import click
from asn1crypto import x509

from ca.service import open_authority
from core import files
from core.account import local_account
from core.algorithms import SM3, KeyKind
from core.asn1.names import describe_name
from core.certificates import armour, read_certificates, serial_text
from core.cli import Group, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.subject import Subject

_FILE = click.Path(path_type=Path, dir_okay=False)
PROFILE = "subordinate"
_profile_option = click.option(
    "--profile", default=PROFILE, show_default=True, help=_("What the certificate must be good for.")
)
_issuer_option = click.option("--issuer", required=True, help=_("The authority that certifies it."))


@click.group(
    "subordinate",
    cls=Group,
    help=_("Authorities under an offline root or another centre: requests out, certificates in."),
)
def group() -> None:
    """The group."""


@group.command(
    help=_("At the issuing home: make the key of authority NAME, and the request to carry to its parent."),
    example='yinxin ca subordinate request sm2-issuing --common-name "示范市签发机构" --out sm2-issuing.csr',
)
@click.argument("name")
@click.option("--common-name", required=True, help=_("What the authority is called (CN)."))
@click.option("--organization", help=_("Whose it is (O); else the centre's."))
@click.option("--province", help=_("Province (ST)."))
@click.option("--locality", help=_("City (L)."))
@click.option(
    "--kind",
    type=click.Choice([kind.value for kind in KeyKind]),
    default=KeyKind.SM2.value,
    show_default=True,
    help=_("Kind of key."),
)
@_profile_option
@click.option("--out", required=True, type=_FILE, help=_("Where to write the request (PEM)."))
@output_option
@click.pass_obj
def request(
    home: Home,
    name: str,
    common_name: str,
    organization: str | None,
    province: str | None,
    locality: str | None,
    kind: str,
    profile: str,
    out: Path,
    output: Output,
) -> None:
    """Ask for a certificate."""
    from ca.subordinates.requests import armour_request, distribution_of, request_certificate

    subject = Subject(
        province=province,
        locality=locality,
        organization=organization or home.configuration.centre.organization,
        common_name=common_name,
    )
    made = request_certificate(
        open_authority(home),
        name,
        KeyKind(kind),
        subject,
        profile=profile,
        actor=local_account(),
        distribution=distribution_of(home.configuration),
    )
    files.write(out, armour_request(made.csr))
    output.done(
        _("{file}: the request, SM3 {digest}. Carry it to the parent.").format(file=out, digest=made.fingerprint),
        {"name": name, "request": str(out), "sm3": made.fingerprint},
    )


@group.command("list", help=_("What was asked for, answered or not."), example="yinxin ca subordinate list")
@output_option
@click.pass_obj
def list_(home: Home, output: Output) -> None:
    """One row for each request."""
    from ca.subordinates.requests import list_requests

    rows = [
        {
            "name": one.authority.name,
            "subject": describe_name(one.authority.subject),
            "profile": one.profile,
            "requested_at": one.requested_at,
            "sm3": one.fingerprint,
            "installed": one.authority.certificate is not None,
        }
        for one in list_requests(home.storage)
    ]
    output.table(
        rows,
        {
            "name": _("Authority"),
            "subject": _("Subject"),
            "requested_at": _("Asked at"),
            "sm3": _("SM3 of the request"),
            "installed": _("Installed"),
        },
    )


@group.command(
    help=_("At the parent's home: examine the request in FILE and show what signing it would certify."),
    example="yinxin ca subordinate review sm2-issuing.csr --issuer sm2-root",
)
@click.argument("file", type=_FILE)
@_issuer_option
@_profile_option
@output_option
@click.pass_obj
def review(home: Home, file: Path, issuer: str, profile: str, output: Output) -> None:
    """Examine."""
    output.details(
        _reviewed(home, file, issuer, profile)[1],
        {
            "digest": _("SM3 of the request"),
            "subject": _("Subject"),
            "key": _("Kind of key"),
            "key_digest": _("SM3 of the key"),
            "issuer": _("Issuer"),
            "profile": _("Profile"),
            "validity_days": _("Days"),
            "path_length": _("Path length"),
            "key_usage": _("Key usage"),
        },
    )
    output.note(_("If all of this is right, sign it with --digest and the SM3 of the request."))


@group.command(
    help=_("At the parent's home: sign the reviewed request in FILE; custodians enter their shares."),
    example=("yinxin ca subordinate sign sm2-issuing.csr --issuer sm2-root --digest 4f1c… --out sm2-issuing.pem"),
)
@click.argument("file", type=_FILE)
@_issuer_option
@_profile_option
@click.option("--digest", required=True, help=_("SM3 of the request, as the review showed it."))
@click.option("--out", required=True, type=_FILE, help=_("Where to write the certificate and its issuers' (PEM)."))
@output_option
@click.pass_obj
def sign(home: Home, file: Path, issuer: str, profile: str, digest: str, out: Path, output: Output) -> None:
    """Sign."""
    from ca.subordinates.signing import sign as certify

    reviewed, facts = _reviewed(home, file, issuer, profile)
    chain = certify(open_authority(home), reviewed, digest=digest, actor=local_account())
    files.write(out, armour(chain))
    serial = serial_text(x509.Certificate.load(chain[0]).serial_number)
    output.done(
        _("{file}: certificate {serial} and those above it. Carry it back, with the root's list.").format(
            file=out, serial=serial
        ),
        facts | {"serial": serial, "certificate": str(out)},
    )


def _reviewed(home: Home, file: Path, issuer: str, profile: str) -> tuple[Any, dict[str, object]]:
    from ca.subordinates.signing import review as examine

    try:
        reviewed = examine(open_authority(home), files.read(file), issuer=issuer, profile=profile)
    except YinxinError as error:
        error.subject = error.subject or str(file)
        raise
    chosen = reviewed.profile
    return reviewed, {
        "digest": reviewed.digest,
        "subject": describe_name(reviewed.subject.name()),
        "key": reviewed.key,
        "key_digest": reviewed.key_digest,
        "issuer": reviewed.issuer,
        "profile": chosen.name,
        "validity_days": chosen.validity_days,
        "path_length": chosen.path_length,
        "key_usage": chosen.key_usage.values,
    }


@group.command(
    help=_(
        "At the issuing home: put the certificate in FILE to use, which answers the request of authority NAME; FILE"
        " also holds those above it. A root that is new here is named by its fingerprint, as its owner says it."
    ),
    example="yinxin ca subordinate install sm2-issuing sm2-issuing.pem --root 9a0e…",
)
@click.argument("name")
@click.argument("file", type=_FILE)
@click.option("--root", default="", help=_("SM3 or SHA-256 of the root's certificate, from another source than FILE."))
@output_option
@click.pass_obj
def install(home: Home, name: str, file: Path, root: str, output: Output) -> None:
    """Install."""
    from ca.subordinates.installing import install as put_to_use

    given = read_certificates(file)
    installed = put_to_use(home.context, name, given, anchors_of(home, given, root), actor=local_account())
    if installed.path[-1] not in trusted_in(home):
        files.write(home.trust / f"{installed.parents[-1]}.pem", armour(installed.path[-1:]))
    files.write(home.certificates("ca") / f"{name}.pem", armour(installed.path))
    output.done(
        _("{name} has its certificate {serial}, under {parent}, until {day}.").format(
            name=name, serial=serial_text(installed.serial), parent=installed.parents[0], day=installed.not_after.date()
        ),
        {
            "name": name,
            "serial": serial_text(installed.serial),
            "parents": installed.parents,
            "not_after": installed.not_after,
        },
    )
    output.note(_("Bring the list of {parent} next: yinxin ca crl import FILE").format(parent=installed.parents[0]))


def trusted_in(home: Home) -> list[bytes]:
    """The roots in the home's folder."""
    return read_certificates(home.trust) if home.trust.exists() and any(home.trust.glob("*.pem")) else []


def anchors_of(home: Home, given: list[bytes], fingerprint: str) -> list[bytes]:
    """The roots that are trusted here, and the one that somebody compared; `YinxinError` if there is none."""
    import hashlib

    trusted = trusted_in(home)
    roots = [one for one in given if x509.Certificate.load(one).self_issued]
    wanted = fingerprint.replace(":", "").lower()
    compared = [one for one in roots if wanted in (SM3.of(one).hex(), hashlib.sha256(one).hexdigest())]
    if not roots:
        raise YinxinError(
            Kind.INVALID,
            _("there is no root in the file"),
            remedy=_("give the certificates of all authorities above it too, up to the root"),
        )
    if fingerprint and not compared:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("no root in the file has this fingerprint"),
            subject=fingerprint,
            remedy=_("do not install it; find out whose certificate this is"),
        )
    if not compared and not set(trusted) & set(roots):
        found = "; ".join(
            f"{describe_name(x509.Certificate.load(one).subject.dump())} SM3 {SM3.of(one).hex()}" for one in roots
        )
        raise YinxinError(
            Kind.FORBIDDEN,
            _("its root is not trusted here: {roots}").format(roots=found),
            remedy=_(
                "compare the fingerprint with the ceremony's transcript or its owner's word, and give it as --root"
            ),
        )
    return [*trusted, *compared]
