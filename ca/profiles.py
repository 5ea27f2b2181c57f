"""Certificate profiles: what a kind of certificate holds, as a typed model read from TOML (`conf/profiles/*.toml`).

A profile in use is a version in the books (`ca.activation`), and never changes; a changed file becomes a new version.
"""

import hashlib
import re
import tomllib
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Annotated, Literal, Self

import rfc8785
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from core import files
from core.complaints import complaint
from core.errors import Kind, YinxinError
from core.i18n import _
from core.subject import IDENTITY_OIDS

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")


class KeyType(StrEnum):
    """The kinds of subject key that a profile may allow."""

    SM2 = "sm2"
    RSA = "rsa"
    P256 = "p256"
    P384 = "p384"


class Audience(StrEnum):
    """Whom the profile is for, and so who may ask for a certificate with it."""

    AUTHORITY = "authority"
    """A CA itself: only a ceremony (`ca.hierarchy`)."""
    LINK = "link"
    """An authority's own key, by its key of another generation (RFC 4210 4.4): only a rollover (`ca.rollover`)."""
    CROSS = "cross"
    """Another centre's CA (cross certificate): through the registration authority, or at an offline root."""
    ATTRIBUTES = "attributes"
    """An attribute authority: only a ceremony, too."""
    SERVICE = "service"
    """A service of the centre: OCSP, TSA, seal making."""
    SUBSCRIBER = "subscriber"
    """People and units: through the registration authority."""
    ENCRYPTION = "encryption"
    """The second half of double certificates: only beside a signing certificate, for a key that the centre escrows."""
    IMPORTED = "imported"
    """What another program issued before its authority was taken over (`ca.importing`): nothing is issued for it."""


# RFC 5280 4.2.1.3: the positions of the bits.
KEY_USAGES = {
    "digitalSignature": 0,
    "nonRepudiation": 1,
    "keyEncipherment": 2,
    "dataEncipherment": 3,
    "keyAgreement": 4,
    "keyCertSign": 5,
    "cRLSign": 6,
}
# RFC 5280 4.2.1.12.
EXTENDED_KEY_USAGES = {
    "clientAuth": "1.3.6.1.5.5.7.3.2",
    "emailProtection": "1.3.6.1.5.5.7.3.4",
    "timeStamping": "1.3.6.1.5.5.7.3.8",
    "OCSPSigning": "1.3.6.1.5.5.7.3.9",
}

