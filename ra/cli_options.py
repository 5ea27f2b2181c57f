"""Options that several `yinxin ra` commands share: which operator acts, and whom a certificate is for."""

import functools
import json
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
from pydantic import ValidationError

from core import files
from core.algorithms import KeyKind
from core.api.address import Server
from core.complaints import complaint
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys import passphrase
from core.subject import Identity, Subject
from ra.applications import Contact
from ra.office import RegistrationOffice

FILE = click.Path(path_type=Path, dir_okay=False)
PIN_VARIABLE = "YINXIN_PIN"

Function = Callable[..., Any]

_SERVER = "ra.server"

kind_option = click.option(
    "--kind",
    type=click.Choice([kind.value for kind in KeyKind]),
    default=KeyKind.SM2.value,
    show_default=True,
    help=_("Kind of key."),
)

_NAME_FIELDS = {
    "common_name": _("Name of the person, unit or service (CN)."),
    "organization": _("Unit that the holder belongs to (O)."),
    "organizational_unit": _("Department (OU)."),
    "locality": _("City (L)."),
    "province": _("Province (ST)."),
    "country": _("Country, two letters (C)."),
}
_IDENTITY_FIELDS = {
    "resident_id": _("Resident identity number."),
    "passport": _("Passport number."),
    "insurance_number": _("Social insurance number."),
    "business_registration": _("Business registration number."),
    "credit_code": _("Unified social credit code."),
    "taxation_number": _("Taxation number."),
}


def obtain_pin(what: str, file: Path | None, variable: str = PIN_VARIABLE) -> bytes:
    """A PIN from the file if given, else the environment, else a prompt."""
    return passphrase.obtain(what, file=file, variable=variable)


def acting_operator(function: Function) -> Function:
    """Give the command `--as`, `--key` and `--pin-file`, and the parameter `office: RegistrationOffice`."""

    @functools.wraps(function)
    def acting(home: Home, operator: str, key_file: Path, pin_file: Path | None, **options: Any) -> Any:
        return function(office=_open_office(home, operator, key_file, pin_file), **options)

    return _with_operator_options(click.pass_obj(acting), required=True)


def acting_here(function: Function) -> Function:
    """As `acting_operator`, for what is done where the CA is: the parameters `home` and `session`."""

    @functools.wraps(function)
    def acting(home: Home, operator: str, key_file: Path, pin_file: Path | None, **options: Any) -> Any:
        here_only()
        from ra.operators import open_session

        pin = obtain_pin(str(key_file), pin_file)
        return function(home=home, session=open_session(home.context, operator, key_file, pin), **options)

    return _with_operator_options(click.pass_obj(acting), required=True)


def asking_anybody(function: Function) -> Function:
    """The same for what needs no operator at this machine; an office at a distance asks who looks."""

    @functools.wraps(function)
    def asking(home: Home, operator: str | None, key_file: Path | None, pin_file: Path | None, **options: Any) -> Any:
        if operator is None or key_file is None:
            if chosen_server() is not None:
                raise click.UsageError(_("An office at a distance asks who looks: give --as and --key."))
            from ra.local_office import LocalOffice

            return function(office=LocalOffice(home), **options)
        return function(office=_open_office(home, operator, key_file, pin_file), **options)

    return _with_operator_options(click.pass_obj(asking), required=False)


def choose_server(server: Server | None) -> None:
    """Have the commands of this call go to the office there."""
    click.get_current_context().meta[_SERVER] = server


def chosen_server() -> Server | None:
    """Where the office is; None: at this machine."""
    server: Server | None = click.get_current_context().meta.get(_SERVER)
    return server


def here_only() -> None:
    """Refuse what is only done where the keys of the CA are."""
    if chosen_server() is not None:
        raise click.UsageError(_("This is done at the CA's own machine, without --server."))


def _open_office(home: Home, operator: str, key_file: Path, pin_file: Path | None) -> RegistrationOffice:
    server = chosen_server()
    pin = obtain_pin(str(key_file), pin_file)
    if server is None:
        from ra.local_office import LocalOffice
        from ra.operators import open_session

        return LocalOffice(home, open_session(home.context, operator, key_file, pin))
    from ra.remote_office import open_remote

    return open_remote(server, operator, key_file, pin, home.clock)


def operator_options(function: Function) -> Function:
    """Give the command `--as`, `--key` and `--pin-file` as they are: `operator`, `key_file`, `pin_file`."""
    return _with_operator_options(function, required=True)


