"""The encoder: what the template writes, asn1crypto and cryptography read back; constants are encoded once."""

from datetime import UTC, datetime, timedelta

from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from hypothesis import given
from hypothesis import strategies as st

from ca.certificate import CertificateTemplate, IssuerFacts, assemble, key_identifier
from ca.profiles import load_profiles
from core.algorithms import SM2_SM3, KeyKind
from core.asn1.names import encode_name
from core.subject import Identity, Subject
from tests.support.ca import PROFILES, RESIDENT_ID, URLS, pooled_key

PROFILES_BY_NAME = {profile.name: profile for profile in load_profiles(PROFILES)}
MOMENTS = st.integers(946_684_800, 2_500_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
NAMES = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=40).filter(lambda text: text.isprintable())


def issuer() -> IssuerFacts:
    name = encode_name((("C", "CN"), ("O", "中心"), ("CN", "CA")))
    return IssuerFacts("sm2-issuing", name, pooled_key("template", KeyKind.SM2).public_key_info, SM2_SM3)


def test_key_identifier_is_what_cryptography_computes() -> None:
    for kind in (KeyKind.RSA_2048, KeyKind.P256, KeyKind.P384):
        info = pooled_key("template", kind).public_key_info
        key = load_der_public_key(info)
        assert isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey)
        assert key_identifier(info) == x509.SubjectKeyIdentifier.from_public_key(key).digest


@given(
    serial=st.integers(1 << 136, (1 << 159) - 1),
    begin=MOMENTS,
    days=st.integers(1, 9000),
    name=NAMES,
    profile=st.sampled_from(sorted(PROFILES_BY_NAME)),
)
def test_what_goes_in_comes_out(serial: int, begin: datetime, days: int, name: str, profile: str) -> None:
    holder = pooled_key("template holder", KeyKind.SM2)
    subject = Subject(organization="单位", common_name=name, identity=Identity(resident_id=RESIDENT_ID))
    tbs = CertificateTemplate(PROFILES_BY_NAME[profile], issuer(), URLS).tbs(
        serial=serial,
        not_before=begin,
        not_after=begin + timedelta(days=days),
        subject=subject.name(),
        public_key_info=holder.public_key_info,
        identity=subject.identity.extensions(),
    )
    parsed = asn1_x509.TbsCertificate.load(tbs, strict=True)
    assert parsed["serial_number"].native == serial
    assert parsed["validity"]["not_before"].native == begin
    assert parsed["validity"]["not_after"].native == begin + timedelta(days=days)
    assert parsed["subject"].native["common_name"] == name
    assert parsed["subject_public_key_info"].dump() == holder.public_key_info
    read = x509.load_der_x509_certificate(assemble(tbs, SM2_SM3, b""))
    assert read.tbs_certificate_bytes == tbs
    critical = {extension.oid.dotted_string for extension in read.extensions if extension.critical}
    assert critical == {"2.5.29.15", "2.5.29.19"} | ({"2.5.29.37"} if profile == "tsa" else set())
