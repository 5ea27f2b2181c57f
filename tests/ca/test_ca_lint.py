"""Each rule of the linter, broken on purpose; and bytes that nobody meant."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ca.certificate import CertificateTemplate, crl_distribution_points, extension, key_identifier, name_constraints
from ca.distribution import Distribution
from ca.lint import RULES, IssuerLimits, _findings_on_fixed, findings, lint
from ca.lint.reading import read_extension
from ca.profiles import NameConstraints, Profile, Subtrees, load_profile
from core.algorithms import RSA_SHA256, SM2_SM3, KeyKind
from core.asn1 import der
from core.asn1.elements import read_elements
from core.asn1.names import encode_name
from core.errors import Kind, YinxinError
from core.subject import IDENTITY_OIDS, Identity
from tests.support.ca import CREDIT_CODE, PROFILES, RESIDENT_ID, URLS, pooled_key

BEGIN = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
NAME = encode_name((("C", "CN"), ("O", "宝鸡市人民政府办公室"), ("CN", "张三")))


@cache
def issuer() -> IssuerLimits:
    key = pooled_key("lint issuer", KeyKind.SM2)
    name = encode_name((("C", "CN"), ("O", "中心"), ("CN", "CA")))
    return IssuerLimits("ca", name, key.public_key_info, SM2_SM3, BEGIN, BEGIN + timedelta(days=5000), path_length=0)


@cache
def subject_key() -> bytes:
    return pooled_key("lint subject", KeyKind.SM2).public_key_info


@cache
def profile_of(name: str, **changes: Any) -> Profile:
    return Profile.model_validate(load_profile(PROFILES / f"{name}.toml").model_dump() | changes)


@dataclass(frozen=True)
class Draft:
    """A TBSCertificate in parts, so that any of them can be spoilt."""

    profile: Profile
    version: bytes
    serial: bytes
    algorithm: bytes
    issuer: bytes
    validity: bytes
    subject: bytes
    key: bytes
    extensions: tuple[bytes, ...]
    limits: IssuerLimits

    def tbs(self) -> bytes:
        extensions = der.explicit(3, der.sequence(*self.extensions))
        return der.sequence(
            self.version,
            self.serial,
            self.algorithm,
            self.issuer,
            self.validity,
            self.subject,
            self.key,
            extensions,
        )

    def broken(self) -> set[str]:
        return {finding.rule for finding in findings(self.tbs(), self.profile, self.limits)}

    def without(self, dotted: str) -> "Draft":
        kept = tuple(one for one in self.extensions if der.oid(dotted) not in one[:20])
        assert len(kept) == len(self.extensions) - 1
        return replace(self, extensions=kept)

    def having(self, dotted: str, value: bytes, *, critical: bool = False) -> "Draft":
        return replace(self, extensions=(*self.extensions, extension(dotted, value, critical=critical)))

    def changing(self, dotted: str, value: bytes, *, critical: bool = False) -> "Draft":
        return self.without(dotted).having(dotted, value, critical=critical)


def draft(name: str = "staff", identity: Identity | None = None, **changes: Any) -> Draft:
    profile = profile_of(name, **changes)
    limits = issuer()
    tbs = CertificateTemplate(profile, limits, URLS).tbs(
        serial=1 << 144 | 77,
        not_before=BEGIN,
        not_after=BEGIN + timedelta(days=profile.validity_days, seconds=-1),
        subject=NAME,
        public_key_info=subject_key(),
        identity=(identity or Identity()).extensions(),
    )
    parts = read_elements(tbs)[0].children()
    extensions = tuple(element.raw for element in parts[7].children()[0].children())
    raw = [part.raw for part in parts[:7]]
    return Draft(profile, *raw, extensions, limits)  # type: ignore[call-arg, arg-type]


BOUNDS, OTHERS = (NameConstraints(permitted=Subtrees(dns=(one,))) for one in ("example.gov.cn", "example.org"))


def bounded(draft: Draft) -> Draft:
    """The same certificate by a profile with name constraints."""
    return replace(draft, profile=draft.profile.model_copy(update={"name_constraints": BOUNDS}))


def divided(draft: Draft, distribution: Distribution) -> Draft:
    """The same certificate of an issuer whose lists are split so."""
    return replace(draft, limits=replace(draft.limits, distribution=distribution))


def validity(begin: bytes, end: bytes) -> bytes:
    return der.sequence(begin, end)


def name(*attributes: bytes) -> bytes:
    return der.sequence(*(der.set_of(attribute) for attribute in attributes))


def attribute(dotted: str, value: bytes) -> bytes:
    return der.sequence(der.oid(dotted), value)


C, O = attribute("2.5.4.6", der.printable("CN")), attribute("2.5.4.10", der.utf8("单位"))  # noqa: E741
CN = "2.5.4.3"

Spoiler = Callable[[Draft], Draft]

CASES: list[tuple[str, Spoiler]] = [
    ("version_is_3", lambda d: replace(d, version=der.explicit(0, der.integer(1)))),
    ("serial_number_is_positive_and_long", lambda d: replace(d, serial=der.integer(5))),
    ("serial_number_is_positive_and_long", lambda d: replace(d, serial=der.integer(-(1 << 144)))),
    ("serial_number_is_positive_and_long", lambda d: replace(d, serial=der.integer(1 << 160))),
    ("serial_number_is_positive_and_long", lambda d: replace(d, serial=der.tlv(2, b"\x00" + b"\x01" * 18))),
    ("signature_algorithm_is_the_issuers", lambda d: replace(d, algorithm=RSA_SHA256.identifier)),
    (
        "signature_algorithm_is_the_issuers",
        lambda d: replace(d, algorithm=der.sequence(der.oid("1.2.156.10197.1.501"), der.NULL)),
    ),
    ("issuer_name_is_the_issuers_subject", lambda d: replace(d, issuer=encode_name((("C", "CN"), ("CN", "X"))))),
    (
        "times_are_written_as_prescribed",
        lambda d: replace(d, validity=validity(der.generalized_time(BEGIN), der.time(BEGIN + timedelta(days=9)))),
    ),
    (
        "times_are_written_as_prescribed",
        lambda d: replace(d, validity=validity(der.tlv(0x17, b"2611010200Z"), der.time(BEGIN + timedelta(days=9)))),
    ),
    (
        "times_are_written_as_prescribed",
        lambda d: replace(d, validity=validity(der.time(BEGIN), der.tlv(0x18, b"20271101020000+0800"))),
    ),
    (
        "validity_is_within_profile_and_issuer",
        lambda d: replace(d, validity=validity(der.time(BEGIN), der.time(BEGIN))),
    ),
    (
        "validity_is_within_profile_and_issuer",
        lambda d: replace(d, validity=validity(der.time(BEGIN), der.time(BEGIN + timedelta(days=1096)))),
    ),
    (
        "validity_is_within_profile_and_issuer",
        lambda d: replace(
            d, validity=validity(der.time(BEGIN - timedelta(seconds=1)), der.time(BEGIN + timedelta(days=2)))
        ),
    ),
    (
        "validity_is_within_profile_and_issuer",
        lambda d: replace(d, limits=replace(d.limits, not_after=BEGIN + timedelta(days=1))),
    ),
    (
        "key_is_sound_and_of_an_allowed_kind",
        lambda d: replace(d, key=d.key[:-1] + bytes((d.key[-1] ^ 1,))),
    ),
    (
        "key_is_sound_and_of_an_allowed_kind",
        lambda d: replace(d, profile=profile_of("staff", keys=("rsa",))),
    ),
    (
        "key_is_sound_and_of_an_allowed_kind",
        lambda d: replace(d, key=pooled_key("lint rsa", KeyKind.RSA_2048).public_key_info),
    ),
    ("subject_attributes_are_well_formed", lambda d: replace(d, subject=der.sequence())),
    (
        "subject_attributes_are_well_formed",
        lambda d: replace(d, subject=name(C, O, attribute(CN, der.printable("Zhang")))),
    ),
    (
        "subject_attributes_are_well_formed",
        lambda d: replace(d, subject=name(C, O, attribute(CN, der.utf8("长" * 65)))),
    ),
    ("subject_attributes_are_well_formed", lambda d: replace(d, subject=name(C, O, attribute(CN, der.utf8(" 张"))))),
    ("subject_attributes_are_well_formed", lambda d: replace(d, subject=name(C, O, O, attribute(CN, der.utf8("张"))))),
    (
        "subject_attributes_are_well_formed",
        lambda d: replace(d, subject=name(C, O, attribute("1.2.3.4", der.utf8("张")))),
    ),
    (
        "subject_attributes_are_well_formed",
        lambda d: replace(d, subject=der.sequence(der.set_of(C, O), der.set_of(attribute(CN, der.utf8("张"))))),
    ),
    ("subject_can_be_seen", lambda d: replace(d, subject=name(C, O, attribute(CN, der.utf8("张\u202e三"))))),
    ("subject_can_be_seen", lambda d: replace(d, subject=name(C, O, attribute(CN, der.utf8("张\x00三"))))),
    ("subject_can_be_seen", lambda d: replace(d, subject=name(C, O, attribute(CN, der.utf8("张\u200b三"))))),
    ("subject_has_the_fields_of_the_profile", lambda d: replace(d, subject=name(C, attribute(CN, der.utf8("张"))))),
    (
        "subject_has_the_fields_of_the_profile",
        lambda d: replace(
            d, subject=name(C, O, attribute("2.5.4.5", der.printable("1")), attribute(CN, der.utf8("张")))
        ),
    ),
    ("self_issued_only_where_the_profile_says", lambda d: replace(d, subject=d.issuer)),
    (
        "identity_numbers_are_well_formed",
        lambda d: d.having(IDENTITY_OIDS["resident_id"], der.printable(RESIDENT_ID)),
    ),
    (
        "identity_numbers_are_well_formed",
        lambda d: d.having(IDENTITY_OIDS["resident_id"], der.explicit(0, der.printable("110101209912310011"))),
    ),
    (
        "identity_numbers_are_well_formed",
        lambda d: d.having(IDENTITY_OIDS["resident_id"], der.explicit(0, der.utf8(RESIDENT_ID))),
    ),
    (
        "identity_numbers_are_well_formed",
        lambda d: d.having(IDENTITY_OIDS["resident_id"], der.explicit(0, der.printable(RESIDENT_ID)), critical=True),
    ),
    ("identity_numbers_are_well_formed", lambda d: d.having(IDENTITY_OIDS["credit_code"], der.printable(CREDIT_CODE))),
    ("identity_numbers_are_well_formed", lambda d: replace(d, profile=profile_of("unit"))),
    ("is_a_certificate", lambda d: replace(d, extensions=(*d.extensions, d.extensions[0]))),
    ("no_extension_twice_or_unknown", lambda d: d.having("1.2.3.4", der.NULL)),
    ("no_extension_twice_or_unknown", lambda d: d.having("2.5.29.17", der.sequence(der.tlv(0x82, b"a.cn")))),
    ("authority_key_identifier_is_the_issuers", lambda d: d.without("2.5.29.35")),
    (
        "authority_key_identifier_is_the_issuers",
        lambda d: d.changing("2.5.29.35", der.sequence(der.tlv(0x80, key_identifier(subject_key())))),
    ),
    ("subject_key_identifier_is_the_keys", lambda d: d.without("2.5.29.14")),
    ("subject_key_identifier_is_the_keys", lambda d: d.changing("2.5.29.14", der.octet_string(bytes(20)))),
    ("key_usage_is_the_profiles", lambda d: d.without("2.5.29.15")),
    ("key_usage_is_the_profiles", lambda d: d.changing("2.5.29.15", der.named_bits(0), critical=True)),
    ("key_usage_is_the_profiles", lambda d: d.changing("2.5.29.15", der.named_bits(0, 1))),
    ("key_usage_is_the_profiles", lambda d: d.changing("2.5.29.15", der.named_bits(0, 1, 5), critical=True)),
    ("basic_constraints_are_the_profiles", lambda d: d.without("2.5.29.19")),
    ("basic_constraints_are_the_profiles", lambda d: d.changing("2.5.29.19", der.sequence())),
    ("basic_constraints_are_the_profiles", lambda d: d.changing("2.5.29.19", der.sequence(der.TRUE), critical=True)),
    ("name_constraints_are_the_profiles", lambda d: d.having("2.5.29.30", name_constraints(BOUNDS), critical=True)),
    ("name_constraints_are_the_profiles", lambda d: bounded(d)),
    ("name_constraints_are_the_profiles", lambda d: bounded(d.having("2.5.29.30", name_constraints(BOUNDS)))),
    (
        "name_constraints_are_the_profiles",
        lambda d: bounded(d.having("2.5.29.30", name_constraints(OTHERS), critical=True)),
    ),
    (
        "extended_key_usage_is_the_profiles",
        lambda d: d.having("2.5.29.37", der.sequence(der.oid("1.3.6.1.5.5.7.3.3"))),
    ),
    ("extended_key_usage_is_the_profiles", lambda d: replace(d, profile=profile_of("operator"))),
    ("policies_are_the_profiles", lambda d: d.without("2.5.29.32")),
    (
        "policies_are_the_profiles",
        lambda d: d.changing("2.5.29.32", der.sequence(der.sequence(der.oid("1.2.3")))),
    ),
    ("crl_distribution_point_is_there_if_wanted", lambda d: d.without("2.5.29.31")),
    (
        "crl_distribution_point_is_there_if_wanted",
        lambda d: d.changing(
            "2.5.29.31",
            der.sequence(der.sequence(der.explicit(0, der.implicit(0, der.sequence(der.tlv(0x86, b"ldap://x")))))),
        ),
    ),
    ("distribution_points_are_the_shards", lambda d: divided(d, Distribution(3, address="http://ca.test/crl"))),
    (
        "freshest_crl_is_there_if_deltas_are",
        lambda d: divided(d, Distribution(1, deltas=True, address="http://ca.test")),
    ),
    (
        "freshest_crl_is_there_if_deltas_are",
        lambda d: d.having("2.5.29.46", crl_distribution_points("http://ca.test/x")),
    ),
    (
        "freshest_crl_is_there_if_deltas_are",
        lambda d: divided(
            d.having("2.5.29.46", crl_distribution_points("http://ca.test/ca/other.crl")),
            Distribution(1, deltas=True, address="http://ca.test"),
        ),
    ),
    ("information_access_is_there_if_wanted", lambda d: d.without("1.3.6.1.5.5.7.1.1")),
    (
        "information_access_is_there_if_wanted",
        lambda d: d.changing(
            "1.3.6.1.5.5.7.1.1",
            der.sequence(der.sequence(der.oid("1.3.6.1.5.5.7.48.1"), der.tlv(0x86, b"ftp://x"))),
        ),
    ),
    ("ocsp_nocheck_is_there_if_wanted", lambda d: d.having("1.3.6.1.5.5.7.48.1.5", der.NULL)),
]


@pytest.mark.parametrize(("rule", "spoil"), CASES)
def test_each_rule_sees_its_own_breach(rule: str, spoil: Spoiler) -> None:
    spoilt = spoil(draft())
    assert rule in spoilt.broken()
    with pytest.raises(YinxinError) as caught:
        lint(spoilt.tbs(), spoilt.profile, spoilt.limits)
    assert caught.value.kind is Kind.INVALID


def test_every_rule_has_a_breach_here() -> None:
    assert {rule.name for rule in RULES} <= {rule for rule, _spoil in CASES}


def test_every_rule_cites_its_clause() -> None:
    assert len({rule.name for rule in RULES}) == len(RULES)
    assert all(rule.clause for rule in RULES)


@pytest.mark.parametrize("profile", ["staff", "operator", "ocsp", "tsa", "seal-maker"])
def test_what_the_template_writes_breaks_nothing(profile: str) -> None:
    assert draft(profile).broken() == set()


def test_identity_numbers_pass() -> None:
    assert draft("unit", Identity(credit_code=CREDIT_CODE)).broken() == set()
    assert draft("staff", Identity(resident_id=RESIDENT_ID)).broken() == set()
    assert draft("staff", Identity(passport="E12345678", insurance_number="0123")).broken() == set()


def test_a_ca_stands_below_its_issuers_path_length() -> None:
    issuing = draft("issuing")
    assert issuing.broken() == {"basic_constraints_are_the_profiles"}
    assert replace(issuing, limits=replace(issuing.limits, path_length=1)).broken() == set()
    assert replace(issuing, limits=replace(issuing.limits, path_length=None)).broken() == set()


@given(st.binary(max_size=80))
def test_junk_is_refused(data: bytes) -> None:
    assert findings(data, profile_of("staff"), issuer())


@given(st.data())
def test_flipped_bits_never_crash_the_linter(data: st.DataObject) -> None:
    tbs = bytearray(draft().tbs())
    for _count in range(data.draw(st.integers(1, 3))):
        tbs[data.draw(st.integers(0, len(tbs) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    findings(bytes(tbs), profile_of("staff"), issuer())


@given(st.integers(0, 2**31))
def test_any_cut_is_refused(at: int) -> None:
    tbs = draft().tbs()
    assert findings(tbs[: at % len(tbs)], profile_of("staff"), issuer())
    assert findings(tbs + b"\x00", profile_of("staff"), issuer())


@settings(deadline=None)
@given(st.data())
def test_what_was_found_of_other_certificates_changes_nothing(data: st.DataObject) -> None:
    """What is fixed is judged once: by then, as the first of its kind would be."""
    profile, tbs = profile_of("staff"), bytearray(draft().tbs())
    findings(bytes(tbs), profile, issuer())
    for _count in range(data.draw(st.integers(1, 2))):
        tbs[data.draw(st.integers(0, len(tbs) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    after_others = findings(bytes(tbs), profile, issuer())
    _findings_on_fixed.cache_clear()
    read_extension.cache_clear()
    assert after_others == findings(bytes(tbs), profile, issuer())


@pytest.mark.parametrize("rule", [case for case in CASES if case[0] != "is_a_certificate"], ids=lambda case: case[0])
def test_a_breach_is_seen_after_a_sound_certificate_and_the_reverse(rule: tuple[str, Spoiler]) -> None:
    name, spoil = rule
    sound, spoilt = draft(), spoil(draft())
    assert [name in one.broken() for one in (sound, spoilt, sound, spoilt)] == [False, True, False, True]


def test_the_same_octets_are_judged_again_for_another_profile_or_issuer() -> None:
    """Neither takes part in the hash by which what was found is remembered; both are compared."""
    sound = draft()
    assert sound.broken() == set()
    another = replace(sound, profile=profile_of("staff", policies=("1.2.3",)))
    assert another.broken() == {"policies_are_the_profiles"}
    assert replace(sound, limits=replace(sound.limits, subject=NAME)).broken() >= {"issuer_name_is_the_issuers_subject"}
    assert sound.broken() == set()


def test_the_same_octets_are_judged_again_for_another_list() -> None:
    """Two serial numbers on different lists: the address of the one is wrong for the other."""
    limits = replace(issuer(), distribution=Distribution(2, address="http://ca.test/crl"))
    template = CertificateTemplate(profile_of("staff"), limits, URLS)

    def tbs(serial: int) -> bytes:
        return template.tbs(
            serial=serial,
            not_before=BEGIN,
            not_after=BEGIN + timedelta(days=9),
            subject=NAME,
            public_key_info=subject_key(),
        )

    even, odd = 1 << 144, (1 << 144) + 1
    assert [findings(tbs(serial), profile_of("staff"), limits) for serial in (even, odd, even)] == [[], [], []]
    misplaced = tbs(even).replace(der.integer(even), der.integer(odd))
    assert {one.rule for one in findings(misplaced, profile_of("staff"), limits)} == {
        "distribution_points_are_the_shards"
    }
