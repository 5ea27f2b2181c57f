"""`yinxin init`: an installation whole, or none."""

import signal
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from ca.hierarchy import certificate_of
from ca.records import certificates
from core.algorithms import SM3
from core.certificates import read_certificates
from core.clock import SystemClock
from core.errors import Kind, YinxinError
from core.home import Home
from ocsp.certificate import Certificate
from ocsp.judgement import Standing, judge
from ocsp.request import build_request, cert_id
from ocsp.service import responder_of
from tests.support import processes
from tests.support.openssl import openssl
from tests.support.secrets_in_clear import found_in, keys_in, secret_octets
from tests.yinxin.conftest import Yinxin, everything
from yinxin import installation
from yinxin.demo.seeding import seed_home


@pytest.mark.usefixtures("quick")
def test_an_installation_is_made_and_says_what_was_made(yinxin: Yinxin, tmp_path: Path) -> None:
    made = yinxin("--home", tmp_path / "house", "init")
    assert made.code == 0, made.err
    assert str(tmp_path / "house") in made.out
    assert made.err.splitlines()[:3] == ["configuration", "database", "audit log"]
    assert [path.name for path in tmp_path.iterdir()] == ["house"]
    home = Home(tmp_path / "house")
    assert {path.name for path in home.certificates("ocsp").iterdir()} == {"sm2.pem", "sm2-root.pem"}
    for authority in installation.AUTHORITIES:
        assert home.passphrase_file(authority).stat().st_mode & 0o777 == 0o600
    assert home.path.stat().st_mode & 0o777 == 0o700