KeyUsageName = Literal[
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
]
_ENCRYPTING = {"keyEncipherment", "dataEncipherment", "keyAgreement"}
ExtendedKeyUsageName = Literal["clientAuth", "emailProtection", "timeStamping", "OCSPSigning"]
SubjectField = Literal["country", "province", "locality", "organization", "organizational_unit", "common_name"]
IdentityField = Literal[
    "resident_id", "passport", "insurance_number", "business_registration", "credit_code", "taxation_number"
]
FIELD_LABELS: dict[SubjectField, str] = {
    "country": "C",
    "province": "ST",
    "locality": "L",
    "organization": "O",
    "organizational_unit": "OU",
    "common_name": "CN",
}
"""X.520's short names, in the customary order."""
Oid = Annotated[str, Field(pattern=r"^[0-2](\.(0|[1-9][0-9]*))+$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class SubjectRules(_Part):
    """Which fields of the name must be there; those that are neither required nor optional are refused."""

    required: tuple[SubjectField, ...] = ("country", "organization", "common_name")
    optional: tuple[SubjectField, ...] = ()


class IdentityRules(_Part):
    """Which identity numbers the certificate bears (GB/T 20518); one that is not named here is refused."""

    required: tuple[IdentityField, ...] = ()
    optional: tuple[IdentityField, ...] = ()


class Usages(_Part):
    """Key usage."""

    values: tuple[KeyUsageName, ...]
    critical: bool = True


class ExtendedUsages(_Part):
    """Extended key usage; empty: the extension is left out."""

    values: tuple[ExtendedKeyUsageName, ...] = ()
    critical: bool = False


class Subtrees(_Part):
    """Names below which other names lie (RFC 5280 4.2.1.10)."""

    dns: tuple[str, ...] = ()
    """Domains: `example.gov.cn` and everything below it."""
    email: tuple[str, ...] = ()
    """Hosts, or with a leading dot everything below a domain."""
    directories: tuple[dict[SubjectField, str], ...] = ()
    """Beginnings of distinguished names."""

    @model_validator(mode="after")
    def _encodable(self) -> Self:
        if not all(one.isascii() and one for one in (*self.dns, *self.email)):
            raise ValueError("domains are written in ASCII (RFC 5280 7.2)")
        if not all(self.directories):
            raise ValueError("a directory name without fields is every name")
        return self


class NameConstraints(_Part):
    """Which names the CA may certify; always critical."""

    permitted: Subtrees = Subtrees()
    excluded: Subtrees = Subtrees()

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if self.permitted == self.excluded == Subtrees():
            raise ValueError("name_constraints without names say nothing")
        return self


class Pointers(_Part):
    """Where the certificate says that more is to be had, at the addresses of the configuration."""

    crl: bool = True
    """CRLDistributionPoints."""
    ocsp: bool = True
    """AuthorityInfoAccess, id-ad-ocsp."""
    issuer: bool = True
    """AuthorityInfoAccess, id-ad-caIssuers."""


class Renewal(_Part):
    """How a certificate may be renewed."""

    same_key: bool = False
    """Whether the successor may keep the key; else a renewal takes a new one."""
    days: Annotated[int, Field(ge=1, le=3660)] = 90
    """How long before its end a certificate may be renewed with the same key."""


class Profile(_Part):
    """One kind of certificate."""

    name: Annotated[str, Field(pattern=f"^{NAME.pattern}$")]
    title: str
    audience: Audience
    keys: Annotated[tuple[KeyType, ...], Field(min_length=1)]
    minimum_rsa_bits: Annotated[int, Field(ge=2048, le=16384)] = 2048
    validity_days: Annotated[int, Field(ge=1, le=36525)]
    backdate_minutes: Annotated[int, Field(ge=0, le=24 * 60)] = 5
    approvals: Annotated[int, Field(ge=1, le=9)] = 1
    """How many different people must have approved."""
    self_issued: bool = False
    """A root: subject and issuer are the same."""
    path_length: Annotated[int, Field(ge=0, le=9)] | None = None
    """pathLenConstraint of a CA; none: unlimited."""
    name_constraints: NameConstraints | None = None
    subject: SubjectRules = SubjectRules()
    identity: IdentityRules = IdentityRules()
    key_usage: Usages
    extended_key_usage: ExtendedUsages = ExtendedUsages()
    policies: tuple[Oid, ...] = ()
    """certificatePolicies."""
    pointers: Pointers = Pointers()
    renewal: Renewal = Renewal()
    ocsp_nocheck: bool = False
    """id-pkix-ocsp-nocheck (RFC 6960 4.2.2.2.1)."""
    encryption: Annotated[str, Field(pattern=f"^({NAME.pattern})?$")] = ""
    """Profile of the encryption certificate that is issued beside this one (double certificates); empty: none."""

    @property
    def is_authority(self) -> bool:
        """Whether the certificate is a CA's."""
        return self.audience in (Audience.AUTHORITY, Audience.LINK, Audience.CROSS)

    @property
    def stays_with_key(self) -> bool:
        """Whether the very key that was named must sign: a responder answers for one key (RFC 6960 4.2.2.2).

        Everything else is signed by the newest of the authority's keys.
        """
        return self.is_responder or self.audience is Audience.LINK

    @property
    def is_responder(self) -> bool:
        """Whether the certificate lets somebody answer for its issuer (RFC 6960 4.2.2.2)."""
        return "OCSPSigning" in self.extended_key_usage.values

    @property
    def takes_ceremony(self) -> bool:
        """Whether the certificate makes an authority of ours, of certificates or of attributes."""
        return self.audience in (Audience.AUTHORITY, Audience.LINK, Audience.ATTRIBUTES)

    @property
    def is_encryption(self) -> bool:
        """Whether the certificate is for a key from the key-management centre."""
        return self.audience is Audience.ENCRYPTION

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        """What contradicts itself or a standard is no profile."""
        signs_certificates = "keyCertSign" in self.key_usage.values
        extended = self.extended_key_usage
        complaints = {
            "a CA needs keyCertSign, and nobody else may have it (RFC 5280 4.2.1.3)": signs_certificates
            != self.is_authority,
            "only an authority signs CRLs here": "cRLSign" in self.key_usage.values
            and not (self.is_authority or self.takes_ceremony),
            "name_constraints are for CAs (RFC 5280 4.2.1.10)": self.name_constraints is not None
            and not self.is_authority,
            "an attribute authority signs attribute certificates (RFC 5755 4.5)": self.audience is Audience.ATTRIBUTES
            and "digitalSignature" not in self.key_usage.values,
            "an encryption certificate's key encrypts and does nothing else (GM/T 0034)": self.is_encryption
            and not _ENCRYPTING.issuperset(self.key_usage.values),
            "encryption certificates stand beside a signing certificate of people and units": bool(self.encryption)
            and (self.audience is not Audience.SUBSCRIBER or bool(_ENCRYPTING & set(self.key_usage.values))),
            "path_length and self_issued are for CAs (RFC 5280 4.2.1.9)": not self.is_authority
            and (self.path_length is not None or self.self_issued),
            "a TSA has the one critical purpose timeStamping (RFC 3161 2.3)": "timeStamping" in extended.values
            and (extended.values != ("timeStamping",) or not extended.critical),
            "ocsp_nocheck is for OCSP responders (RFC 6960 4.2.2.2.1)": self.ocsp_nocheck
            and "OCSPSigning" not in extended.values,
            "without CRL and OCSP nobody could revoke it": not (
                self.self_issued or self.ocsp_nocheck or self.pointers.crl or self.pointers.ocsp
            ),
            "a field is both required and optional": bool(
                {*self.subject.required} & {*self.subject.optional}
                or {*self.identity.required} & {*self.identity.optional}
            ),
            "two identity numbers share one extension": len({IDENTITY_OIDS[field] for field in self.identity.required})
            != len(self.identity.required),
            "a usage is named twice": len({*self.key_usage.values}) != len(self.key_usage.values)
            or len({*extended.values}) != len(extended.values),
        }
        for objection, holds in complaints.items():
            if holds:
                raise ValueError(objection)
        return self

    def document(self) -> bytes:
        """Canonical JSON (RFC 8785): what the digest is over, and what the books keep."""
        told = self.model_dump(mode="json")
        if self.name_constraints is None:
            del told["name_constraints"]  # so that profiles from before there were any keep their digests
        return rfc8785.dumps(told)

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of the document: two files with the same meaning are the same version."""
        return hashlib.sha256(self.document()).digest()


def load_profile(path: Path) -> Profile:
    """The profile in `NAME.toml`. `YinxinError` names the key that is wrong."""
    try:
        given = tomllib.loads(files.read(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise YinxinError(Kind.INVALID, _("not TOML: {reason}").format(reason=error), subject=str(path)) from error
    try:
        return Profile.model_validate({**given, "name": path.stem})
    except ValidationError as error:
        raise YinxinError(
            Kind.INVALID,
            str(complaint(error)),
            subject=str(path),
            remedy=_("correct the profile and activate it again"),
        ) from error


def load_profiles(folder: Path) -> list[Profile]:
    """Every profile of the folder, by name. `YinxinError` (not found) if there is none."""
    paths = sorted(folder.glob("*.toml"))
    if not paths:
        raise YinxinError(
            Kind.NOT_FOUND, _("no profiles here"), subject=str(folder), remedy=_("copy them from conf/profiles")
        )
    return [load_profile(path) for path in paths]
