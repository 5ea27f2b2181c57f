"""`yinxin ca attribute`: the doors to what `ca` and `ra` each do about attribute certificates, and the check."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core.certificates import armour, read_certificates
from core.cli import Command, Group, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _

if TYPE_CHECKING:
    from ca.attributes.verification import Trust


@click.group("attribute", cls=Group, help=_("Attribute certificates: who has which role."))
def group() -> None:
    """The group."""


_FILES = click.Path(path_type=Path)
EXIT_CODES = {"has": 0, "has-not": 1, "cannot-tell": 3}

group.add_later("authority", "ca.attributes.cli:authority", _("Make an attribute authority."))
group.add_later("apply", "ra.cli_attributes:apply", _("Enter a request for an attribute certificate."))
group.add_later("requests", "ra.cli_attributes:requests", _("List requests."))
group.add_later("approve", "ra.cli_attributes:approve", _("Approve requests."))
group.add_later("reject", "ra.cli_attributes:reject", _("Reject requests, saying why."))
group.add_later("withdraw", "ra.cli_attributes:withdraw", _("Withdraw requests that have not been issued."))
group.add_later("issue", "ra.cli_attributes:issue", _("Have attribute certificates made."))
group.add_later("list", "ca.attributes.cli:list_", _("List attribute certificates."))
group.add_later("show", "ca.attributes.cli:show", _("Show an attribute certificate, or write it into a file."))
group.add_later("hold", "ra.cli_attributes:hold", _("Suspend an attribute certificate."))
group.add_later("resume", "ra.cli_attributes:resume", _("Let a suspended attribute certificate hold again."))
group.add_later("revoke", "ra.cli_attributes:revoke", _("Revoke an attribute certificate for good."))


@group.command(
    cls=Command,
    help=_(
        "Say whether HOLDER has a role now by the attribute certificate CERTIFICATE, with the proof. Exit code: "
        "0 has it, 1 has it not, 3 it cannot be told, 2 wrong input."
    ),
    example="yinxin ca attribute check role.pem zhangsan.pem --role urn:example:role:document-approver",
)
@click.argument("certificate", type=_FILES)
@click.argument("holder", type=_FILES)
@click.option("--role", metavar="URI", help=_("The role to look for."))
@click.option("--group", "group_name", metavar="GROUP", help=_("The group to look for."))
@click.option("--position", help=_("The position to look for."))
@click.option("--target", metavar="URI", help=_("The service that asks, where the certificate is for some only."))
@click.option(
    "--authority",
    "authorities",
    type=_FILES,
    multiple=True,
    help=_("Certificate of an attribute authority that is trusted. Default: those of this installation."),
)
@click.option("--trust", type=_FILES, help=_("Trusted roots, a file or a folder. Default: those of this installation."))
@click.option("--chain", "chains", type=_FILES, multiple=True, help=_("Certificates of authorities in between."))
@click.option("--crl", "lists", type=_FILES, multiple=True, help=_("Revocation lists: nothing is asked online."))
@click.option("--local", is_flag=True, help=_("Ask this installation's responders, without the network."))
@output_option
@click.pass_obj
def check(
    home: Home,
    certificate: Path,
    holder: Path,
    role: str | None,
    group_name: str | None,
    position: str | None,
    target: str | None,
    authorities: tuple[Path, ...],
    trust: Path | None,
    chains: tuple[Path, ...],
    lists: tuple[Path, ...],
    local: bool,
    output: Output,
) -> None:
    """Exits with the code of the answer."""
    from ca.attributes import verification
    from ca.attributes.cli import in_words, read_file
    from ca.attributes.reading import read_attribute_certificate
    from yinxin import attribute_status

    if lists and local:
        raise click.UsageError(_("Give --crl or --local, not both."))
    holders = read_certificates(holder)
    question = verification.Question(
        read_attribute_certificate(read_file(certificate)), holders[0], role, group_name, position, target
    )
    verification.require_question(question)
    trusted = _trust(home, authorities, trust, (*chains,), holders[1:])
    source: verification.StatusSource
    if lists:
        source = attribute_status.RevocationLists(home.clock, attribute_status.read_lists(lists))
    elif local:
        source = attribute_status.of_this_installation(home)
    else:
        source = attribute_status.Responders(home.clock)
    judgement = verification.judge_attributes(question, trusted, source, home.clock.now())
    sentence = {
        verification.Answer.HAS: _("Yes: the holder has it now."),
        verification.Answer.HAS_NOT: _("No: the holder does not have it now."),
        verification.Answer.CANNOT_TELL: _("It cannot be told: do not rely on it."),
    }[judgement.answer]
    facts = {
        "answer": judgement.answer,
        "steps": [asdict(step) for step in judgement.steps],
        "attributes": judgement.attributes.model_dump(exclude_defaults=True),
        "authority_path": armour(judgement.authority_path).decode(),
        "holder_path": armour(judgement.holder_path).decode(),
    }
    if output.json:
        output.done(sentence, facts)
    else:
        click.echo(sentence)
        marks = {True: "✓", False: "✗", None: "?"}
        for step in judgement.steps:
            click.echo(f"  {marks[step.holds]} {step.words}")
        output.note(_("All that it says: {attributes}").format(attributes=", ".join(in_words(judgement.attributes))))
    click.get_current_context().exit(EXIT_CODES[judgement.answer])


def _trust(
    home: Home, authorities: tuple[Path, ...], trust: Path | None, chains: tuple[Path, ...], enclosed: list[bytes]
) -> "Trust":
    """Whom to believe: what was given, and else this installation's own."""
    from ca.attributes.verification import Trust
    from ca.authorities import list_authorities
    from ca.books import AuthorityKind

    files = [read_certificates(path) for path in authorities]
    trusted = [certificates[0] for certificates in files]
    between = [*enclosed, *(one for path in chains for one in read_certificates(path))]
    between += [one for certificates in files for one in certificates[1:]]
    if not authorities:
        own = list_authorities(home.storage)
        trusted = [one.certificate for one in own if one.kind is AuthorityKind.ATTRIBUTES and one.certificate]
        between += [one.certificate for one in own if one.kind is AuthorityKind.CERTIFICATES and one.certificate]
    if not trusted:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("there is no attribute authority to trust"),
            remedy=_("give its certificate with --authority"),
        )
    return Trust(read_certificates(trust or home.trust), trusted, between)
