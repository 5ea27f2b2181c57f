"""Rules on the subject's name, and on the identity numbers that stand beside it."""

import unicodedata
from collections.abc import Iterator

from ca.lint.reading import Examined
from ca.lint.rule import RuleBook
from ca.profiles import FIELD_LABELS, Audience
from core.asn1 import der
from core.asn1.elements import read_elements
from core.asn1.names import ATTRIBUTES
from core.subject import IDENTITY_OIDS, check_credit_code, check_resident_id

each = RuleBook[Examined]()

UTF8_STRING, PRINTABLE_STRING = 0x0C, 0x13
_BY_OID = {der.oid(dotted): (label, bound, printable) for label, (dotted, bound, printable) in ATTRIBUTES.items()}
_IDENTITY_FIELDS = {
    der.oid(dotted): [field for field, other in IDENTITY_OIDS.items() if other == dotted]
    for dotted in IDENTITY_OIDS.values()
}
# Controls, formats (which hold the marks of reading direction), private use, surrogates, unassigned.
_UNSEEN = frozenset(("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp"))
_PRINTABLE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")


@each.rule("RFC 5280 4.1.2.6, appendix A.1; X.520")
def subject_attributes_are_well_formed(examined: Examined) -> Iterator[str]:
    """Known types in their string types, within their bounds, one in each RDN, none twice."""
    try:
        attributes = examined.attributes
        sizes = [len(relative.children()) for relative in examined.subject.children()]
    except ValueError:
        yield "the subject is not a Name"
        return
    if not attributes:
        yield "the subject is empty"
    if any(size != 1 for size in sizes):
        yield "a RelativeDistinguishedName does not hold exactly one attribute"
    if len({kind for kind, _value in attributes}) != len(attributes):
        yield "an attribute stands twice in the subject"
    for kind, value in attributes:
        if kind not in _BY_OID:
            yield f"an attribute type is not used here: {kind.hex()}"
            continue
        label, bound, printable = _BY_OID[kind]
        if value.tag != (PRINTABLE_STRING if printable else UTF8_STRING):
            yield f"{label} is in the wrong string type"
        elif printable and not _PRINTABLE.issuperset(value.content):
            yield f"{label} holds characters that are not of PrintableString"
        try:
            text = value.content.decode()
        except UnicodeDecodeError:
            yield f"{label} is not UTF-8"
            continue
        if not 0 < len(text) <= bound:
            yield f"{label} has {len(text)} characters of {bound}"
        if label == "C" and len(text) != 2:
            yield "C is not a country of two letters (X.520 6.3.1)"
        if text != text.strip():
            yield f"{label} begins or ends with a space"


@each.rule("RFC 5280 8; UTR 36")
def subject_can_be_seen(examined: Examined) -> Iterator[str]:
    """No character that cannot be seen or that turns the reading direction makes one name look like another."""
    try:
        attributes = examined.attributes
    except ValueError:
        return  # said by another rule
    for _kind, value in attributes:
        text = value.content.decode(errors="replace")
        if any(unicodedata.category(character) in _UNSEEN for character in text):
            yield "the subject holds a character that cannot be seen"


@each.rule("profile: subject")
def subject_has_the_fields_of_the_profile(examined: Examined) -> Iterator[str]:
    """Every field that the profile requires, and none that it does not name."""
    try:
        present = {_BY_OID[kind][0] for kind, _value in examined.attributes if kind in _BY_OID}
    except ValueError:
        return  # said by another rule
    rules = examined.profile.subject
    required = {FIELD_LABELS[field] for field in rules.required}
    allowed = required | {FIELD_LABELS[field] for field in rules.optional}
    for label in sorted(required - present):
        yield f"the profile requires {label}"
    for label in sorted(present - allowed):
        yield f"the profile does not allow {label}"


@each.rule("RFC 5280 6.1 (self-issued); 4.1.2.6")
def self_issued_only_where_the_profile_says(examined: Examined) -> Iterator[str]:
    """A root bears its own name, and so does its key of another generation (RFC 4210 4.4); nobody else does."""
    same = examined.subject.raw == examined.issuer_name.raw
    own_key = examined.public_key_info.raw == examined.issuer.public_key_info
    is_link = examined.profile.audience is Audience.LINK
    if is_link and own_key:
        yield "a link certificate is for another key than the issuer's"
    if same != (examined.profile.self_issued or is_link):
        yield "subject and issuer are the same" if same else "a root's subject is its issuer"
    if examined.profile.self_issued and not own_key:
        yield "a root certifies its own key"


@each.rule("GB/T 20518 5.2.4 (individual and enterprise identity); GB 11643; GB 32100")
def identity_numbers_are_well_formed(examined: Examined) -> Iterator[str]:
    """Those that the profile requires are there, others that it does not name are not; their check digits fit."""
    rules = examined.profile.identity
    present = set()
    for extension in examined.extensions:
        if extension.oid not in _IDENTITY_FIELDS:
            continue
        if extension.critical:
            yield "an identity extension is critical"
        try:
            field, text = _identity(extension.oid, extension.value)
            if field == "resident_id":
                check_resident_id(text)
            if field == "credit_code":
                check_credit_code(text)
        except ValueError as error:
            yield str(error)
            continue
        present.add(field)
    for field in sorted({*rules.required} - present):
        yield f"the profile requires {field}"
    for field in sorted(present - {*rules.required, *rules.optional}):
        yield f"the profile does not allow {field}"


def _identity(oid: bytes, value: bytes) -> tuple[str, str]:
    """Field and text; ValueError if the value is not a PrintableString of 1 to 64 characters."""
    (element,) = read_elements(value)
    fields = _IDENTITY_FIELDS[oid]
    field = fields[0]
    if len(fields) > 1:
        field = {0xA0: "resident_id", 0xA2: "passport"}.get(element.tag, "")
        if not field:
            raise ValueError("IdentityCode is none of its choices")
        (element,) = element.children()
    if element.tag != PRINTABLE_STRING or not _PRINTABLE.issuperset(element.content):
        raise ValueError(f"{field} is not a PrintableString")
    if not 0 < len(element.content) <= 64:
        raise ValueError(f"{field} has {len(element.content)} characters")
    return field, element.content.decode()
