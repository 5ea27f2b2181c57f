"""What an attribute certificate says of its holder (RFC 5755 4.4), as a typed model and in DER."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from core.asn1 import der
from core.i18n import _

AUTHENTICATION_INFO, CHARGING_IDENTITY = "1.3.6.1.5.5.7.10.1", "1.3.6.1.5.5.7.10.3"
GROUP, ROLE = "1.3.6.1.5.5.7.10.4", "2.5.4.72"
# RFC 5755 4.4.6: not 2.5.1.5.55, which an error in RFC 3281 made of it.
CLEARANCE = "2.5.4.55"
# X.520 title, "the designated position or function": no GM standard with an attribute for 职务 was found.
POSITION = "2.5.4.12"

CLASSES = {
    "unmarked": 0,
    "unclassified": 1,
    "restricted": 2,
    "confidential": 3,
    "secret": 4,
    "topSecret": 5,
}
"""The bits of ClassList."""

ClassName = Literal["unmarked", "unclassified", "restricted", "confidential", "secret", "topSecret"]
MOST_VALUES = 16
"""Of one attribute: a certificate is no directory."""


def _visible(text: str) -> str:
    if not text.isprintable() or text != text.strip():
        raise ValueError(_("it holds characters that cannot be seen, or spaces around it"))
    return text


Uri = Annotated[str, Field(pattern=r"^[a-z][a-z0-9+.\-]*:[A-Za-z0-9._~:/?#@!$&'()*+,;=%\-]+$", max_length=256)]
"""RFC 5755 4.4.5: the name of a role is a URI, so that no two organizations mean different things by it."""
Text = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_visible)]
Oid = Annotated[str, Field(pattern=r"^(0|1|2)(\.(0|[1-9][0-9]*))+$", max_length=128)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Clearance(_Part):
    """What the holder may see, under a policy that says what the classes mean (RFC 5755 4.4.6)."""

    policy: Oid
    classes: Annotated[tuple[ClassName, ...], Field(min_length=1)] = ("unclassified",)


class ServiceIdentity(_Part):
    """As whom a service knows the holder (RFC 5755 4.4.1).

    There is no authInfo: certificates are public, and a password in one would be, too.
    """

    service: Uri
    identity: Uri


class Attributes(_Part):
    """Everything that one certificate says. Something must be said, and nothing twice."""

    roles: Annotated[tuple[Uri, ...], Field(max_length=MOST_VALUES)] = ()
    positions: Annotated[tuple[Text, ...], Field(max_length=MOST_VALUES)] = ()
    groups: Annotated[tuple[Text, ...], Field(max_length=MOST_VALUES)] = ()
    charging: Annotated[tuple[Text, ...], Field(max_length=MOST_VALUES)] = ()
    clearance: Clearance | None = None
    services: Annotated[tuple[ServiceIdentity, ...], Field(max_length=MOST_VALUES)] = ()

    @model_validator(mode="after")
    def _says_something_once(self) -> Self:
        given = [self.roles, self.positions, self.groups, self.charging, self.services]
        if not any(given) and self.clearance is None:
            raise ValueError(_("an attribute certificate needs an attribute"))
        if any(len(set(values)) != len(values) for values in given):
            raise ValueError(_("an attribute stands twice"))
        return self

    def encoded(self) -> bytes:
        """SEQUENCE OF Attribute, each type once."""
        values = {
            ROLE: [der.sequence(der.explicit(1, uri(role))) for role in self.roles],
            POSITION: [der.utf8(position) for position in self.positions],
            GROUP: _ietf_attribute(self.groups),
            CHARGING_IDENTITY: _ietf_attribute(self.charging),
            CLEARANCE: [_clearance(self.clearance)] if self.clearance else [],
            AUTHENTICATION_INFO: [der.sequence(uri(one.service), uri(one.identity)) for one in self.services],
        }
        return der.sequence(
            *(der.sequence(der.oid(dotted), der.set_of(*encoded)) for dotted, encoded in values.items() if encoded)
        )


def uri(text: str) -> bytes:
    """GeneralName: uniformResourceIdentifier [6]."""
    return der.implicit(6, der.ia5(text))


def _ietf_attribute(values: tuple[str, ...]) -> list[bytes]:
    """IetfAttrSyntax (RFC 5755 4.4): the values in one SEQUENCE, all of one kind; none without values."""
    return [der.sequence(der.sequence(*map(der.utf8, values)))] if values else []


def _clearance(clearance: Clearance) -> bytes:
    # X.690 11.5: the default is not written.
    bits = (
        b""
        if clearance.classes == ("unclassified",)
        else der.named_bits(*(CLASSES[name] for name in clearance.classes))
    )
    return der.sequence(der.oid(clearance.policy), bits)
