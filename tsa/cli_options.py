"""What the commands of `yinxin tsa` share: who stamps, whom to trust, and how evidence is shown."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from core import files
from core.algorithms import DIGESTS, SHA256, SM3, Digest
from core.certificates import read_certificates, serial_text
from core.config import FILE_NAME, TsaSettings
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.output import Output
from tsa.certificate import certificate_name
from tsa.client import Timestamper
from tsa.evidence.preservation import Stamp
from tsa.evidence.suitability import Suitability
from tsa.evidence.verification import Evidence, TokenJudge
from tsa.request import ACCEPTED_DIGESTS
from tsa.verification import NotValid

Function = TypeVar("Function", bound=Callable[..., Any])

digest_option = click.option(
    "--digest",
    type=click.Choice([digest.name for digest in ACCEPTED_DIGESTS]),
    help=_("How files are hashed; else SM3 for this installation, SHA-256 for other servers."),
)
policy_option = click.option("--policy", help=_("Ask for a token under this policy (OID)."))


def stamper_options(function: Function) -> Function:
    """`--server`, `--unit`, `--policy`, `--digest`."""
    server = click.option("--server", help=_("The server's address; without it, this installation stamps."))
    unit = click.option("--unit", help=_("Which unit of this installation stamps: sm2, rsa …"))
    return server(unit(policy_option(digest_option(function))))


def trust_options(function: Function) -> Function:
    """`--trust`, `--certificates`."""
    path = click.Path(path_type=Path, exists=True)
    trust = click.option(
        "--trust", type=path, help=_("Trusted certificates: a folder, or one file; else the folder trust of the home.")
    )
    others = click.option(
        "--certificates", type=path, help=_("Further certificates that a token may lack: a folder, or one file.")
    )
    return trust(others(function))


def digest_for(name: str | None, server: str | None) -> Digest:
    """The digest of this name; else SM3 for this installation, and for other servers what all of them take."""
    return DIGESTS[name] if name else SM3 if server is None else SHA256


def stamper(home: Home, server: str | None, unit: str | None, policy: str | None) -> Stamp:
    """Who stamps: a server, or this installation."""
    if server is not None:
        if unit is not None:
            raise YinxinError(
                Kind.INVALID, _("--unit is for this installation"), remedy=_("a unit of a server has its own address")
            )
        return Timestamper(server, policy=policy).stamp
    from tsa.installation import open_authority  # a database, which whoever asks a server or verifies does not need

    authority = open_authority(home)
    return lambda digest, value: authority.stamp(digest, value, unit=unit, policy=policy)


def settings(home: Home) -> TsaSettings:
    """Those of the home, or the defaults where there is no home: verifying needs none."""
    return home.configuration.tsa if (home.path / FILE_NAME).exists() else TsaSettings()


def token_judge(home: Home, trust: Path | None, certificates: Path | None) -> TokenJudge:
    """Whom and what is trusted; `YinxinError` if there is nobody."""
    if trust is None and not home.trust.is_dir():
        raise YinxinError(
            Kind.NOT_FOUND,
            _("nobody is trusted here: there is no folder of trusted certificates"),
            subject=str(home.trust),
            remedy=_("name them with --trust"),
        )
    others = read_certificates(certificates) if certificates else []
    return TokenJudge(read_certificates(trust or home.trust), others, Suitability(settings(home).suitable_until))


class DigestsOf:
    """The digests of a file, each computed when it is asked for."""

    def __init__(self, path: Path) -> None:
        """`YinxinError` if there is no such file."""
        files.digests(path, ())
        self._path = path

    def __call__(self, digest: Digest) -> bytes:
        """The digest by this algorithm."""
        return files.digests(self._path, [digest])[digest]


def standing_words() -> dict[str, str]:
    """Verdicts and standings, as people read them."""
    return {
        "valid": _("valid"),
        "due": _("valid, to be renewed"),
        "stamped": _("stamped"),
        "renewed": _("renewed"),
        "unprotected": _("without evidence"),
        "untrusted": _("not trusted"),
        "weakened": _("weakened"),
        "invalid": _("invalid"),
        "changed": _("another or changed file"),
        "missing": _("file is missing"),
    }


def print_verdict(output: Output, verdict: NotValid, token: Path, file: Path) -> None:
    """What is not valid, and why."""
    word = verdict.verdict.value if output.json else standing_words()[verdict.verdict]
    facts = {"verdict": word, "explanation": str(verdict), "token": str(token), "file": str(file)}
    labels = {"verdict": _("Verdict"), "token": _("Evidence"), "file": _("File"), "explanation": _("Because")}
    output.details(facts, labels)


def print_evidence(output: Output, evidence: Evidence) -> None:
    """What valid evidence says."""
    first = evidence.tokens[0].time_stamp
    path = [certificate_name(certificate) for certificate in evidence.tokens[0].path]
    facts = {
        "verdict": "valid" if output.json else _("valid"),
        "gen_time": first.gen_time,
        "accuracy_seconds": first.accuracy and first.accuracy.total_seconds(),
        "authority": first.authority,
        "policy": first.policy,
        "serial": serial_text(first.serial),
        "digest": first.digest.name,
        "algorithm": first.algorithm.name,
        "path": path,
        "holds_until": evidence.holds_until,
        "renewals": [token.time_stamp.gen_time for token in evidence.tokens[1:]],
    }
    labels = {
        "verdict": _("Verdict"),
        "gen_time": _("The file existed at"),
        "accuracy_seconds": _("Accurate to (s)"),
        "authority": _("Time-stamping authority"),
        "path": _("Trusted through"),
        "policy": _("Policy"),
        "serial": _("Serial number"),
        "digest": _("File hashed by"),
        "algorithm": _("Algorithm"),
        "holds_until": _("To be renewed before"),
    }
    output.details(facts, labels | ({"renewals": _("Renewed at")} if facts["renewals"] else {}))
    output.note(
        _("The signature, the file's digest and the certificates at that time are good; revocation was not asked.")
    )
