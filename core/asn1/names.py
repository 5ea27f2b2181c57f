"""Distinguished names (RFC 5280 4.1.2.4, X.520): written from typed attributes, read for people."""

from collections.abc import Iterable
from functools import lru_cache

from asn1crypto import x509

from core.asn1 import der
from core.errors import Kind, YinxinError
from core.i18n import _

# Attribute: OID, upper bound in characters (RFC 5280 appendix A.1), whether PrintableString is prescribed.
ATTRIBUTES = {
    "C": ("2.5.4.6", 2, True),
    "ST": ("2.5.4.8", 128, False),
    "L": ("2.5.4.7", 128, False),
    "O": ("2.5.4.10", 64, False),
    "OU": ("2.5.4.11", 64, False),
    "CN": ("2.5.4.3", 64, False),
    "serialNumber": ("2.5.4.5", 64, True),
}
_LABELS = {dotted: label for label, (dotted, _bound, _printable) in ATTRIBUTES.items()}
_PRINTABLE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")


def encode_name(attributes: Iterable[tuple[str, str]]) -> bytes:
    """Name DER: one attribute in each RDN, in the order given (C, ST, L, O, OU, CN by custom)."""
    return der.sequence(*(der.set_of(_attribute(label, value)) for label, value in attributes))


def _attribute(label: str, value: str) -> bytes:
    dotted, bound, printable = ATTRIBUTES[label]
    if not value.isprintable():
        # Control characters, and the marks that turn the reading direction, make one name look like another.
        raise YinxinError(Kind.INVALID, _("{label} holds characters that cannot be seen").format(label=label))
    if not value.strip() or value != value.strip():
        raise YinxinError(
            Kind.INVALID, _("{label} is empty or has spaces around it").format(label=label), subject=value
        )
    if len(value) > bound:
        raise YinxinError(
            Kind.INVALID, _("{label} is longer than {bound} characters").format(label=label, bound=bound), subject=value
        )
    if printable and not _PRINTABLE.issuperset(value):
        raise YinxinError(
            Kind.INVALID,
            _("{label} takes only letters, digits and ' ( ) + , - . / : = ?").format(label=label),
            subject=value,
        )
    return der.sequence(der.oid(dotted), der.printable(value) if printable else der.utf8(value))


@lru_cache(maxsize=1024)
def describe_name(name: bytes) -> str:
    """A Name DER in one line: `C=CN, O=宝鸡市人民政府办公室, CN=张三`."""
    return describe_attributes(attributes_of(name))


def describe_attributes(attributes: Iterable[tuple[str, str]]) -> str:
    """The same line, of attributes that are not encoded."""
    return ", ".join(f"{label}={value}" for label, value in attributes)


def attributes_of(name: bytes) -> list[tuple[str, str]]:
    """The attributes of a Name DER, in order; unknown types by their OID. `YinxinError` (invalid) if it is none."""
    try:
        return [
            (_LABELS.get(attribute["type"].dotted, attribute["type"].dotted), str(attribute["value"].native))
            for relative in x509.Name.load(name, strict=True).chosen
            for attribute in relative
        ]
    except (ValueError, TypeError, KeyError) as error:
        raise YinxinError(Kind.INVALID, _("not a distinguished name that can be read")) from error
