"""A backup while everybody works, and an installation restored from it: on SQLite and on PostgreSQL."""

import json
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from audit.meaning.entry import parse_entry
from ca import crl
from ca.records import crls
from ca.register import state_of
from core.algorithms import SHA256, KeyKind
from core.audit import entries
from core.certificates import read_certificates
from core.home import Home
from core.storage import Storage
from ocsp.certificate import Certificate
from ocsp.judgement import Standing, judge
from ocsp.request import build_request, cert_id
from ocsp.service import responder_of
from seals.records import seal_uses
from tests.conftest import postgresql_database
from tests.support.backups import TestCustodian, custodian, move_records, postgresql_programs
from tests.yinxin.conftest import Yinxin
from tsa.records import ledger, tokens
from yinxin.backup import making
from yinxin.backup.container import read_header
from yinxin.demo import sealing
from yinxin.sample import typeset_notice
from yinxin.wiring import sealing_support


@dataclass
class Work:
    """What was done and acknowledged, before and while the backup was made."""

    home: Home
    tokens: list[bytes] = field(default_factory=list)
    lists: list[int] = field(default_factory=list)

    def once(self) -> None:
        support = sealing_support(self.home)
        token = support.authority.stamp(SHA256, SHA256.of(b"work"), unit="sm2", nonce=None)
        self.tokens.append(token)
        (published,) = crl.publish(self.home.context, self.home.key_store("ca"), "sm2-issuing", 24)
        self.lists.append(published.number)


@dataclass
class House:
    """A home at work, its backups, and where it is restored to."""

    home: Path
    custodians: list[TestCustodian]
    backups: Path
    empty_url: str
    sealed: bytes
    before: Work
    meanwhile: Work
    made: making.Made


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def house(
    request: pytest.FixtureRequest, seeded_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[House]:
    folder = tmp_path_factory.mktemp("house")
    home = folder / "home"
    shutil.copytree(seeded_home, home)
    if request.param == "sqlite":
        yield _worked(folder, home, "")
        return
    url, template = map(request.getfixturevalue, ("postgresql_url", "migrated_postgresql"))
    with postgresql_programs(), postgresql_database(url, template) as storage, postgresql_database(url) as empty:
        move_records(home, storage)
        yield _worked(folder, home, empty.url)


def _worked(folder: Path, path: Path, empty_url: str) -> House:
    home = Home(path)
    custodians = [custodian(folder, KeyKind.SM2, "zhang"), custodian(folder, KeyKind.RSA_2048, "li")]
    # Once: no database has a part in how it looks.
    sealed = b"" if empty_url else sealing.seal_notice(home, "sm2", typeset_notice())
    before, meanwhile = Work(home), Work(Home(path))
    before.once()
    (folder / "backups").mkdir()
    certificates = making.custodians_of([one.certificate for one in custodians])
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.05):
            meanwhile.once()

    thread = threading.Thread(target=work)
    thread.start()
    while not meanwhile.lists:
        stop.wait(0.01)
    try:
        made = making.make(home, folder / "backups", certificates, keep=2, actor="test")
    finally:
        stop.set()
        thread.join()
    return House(path, custodians, folder / "backups", empty_url, sealed, before, meanwhile, made)


