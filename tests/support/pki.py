"""A small PKI for tests that need certificates and not the CA: written with core's DER, signed with core's keys."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from asn1crypto import keys as asn1_keys

from core.algorithms import SHA1, KeyKind
from core.asn1 import der
from core.asn1.names import encode_name
from core.keys.private_key import PrivateKey, generate

DIGITAL_SIGNATURE, NON_REPUDIATION, KEY_CERT_SIGN, CRL_SIGN = 0, 1, 5, 6
TIME_STAMPING, OCSP_SIGNING = "1.3.6.1.5.5.7.3.8", "1.3.6.1.5.5.7.3.9"


@dataclass
class Party:
    """A key and its certificate, and whoever issued it."""

    name: bytes
    key: PrivateKey
    certificate: bytes
    issuer: "Party | None" = None
    issued: int = 0

    @cached_property
    def chain(self) -> list[bytes]:
        """The issuers' certificates, nearest first, the root included."""
        return [] if self.issuer is None else [self.issuer.certificate, *self.issuer.chain]

    def issue(
        self,
        common_name: str,
        *,
        authority: bool = False,
        usages: tuple[int, ...] = (DIGITAL_SIGNATURE, NON_REPUDIATION),
        extended: tuple[str, ...] = (),
        kind: KeyKind = KeyKind.SM2,
        key: PrivateKey | None = None,
        ocsp_url: str = "",
        issuer_url: str = "",
        crl_url: str = "",
        nocheck: bool = False,
        not_before: datetime,
        days: int = 3650,
    ) -> "Party":
        """A certificate for a key, else for a new one, by this party."""
        key = key or generate(kind)
        self.issued += 1
        serial = 1000 + self.issued
        return _certify(
            common_name,
            key,
            self,
            serial,
            authority,
            usages,
            extended,
            not_before,
            days,
            (ocsp_url, issuer_url, crl_url),
            nocheck,
        )

    def crl(self, this_update: datetime, revoked: dict[int, datetime] | None = None, days: int = 30) -> bytes:
        """A CRL of this party."""
        entries = [der.sequence(der.integer(serial), der.time(at)) for serial, at in (revoked or {}).items()]
        extensions = der.sequence(
            _extension("2.5.29.35", der.sequence(der.implicit(0, der.octet_string(_key_identifier(self.key))))),
            _extension("2.5.29.20", der.integer(1)),
        )
        tbs = der.sequence(
            der.integer(1),
            self.key.algorithm.identifier,
            self.name,
            der.time(this_update),
            der.time(this_update + timedelta(days=days)),
            der.sequence(*entries) if entries else b"",
            der.explicit(0, extensions),
        )
        return der.sequence(tbs, self.key.algorithm.identifier, der.bit_string(self.key.sign(tbs)))


def root(kind: KeyKind, *, not_before: datetime, common_name: str = "Test Root") -> Party:
    """A self-signed authority."""
    usages = (KEY_CERT_SIGN, CRL_SIGN)
    return _certify(common_name, generate(kind), None, 1, True, usages, (), not_before, 7300)


def certify_key(
    issuer: Party,
    name: bytes,
    public_key_info: bytes,
    *,
    authority: bool = True,
    usages: tuple[int, ...] = (KEY_CERT_SIGN, CRL_SIGN),
    not_before: datetime,
    days: int = 3650,
) -> bytes:
    """A certificate (DER) for a key of which only the public half is known, such as a request's."""
    begin = not_before if days > 0 else not_before + timedelta(days=2 * days)
    issuer.issued += 1
    bits = asn1_keys.PublicKeyInfo.load(public_key_info).sha1
    extensions = [
        _extension("2.5.29.19", der.sequence(der.TRUE) if authority else der.sequence(), critical=True),
        _extension("2.5.29.15", der.named_bits(*usages), critical=True),
        _extension("2.5.29.14", der.octet_string(bits)),
        _extension("2.5.29.35", der.sequence(der.implicit(0, der.octet_string(_key_identifier(issuer.key))))),
    ]
    tbs = der.sequence(
        der.explicit(0, der.integer(2)),
        der.integer(5000 + issuer.issued),
        issuer.key.algorithm.identifier,
        issuer.name,
        der.sequence(der.time(begin), der.time(begin + timedelta(days=abs(days)))),
        name,
        public_key_info,
        der.explicit(3, der.sequence(*extensions)),
    )
    return der.sequence(tbs, issuer.key.algorithm.identifier, der.bit_string(issuer.key.sign(tbs)))


def _certify(
    common_name: str,
    key: PrivateKey,
    issuer: Party | None,
    serial: int,
    authority: bool,
    usages: tuple[int, ...],
    extended: tuple[str, ...],
    not_before: datetime,
    days: int,
    urls: tuple[str, str, str] = ("", "", ""),
    nocheck: bool = False,
) -> Party:
    name = encode_name((("C", "CN"), ("O", "Test"), ("CN", common_name)))
    signer = issuer.key if issuer else key
    extensions = [
        _extension("2.5.29.19", der.sequence(der.TRUE) if authority else der.sequence(), critical=True),
        _extension("2.5.29.15", der.named_bits(*usages), critical=True),
        _extension("2.5.29.14", der.octet_string(_key_identifier(key))),
        _extension("2.5.29.35", der.sequence(der.implicit(0, der.octet_string(_key_identifier(signer))))),
    ]
    if extended:
        purposes = der.sequence(*(der.oid(purpose) for purpose in extended))
        extensions.append(_extension("2.5.29.37", purposes, critical=TIME_STAMPING in extended))
    access = [(f"1.3.6.1.5.5.7.48.{method}", url) for method, url in zip((1, 2), urls, strict=False) if url]
    if access:
        locations = [der.sequence(der.oid(method), der.implicit(6, der.ia5(url))) for method, url in access]
        extensions.append(_extension("1.3.6.1.5.5.7.1.1", der.sequence(*locations)))
    if urls[2]:
        names = der.implicit(6, der.ia5(urls[2]))
        point = der.sequence(der.tlv(0xA0, der.tlv(0xA0, names)))
        extensions.append(_extension("2.5.29.31", der.sequence(point)))
    if nocheck:
        extensions.append(_extension("1.3.6.1.5.5.7.48.1.5", der.NULL))
    tbs = der.sequence(
        der.explicit(0, der.integer(2)),
        der.integer(serial),
        signer.algorithm.identifier,
        issuer.name if issuer else name,
        der.sequence(der.time(not_before), der.time(not_before + timedelta(days=days))),
        name,
        key.public_key_info,
        der.explicit(3, der.sequence(*extensions)),
    )
    certificate = der.sequence(tbs, signer.algorithm.identifier, der.bit_string(signer.sign(tbs)))
    return Party(name, key, certificate, issuer)


def _key_identifier(key: PrivateKey) -> bytes:
    return SHA1.of(key.public_key_info)


def _extension(dotted: str, value: bytes, *, critical: bool = False) -> bytes:
    return der.sequence(der.oid(dotted), der.TRUE if critical else b"", der.octet_string(value))
