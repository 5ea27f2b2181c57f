"""Attribute certificates read strictly: DER to the last octet, version 2, and only in the forms of RFC 5755."""

from dataclasses import dataclass
from datetime import datetime

from asn1crypto import core as asn1
from pydantic import ValidationError

from ca.attributes import attributes as kinds
from ca.attributes.attributes import CLASSES, Attributes, Clearance, ServiceIdentity
from ca.attributes.certificate import NO_REVOCATION_AVAILABLE, TARGET_INFORMATION, Holder
from ca.certificate import AUTHORITY_INFO_ACCESS, AUTHORITY_KEY_IDENTIFIER, CRL_DISTRIBUTION_POINTS
from ca.lint.basics import GENERALIZED_TIME, read_time
from ca.lint.reading import RawExtension, read_extension
from core.asn1 import der
from core.asn1.elements import Element, read_elements
from core.asn1.unreadable import UNREADABLE
from core.errors import Kind, YinxinError
from core.i18n import _

MAXIMUM_SIZE = 64 * 1024
_UNDERSTOOD = {
    AUTHORITY_KEY_IDENTIFIER,
    TARGET_INFORMATION,
    NO_REVOCATION_AVAILABLE,
    CRL_DISTRIBUTION_POINTS,
    AUTHORITY_INFO_ACCESS,
}


@dataclass(frozen=True)
class AttributeCertificate:
    """The parts, from their original octets."""

    encoded: bytes
    info: bytes
    """AttributeCertificateInfo, what is signed."""
    holder: Holder
    issuer: bytes
    """Name DER of the attribute authority."""
    serial: int
    not_before: datetime
    not_after: datetime
    attributes: Attributes
    unknown: tuple[str, ...]
    """OIDs of attributes that are not understood here."""
    extensions: tuple[RawExtension, ...]
    algorithm_identifier: bytes
    signature: bytes

    def extension(self, dotted: str) -> bytes | None:
        """The extension's value; None if there is none."""
        wanted = der.oid(dotted)
        return next((one.value for one in self.extensions if one.oid == wanted), None)

    @property
    def never_revoked(self) -> bool:
        """Whether its issuer keeps no status of it (noRevAvail)."""
        return self.extension(NO_REVOCATION_AVAILABLE) is not None

    @property
    def targets(self) -> tuple[str, ...]:
        """The services that may rely on it; none: every one."""
        value = self.extension(TARGET_INFORMATION)
        return () if value is None else _targets(value)

    @property
    def key_identifier(self) -> bytes | None:
        """Of the authority's key."""
        value = self.extension(AUTHORITY_KEY_IDENTIFIER)
        return None if value is None else _one(_one_of(value, 0x30).children(), 0x80).content

    @property
    def status_addresses(self) -> tuple[str, ...]:
        """Where to ask about it by OASP."""
        value = self.extension(AUTHORITY_INFO_ACCESS)
        descriptions = () if value is None else _one_of(value, 0x30).children()
        return tuple(_uri(one.children()[1]) for one in descriptions)


def read_attribute_certificate(data: bytes) -> AttributeCertificate:
    """From DER; `YinxinError` (invalid) if it is none in this form, (unsupported) for a critical unknown extension."""
    try:
        if len(data) > MAXIMUM_SIZE:
            raise ValueError("too long")
        return _read(data)
    except UNREADABLE as error:
        reason = _("no attribute it can say") if isinstance(error, ValidationError) else str(error)
        raise YinxinError(
            Kind.INVALID, _("not an attribute certificate (RFC 5755): {reason}").format(reason=reason)
        ) from error


def _read(data: bytes) -> AttributeCertificate:
    info, algorithm, signature = _one_of(data, 0x30).children()
    if signature.tag != 0x03 or signature.content[:1] != b"\x00":
        raise ValueError("the signature is not a BIT STRING of whole octets")
    parts = info.children()
    if [part.tag for part in parts] != [0x02, 0x30, 0xA0, 0x30, 0x02, 0x30, 0x30, 0x30] or info.tag != 0x30:
        raise ValueError("the fields are not those of version 2")
    version, holder, issuer, inner, serial, validity, listed, extended = parts
    if version.content != b"\x01" or inner.raw != algorithm.raw:
        raise ValueError("not version 2, or signed with another algorithm than it says")
    extensions = tuple(read_extension(one.raw) for one in extended.children())
    _check_extensions(extensions)
    begin, end = _validity(validity)
    attributes, unknown = _attributes(listed)
    result = AttributeCertificate(
        data,
        info.raw,
        _holder(holder),
        _directory_name(_one(issuer.children(), 0x30)),
        _positive(serial),
        begin,
        end,
        attributes,
        unknown,
        extensions,
        algorithm.raw,
        signature.content[1:],
    )
    # Read now, so that whoever has one knows that they can be read.
    _ = result.targets, result.key_identifier, result.status_addresses
    return result


def _check_extensions(extensions: tuple[RawExtension, ...]) -> None:
    names = [extension.oid for extension in extensions]
    if len(set(names)) != len(names):
        raise ValueError("an extension stands twice")
    known = {der.oid(dotted) for dotted in _UNDERSTOOD}
    if any(extension.critical and extension.oid not in known for extension in extensions):
        raise YinxinError(Kind.UNSUPPORTED, _("a critical extension of the attribute certificate is not understood"))
    by_oid = {extension.oid: extension for extension in extensions}
    none = by_oid.get(der.oid(NO_REVOCATION_AVAILABLE))
    if none and (none.value != der.NULL or by_oid.keys() & {der.oid(CRL_DISTRIBUTION_POINTS)}):
        raise ValueError("noRevAvail and a revocation list contradict each other (RFC 5755 4.3.6)")


