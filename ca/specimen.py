"""Specimen certificates: what a profile would issue, with every field filled, for keys that are thrown away."""

import secrets
from datetime import datetime, timedelta

from ca.certificate import CertificateTemplate, assemble
from ca.lint import IssuerLimits
from ca.profiles import Audience, IdentityField, KeyType, Profile, SubjectField
from core.algorithms import KeyKind
from core.asn1.names import encode_name
from core.config import UrlSettings
from core.keys.private_key import PrivateKey, generate
from core.subject import IDENTITY_OIDS, Identity, Subject

_SUBJECT: dict[SubjectField, str] = {
    "country": "CN",
    "province": "陕西省",
    "locality": "宝鸡市",
    "organization": "样本单位",
    "organizational_unit": "样本部门",
    "common_name": "样本",
}
# Numbers whose check characters fit, and that nobody bears: region 110101 is real, the birth date lies in the future.
_IDENTITY: dict[IdentityField, str] = {
    "resident_id": "110101209912310015",
    "passport": "E00000000",
    "insurance_number": "000000000000",
    "business_registration": "000000000000000",
    "credit_code": "91110000000000000E",
    "taxation_number": "000000000000000",
}
_URLS = UrlSettings(ca="http://ca.example", ocsp="http://ocsp.example", tsa="http://tsa.example")
_RSA_KINDS = ((2048, KeyKind.RSA_2048), (3072, KeyKind.RSA_3072), (16384, KeyKind.RSA_4096))


class SpecimenMaker:
    """Makes specimens, with one pair of throw-away keys for each kind."""

    def __init__(self, now: datetime) -> None:
        self._now = now.replace(microsecond=0)
        self._keys: dict[tuple[KeyKind, bool], PrivateKey] = {}

    def make(self, profile: Profile, key_type: KeyType) -> tuple[bytes, IssuerLimits, bytes]:
        """TBS, the issuer that it pretends to have, and the certificate."""
        kind = _kind(key_type, profile.minimum_rsa_bits)
        key = self._key(kind, issuer=profile.self_issued)
        issuer_key = self._key(kind, issuer=True)
        subject = specimen_subject(profile)
        name = subject.name()
        same = profile.self_issued or profile.audience is Audience.LINK
        issuer_name = name if same else encode_name((("C", "CN"), ("O", "样本"), ("CN", "样本 CA")))
        end = self._now + timedelta(days=profile.validity_days)
        issuer = IssuerLimits(
            "specimen",
            issuer_name,
            issuer_key.public_key_info,
            issuer_key.algorithm,
            not_before=None if profile.self_issued else self._now,
            not_after=None if profile.self_issued else end,
        )
        tbs = CertificateTemplate(profile, issuer, _URLS).tbs(
            serial=int.from_bytes(b"\x01" + secrets.token_bytes(18), "big"),
            not_before=self._now,
            not_after=end - timedelta(seconds=1),
            subject=name,
            public_key_info=key.public_key_info,
            identity=subject.identity.extensions(),
        )
        return tbs, issuer, assemble(tbs, issuer_key.algorithm, issuer_key.sign(tbs))

    def _key(self, kind: KeyKind, *, issuer: bool) -> PrivateKey:
        if (kind, issuer) not in self._keys:
            self._keys[kind, issuer] = generate(kind)
        return self._keys[kind, issuer]


def specimen_subject(profile: Profile) -> Subject:
    """A subject with every field that the profile names; of identity numbers that share an extension, the first."""
    identity: dict[str, str] = {}
    taken: set[str] = set()
    for field in (*profile.identity.required, *profile.identity.optional):
        if IDENTITY_OIDS[field] not in taken:
            taken.add(IDENTITY_OIDS[field])
            identity[field] = _IDENTITY[field]
    fields = {field: _SUBJECT[field] for field in (*profile.subject.required, *profile.subject.optional)}
    return Subject(**fields, identity=Identity(**identity))


def _kind(key_type: KeyType, minimum_rsa_bits: int) -> KeyKind:
    if key_type is KeyType.RSA:
        return next(kind for bits, kind in _RSA_KINDS if minimum_rsa_bits <= bits)
    return KeyKind(key_type.value)
