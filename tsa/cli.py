"""`yinxin tsa`: stamp a file, verify a token; and the two halves of the protocol, as files."""

import secrets
from pathlib import Path

import click

from core import files
from core.algorithms import DIGESTS, SHA256, SM3
from core.certificates import read_certificates, serial_text
from core.cli import Group, Output, output_option
from core.errors import YinxinError
from core.home import Home
from core.i18n import _
from tsa.certificate import certificate_name
from tsa.client import Timestamper
from tsa.installation import open_authority
from tsa.request import ACCEPTED_DIGESTS, MessageImprint, TimeStampRequest
from tsa.response import find_token, token_of
from tsa.verification import verify_token

_FILE = click.Path(path_type=Path, dir_okay=False)
_digest_option = click.option(
    "--digest",
    type=click.Choice([digest.name for digest in ACCEPTED_DIGESTS]),
    help=_("How the file is hashed; else SM3 for this installation, SHA-256 for other servers."),
)
_policy_option = click.option("--policy", help=_("Ask for a token under this policy (OID)."))


@click.group(cls=Group, help=_("Time stamps: give them, ask for them, verify them."))
def tsa() -> None:
    """The group of commands."""


@tsa.command(
    help=_("Have FILE stamped, by this installation or by any RFC 3161 server, and write the token."),
    example="yinxin tsa stamp notice.pdf --server http://127.0.0.1:8082/tsa/sm2 --out notice.tst",
)
@click.argument("file", type=_FILE)
@click.option("--server", help=_("The server's address; without it, this installation stamps."))
@click.option("--out", type=_FILE, help=_("Where to write the token; else FILE.tst."))
@_digest_option
@_policy_option
@output_option
@click.pass_obj
def stamp(
    home: Home, file: Path, server: str | None, out: Path | None, digest: str | None, policy: str | None, output: Output
) -> None:
    """Stamp a file."""
    algorithm = DIGESTS[digest] if digest else SM3 if server is None else SHA256
    value = algorithm.of(files.read(file))
    if server is None:
        token = open_authority(home).stamp(algorithm, value, policy=policy)
    else:
        token = Timestamper(server, policy=policy).stamp(algorithm, value)
    out = out or file.with_name(f"{file.name}.tst")
    files.write(out, token)
    output.done(_("{out}: the time stamp of {file}").format(out=out, file=file), {"token": str(out)})


@tsa.command(
    help=_(
        "Verify that TOKEN (or a response that holds one) stamps FILE, and say when and by whom. Nothing is fetched."
    ),
    example="yinxin tsa verify notice.tst notice.pdf --trust demo/trust",
)
@click.argument("token", type=_FILE)
@click.argument("file", type=_FILE)
@click.option(
    "--trust",
    required=True,
    type=click.Path(path_type=Path, exists=True),
    help=_("Trusted certificates: a folder, or one file."),
)
@output_option
def verify(token: Path, file: Path, trust: Path, output: Output) -> None:
    """Verify a token."""
    anchors = read_certificates(trust)
    document = files.read(file)
    try:
        stamped = verify_token(find_token(files.read(token)), lambda digest: digest.of(document), anchors)
    except YinxinError as error:
        raise YinxinError(error.kind, error.what, subject=error.subject or str(token), remedy=error.remedy) from error
    path = [certificate_name(certificate) for certificate in stamped.path(anchors)]
    facts = {
        "verdict": "valid",
        "gen_time": stamped.gen_time,
        "accuracy_seconds": stamped.accuracy and stamped.accuracy.total_seconds(),
        "authority": stamped.authority,
        "policy": stamped.policy,
        "serial": serial_text(stamped.serial),
        "digest": stamped.digest.name,
        "algorithm": stamped.algorithm.name,
        "path": path,
    }
    output.details(
        facts,
        {
            "gen_time": _("The file existed at"),
            "accuracy_seconds": _("Accurate to (s)"),
            "authority": _("Time-stamping authority"),
            "path": _("Trusted through"),
            "policy": _("Policy"),
            "serial": _("Serial number"),
            "digest": _("File hashed by"),
            "algorithm": _("Algorithm"),
        },
    )
    output.note(
        _("The signature, the file's digest and the certificates at that time are good; revocation was not asked.")
    )


@tsa.command(
    help=_("Write a time-stamp request for FILE, to be sent by other means."),
    example="yinxin tsa query notice.pdf --out notice.tsq",
)
@click.argument("file", type=_FILE)
@click.option("--out", type=_FILE, help=_("Where to write the request; else FILE.tsq."))
@_digest_option
@_policy_option
@output_option
def query(file: Path, out: Path | None, digest: str | None, policy: str | None, output: Output) -> None:
    """Write a request."""
    algorithm = DIGESTS[digest] if digest else SHA256
    imprint = MessageImprint.of(algorithm, algorithm.of(files.read(file)))
    request = TimeStampRequest(imprint, policy, secrets.randbits(64), wants_certificates=True)
    out = out or file.with_name(f"{file.name}.tsq")
    files.write(out, request.encode())
    output.done(_("{out}: a time-stamp request for {file}").format(out=out, file=file), {"request": str(out)})


@tsa.command(
    help=_("Answer the request in the file REQUEST as the server would, and write the response."),
    example="yinxin tsa respond notice.tsq --out notice.tsr",
)
@click.argument("request", type=_FILE)
@click.option("--unit", help=_("Answer as this unit, as at its own address."))
@click.option("--out", type=_FILE, help=_("Where to write the response; else REQUEST with the ending .tsr."))
@output_option
@click.pass_obj
def respond(home: Home, request: Path, unit: str | None, out: Path | None, output: Output) -> None:
    """Answer a request."""
    response = open_authority(home).respond(files.read(request), unit=unit)
    out = out or request.with_suffix(".tsr")
    files.write(out, response)
    facts: dict[str, object] = {"response": str(out), "granted": True}
    try:
        token_of(response)
    except YinxinError as error:
        facts |= {"granted": False, "reason": error.what}
        output.warn(error.what)
    output.done(_("{out}: the response to {request}").format(out=out, request=request), facts)
