"""A home as an earlier Yinxin made and filled it (schema 0003, keys of nobody) comes to this version and works on."""

import shutil
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from ca.encryption_keys import encryption_keys_of
from ca.kmc.custody import WRAPPING
from ca.records import certificates
from ca.service import open_authority
from ca.status import StatusReader
from core.algorithms import KeyKind
from core.clock import FixedClock
from core.csr import build_csr
from core.home import Home
from core.keys import passphrase
from core.keys.private_key import generate
from core.storage import Storage
from ra import identities, issuance, requests
from ra.operators import open_session
from ra.records import certificate_identities, request_certificates
from seals.contracts import SealingSupport
from seals.levels import Level
from seals.placement.placement import Placement
from seals.register import registered
from seals.register.life import State
from seals.use import UseOrder, stamp
from seals.verification.trust import load_trust
from seals.verification.verification import verify_pdf
from tests.support.sealing import blank_pdf
from tests.yinxin.conftest import Yinxin
from yinxin import upgrade
from yinxin.demo import cast
from yinxin.seal_people import SealPeople

OLD_HOME = Path(__file__).with_name("home-of-revision-0003.tar.xz")
THEN = datetime(2026, 11, 22, 2, 0, tzinfo=UTC)
"""When it was made, and all its certificates held."""
NEW_PROFILES = {"attribute-authority", "kmc-link", "link", "staff-encryption", "subordinate", "unit-encryption"}


@pytest.fixture(scope="module")
def extracted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("old") / "home"
    with tarfile.open(OLD_HOME) as archive:
        archive.extractall(folder, filter="data")
    return folder


@pytest.fixture
def old(extracted: Path, tmp_path: Path) -> Path:
    return shutil.copytree(extracted, tmp_path / "home")


def test_it_is_refused_until_it_is_migrated(yinxin: Yinxin, old: Path) -> None:
    assert "run: yinxin migrate" in yinxin("--home", old, "ca", "list").refusal


class NoSupport:
    def support(self, _algorithm: object) -> SealingSupport:
        return SealingSupport()


def seal_with_what_was_made_before(home: Home) -> None:
    people = SealPeople(home.context)
    seal = registered.find(home.context, people, "sm2-office")
    assert (seal.state, seal.revision, seal.owner) == (State.ACTIVE, 0, cast.OFFICE)
    order = UseOrder(blank_pdf(), Placement(1, 100, 100), Level.B_B)
    sealed = stamp(home.context, home.key_store("seals"), NoSupport(), people, "sm2-office", order, actor="test")
    trust = load_trust(home.trust)
    (signature,) = verify_pdf(sealed.read(), trust, home.clock).signatures
    assert signature.intact and signature.level is Level.B_B


def test_it_comes_to_this_version_and_works_on(yinxin: Yinxin, old: Path) -> None:
    before = issued(old)
    own = (old / "profiles" / "staff.toml").read_bytes()

    outcome = yinxin("--home", old, "migrate")
    assert outcome.code == 0, outcome.err
    (differing,) = (line for line in outcome.err.splitlines() if "differ" in line)
    assert {"ocsp", "staff", "unit"} <= set(differing.rstrip(".").replace(":", ",").split(", "))  # left to people
    assert {file.stem for file in (old / "profiles").glob("*.toml")} >= NEW_PROFILES
    assert (old / "profiles" / "staff.toml").read_bytes() == own
    assert issued(old) == before
    listed = yinxin("--home", old, "ca", "list")
    assert (listed.code, listed.out.count("-issuing")) == (0, 2)

    home = Home(old, FixedClock(THEN))
    assert found_by_number(home) == 2  # one certificate in each hierarchy
    issue_another(home)
    assert found_by_number(home) == 3
    home.storage.close()

    home = Home(old, FixedClock(THEN))
    seal_with_what_was_made_before(home)
    home.storage.close()

    again = yinxin("--home", old, "migrate")
    assert again.code == 0
    assert "0 requests" in again.err
    assert "in use now" not in again.err
    home = Home(old, FixedClock(THEN))
    assert found_by_number(home) == 3
    home.storage.close()


def test_profiles_that_came_with_the_version_serve_the_key_management_centre(yinxin: Yinxin, old: Path) -> None:
    for arguments in (("migrate",), ("ca", "kmc", "found"), ("ca", "kmc", "link")):
        outcome = yinxin("--home", old, *arguments)
        assert outcome.code == 0, outcome.err
    home = Home(old, FixedClock(THEN))
    assert WRAPPING in home.key_store("kmc")
    assert encryption_keys_of(home) is not None


def test_adopting_profiles_goes_on_where_it_was_broken_off(
    yinxin: Yinxin, old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError("no space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("yinxin.upgrade.files.write", full)
        assert yinxin("--home", old, "migrate").code != 0
    assert not (old / "profiles" / "kmc-link.toml").exists()
    home = Home(old)
    assert set(upgrade.adopt_profiles(home, actor="somebody")) == NEW_PROFILES
    assert upgrade.adopt_profiles(home, actor="somebody") == []
    home.storage.close()


def issued(path: Path) -> list[tuple[object, ...]]:
    storage = Storage(f"sqlite:///{path / 'yinxin.db'}")
    with storage.reading() as connection:
        rows = connection.execute(sa.select(certificates.c.serial, certificates.c.certificate).order_by("serial"))
        found = [tuple(row) for row in rows]
    storage.close()
    return found


def found_by_number(home: Home) -> int:
    number = cast.STAFF["zhangsan"].identity.resident_id
    assert number
    digest = identities.digest_of_number(home.context, number)
    query = sa.select(sa.func.count()).where(certificate_identities.c.digest == digest)
    with home.storage.reading() as connection:
        return connection.scalar(query) or 0


def issue_another(home: Home) -> None:
    """By the operators of then, with their keys of then."""
    pin = passphrase.from_file(home.path / "people" / "pin")
    enterer, reviewer = (
        open_session(home.context, name, home.path / "people" / "operators" / f"{name}.pem", pin)
        for name in (cast.ENTERER, cast.REVIEWER)
    )
    subject = cast.STAFF["zhangsan"]
    number = requests.enter(
        home.context,
        enterer,
        authority="sm2-issuing",
        profile="staff",
        subject=subject,
        csr=build_csr(generate(KeyKind.SM2), subject.name()),
    )
    requests.approve(home.context, reviewer, number)
    (made,) = issuance.issue(home.context, open_authority(home), reviewer, [number])
    with home.storage.reading() as connection:
        row = connection.execute(
            sa.select(request_certificates).where(request_certificates.c.certificate == made.certificate)
        ).one()
    assert row.holder
    books = StatusReader(home.storage)
    assert any(books.status(issuer.id, made.serial) for issuer in books.issuers())
