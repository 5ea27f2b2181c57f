"""`yinxin ocsp`: ask a responder about a certificate and understand the answer; answer requests in files."""

import secrets
from dataclasses import asdict
from pathlib import Path

import click

from core import files
from core.algorithms import DIGESTS
from core.asn1.names import describe_name
from core.certificates import read_certificates
from core.cli import Group, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.output import Output
from ocsp.certificate import Certificate
from ocsp.client import Transport, ask, explain, fetch, over_http
from ocsp.issuer import find_issuer, known_certificates, leads_to
from ocsp.judgement import Standing

NONCE_OCTETS = 32
"""RFC 9654 2.1: what a client should send."""
EXIT_CODES = {Standing.GOOD: 0, Standing.REVOKED: 1, Standing.UNKNOWN: 3}

FilePath = click.Path(path_type=Path)


@click.group("ocsp", cls=Group, help=_("Certificate status: ask a responder, or answer."))
def group() -> None:
    """The group."""


@group.command(
    help=_(
        "Ask whether CERTIFICATE holds, check the answer and explain it. The issuer is sought in the file itself, in"
        " this installation, and at the address in the certificate. Exit code: 0 good, 1 revoked or on hold, 3 unknown,"
        " 2 no answer that can be believed."
    ),
    example="yinxin ocsp check zhangsan.pem\nyinxin ocsp check site.pem --issuer ca.pem --hash sha256 --get --no-nonce",
)
@click.argument("certificate", type=FilePath)
@click.option("--issuer", "issuer_file", type=FilePath, help=_("Certificate of the issuer."))
@click.option("--url", help=_("Address of the responder. Default: the one in the certificate."))
@click.option("--local", is_flag=True, help=_("Ask this installation's responder, without the network."))
@click.option("--get", is_flag=True, help=_("Ask by GET, as caches like it; else by POST."))
@click.option(
    "--hash", "digest", type=click.Choice(list(DIGESTS)), default="sha1", show_default=True, help=_("Of the CertID.")
)
@click.option(
    "--nonce/--no-nonce", default=True, show_default=True, help=_("Ask for an answer made for this question.")
)
@output_option
@click.pass_obj
def check(
    home: Home,
    certificate: Path,
    issuer_file: Path | None,
    url: str | None,
    local: bool,
    get: bool,
    digest: str,
    nonce: bool,
    output: Output,
) -> None:
    """Exits with the code of the certificate's standing."""
    own, *beside_it = read_certificates(certificate)
    asked = Certificate.load(own)
    known = known_certificates(home.trust, home.certificates("ca"))
    at_hand = read_certificates(issuer_file) if issuer_file else [*beside_it, *known]
    issuer = find_issuer(asked, at_hand, fetch) if not issuer_file else Certificate.load(at_hand[0])
    transport = _local(home) if local else over_http(url or _address(asked, certificate), get=get)
    octets = secrets.token_bytes(NONCE_OCTETS) if nonce else None
    verdict = ask(asked, issuer, transport, home.clock, DIGESTS[digest], octets)
    reason = verdict.reason.name.lower().replace("_", "-") if verdict.reason else None
    anchors = known_certificates(home.trust)
    facts = {
        "certificate": describe_name(asked.subject),
        **asdict(verdict),
        "reason": reason,
        "issuer": describe_name(issuer.subject),
        "issuer_is_trusted": leads_to(issuer, known, anchors, home.clock) if anchors else None,
        "expires": asked.not_after,
    }
    labels = {
        "certificate": _("Certificate"),
        "issuer": _("Issuer"),
        "standing": _("Standing"),
        "this_update": _("Said at"),
        "next_update": _("Holds until"),
        "responder": _("Signed by"),
    }
    if not output.json:
        click.echo(explain(verdict))
    output.details(facts, labels)
    if nonce and not verdict.nonce_returned:
        output.note(_("The responder did not return the nonce: the answer may be an earlier one that still holds."))
    if asked.not_after < home.clock.now():
        output.note(_("The certificate has expired: what holds is only what was signed with it before."))
    if not facts["issuer_is_trusted"] and not issuer_file:
        output.note(_("No path leads from its issuer to a root in {folder}.").format(folder=home.trust))
    click.get_current_context().exit(EXIT_CODES[verdict.standing])


def _address(certificate: Certificate, path: Path) -> str:
    for address in certificate.responder_addresses:
        return address
    raise YinxinError(
        Kind.INVALID,
        _("the certificate names no responder"),
        subject=str(path),
        remedy=_("give its address with --url, or ask here with --local"),
    )


def _local(home: Home) -> Transport:
    from ocsp.service import responder_of

    return responder_of(home).respond


@group.command(
    help=_("Answer the OCSPRequest in the file REQUEST (DER) as the service would."),
    example="yinxin ocsp respond request.der --out response.der",
)
@click.argument("request", type=FilePath)
@click.option("--out", type=FilePath, required=True, help=_("File for the OCSPResponse (DER)."))
@output_option
@click.pass_obj
def respond(home: Home, request: Path, out: Path, output: Output) -> None:
    """Writes whatever the protocol answers, its errors too."""
    from ocsp.service import responder_of

    response = responder_of(home).respond(files.read(request))
    files.write(out, response)
    output.done(_("Answered in {file}.").format(file=out), {"response": str(out), "size": len(response)})
