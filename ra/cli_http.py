"""`yinxin ra sign-request`: headers for other programs that ask an office."""

import secrets
from pathlib import Path

import click

from core import files
from core.api.address import TAG
from core.cli import Command
from core.home import Home
from core.http_signatures import Message, sign_request
from core.i18n import _
from core.keys.key_file import open_key_file
from ra.cli_options import FILE, obtain_pin, operator_options


@click.command(
    cls=Command,
    name="sign-request",
    help=_("Print the headers of a signed request (RFC 9421), for curl and other programs. Good for five minutes."),
    example=(
        "yinxin ra sign-request https://ra.example.gov.cn/api/ra/v1/requests --as wang.review --key wang.pem "
        "| curl -H @- https://ra.example.gov.cn/api/ra/v1/requests"
    ),
)
@click.argument("url")
@click.option("--method", default="GET", show_default=True, help=_("Of the request."))
@click.option("--data", type=FILE, help=_("The body that will be sent, JSON; then the method is POST."))
@operator_options
@click.pass_obj
def sign_request_command(
    home: Home, url: str, method: str, data: Path | None, operator: str, key_file: Path, pin_file: Path | None
) -> None:
    """Sign a request."""
    body = files.read(data) if data else b""
    signer = open_key_file(key_file, obtain_pin(str(key_file), pin_file))
    headers = {"Content-Type": "application/json"} if data else {}
    if data:
        headers["Idempotency-Key"] = secrets.token_hex(16)
    message = Message("POST" if data else method.upper(), url, headers)
    nonce = secrets.token_hex(16)
    sign_request(message, body, signer, key_id=operator, tag=TAG, created=home.clock.now(), nonce=nonce)
    for name, value in message.headers.items():
        click.echo(f"{name}: {value}")
