"""The certificate that a client has shown to the TLS edge, which verified it and hands it on in a header."""

from collections.abc import Collection
from urllib.parse import unquote_to_bytes

from asn1crypto import pem, x509
from werkzeug.wrappers import Request

from core.errors import Kind, YinxinError
from core.i18n import _

EDGE_HEADER = "X-Client-Certificate"
"""What the edge puts the client's certificate into: PEM, percent-encoded (nginx: $ssl_client_escaped_cert)."""


def shown_certificate(request: Request, edge_addresses: Collection[str]) -> bytes | None:
    """The certificate (DER), or None: none was shown, or whoever says so is not the edge.

    `YinxinError` (invalid) if it cannot be read.
    """
    header = request.headers.get(EDGE_HEADER)
    if not header or request.remote_addr not in edge_addresses:
        return None
    try:
        certificate: bytes = pem.unarmor(unquote_to_bytes(header))[2]
        x509.Certificate.load(certificate, strict=True).subject.native  # noqa: B018 - parsing is lazy
    except (ValueError, TypeError, KeyError) as error:
        raise YinxinError(Kind.INVALID, _("the certificate that the edge hands on cannot be read")) from error
    return certificate
