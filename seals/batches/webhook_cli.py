"""`yinxin seals webhook`: whether what a calling system was told of a batch comes from its seal service."""

from datetime import UTC, datetime
from pathlib import Path

import click
from asn1crypto import keys, pem

from core import files
from core.cli import Group, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys.private_key import kind_of
from seals.batches.webhooks import verify_notice
from seals.cli_options import FILE
from seals.client import SealServer

_KEY = "PUBLIC KEY"


@click.group(cls=Group, help=_("What a seal service tells of finished batches, and the key that it signs this with."))
def group() -> None:
    """The group of commands."""


@group.command(
    help=_("Fetch the key with which the seal service signs what it tells of batches."),
    example="yinxin seals webhook key --server https://seals.example.gov.cn --out webhook.pem",
)
@click.option("--server", metavar="URL", required=True, help=_("The seal service; everybody may ask it for the key."))
@click.option("--ca-file", type=FILE, help=_("With --server: whom to trust for TLS; else whom this machine trusts."))
@click.option("--out", type=FILE, required=True, help=_("Where to write the key (PEM)."))
@output_option
@click.pass_obj
def key(home: Home, server: str, ca_file: Path | None, out: Path, output: Output) -> None:
    """Fetch the key."""
    with SealServer(server, "", ca_file=ca_file, clock=home.clock) as service:
        told = service.webhook_key()
    files.write(out, told.public_key.encode(), replace=False)
    output.done(
        _("{out}: the key {key_id}, {algorithm}").format(out=out, key_id=told.key_id, algorithm=told.algorithm),
        {"file": str(out), "key_id": told.key_id, "algorithm": told.algorithm},
    )


@group.command(
    help=_(
        "Check what a webhook received: the BODY of the request, and a file with its headers (Name: value, one a line)."
        " Exit code: 0 it is the seal service's, 2 it is not."
    ),
    example="yinxin seals webhook verify notice.json --headers notice.headers"
    " --url https://oa.example.gov.cn/sealed --key webhook.pem",
)
@click.argument("body", type=FILE)
@click.option("--headers", type=FILE, required=True, help=_("File with the headers of the request."))
@click.option("--url", required=True, help=_("The address at which it was received, as the calling system gave it."))
@click.option("--key", "key_file", type=FILE, required=True, help=_("The seal service's key (PEM): see webhook key."))
@click.option(
    "--at",
    "moment",
    type=click.DateTime(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"]),
    help=_("When it was received, in local time; else now: what is older than five minutes is refused."),
)
@output_option
@click.pass_obj
def verify(
    home: Home, body: Path, headers: Path, url: str, key_file: Path, moment: datetime | None, output: Output
) -> None:
    """Check a notice."""
    public_key_info = _public_key(key_file)
    at = moment.astimezone(UTC) if moment else home.clock.now()
    algorithm = kind_of(public_key_info).default_algorithm
    try:
        proof = verify_notice(url, _headers(headers), files.read(body), algorithm, public_key_info, at)
    except YinxinError as error:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("not what the seal service signed for this address within five minutes of this moment"),
            subject=str(body),
            remedy=_("check --url, --key and --at, and that the body is as it was received"),
        ) from error
    output.done(
        _("It is the seal service's, signed {moment} with the key {key_id}.").format(
            moment=proof.created.astimezone().isoformat(sep=" ", timespec="seconds"), key_id=proof.key_id
        ),
        {"key_id": proof.key_id, "created": proof.created, "nonce": proof.nonce},
    )


def _headers(file: Path) -> dict[str, str]:
    lines = files.read(file).decode(errors="replace").splitlines()
    pairs = (line.partition(":") for line in lines if ":" in line)
    return {name.strip(): value.strip() for name, _colon, value in pairs}


def _public_key(file: Path) -> bytes:
    content: bytes
    try:
        label, _headers, content = pem.unarmor(files.read(file))
        if label != _KEY:
            raise ValueError
        keys.PublicKeyInfo.load(content, strict=True)["algorithm"].native  # noqa: B018 - parsing is lazy
    except (ValueError, TypeError, KeyError):
        raise YinxinError(
            Kind.INVALID, _("not a public key (PEM)"), subject=str(file), remedy=_("fetch it: yinxin seals webhook key")
        ) from None
    return content