def _holder(element: Element) -> Holder:
    issuer, serial = _one(element.children(), 0xA0).children()
    return Holder(_directory_name(issuer), _positive(serial))


def _directory_name(names: Element) -> bytes:
    if names.tag != 0x30:
        raise ValueError("not GeneralNames")
    return _one(_one(names.children(), 0xA4).children(), 0x30).raw


def _positive(element: Element) -> int:
    value = int.from_bytes(element.content, "big", signed=True)
    if element.tag != 0x02 or value <= 0 or der.integer(value) != element.raw:
        raise ValueError("a serial number is not a positive INTEGER")
    return value


def _validity(element: Element) -> tuple[datetime, datetime]:
    begin, end = element.children()
    if {begin.tag, end.tag} != {GENERALIZED_TIME}:
        raise ValueError("the validity is not written in GeneralizedTime")
    times = read_time(begin), read_time(end)
    if times[1] <= times[0]:
        raise ValueError("the validity ends before it begins")
    return times


def _attributes(listed: Element) -> tuple[Attributes, tuple[str, ...]]:
    found: dict[str, list[Element]] = {}
    for element in listed.children():
        kind, values = element.children()
        if element.tag != 0x30 or kind.tag != 0x06 or values.tag != 0x31 or not values.children():
            raise ValueError("not an Attribute")
        dotted = asn1.ObjectIdentifier.load(kind.raw).dotted
        if dotted in found:
            raise ValueError("a type of attribute stands twice (RFC 5755 4.2.7)")
        found[dotted] = values.children()
        if [value.raw for value in found[dotted]] != sorted(value.raw for value in found[dotted]):
            raise ValueError("a SET OF is not in the order of DER (X.690 11.6)")
    known = (
        kinds.ROLE,
        kinds.POSITION,
        kinds.GROUP,
        kinds.CHARGING_IDENTITY,
        kinds.CLEARANCE,
        kinds.AUTHENTICATION_INFO,
    )
    roles, positions, groups, charging, clearances, services = (found.pop(dotted, []) for dotted in known)
    if len(clearances) > 1:
        raise ValueError("more than one clearance")
    attributes = Attributes(
        roles=tuple(_role(value) for value in roles),
        positions=tuple(_text(value) for value in positions),
        groups=_ietf_values(groups),
        charging=_ietf_values(charging),
        clearance=_clearance(clearances[0]) if clearances else None,
        services=tuple(_service(value) for value in services),
    )
    return attributes, tuple(found)


def _role(value: Element) -> str:
    # [0] roleAuthority may stand before it.
    parts = value.children()
    if value.tag != 0x30 or [part.tag for part in parts] not in ([0xA1], [0xA0, 0xA1]):
        raise ValueError("not a RoleSyntax")
    return _uri(_one(parts[-1].children(), 0x86))


def _ietf_values(values: list[Element]) -> tuple[str, ...]:
    """The strings of IetfAttrSyntax; [0] policyAuthority may stand before them."""
    strings: list[str] = []
    for value in values:
        parts = value.children()
        if value.tag != 0x30 or [part.tag for part in parts] not in ([0x30], [0xA0, 0x30]):
            raise ValueError("not an IetfAttrSyntax")
        strings += map(_text, parts[-1].children())
    return tuple(strings)


def _clearance(value: Element) -> Clearance:
    policy, *rest = value.children()
    dotted = asn1.ObjectIdentifier.load(policy.raw).dotted
    if not rest:
        return Clearance(policy=dotted)
    (classes,) = rest
    bits = asn1.BitString.load(classes.raw).native
    if classes.tag != 0x03 or not any(bits) or not bits[-1]:
        raise ValueError("not a ClassList, or with trailing zero bits")
    names = {position: name for name, position in CLASSES.items()}
    return Clearance.model_validate(
        {"policy": dotted, "classes": tuple(names[position] for position, bit in enumerate(bits) if bit)}
    )


def _service(value: Element) -> ServiceIdentity:
    # authInfo may follow: it is a secret that should not be here, and is not read.
    service, identity, *_secret = value.children()
    return ServiceIdentity(service=_uri(service), identity=_uri(identity))


def _targets(value: bytes) -> tuple[str, ...]:
    targets = [target for listed in _one_of(value, 0x30).children() for target in listed.children()]
    return tuple(_uri(_one(target.children(), 0x86)) for target in targets if target.tag == 0xA0)


def _uri(element: Element) -> str:
    if element.tag != 0x86:
        raise ValueError("not a URI")
    return element.content.decode("ascii")


def _text(element: Element) -> str:
    if element.tag not in (0x0C, 0x13):
        raise ValueError("not a text")
    return element.content.decode("utf-8")


def _one(elements: list[Element], tag: int) -> Element:
    (element,) = elements
    if element.tag != tag:
        raise ValueError("another element than expected")
    return element


def _one_of(data: bytes, tag: int) -> Element:
    return _one(read_elements(data), tag)
