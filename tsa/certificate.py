"""What a certificate must be to speak for a time-stamping authority (RFC 3161 2.3)."""

from asn1crypto import x509

from core.asn1.names import describe_name
from core.errors import Kind, YinxinError
from core.i18n import _


def parse_time_stamping_certificate(certificate: bytes) -> x509.Certificate:
    """Read a certificate (DER); `YinxinError` unless timeStamping is its sole extended key usage, and critical."""
    try:
        parsed = x509.Certificate.load(certificate, strict=True)
        usage = parsed.extended_key_usage_value
        purposes = usage.native if usage is not None else []
        is_critical = "extended_key_usage" in parsed.critical_extensions
        subject = describe_name(parsed.subject.dump())
    except (ValueError, TypeError, KeyError) as error:
        raise YinxinError(Kind.INVALID, _("not a certificate (X.509, DER)")) from error
    if purposes != ["time_stamping"] or not is_critical:
        raise YinxinError(
            Kind.INVALID,
            _("not a certificate for time stamping: it needs timeStamping as its only extended key usage, critical"),
            subject=subject,
            remedy=_("use a certificate of the TSA profile"),
        )
    return parsed


def certificate_name(certificate: bytes) -> str:
    """The subject of a certificate (DER) in one line."""
    return describe_name(x509.Certificate.load(certificate).subject.dump())
