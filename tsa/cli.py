"""`yinxin tsa`: stamp files, verify tokens, keep archives; and the two halves of the protocol, as files."""

import secrets
from pathlib import Path

import click

from core import files
from core.algorithms import DIGESTS, SHA256
from core.cli import Group, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from tsa.cli_archive import archive, check, renew
from tsa.cli_options import (
    DigestsOf,
    digest_for,
    digest_option,
    policy_option,
    print_evidence,
    print_verdict,
    stamper,
    stamper_options,
    token_judge,
    trust_options,
)
from tsa.evidence.archive import read_evidence
from tsa.evidence.verification import verify_record
from tsa.request import MessageImprint, TimeStampRequest
from tsa.response import token_of
from tsa.verification import NotValid, Verdict, read_token, verdict_on_failure

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group(cls=Group, help=_("Time stamps: give them, ask for them, verify them."))
def tsa() -> None:
    """The group of commands."""


@tsa.command(
    help=_("Have each FILE stamped, by this installation or by any RFC 3161 server, and write the token beside it."),
    example="yinxin tsa stamp notice.pdf --server http://127.0.0.1:8082/tsa/sm2 --out notice.tst",
)
@click.argument("paths", metavar="FILE...", type=_FILE, nargs=-1, required=True)
@stamper_options
@click.option("--out", type=_FILE, help=_("Where to write the token of one file; else FILE.tst."))
@output_option
@click.pass_obj
def stamp(
    home: Home,
    paths: tuple[Path, ...],
    server: str | None,
    unit: str | None,
    policy: str | None,
    digest: str | None,
    out: Path | None,
    output: Output,
) -> None:
    """Stamp files."""
    if out and len(paths) > 1:
        raise YinxinError(Kind.INVALID, _("--out is for one file only"), remedy=_("leave it out: FILE.tst is written"))
    targets = {path: out or path.with_name(f"{path.name}.tst") for path in paths}
    for target in targets.values():
        if target.exists():
            raise YinxinError(
                Kind.CONFLICT, _("the file exists already"), subject=str(target), remedy=_("a token is not replaced")
            )
    algorithm = digest_for(digest, server)
    give = stamper(home, server, unit, policy)
    rows = []
    for path, target in output.track(targets.items(), _("Stamping"), len(targets)):
        token = give(algorithm, files.digests(path, [algorithm])[algorithm])
        files.write(target, token, replace=False)
        rows.append({"file": str(path), "token": str(target), "gen_time": read_token(token).gen_time})
    output.table(rows, {"token": _("Token"), "file": _("File"), "gen_time": _("The file existed at")})


@tsa.command(
    help=_(
        "Verify that TOKEN (a token, a response that holds one, or an evidence record) is for FILE, and say when and"
        " by whom. Nothing is fetched. Exit code 0: valid; 1: not trusted, or not renewed in time; 3: invalid, or for"
        " another file; 2: it could not be read."
    ),
    example="yinxin tsa verify notice.tst notice.pdf --trust demo/trust",
)
@click.argument("token", type=_FILE)
@click.argument("file", type=_FILE)
@trust_options
@output_option
@click.pass_obj
def verify(home: Home, token: Path, file: Path, trust: Path | None, certificates: Path | None, output: Output) -> int:
    """Verify a token or an evidence record."""
    judge = token_judge(home, trust, certificates)
    data = files.read(token)
    digests = DigestsOf(file)
    try:
        with verdict_on_failure(Verdict.INVALID):
            record = read_evidence(data)
        evidence = verify_record(record, digests, judge, home.clock.now())
    except NotValid as verdict:
        print_verdict(output, verdict, token, file)
        return verdict.verdict.exit_code
    print_evidence(output, evidence)
    return 0


@tsa.command(
    help=_("Write a time-stamp request for FILE, to be sent by other means."),
    example="yinxin tsa query notice.pdf --out notice.tsq",
)
@click.argument("file", type=_FILE)
@click.option("--out", type=_FILE, help=_("Where to write the request; else FILE.tsq."))
@digest_option
@policy_option
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
    from tsa.installation import open_authority

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


for _command in (archive, check, renew):
    tsa.add_command(_command)
