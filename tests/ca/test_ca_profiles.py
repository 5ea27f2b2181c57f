"""Profiles: typed, consistent, versioned, tried before use, and never changed (rule 4)."""

import time
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from ca import activation, conformance
from ca.activation import activate, active_profile, active_profiles
from ca.profiles import Audience, Profile, load_profile, load_profiles
from ca.records import certificates, profiles
from core.audit import entries
from core.context import Context
from core.errors import Kind, YinxinError
from core.storage import Storage
from tests.support.ca import PROFILES, TestCentre


def staff(**changes: Any) -> Profile:
    return Profile.model_validate(load_profile(PROFILES / "staff.toml").model_dump() | changes)


def tried(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the profiles that are tried from now on; the trial itself is left out."""
    names: list[str] = []
    monkeypatch.setattr(activation, "_try", lambda profile, _maker: names.append(profile.name))
    return names


def test_all_profiles_of_the_house_are_activated_in_seconds(context: Context) -> None:
    given_profiles = load_profiles(PROFILES)
    assert {profile.name for profile in given_profiles} == {
        "root",
        "issuing",
        "ocsp",
        "tsa",
        "seal-maker",
        "operator",
        "unit",
        "staff",
        "attribute-authority",
        "unit-encryption",
        "staff-encryption",
        "subordinate",
        "kmc-link",
        "link",
    }
    begin = time.process_time()
    versions = activate(context, given_profiles, actor="admin")
    assert time.process_time() - begin < 4
    assert [version.version for version in versions] == [1] * len(given_profiles)
    begin = time.process_time()
    assert activate(context, given_profiles, actor="admin") == versions
    assert time.process_time() - begin < 0.5


def test_what_a_profile_says_is_what_the_standards_want() -> None:
    tsa, ocsp, maker = (load_profile(PROFILES / f"{name}.toml") for name in ("tsa", "ocsp", "seal-maker"))
    assert (tsa.extended_key_usage.values, tsa.extended_key_usage.critical) == (("timeStamping",), True)
    assert ocsp.extended_key_usage.values == ("OCSPSigning",)
    assert not ocsp.ocsp_nocheck
    assert ocsp.pointers.crl
    assert maker.extended_key_usage.values == ()
    for name in ("unit", "staff"):
        profile = load_profile(PROFILES / f"{name}.toml")
        assert (profile.key_usage.values, profile.key_usage.critical) == (("digitalSignature", "nonRepudiation"), True)
        assert profile.audience is Audience.SUBSCRIBER
    assert load_profile(PROFILES / "unit.toml").identity.required == ("credit_code",)


def test_a_changed_file_becomes_a_new_version(each_storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    context = Context(each_storage)
    names = tried(monkeypatch)
    first, second = staff(), staff(validity_days=365)
    assert activate(context, [first], actor="admin")[0].version == 1
    assert activate(context, [first], actor="admin")[0].version == 1
    assert activate(context, [second], actor="admin")[0].version == 2
    assert names == ["staff", "staff"]
    # Back to what was: a version of its own in the history, its meaning tried before.
    assert activate(context, [first], actor="admin")[0].version == 3
    assert names == ["staff", "staff"]
    with context.storage.reading() as connection:
        assert active_profile(connection, "staff").profile == first
        assert [version.version for version in active_profiles(connection)] == [3]
        acts = connection.scalars(sa.select(entries.c.act)).all()
    assert acts == ["ca.profile.activate"] * 3


def test_certificates_keep_the_version_that_made_them(centre: TestCentre, monkeypatch: pytest.MonkeyPatch) -> None:
    tried(monkeypatch)
    first = centre.issue()
    activate(centre.context, [staff(validity_days=30, encryption="")], actor="admin")
    second = centre.issue()
    with centre.context.storage.reading() as connection:
        query = sa.select(certificates.c.serial, profiles.c.version).join(
            profiles, profiles.c.id == certificates.c.profile_id
        )
        versions = {row.serial: row.version for row in connection.execute(query)}
    assert (versions[first.serial], versions[second.serial]) == (1, 2)


def test_a_profile_altered_in_the_database_is_refused(centre: TestCentre) -> None:
    with centre.context.storage.transaction() as connection:
        document = connection.scalar(sa.select(profiles.c.document).where(profiles.c.name == "staff"))
        assert document
        altered = document.replace(b'"validity_days":1096', b'"validity_days":9999')
        assert altered != document
        connection.execute(sa.update(profiles).where(profiles.c.name == "staff").values(document=altered))
    with pytest.raises(YinxinError, match="does not match its digest") as caught:
        centre.issue()
    assert caught.value.kind is Kind.CONFLICT


def test_pkilints_findings_stop_the_activation(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = conformance.Finding("WARNING", "pkix.something", "", "certificate")
    monkeypatch.setattr(conformance, "lint_certificate", lambda _certificate: [finding])
    with pytest.raises(YinxinError, match=r"pkix\.something"):
        activate(context, [staff(keys=("sm2",))], actor="admin")
    with context.storage.reading() as connection, pytest.raises(YinxinError, match="no such profile"):
        active_profile(connection, "staff")


def test_a_real_finding_of_pkilint_stops_the_activation(context: Context) -> None:
    bad = staff(keys=("sm2",), key_usage={"values": ("digitalSignature",), "critical": False})
    with pytest.raises(YinxinError, match="WARNING") as caught:
        activate(context, [bad], actor="admin")
    assert caught.value.kind is Kind.INVALID


@pytest.mark.parametrize(
    "changes",
    [
        {"key_usage": {"values": ("digitalSignature", "keyCertSign")}},
        {"key_usage": {"values": ("digitalSignature", "cRLSign")}},
        {"audience": "authority"},
        {"path_length": 0},
        {"self_issued": True},
        {"extended_key_usage": {"values": ("timeStamping",), "critical": False}},
        {"extended_key_usage": {"values": ("timeStamping", "clientAuth"), "critical": True}},
        {"ocsp_nocheck": True},
        {"pointers": {"crl": False, "ocsp": False}},
        {"identity": {"required": ("resident_id", "passport")}},
        {"identity": {"required": ("resident_id",), "optional": ("resident_id",)}},
        {"keys": ()},
        {"keys": ("dsa",)},
        {"minimum_rsa_bits": 1024},
        {"validity_days": 0},
        {"approvals": 0},
        {"policies": ("1.02.3",)},
        {"name": "Staff"},
        {"surprise": 1},
    ],
)
def test_contradictions_are_no_profile(changes: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        staff(**changes)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("not toml at all [", "not TOML"),
        ("", "title"),
        ("surprise = 1", "title|surprise"),
        ('title = "x"\nname = "y"', "audience|name"),
    ],
)
def test_errors_name_the_file_and_the_key(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "bad.toml"
    path.write_text(content)
    with pytest.raises(YinxinError, match=complaint) as caught:
        load_profile(path)
    assert caught.value.subject == str(path)


def test_an_empty_folder_has_no_profiles(tmp_path: Path) -> None:
    with pytest.raises(YinxinError, match="no profiles here"):
        load_profiles(tmp_path)


@given(st.binary(max_size=60))
def test_junk_is_no_profile(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "junk.toml"
    path.write_bytes(content)
    with pytest.raises(YinxinError):
        load_profile(path)


def test_the_digest_is_of_the_meaning(tmp_path: Path) -> None:
    text = (PROFILES / "staff.toml").read_text()
    (tmp_path / "staff.toml").write_text("# another remark\n" + text)
    assert load_profile(tmp_path / "staff.toml").digest == load_profile(PROFILES / "staff.toml").digest
    assert staff(validity_days=1).digest != staff().digest
