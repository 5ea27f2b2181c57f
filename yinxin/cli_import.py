"""`yinxin ca import`: an existing authority taken over with all that it issued; shown first, then done."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from core import files
from core.account import local_account
from core.certificates import SUFFIXES, read_certificates, serial_text
from core.cli import Command, Output, output_option
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys import passphrase

if TYPE_CHECKING:
    from ca.importing.examination import Examination, Row
    from core.keys.pkcs12 import Unpacked

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command(
    "import",
    cls=Command,
    help=_(
        "Take over an existing CA as authority NAME: its key and certificates (PKCS#12), and what it issued (index.txt"
        " and newcerts of OpenSSL). Without --digest all is examined and shown, and nothing changed. Stop the former"
        " CA first: from then on only one may sign."
    ),
    example=(
        "yinxin ca import old-city --pkcs12 ca.p12 --password-file ca.pass --index index.txt --certificates newcerts"
        " --crl last.crl --crl-number crlnumber\nyinxin ca import old-city … --digest 5f0c…"
    ),
)
@click.argument("name")
@click.option(
    "--pkcs12", type=_FILE, help=_("Its key and certificates; without, the key NAME is in our key store (HSM).")
)
@click.option(
    "--password-file",
    type=_FILE,
    help=_("File with its password, mode 0600; else YINXIN_PKCS12_PASSWORD, or a prompt."),
)
@click.option(
    "--chain", type=click.Path(path_type=Path, exists=True), help=_("Certificates that the PKCS#12 file lacks.")
)
@click.option(
    "--root", default="", help=_("SM3 or SHA-256 of the root above it, from another source, if it is new here.")
)
@click.option("--index", type=_FILE, help=_("index.txt of openssl ca."))
@click.option("--certificates", type=_FOLDER, help=_("The certificates that it issued (newcerts)."))
@click.option("--crl", "crl_file", type=_FILE, help=_("Its last revocation list (PEM or DER)."))
@click.option("--crl-number", type=_FILE, help=_("The file crlnumber, with the number that its next list would have."))
@click.option("--accept-missing", is_flag=True, help=_("Import by their numbers those whose files are missing."))
@click.option("--digest", default="", help=_("SM3 of what was shown: import it."))
@output_option
@click.pass_obj
def import_(
    home: Home,
    name: str,
    pkcs12: Path | None,
    password_file: Path | None,
    chain: Path | None,
    root: str,
    index: Path | None,
    certificates: Path | None,
    crl_file: Path | None,
    crl_number: Path | None,
    accept_missing: bool,
    digest: str,
    output: Output,
) -> int:
    """Examine, or import."""
    from ca.importing.examination import Sources, examine
    from ca.importing.takeover import examine_authority

    unpacked = _unpacked(pkcs12, password_file) if pkcs12 else None
    key = unpacked.key.public_key_info if unpacked else _key_here(home, name)
    given = [*(unpacked.certificates if unpacked else ()), *(read_certificates(chain) if chain else ())]
    now = home.clock.now()
    authority = examine_authority(name, key, given, _anchors(home, given, root, key), now)
    sources = Sources(
        index=files.read(index) if index else b"",
        certificates=tuple(_issued(certificates)) if certificates else (),
        next_number=_number(crl_number) if crl_number else None,
    )
    if crl_file:
        sources = replace(sources, crl=_list(crl_file))
    examined = examine(authority, sources, now, accept_missing=accept_missing)
    if not digest:
        return _show(examined, output)
    return _carry_out(home, examined, unpacked, digest, output)


def _carry_out(home: Home, examined: "Examination", unpacked: "Unpacked | None", digest: str, output: Output) -> int:
    from ca.importing.books import enter
    from ca.service import open_authority
    from yinxin.takeover import put_to_use

    ca = open_authority(home)
    key = unpacked.key if unpacked else None
    authority = enter(home.context, ca.keys, examined, key, digest=digest, actor=local_account())
    new_responder = put_to_use(home, ca, authority, actor=local_account())
    output.done(
        _("{name} is ours: {count} certificates, its lists go on with number {number}.").format(
            name=authority.name, count=len(examined.rows), number=(examined.crl_number or 0) + 1
        ),
        {"name": authority.name, "certificates": len(examined.rows), "sm3": examined.digest},
    )
    if new_responder:
        output.note(_("Start the service ocsp again, so that it answers for this authority."))
    output.note(_("Have the addresses in its certificates lead here, and destroy the former copies of its key."))
    return 0


def _unpacked(file: Path, password_file: Path | None) -> "Unpacked":
    from core.keys.pkcs12 import unpack

    try:
        return unpack(
            files.read(file), passphrase.obtain(str(file), file=password_file, variable="YINXIN_PKCS12_PASSWORD")
        )
    except YinxinError as error:
        error.subject = error.subject or str(file)
        raise


def _key_here(home: Home, name: str) -> bytes:
    keys = home.key_store("ca")
    if name not in keys:
        raise YinxinError(
            Kind.INVALID,
            _("there is no key to import"),
            subject=name,
            remedy=_("give --pkcs12; a key in a token is taken in before: yinxin keys adopt ca {name} URI").format(
                name=name
            ),
        )
    return keys.signer(name).public_key_info


def _anchors(home: Home, given: list[bytes], root: str, key: bytes) -> list[bytes]:
    """The roots that are trusted here or compared; none are needed for a root whose key is brought along."""
    from asn1crypto import x509

    from ca.cli_subordinate import anchors_of, trusted_in
    from core.certificates import public_key_info

    own = [one for one in given if public_key_info(one) == key]
    if own and all(x509.Certificate.load(one).self_issued for one in own):
        return trusted_in(home)
    return anchors_of(home, [*given, *trusted_in(home)], root)


def _issued(folder: Path) -> list[tuple[str, bytes]]:
    """Every certificate in the folder, by the name of its file. What is none is told by the examination."""
    found: list[tuple[str, bytes]] = []
    for file in sorted(one for one in folder.iterdir() if one.is_file() and one.suffix.lower() in SUFFIXES):
        try:
            found += [(file.name, one) for one in read_certificates(file)]
        except YinxinError:
            found.append((file.name, b""))
    return found


def _list(file: Path) -> bytes:
    from asn1crypto import pem

    data = files.read(file)
    try:
        return pem.unarmor(data)[2] if pem.detect(data) else data
    except ValueError as error:
        raise YinxinError(Kind.INVALID, _("damaged PEM"), subject=str(file)) from error


def _number(file: Path) -> int:
    text = files.read(file).strip()
    try:
        return int(text, 16)
    except ValueError:
        raise YinxinError(
            Kind.INVALID, _("there is no hexadecimal number in it"), subject=str(file), remedy=_("give crlnumber")
        ) from None


def _show(examined: "Examination", output: Output) -> int:
    """Everything that was found; exit code 1 if it cannot be imported as it is."""
    from core.asn1.names import describe_name

    authority, rows = examined.authority, [_facts(row) for row in examined.rows]
    facts = {
        "name": authority.name,
        "subject": describe_name(authority.subject),
        "serial": serial_text(authority.serial),
        "not_after": authority.not_after,
        "count": len(rows),
        "number": (examined.crl_number or 0) + 1,
        "sm3": examined.digest,
    }
    if output.json:
        output.details(facts | {"certificates": rows, "errors": examined.errors, "sound": examined.is_sound}, {})
        return 0 if examined.is_sound else 1
    labels = {
        "name": _("Authority"),
        "subject": _("Subject"),
        "serial": _("Serial number"),
        "not_after": _("Until"),
        "count": _("Certificates"),
        "number": _("Number of the next list"),
        "sm3": _("SM3 of all this"),
    }
    headings = {
        "serial": _("Serial number"),
        "subject": _("Subject"),
        "not_after": _("Until"),
        "state": _("State"),
        "reason": _("Reason"),
        "finding": _("Finding"),
    }
    output.details(facts, labels)
    output.table(rows, headings)
    for error in examined.errors:
        output.warn(error)
    if examined.is_sound:
        output.note(
            _("Nothing was changed. If all of this is right, import it: --digest {sm3}").format(sm3=examined.digest)
        )
        return 0
    output.warn(_("It cannot be imported as it is: see the findings. Nothing was changed."))
    return 1


def _facts(row: "Row") -> dict[str, object]:
    from ca.state import Reason, State

    state = State.VALID
    if row.revoked_at:
        state = State.HELD if row.reason is Reason.CERTIFICATE_HOLD else State.REVOKED
    return {
        "serial": serial_text(row.serial),
        "subject": row.subject,
        "not_before": row.not_before,
        "not_after": row.not_after,
        "state": state,
        "reason": row.reason,
        "revoked_at": row.revoked_at,
        "file": row.certificate is not None,
        "finding": [*row.errors, *row.remarks],
    }
