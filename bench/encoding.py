"""How long a certificate's bytes take to write: from a profile's template, beside asn1crypto, beside the signature."""

from datetime import UTC, datetime, timedelta

from asn1crypto import algos, keys, x509
from asn1crypto import core as asn1

from bench import rates, report, row
from ca.certificate import CertificateTemplate, IssuerFacts, key_identifier
from ca.lint import IssuerLimits, lint
from ca.profiles import load_profiles
from core.algorithms import SM2_SM3, KeyKind
from core.config import UrlSettings
from core.keys.private_key import generate
from core.subject import IDENTITY_CODE, Identity, Subject
from yinxin.installation import default_configuration

SERIAL = int.from_bytes(b"\x01" + bytes(range(18)), "big")
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
END = BEGIN + timedelta(days=1095, seconds=-1)


def main() -> None:
    """Measure and report."""
    profile = next(one for one in load_profiles(default_configuration() / "profiles") if one.name == "staff")
    ca_key, holder_key = generate(KeyKind.SM2), generate(KeyKind.SM2)
    issuer_name = Subject.of_service("示范市数字证书认证中心", "印信 Issuing CA SM2").name()
    subject = Subject(
        organization="宝鸡市人民政府办公室", common_name="张三", identity=Identity(resident_id="610302198001010016")
    )
    issuer = IssuerFacts("sm2-issuing", issuer_name, ca_key.public_key_info, SM2_SM3)
    template = CertificateTemplate(profile, issuer, UrlSettings())

    def ours() -> bytes:
        return template.tbs(
            serial=SERIAL,
            not_before=BEGIN,
            not_after=END,
            subject=subject.name(),
            public_key_info=holder_key.public_key_info,
            identity=subject.identity.extensions(),
        )

    limits = IssuerLimits("sm2-issuing", issuer_name, ca_key.public_key_info, SM2_SM3, None, None)
    tbs = ours()

    identity = subject.identity.extensions()["resident_id"]

    def peer() -> bytes:
        keys = ca_key.public_key_info, holder_key.public_key_info
        return with_asn1crypto(issuer_name, subject.name(), *keys, profile.policies, identity)

    assert peer() == tbs, "the peer must write the same bytes"
    template_rate, asn1crypto_rate = rates(ours, peer)
    lint_rate, sign_rate = rates(lambda: lint(tbs, profile, limits), lambda: ca_key.sign(tbs))
    report(
        "encoding",
        "Writing a certificate's bytes",
        [
            row("template_vs_asn1crypto", template_rate, "per s", "asn1crypto, the same bytes", asn1crypto_rate),
            row("template_vs_sm2_signature", template_rate, "per s", "SM2 signature over them", sign_rate),
            row("lint_vs_sm2_signature", lint_rate, "per s", "SM2 signature over them", sign_rate),
        ],
    )


def with_asn1crypto(
    issuer: bytes, subject: bytes, issuer_key: bytes, holder_key: bytes, policies: tuple[str, ...], identity: bytes
) -> bytes:
    """The same TBSCertificate, every part built by asn1crypto."""
    address = x509.GeneralName("uniform_resource_identifier", "http://127.0.0.1:8080/crl/sm2-issuing.crl")
    list_point = {"distribution_point": x509.DistributionPointName("full_name", [address])}
    certificate = x509.GeneralName("uniform_resource_identifier", "http://127.0.0.1:8080/ca/sm2-issuing.cer")
    responder = x509.GeneralName("uniform_resource_identifier", "http://127.0.0.1:8081")
    values: list[tuple[str, bool, object]] = [
        ("authority_key_identifier", False, {"key_identifier": key_identifier(issuer_key)}),
        ("key_identifier", False, key_identifier(holder_key)),
        ("key_usage", True, {"digital_signature", "non_repudiation"}),
        ("basic_constraints", True, x509.BasicConstraints({"ca": False})),
        ("certificate_policies", False, [{"policy_identifier": policy} for policy in policies]),
        (
            "crl_distribution_points",
            False,
            [list_point],
        ),
        (
            "authority_information_access",
            False,
            [
                {"access_method": "ocsp", "access_location": responder},
                {"access_method": "ca_issuers", "access_location": certificate},
            ],
        ),
        (IDENTITY_CODE, False, asn1.ParsableOctetString(identity)),
    ]
    encoded: bytes = x509.TbsCertificate(
        {
            "version": "v3",
            "serial_number": SERIAL,
            "signature": algos.SignedDigestAlgorithm({"algorithm": "sm2_sm3"}),
            "issuer": x509.Name.build(x509.Name.load(issuer).native),
            "validity": {
                "not_before": x509.Time("utc_time", BEGIN),
                "not_after": x509.Time("utc_time", END),
            },
            "subject": x509.Name.build(x509.Name.load(subject).native),
            "subject_public_key_info": keys.PublicKeyInfo.load(holder_key),
            "extensions": [
                {"extn_id": name, "critical": critical, "extn_value": value} for name, critical, value in values
            ],
        }
    ).dump()
    return encoded


if __name__ == "__main__":
    main()
