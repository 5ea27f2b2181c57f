"""By what right a responder answers for an issuer: with its own key, or by a certificate that it gave for that."""

from dataclasses import dataclass

from core.asn1.names import describe_name
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from ocsp.certificate import Certificate


@dataclass(frozen=True)
class Delegation:
    """A key that signs answers, and the certificate that says for whom."""

    signer: Signer
    certificate: Certificate

    def __post_init__(self) -> None:
        """`YinxinError` (invalid) if the certificate is for another key."""
        if self.certificate.public_key_info != self.signer.public_key_info:
            raise YinxinError(
                Kind.INVALID,
                _("the certificate is not for this key"),
                subject=describe_name(self.certificate.subject),
                remedy=_("install the certificate that was issued for the key in the OCSP key store"),
            )