@pytest.fixture(scope="module")
def restored(house: House, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The installation restored by the command, into a new home."""
    from core.cli import run
    from yinxin.cli import front_door

    new = tmp_path_factory.mktemp("restored") / "new"
    key = house.home / "trust/audit-log.pub"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LANGUAGE", "en")
        options = ("restore", str(house.made.file), *house.custodians[0].options, "--audit-key", str(key))
        assert run(front_door, ["--home", str(new), *options, "--storage", house.empty_url]) == 0
    for passphrase in (house.home / "passphrases").iterdir():
        (new / "passphrases").mkdir(exist_ok=True)
        shutil.copy(passphrase, new / "passphrases")
    return new


def rows(storage: Storage, query: sa.Select[Any]) -> list[sa.Row[Any]]:
    with storage.reading() as connection:
        return list(connection.execute(query).all())


def test_nothing_that_was_acknowledged_before_the_backup_is_missing(house: House, restored: Path) -> None:
    home = Home(restored)
    digests = {row.token_digest for row in rows(home.storage, sa.select(tokens.c.token_digest))}
    assert {SHA256.of(token) for token in house.before.tokens} <= digests
    numbers = {
        row.number for row in rows(home.storage, sa.select(crls.c.number).where(crls.c.published_at.is_not(None)))
    }
    assert house.before.lists[0] in numbers
    assert len(rows(home.storage, sa.select(seal_uses))) == bool(house.sealed)
    home.storage.close()


def test_it_is_one_moment_of_what_went_on_meanwhile(house: House, restored: Path) -> None:
    home = Home(restored)
    numbered = [row.number for row in rows(home.storage, sa.select(tokens.c.number).order_by(tokens.c.number))]
    (row,) = rows(home.storage, sa.select(ledger))
    assert numbered == list(range(1, row.issued + 1))
    listed = {
        (row.number) for row in rows(home.storage, sa.select(crls.c.number).where(crls.c.published_at.is_not(None)))
    }
    assert listed <= {1, *house.before.lists, *house.meanwhile.lists}
    home.storage.close()


def test_the_restored_log_is_whole_and_every_rule_was_kept(yinxin: Yinxin, house: House, restored: Path) -> None:
    home = Home(restored)
    (published,) = crl.publish(home.context, home.key_store("ca"), "sm2-issuing", 24)
    sealing_support(home).authority.stamp(SHA256, SHA256.of(b"after"), unit="sm2", nonce=None)
    home.storage.close()
    exported = restored.parent / "audit.zip"
    assert yinxin("--home", restored, "audit", "export", exported).code == 0
    verdict = yinxin("--home", restored, "audit", "verify", exported, "--json")
    findings = json.loads(verdict.out)["findings"]
    assert verdict.code == 0, findings
    assert published.number > max(house.meanwhile.lists)


def test_no_number_and_no_time_is_given_again(house: House, restored: Path) -> None:
    home = Home(restored)
    with home.storage.reading() as connection:
        said = connection.scalar(sa.select(entries.c.entry).where(entries.c.act == "backup.restore"))
        latest = connection.scalar(sa.select(ledger.c.latest))
        at = connection.scalar(sa.select(entries.c.at).where(entries.c.act == "backup.restore"))
    details = parse_entry(0, said or b"").details
    gone_on = {(one["authority"], one["shard"]): one["number"] for one in details["lists"]}
    assert gone_on["sm2-issuing", 0] > max(row.number for row in _published(house.home))
    assert latest is not None and at is not None and latest >= at.replace(microsecond=0)
    home.storage.close()


def _published(path: Path) -> list[sa.Row[Any]]:
    home = Home(path)
    try:
        return rows(home.storage, sa.select(crls.c.number).where(crls.c.published_at.is_not(None)))
    finally:
        home.storage.close()


def test_ocsp_answers_and_the_sealed_document_verifies(house: House, restored: Path) -> None:
    """As long as the trust that was restored is that of the seal."""
    home = Home(restored)
    file = home.certificates("seals") / "sm2-seal-maker.pem"
    certificate, issuer, *_roots = read_certificates(file)
    serial, authority = _serial(certificate), Certificate.load(issuer)
    answer = responder_of(home).respond(build_request([cert_id(authority, serial, SHA256)]))
    assert judge(answer, serial, authority, home.clock.now(), None).standing is Standing.GOOD
    if house.sealed:
        report = sealing.verify(_written(restored.parent / "sealed.pdf", house.sealed), home.trust, home.clock)
        assert report.verdict.value != "invalid"
    with home.storage.reading() as connection:
        assert state_of(connection, certificate) is not None
    home.storage.close()


def _serial(certificate: bytes) -> int:
    from asn1crypto import x509

    return int(x509.Certificate.load(certificate).serial_number)


def _written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_the_header_says_whose_it_is_and_nothing_else(house: House) -> None:
    header = read_header(house.made.file)
    assert ["CN=zhang" in header.custodians[0].name, "CN=li" in header.custodians[1].name] == [True, True]
    text = header.model_dump_json()
    for secret in ("110101", "people", "PRIVATE"):
        assert secret not in text
