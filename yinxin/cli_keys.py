"""`yinxin keys`: the private keys of the authorities, in files and in tokens: list, test, make, adopt, request."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import click
from asn1crypto import x509

from core import files
from core.account import local_account
from core.algorithms import ALGORITHMS, SHA256, Algorithm, KeyKind
from core.audit import Event
from core.certificates import read_certificates
from core.cli import Group, Output, output_option
from core.csr import build_csr
from core.errors import Kind, YinxinError
from core.home import Authority, Home
from core.i18n import _
from core.keys.hsm.uri import Pkcs11Uri
from core.keys.private_key import kind_of
from core.keys.signer import Signer
from core.keys.store import KeyStore
from core.subject import Subject
from ra.cli_options import FILE, kind_option, subject_options
from ra.delivery import armour_csr

AUTHORITIES: tuple[Authority, ...] = get_args(Authority)
authority_argument = click.argument("authority", type=click.Choice(AUTHORITIES))
_some_authority = click.argument("authority", type=click.Choice(AUTHORITIES), required=False)
_algorithm_option = click.option(
    "--algorithm", type=click.Choice(list(ALGORITHMS)), help=_("By what it signs; else the default of its kind.")
)


def uri(text: str) -> Pkcs11Uri:
    """Read an argument that names a module."""
    parsed = Pkcs11Uri.parse(text)
    parsed.module  # noqa: B018
    return parsed


@click.group(
    "keys",
    cls=Group,
    help=_("Private keys of the authorities, in files and in tokens (PKCS#11): list, test, make, adopt."),
)
def group() -> None:
    """The group."""


@group.command("list", help=_("The keys of AUTHORITY, or of all, and where they are."), example="yinxin keys list ca")
@_some_authority
@output_option
@click.pass_obj
def list_(home: Home, authority: Authority | None, output: Output) -> None:
    """One row for each key; nothing is opened."""
    output.table(
        [
            {"authority": keeper, "name": name, "token": str(found) if found else None, "where": _short(found)}
            for keeper, keys, name in _every(home, authority)
            for found in [keys.uri(name)]
        ],
        {"authority": _("Authority"), "name": _("Key"), "where": _("Token (-: in a file)")},
    )


@group.command(
    help=_(
        "Have the keys of AUTHORITY, or that of this NAME, sign something, and check the signatures. Exit code 1 if one"
        " does not."
    ),
    example="yinxin keys test ca\nyinxin keys test ocsp sm2",
)
@authority_argument
@click.argument("name", required=False)
@output_option
@click.pass_obj
def test(home: Home, authority: Authority, name: str | None, output: Output) -> int:
    """One row for each key."""
    rows = [_tried(keys, each) for _keeper, keys, each in _every(home, authority) if name is None or each == name]
    if not rows:
        raise YinxinError(Kind.NOT_FOUND, _("no such key in the key store"), subject=f"{authority}/{name or ''}")
    output.table(
        rows,
        {
            "name": _("Key"),
            "kind": _("Kind"),
            "algorithm": _("Algorithm"),
            "in_token": _("In a token"),
            "kept": _("Cannot be taken out"),
            "outcome": _("Outcome"),
        },
    )
    return 0 if all(row["signs"] for row in rows) else 1


@group.command(
    help=_("Make the key NAME of AUTHORITY in a token, for good. Without --token in that of keys.*."),
    example=(
        "yinxin keys make ca p384-issuing --kind p384\n"
        "yinxin keys make tsa rsa --kind rsa-3072 --algorithm rsa-pss-sha256"
        " --token 'pkcs11:token=tsa?module-path=/usr/lib/softhsm/libsofthsm2.so'"
    ),
)
@authority_argument
@click.argument("name")
@kind_option
@_algorithm_option
@click.option("--token", type=uri, metavar="URI", help=_("The token, as a PKCS#11 URI (RFC 7512)."))
@output_option
@click.pass_obj
def make(
    home: Home,
    authority: Authority,
    name: str,
    kind: str,
    algorithm: str | None,
    token: Pkcs11Uri | None,
    output: Output,
) -> None:
    """Make a key in a token."""
    place = _place(home, authority, token)
    keys = home.key_store(authority)
    made = keys.create_in_token(name, KeyKind(kind), place, _algorithm(algorithm))
    _record(home, "keys.make", authority, name, made)
    _tell(keys, name, made, output)


@group.command(
    help=_("Take the key in a token that URI names into the key store of AUTHORITY, as NAME. It is tried first."),
    example=(
        "yinxin keys adopt seals office 'pkcs11:token=seals;object=office?module-path=/usr/lib/softhsm/libsofthsm2.so'"
    ),
)
@authority_argument
@click.argument("name")
@click.argument("named", type=uri, metavar="URI")
@_algorithm_option
@click.option("--certificate", type=FILE, help=_("A certificate of the key, if the token has no public key beside it."))
@output_option
@click.pass_obj
def adopt(
    home: Home,
    authority: Authority,
    name: str,
    named: Pkcs11Uri,
    algorithm: str | None,
    certificate: Path | None,
    output: Output,
) -> None:
    """Describe a key that is there."""
    public = x509.Certificate.load(read_certificates(certificate)[0]).public_key.dump() if certificate else None
    keys = home.key_store(authority)
    adopted = keys.adopt(name, named, _algorithm(algorithm), public)
    _record(home, "keys.adopt", authority, name, adopted)
    _tell(keys, name, adopted, output)


@group.command(
    help=_("A certificate request (PKCS#10) for the key NAME of AUTHORITY."),
    example="yinxin keys request seals office --out office.csr --common-name 办公室 --organization 宝鸡市人民政府",
)
@authority_argument
@click.argument("name")
@click.option("--out", required=True, type=FILE, help=_("Where to write the certificate request."))
@subject_options
@output_option
@click.pass_obj
def request(home: Home, authority: Authority, name: str, out: Path, subject: Subject, output: Output) -> None:
    """Write a request."""
    files.write(out, armour_csr(build_csr(home.key_store(authority).signer(name), subject.name())))
    output.done(_("{csr}: the request, to be handed in.").format(csr=out), {"csr": str(out)})


@group.command(
    help=_("The private keys in a token, by the PIN of AUTHORITY. Without --token in that of keys.*."),
    example="yinxin keys token ca --token 'pkcs11:token=ca?module-path=/usr/lib/softhsm/libsofthsm2.so'",
)
@authority_argument
@click.option("--token", type=uri, metavar="URI", help=_("The token, as a PKCS#11 URI (RFC 7512)."))
@output_option
@click.pass_obj
def token(home: Home, authority: Authority, token: Pkcs11Uri | None, output: Output) -> None:
    """One row for each key."""
    keys = home.key_store(authority)
    ours = {str(found): name for name in keys.names() if (found := keys.uri(name))}
    output.table(
        [
            {
                "uri": str(one.uri),
                "where": _short(one.uri),
                "kind": _kind(one.public_key_info) if one.public_key_info else None,
                "kept": one.kept,
                "born": one.born,
                "name": ours.get(str(one.uri)),
            }
            for one in keys.in_token(_place(home, authority, token))
        ],
        {
            "where": "URI",
            "kind": _("Kind"),
            "kept": _("Cannot be taken out"),
            "born": _("Made there"),
            "name": _("Key"),
        },
    )


def _every(home: Home, authority: Authority | None) -> Iterator[tuple[Authority, KeyStore, str]]:
    for keeper in [authority] if authority else AUTHORITIES:
        keys = home.key_store(keeper)
        yield from ((keeper, keys, name) for name in keys.names())


def _tried(keys: KeyStore, name: str) -> dict[str, object]:
    row: dict[str, object] = {"name": name, "signs": False}
    try:
        row |= {"in_token": keys.uri(name) is not None, "kept": None}
        signer = keys.signer(name)
        row |= {"kind": kind_of(signer.public_key_info).value, "algorithm": signer.algorithm.name}
        row |= {"kept": keys.test(name)}
    except YinxinError as error:
        return row | {"outcome": str(error)}
    return row | {"signs": True, "outcome": _("signs")}


def _short(uri: Pkcs11Uri | None) -> str | None:
    """For people: without the paths of the module and the PIN, which are the same in every row."""
    return str(replace(uri, module_path=None, pin_source=None)) if uri else None


def _kind(public_key_info: bytes) -> str | None:
    try:
        return kind_of(public_key_info).value
    except YinxinError:
        return None


def _place(home: Home, authority: Authority, token: Pkcs11Uri | None) -> Pkcs11Uri:
    place = token or home.token_of(authority)
    if place is None:
        raise YinxinError(
            Kind.INVALID,
            _("no token is configured for the keys of {authority}").format(authority=authority),
            remedy=_("give --token, or set keys.{authority} in yinxin.toml").format(authority=authority),
        )
    return place


def _algorithm(name: str | None) -> Algorithm | None:
    return ALGORITHMS[name] if name else None


def _record(home: Home, act: str, authority: Authority, name: str, key: Signer) -> None:
    details = {"key": SHA256.of(key.public_key_info).hex(), "algorithm": key.algorithm.name}
    with home.storage.transaction() as connection:
        home.context.audit.append(connection, Event(act, local_account(), f"{authority}/{name}", details))


def _tell(keys: KeyStore, name: str, key: Signer, output: Output) -> None:
    output.done(
        _("{name} is in the token: {uri}").format(name=name, uri=keys.uri(name)),
        {"name": name, "uri": str(keys.uri(name)), "algorithm": key.algorithm.name},
    )