def test_hierarchies_may_have_any_kind_of_key(yinxin: Yinxin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINXIN_CENTRE__KEY_KINDS", '["p256", "p384"]')
    made = yinxin("--home", tmp_path / "house", "init")
    assert made.code == 0, made.err
    home = Home(tmp_path / "house")
    assert {path.name for path in home.trust.iterdir()} == {"p256-root.pem", "p384-root.pem", "audit-log.pub", "makers"}
    for kind in ("p256", "p384"):
        issuing = home.certificates("tsa") / f"{kind}.pem"
        openssl("verify", "-CAfile", home.trust / f"{kind}-root.pem", "-untrusted", issuing, issuing)


@pytest.mark.usefixtures("quick")
def test_an_empty_folder_is_taken(yinxin: Yinxin, tmp_path: Path) -> None:
    (tmp_path / "house").mkdir()
    assert yinxin("--home", tmp_path / "house", "init", "--json").code == 0


def test_a_home_that_exists_is_refused_and_stays(yinxin: Yinxin, home_copy: Path) -> None:
    before = everything(home_copy)
    line = yinxin("--home", home_copy, "init").refusal
    assert line == (
        f"error: {home_copy}: there is something here already (choose another folder; nothing was changed)\n"
    )
    assert everything(home_copy) == before
    assert list(home_copy.parent.iterdir()) == [home_copy]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("place", ["hierarchy.create_root", "crl.publish", "issue_service_certificate"])
def test_a_failure_in_the_middle_leaves_nothing(
    yinxin: Yinxin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    monkeypatch.setattr(f"yinxin.installation.{place}", _refuse)
    outcome = yinxin("--home", tmp_path / "house", "init")
    assert outcome.code == 2
    assert outcome.err.endswith("error: no more ink\n")
    assert list(tmp_path.iterdir()) == []


def test_an_order_to_stop_leaves_nothing(tmp_path: Path) -> None:
    process = subprocess.Popen(
        processes.command("--home", tmp_path / "house", "init"), env=processes.environment(), stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not list(tmp_path.glob(".house.*/yinxin.db")) and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    _out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.endswith(b"error: interrupted\n")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[centre]\nnane = 'x'\n", "centre.nane: unknown field"),
        ("[center]\nname = 'x'\n", "center: unknown field"),
        ("[ca]\nport = 'x'\n", "ca.port: "),
        ("[ca\n", "yinxin.toml"),
        ("[centre]\nkey_kinds = ['dsa']\n", "centre.key_kinds"),
    ],
)
def test_a_wrong_setting_names_itself_and_its_file(yinxin: Yinxin, tmp_path: Path, text: str, words: str) -> None:
    settings = tmp_path / "my-yinxin.toml"
    settings.write_text(text)
    line = yinxin("--home", tmp_path / "house", "init", "--config", settings).refusal
    assert line.startswith(f"error: {settings}: ")
    assert words in line
    assert list(tmp_path.iterdir()) == [settings]


def test_a_wrong_setting_in_the_environment(yinxin: Yinxin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINXIN_CA__PROT", "8080")
    assert "YINXIN_CA__PROT" in yinxin("--home", tmp_path / "house", "init").refusal
    assert list(tmp_path.iterdir()) == []


def test_a_parent_that_is_a_file(yinxin: Yinxin, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert str(tmp_path / "file") in yinxin("--home", tmp_path / "file" / "house", "init").refusal


def test_no_private_key_lies_in_a_seeded_home_in_clear(seeded_home: Path) -> None:
    places = {seeded_home / f"keys/{name}": seeded_home / f"passphrases/{name}" for name in installation.AUTHORITIES}
    places[seeded_home / "people"] = seeded_home / "people/pin"
    keys = [key for folder, secret in places.items() for key in keys_in(folder, [secret.read_bytes().strip()])]
    # Each hierarchy: two authorities, two responders, time stamps, seal maker, unit, two of the staff; eight people;
    # the key-management centre's two, and both ends of the line to it;
    # what identity numbers are found by; the attribute authority; and the audit log.
    assert len(keys) == 2 * 9 + 8 + 4 + 1 + 1 + 1
    pins = [pin.read_bytes().strip() for pin in (seeded_home / "administrators").glob("*.pin")]
    keys += keys_in(seeded_home / "administrators", pins)
    assert len(keys) == 2 * 9 + 8 + 4 + 1 + 1 + 1 + 2
    assert found_in(seeded_home, map(secret_octets, keys)) == []
    folders = {"ca", "ocsp", "tsa", "seals", "ra", "staff", "operators", "administrators"}
    for file in seeded_home.rglob("*"):
        if file.parent.name in folders and b"PRIVATE" in file.read_bytes():
            assert file.stat().st_mode & 0o077 == 0, file


def test_the_search_would_have_found_a_key(tmp_path: Path, seeded_home: Path) -> None:
    passphrase = (seeded_home / "passphrases/ca").read_bytes().strip()
    for number, key in enumerate(keys_in(seeded_home / "keys/ca", [passphrase])):
        folder = tmp_path / str(number)
        folder.mkdir()
        (folder / "log").write_bytes(b"key: " + key.pkcs8())
        assert found_in(folder, [secret_octets(key)]) == ["log"]


@pytest.mark.parametrize("authority", ["ca", "ocsp", "tsa", "seals"])
def test_each_passphrase_opens_its_own_keys_alone(seeded_home: Path, authority: str) -> None:
    others = [path.read_bytes().strip() for path in (seeded_home / "passphrases").iterdir() if path.name != authority]
    with pytest.raises(AssertionError, match="no passphrase opens"):
        list(keys_in(seeded_home / "keys" / authority, others))


def test_a_wrong_passphrase(yinxin: Yinxin, home_copy: Path) -> None:
    file = home_copy / "passphrases/ca"
    file.write_text("not the passphrase\n")
    before = everything(home_copy)
    line = yinxin("--home", home_copy, "ca", "crl", "publish", "sm2-issuing").refusal
    assert str(home_copy / "keys/ca/sm2-issuing.pem") in line
    assert everything(home_copy) == before


def test_a_passphrase_file_that_others_can_read(yinxin: Yinxin, home_copy: Path) -> None:
    file = home_copy / "passphrases/ca"
    file.chmod(0o640)
    line = yinxin("--home", home_copy, "ca", "crl", "publish", "sm2-issuing").refusal
    assert line == f"error: {file}: others can read this passphrase file (chmod 600 {file})\n"


def test_the_passphrase_may_come_from_the_environment(
    yinxin: Yinxin, home_copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = home_copy / "passphrases/ca"
    monkeypatch.setenv("YINXIN_CA_PASSPHRASE", file.read_text().strip())
    file.unlink()
    assert yinxin("--home", home_copy, "ca", "crl", "publish", "sm2-issuing").code == 0


def test_no_passphrase_at_all(yinxin: Yinxin, home_copy: Path) -> None:
    (home_copy / "passphrases/ca").unlink()
    line = yinxin("--home", home_copy, "ca", "crl", "publish", "sm2-issuing").refusal
    assert "YINXIN_CA_PASSPHRASE" in line


@pytest.fixture
def postgresql(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[sa.Engine]:
    """An empty database, named in the environment as a user would."""
    server = sa.create_engine(postgresql_url, isolation_level="AUTOCOMMIT")
    name = f"house{uuid.uuid4().hex}"
    with server.connect() as connection:
        connection.exec_driver_sql(f"CREATE DATABASE {name}")
    url = sa.make_url(postgresql_url).set(database=name)
    monkeypatch.setenv("YINXIN_STORAGE__URL", url.render_as_string(hide_password=False))
    engine = sa.create_engine(url)
    yield engine
    engine.dispose()
    with server.connect() as connection:
        connection.exec_driver_sql(f"DROP DATABASE {name} WITH (FORCE)")
    server.dispose()


@pytest.mark.usefixtures("quick")
def test_postgresql_from_init_to_ocsp(yinxin: Yinxin, tmp_path: Path, postgresql: sa.Engine) -> None:
    home = seed_home(tmp_path / "house", lambda _made: None)
    assert not (home.path / "yinxin.db").exists()
    with postgresql.connect() as connection:
        query = sa.select(certificates.c.serial).where(certificates.c.subject.contains("张三"))
        serial, _encryption = connection.scalars(query.order_by(certificates.c.id)).all()
    issuer = Certificate.load(certificate_of(home.storage, "sm2-issuing"))
    answer = responder_of(home).respond(build_request([cert_id(issuer, serial, SM3)]))
    assert judge(answer, serial, issuer, SystemClock().now(), None).standing is Standing.GOOD
    listed = yinxin("--home", home.path, "ca", "list", "--json")
    assert (listed.code, "sm2-issuing" in listed.out) == (0, True)
    # The database of one installation is none for another.
    assert "the database is not empty" in yinxin("--home", tmp_path / "other", "init").err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["house"]
    assert "sm2-issuing" in yinxin("--home", home.path, "ca", "list").out
    home.storage.close()


@pytest.mark.usefixtures("quick")
def test_a_failure_leaves_postgresql_as_empty_as_it_was(
    yinxin: Yinxin, tmp_path: Path, postgresql: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("yinxin.installation.crl.publish", _refuse)
        assert yinxin("--home", tmp_path / "house", "init").err.endswith("error: no more ink\n")
    assert sa.inspect(postgresql).get_table_names() == []
    assert list(tmp_path.iterdir()) == []
    assert yinxin("--home", tmp_path / "house", "init").code == 0


def _refuse(*_arguments: object, **_options: object) -> None:
    raise YinxinError(Kind.UNAVAILABLE, "no more ink")


def test_a_database_that_does_not_answer(yinxin: Yinxin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YINXIN_STORAGE__URL", "postgresql+psycopg://yinxin:secret@127.0.0.1:9/yinxin")
    outcome = yinxin("--home", tmp_path / "house", "init")
    assert outcome.code == 2
    assert "the database does not answer" in outcome.err
    assert "secret" not in outcome.err
    assert list(tmp_path.iterdir()) == []


def test_the_roots_delegate_status_too(seeded_home: Path) -> None:
    for label in ("sm2", "rsa"):
        responder, root = read_certificates(seeded_home / f"certificates/ocsp/{label}-root.pem")
        assert Certificate.load(responder).answers_for(Certificate.load(root))
        assert [root] == read_certificates(seeded_home / f"trust/{label}-root.pem")