def _with_operator_options(decorated: Function, *, required: bool) -> Function:
    for option in (
        click.option("--pin-file", type=FILE, help=_("File with the PIN, mode 0600; else YINXIN_PIN, or a prompt.")),
        click.option("--key", "key_file", required=required, type=FILE, help=_("The operator's key file.")),
        click.option("--as", "operator", required=required, metavar="OPERATOR", help=_("The operator who acts.")),
    ):
        decorated = option(decorated)
    return decorated


def subject_options(function: Function) -> Function:
    """Give the command options for every field of the subject, or `--from FILE`, and the parameter `subject`."""

    @functools.wraps(function)
    def with_subject(*args: Any, from_file: Path | None, **options: Any) -> Any:
        given = {field: options.pop(field) for field in _NAME_FIELDS}
        identity = {field: options.pop(field) for field in _IDENTITY_FIELDS}
        subject = build_subject(_from_file(from_file) if from_file else {}, given, identity)
        return function(*args, subject=subject, **options)

    return _with_subject_options(with_subject)


def subject_changes(function: Function) -> Function:
    """Give the command the options of `subject_options`, and the parameter `changed`: from one subject to another."""

    @functools.wraps(function)
    def with_changes(*args: Any, from_file: Path | None, **options: Any) -> Any:
        given = {field: options.pop(field) for field in _NAME_FIELDS}
        numbers = {field: options.pop(field) for field in _IDENTITY_FIELDS}
        read = _from_file(from_file) if from_file else {}

        def changed(subject: Subject) -> Subject:
            before = subject.model_dump(exclude_none=True)
            identity = {**before.pop("identity"), **read.get("identity", {})}
            return build_subject({**before, **read, "identity": identity}, given, numbers)

        return function(*args, changed=changed, **options)

    return _with_subject_options(with_changes)


def _with_subject_options(decorated: Function) -> Function:
    for field, text in reversed((_NAME_FIELDS | _IDENTITY_FIELDS).items()):
        decorated = click.option(f"--{field.replace('_', '-')}", field, help=text)(decorated)
    help_text = _("Read the subject from a TOML or JSON file, with the fields of these options.")
    return click.option("--from", "from_file", type=FILE, help=help_text)(decorated)


def contact_options(function: Function) -> Function:
    """Give the command options for whom to write to, and the parameter `contact`: None if none is given."""

    @functools.wraps(function)
    def with_contact(*args: Any, email: str | None, unit_email: str | None, **options: Any) -> Any:
        given = {"email": email, "unit_email": unit_email}
        contact = None
        if any(given.values()):
            try:
                contact = Contact.model_validate(given)
            except ValidationError:
                raise YinxinError(
                    Kind.INVALID, _("not an e-mail address"), subject=_("contact"), remedy=_("write it as name@host")
                ) from None
        return function(*args, contact=contact, **options)

    decorated = click.option("--unit-email", help=_("E-mail address of whoever looks after the unit's certificates."))(
        with_contact
    )
    return click.option("--email", help=_("The holder's e-mail address, for notices; not certified."))(decorated)


def build_subject(read: dict[str, Any], given: dict[str, Any], identity: dict[str, Any]) -> Subject:
    """The subject of a file's fields, those given beside it taking their place; `YinxinError` names a wrong field."""
    fields = read | {field: value for field, value in given.items() if value is not None}
    numbers = {field: value for field, value in identity.items() if value is not None}
    in_file = fields.pop("identity", {})
    try:
        known = {field: fields.pop(field) for field in list(fields) if field in Identity.model_fields}
        return Subject.model_validate({**fields, "identity": {**in_file, **known, **numbers}})
    except (ValidationError, TypeError) as error:
        raise YinxinError(
            Kind.INVALID, _complaint(error), subject=_("subject"), remedy=_("correct the field and try again")
        ) from None


def _complaint(error: ValidationError | TypeError) -> str:
    return str(complaint(error)) if isinstance(error, ValidationError) else _("not the fields of a subject")


def _from_file(path: Path) -> dict[str, Any]:
    data = files.read(path)
    try:
        text = data.decode("utf-8-sig")
        read = json.loads(text) if path.suffix.lower() == ".json" else tomllib.loads(text)
    except ValueError as error:
        raise YinxinError(Kind.INVALID, _("not TOML or JSON that can be read"), subject=str(path)) from error
    if not isinstance(read, dict):
        raise YinxinError(Kind.INVALID, _("not the fields of a subject"), subject=str(path))
    return read
