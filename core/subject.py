"""Who a certificate is for, as typed fields: the name, and the Chinese identity numbers, their check digits checked.

The numbers go into extensions of the arc 1.2.156.10260.4.1 (GB/T 20518). That IdentityCode, a CHOICE, is tagged
EXPLICIT is our decision, not the standard's word.
"""

from collections.abc import Callable
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from core.asn1 import der
from core.asn1.names import encode_name
from core.i18n import _

IDENTITY_CODE = "1.2.156.10260.4.1.1"
INSURANCE_NUMBER = "1.2.156.10260.4.1.2"
BUSINESS_REGISTRATION = "1.2.156.10260.4.1.3"
ORGANIZATION_CODE = "1.2.156.10260.4.1.4"
TAXATION_NUMBER = "1.2.156.10260.4.1.5"

_RESIDENT_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CREDIT_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"


def check_resident_id(number: str) -> str:
    """The 18 characters of a resident identity number; ValueError unless the check character fits (GB 11643-1999)."""
    if len(number) != 18 or not (number[:17].isascii() and number[:17].isdigit()):
        raise ValueError(_("a resident identity number has 17 digits and a check character"))
    total = sum(int(digit) * weight for digit, weight in zip(number, _RESIDENT_WEIGHTS, strict=False))
    if number[17] != "10X98765432"[total % 11]:
        raise ValueError(_("the check character of the resident identity number does not fit"))
    return number


def check_credit_code(code: str) -> str:
    """The 18 characters of a unified social credit code; ValueError unless the check character fits (GB 32100-2015)."""
    if len(code) != 18 or any(character not in _CREDIT_ALPHABET for character in code):
        raise ValueError(_("a unified social credit code has 18 characters, without I, O, S, V and Z"))
    total = sum(_CREDIT_ALPHABET.index(character) * 3**place for place, character in enumerate(code[:17]))
    # The check character completes the weighted sum to a multiple of 31.
    if _CREDIT_ALPHABET[-total % 31] != code[17]:
        raise ValueError(_("the check character of the unified social credit code does not fit"))
    return code


ResidentId = Annotated[str, AfterValidator(check_resident_id)]
CreditCode = Annotated[str, AfterValidator(check_credit_code)]
Printable = Annotated[str, Field(pattern=r"^[A-Za-z0-9 '()+,\-./:=?]+$", max_length=64)]


class Identity(BaseModel):
    """Numbers that the state gave the holder. Personal data: never logged, certified where the profile says so."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    resident_id: ResidentId | None = None
    passport: Printable | None = None
    insurance_number: Printable | None = None
    business_registration: Printable | None = None
    credit_code: CreditCode | None = None
    taxation_number: Printable | None = None

    def extensions(self) -> dict[str, bytes]:
        """Extension values by field name, for the fields that are filled."""
        filled = ((field, getattr(self, field)) for field in IDENTITY_OIDS)
        return {field: _EXTENSION.get(field, der.printable)(value) for field, value in filled if value is not None}


IDENTITY_OIDS = {
    "resident_id": IDENTITY_CODE,
    "passport": IDENTITY_CODE,
    "insurance_number": INSURANCE_NUMBER,
    "business_registration": BUSINESS_REGISTRATION,
    "credit_code": ORGANIZATION_CODE,
    "taxation_number": TAXATION_NUMBER,
}


_EXTENSION: dict[str, Callable[[str], bytes]] = {
    # IdentityCode is a CHOICE; the standard is silent on its tags, EXPLICIT is our choice.
    "resident_id": lambda text: der.explicit(0, der.printable(text)),
    "passport": lambda text: der.explicit(2, der.printable(text)),
}


class Subject(BaseModel):
    """The holder: what becomes the certificate's subject, and the identity numbers beside it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    country: Annotated[str, Field(pattern="^[A-Z]{2}$")] = "CN"
    province: str | None = None
    locality: str | None = None
    organization: str | None = None
    organizational_unit: str | None = None
    common_name: str
    identity: Identity = Identity()

    def name(self) -> bytes:
        """Name DER. `YinxinError` where a value does not fit X.520."""
        return encode_name(self.attributes())

    def attributes(self) -> list[tuple[str, str]]:
        """The attributes that are filled, in the customary order."""
        given = (
            ("C", self.country),
            ("ST", self.province),
            ("L", self.locality),
            ("O", self.organization),
            ("OU", self.organizational_unit),
            ("CN", self.common_name),
        )
        return [(label, value) for label, value in given if value is not None]

    @classmethod
    def of_service(cls, organization: str, common_name: str) -> Self:
        """The subject of a service of the centre itself."""
        return cls(organization=organization, common_name=common_name)
