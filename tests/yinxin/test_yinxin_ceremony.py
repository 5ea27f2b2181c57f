"""`yinxin ca ceremony` and `custody`: from the plan to root keys in three of five hands, and what can go wrong."""

import json
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypdfium2
import pytest
from cryptography import x509

from audit.key import public_key_file
from ca import activation, crl
from ca.authorities import certificate_of, list_authorities
from ca.ceremony.plan import load_plan
from core.clock import FixedClock
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import speaking
from core.keys.custody import read_custody
from core.keys.key_file import open_key_file
from core.keys.shares import parse_share
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from tests.support.ceremony import PEOPLE, PIN, Stage
from tests.support.openssl import openssl
from tests.support.secrets_in_clear import found_in, secret_octets
from tests.yinxin.conftest import Yinxin
from yinxin import root_home


@dataclass
class HeldCeremony:
    """A ceremony, and the shares as they were scanned from its sheets."""

    stage: Stage
    home: Path
    folder: Path
    shares: list[str]

    @property
    def transcript(self) -> Path:
        return self.folder / "transcript.json"


def activate_quickly(context: Any, profiles: Any, *, actor: str) -> None:
    with context.storage.transaction() as connection:
        for profile in profiles:
            activation._activate(connection, context, profile, actor)


def hurry(patch: pytest.MonkeyPatch, migrated: Path) -> None:
    """Specimens and migrations have tests of their own."""
    patch.setattr(root_home, "activate", activate_quickly)
    patch.setattr(Storage, "migrate", lambda storage: shutil.copy(migrated, storage.engine.url.database))


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory, migrated_sqlite: Path) -> Iterator[HeldCeremony]:
    stage = Stage(tmp_path_factory.mktemp("ceremony"))
    with pytest.MonkeyPatch.context() as patch, speaking("zh_CN"):
        hurry(patch, migrated_sqlite)
        made = root_home.hold(stage.folder / "roots", load_plan(stage.plan()), clock=stage.clock)
    made.home.storage.close()
    yield HeldCeremony(stage, made.home.path, made.folder, [stage.scan(number) for number in range(1, 6)])
    shutil.rmtree(stage.sheets)


@pytest.fixture
def copy(held: HeldCeremony, tmp_path: Path) -> HeldCeremony:
    """To be changed."""
    shutil.copytree(held.home, tmp_path / "roots")
    shutil.copytree(held.folder, tmp_path / "out")
    return HeldCeremony(held.stage, tmp_path / "roots", tmp_path / "out", held.shares)


@pytest.fixture
def enter(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """Custodians lay their shares down in files."""

    def enter(*texts: str) -> None:
        paths = []
        for place, text in enumerate(texts):
            path = tmp_path / f"entered-{place}"
            path.write_text(text)
            path.chmod(0o600)
            paths.append(str(path))
        monkeypatch.setenv("YINXIN_CA_SHARES", os.pathsep.join(paths))

    return enter


def sign_all(yinxin: Yinxin, ceremony: HeldCeremony, *names: str) -> None:
    for name in names:
        pin = ceremony.stage.folder / "pin"
        key = ceremony.stage.key_of(name)
        done = yinxin(
            *("--home", ceremony.home, "ca", "ceremony", "sign", ceremony.transcript),
            *("--as", name, "--key", key, "--pin-file", pin),
        )
        assert done.code == 0, done.err


def test_what_was_made(held: HeldCeremony) -> None:
    home = Home(held.home)
    assert sorted(path.name for path in held.folder.iterdir()) == [
        "rsa-root.crl",
        "rsa-root.pem",
        "sm2-root.crl",
        "sm2-root.pem",
        "transcript.json",
        "transcript.pdf",
        "transcript.txt",
    ]
    sm2 = x509.load_der_x509_certificate(certificate_of(home.storage, "sm2-root"))
    authority = list_authorities(home.storage)[0]
    point = curve.point_of(authority.public_key_info)
    assert point and GmsslEngine().verify(point, sm2.signature, sm2.tbs_certificate_bytes)
    openssl("verify", "-CAfile", held.folder / "rsa-root.pem", held.folder / "rsa-root.pem")
    listed = openssl(
        "crl", "-inform", "DER", "-in", held.folder / "rsa-root.crl", "-CAfile", held.folder / "rsa-root.pem"
    )
    assert b"BEGIN X509 CRL" in listed
    days = {
        root.name: (root.limits.not_after - root.limits.not_before).days
        for root in list_authorities(home.storage)
        if root.limits.not_after and root.limits.not_before
    }
    assert days == {"sm2-root": 7299, "rsa-root": 3659}  # whole days, one second short of the next
    assert [one.limits.path_length for one in list_authorities(home.storage)] == [1, None]
    assert public_key_file(home).exists() and not home.passphrase_file("ca").exists()
    home.storage.close()


def test_no_secret_is_on_the_disk(held: HeldCeremony) -> None:
    """Neither a key, nor the passphrase, nor a share, in any form that is searched for."""
    shares = [parse_share(text) for text in held.shares]
    passphrase = read_custody(held.home / "keys/ca").combine(shares)
    keys = [open_key_file(file, passphrase) for file in (held.home / "keys/ca").glob("*.pem")]
    assert len(keys) == 2
    secrets = [secret_octets(key) for key in keys] + [passphrase, bytes.fromhex(passphrase.decode())]
    secrets += [share.value for share in shares] + [share.text.encode() for share in shares]
    assert found_in(held.stage.folder, secrets) == []
    assert all(file.stat().st_mode & 0o077 == 0 for file in (held.home / "keys/ca").glob("*.pem"))
    assert all(file.stat().st_mode & 0o077 == 0 for file in held.stage.sheets.iterdir())


def test_a_sheet_says_whose_it_is_and_its_groups(held: HeldCeremony) -> None:
    with pypdfium2.PdfDocument(held.stage.sheets / "share-2.pdf") as document:
        assert len(document) == 1
        text = document[0].get_textpage().get_text_bounded()
    for words in ("钱进", "sm2-root", "rsa-root", *held.shares[1].split("-")):
        assert words in text
    assert held.shares[0].split("-")[3] not in text


def test_every_three_open_the_roots(yinxin: Yinxin, copy: HeldCeremony, enter: Any) -> None:
    enter(*(copy.shares[place] for place in (4, 0, 2)))
    combined = yinxin("--home", copy.home, "ca", "custody", "combine", "--json")
    assert json.loads(combined.out) == {"keys": ["rsa-root", "sm2-root"]}
    published = yinxin("--home", copy.home, "ca", "crl", "publish", "sm2-root", "--json")
    assert json.loads(published.out)[0]["number"] == 2
    told = yinxin("--home", copy.home, "audit", "list", "--json").out
    assert "core.custody.open" in told and "周强" in told
    assert not any(group in told for group in copy.shares[0].split("-"))


def test_what_the_custodians_are_told(yinxin: Yinxin, copy: HeldCeremony, enter: Any) -> None:
    one, two, three = copy.shares[:3]
    slip = ("A" if three[0] != "A" else "B") + three[1:]
    for texts, words in (
        ((one, two), "3 shares are needed, and there are 2 (ask further custodians: 3 孙立, 4 李娜, 5 周强)"),
        ((one, two, two), "the same share was entered twice"),
        ((one, two, slip), "mistyped in group 1"),
    ):
        enter(*texts)
        assert words in yinxin("--home", copy.home, "ca", "crl", "publish", "rsa-root").refusal
    checked = yinxin("--home", copy.home, "ca", "custody", "check", copy.stage.folder / "pin").refusal
    assert "these are 6" in checked


def test_everybody_signs_and_anybody_verifies(yinxin: Yinxin, copy: HeldCeremony) -> None:
    missing = yinxin("ca", "ceremony", "verify", copy.transcript, "--json")
    assert (missing.code, json.loads(missing.out)["whole"]) == (1, False)
    sign_all(yinxin, copy, *PEOPLE)
    shutil.rmtree(copy.home)  # neither home nor network
    done = yinxin("ca", "ceremony", "verify", copy.transcript, "--json")
    verdict = json.loads(done.out)
    assert (done.code, verdict["whole"], verdict["findings"]) == (0, True, [])
    assert [one["standing"] for one in verdict["people"]] == ["signed"] * 5 + ["by-hand"]


def test_signatures_that_do_not_count(yinxin: Yinxin, copy: HeldCeremony) -> None:
    def sign(name: str, whose: str) -> str:
        key, pin = copy.stage.key_of(whose), copy.stage.folder / "pin"
        command = ("--home", copy.home, "ca", "ceremony", "sign", copy.transcript)
        return yinxin(*command, "--as", name, "--key", key, "--pin-file", pin).refusal

    assert "not that of the certificate" in sign("赵敏", "孙立")
    assert "names no certificate" in sign("吴公证", "孙立")
    assert "nobody of this name" in sign("无名", "孙立")
    sign_all(yinxin, copy, *PEOPLE)
    # One signature in the place of another, one altered, one about another transcript.
    folder = copy.folder / "signatures"
    (folder / "03.p7m").write_bytes((folder / "01.p7m").read_bytes())
    altered = bytearray((folder / "04.p7m").read_bytes())
    altered[-1] ^= 1
    (folder / "04.p7m").write_bytes(altered)
    verdict = json.loads(yinxin("ca", "ceremony", "verify", copy.transcript, "--json").out)
    assert [one["standing"] for one in verdict["people"]][:5] == ["signed", "signed", "wrong", "wrong", "signed"]
    assert not verdict["whole"] and len(verdict["findings"]) == 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda document: document["present"].pop(), "other people"),
        (lambda document: document["custody"].update(needed=2), "custody is not as the plan"),
        (lambda document: document["roots"].reverse(), "other roots"),
        (lambda document: document["roots"][0].update(certificate=document["roots"][1]["certificate"]), "sm2-root"),
        (
            lambda document: document.update(plan=document["plan"].replace("path_length = 1", "path_length = 2")),
            "path length",
        ),
        (lambda document: document.update(plan=document["plan"].replace("3660", "3661")), "validity"),
        (lambda document: document["steps"].pop(), "about another transcript"),
    ],
)
def test_a_transcript_that_was_changed(yinxin: Yinxin, copy: HeldCeremony, change: Any, words: str) -> None:
    import rfc8785

    sign_all(yinxin, copy, "赵敏")
    document = json.loads(copy.transcript.read_bytes())
    change(document)
    copy.transcript.write_bytes(rfc8785.dumps(document))
    done = yinxin("ca", "ceremony", "verify", copy.transcript, "--json")
    findings = " ".join(json.loads(done.out)["findings"])
    assert done.code == 1 and words in findings, findings
    copy.transcript.write_bytes(json.dumps(document).encode())
    assert "canonical form" in yinxin("ca", "ceremony", "verify", copy.transcript).refusal


def test_a_plan_that_was_not_reviewed_is_not_carried_out(yinxin: Yinxin, tmp_path: Path, held: HeldCeremony) -> None:
    plan = held.stage.folder / "ceremony.toml"
    for digest in ("0" * 64, "", load_plan(plan).digest[:15]):
        refused = yinxin("--home", tmp_path / "roots", "ca", "ceremony", "run", plan, "--digest", digest).refusal
        assert "another plan than the one that was reviewed" in refused
    assert not (tmp_path / "roots").exists()


ONE_ROOT = """
[[roots]]
name = "sm2-root"
key = "sm2"
subject = { organization = "示范市数字证书认证中心", common_name = "根" }
"""


@pytest.fixture
def theatre(
    tmp_path: Path, held: HeldCeremony, monkeypatch: pytest.MonkeyPatch, migrated_sqlite: Path
) -> Iterator[Stage]:
    """For ceremonies that do not end well; the people are those of the other one."""
    hurry(monkeypatch, migrated_sqlite)
    shutil.copytree(held.stage.folder / "people", tmp_path / "people")
    stage = object.__new__(Stage)
    stage.folder, stage.clock = tmp_path, FixedClock(held.stage.clock.moment)
    stage.sheets = held.stage.sheets.with_name(held.stage.sheets.name + "-theatre")
    yield stage
    shutil.rmtree(stage.sheets, ignore_errors=True)


@pytest.mark.parametrize("place", ["record_pdf", "Path.rename"])
def test_a_ceremony_that_is_cut_short_leaves_nothing(
    theatre: Stage, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    plan = load_plan(theatre.plan(ONE_ROOT))
    before = sorted(theatre.folder.iterdir())

    def fail(*_arguments: object, **_options: object) -> None:
        raise YinxinError(Kind.UNAVAILABLE, "no more ink")

    with monkeypatch.context() as patch:
        patch.setattr(f"yinxin.root_home.{place}", fail)
        with pytest.raises(YinxinError, match="no more ink"):
            root_home.hold(theatre.folder / "roots", plan, clock=theatre.clock)
    assert sorted(theatre.folder.iterdir()) == before
    assert list(theatre.sheets.parent.glob(f"*{theatre.sheets.name}*")) == []


def test_a_machine_that_stops_before_the_end_says_how_to_go_on(theatre: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after `kill -9`: nothing is tidied up, and the last folder has not been moved."""
    plan = load_plan(theatre.plan(ONE_ROOT))
    rename = Path.rename

    def stop_at_the_home(self: Path, target: Path) -> Path:
        if target.name == "roots":
            raise KeyboardInterrupt
        return rename(self, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", stop_at_the_home)
        patch.setattr(shutil, "rmtree", lambda *_arguments, **_options: None)
        with pytest.raises(KeyboardInterrupt):
            root_home.hold(theatre.folder / "roots", plan, clock=theatre.clock)
    for place in (theatre.folder / "out", theatre.sheets):
        with pytest.raises(YinxinError, match="never came to its home, it is of no use") as caught:
            root_home.hold(theatre.folder / "roots", plan, clock=theatre.clock)
        assert caught.value.remedy.startswith("be sure that it belongs to no other ceremony")
        assert caught.value.subject == str(place)
        shutil.rmtree(place)
    root_home.hold(theatre.folder / "roots", plan, clock=theatre.clock).home.storage.close()
    with pytest.raises(YinxinError, match="there is something here already"):
        root_home.hold(theatre.folder / "roots", plan, clock=theatre.clock)


def test_sheets_are_not_written_to_a_disk(theatre: Stage) -> None:
    theatre.sheets = theatre.folder / "sheets"
    with pytest.raises(YinxinError, match="not written to a disk"):
        root_home.hold(theatre.folder / "roots", load_plan(theatre.plan(ONE_ROOT)), clock=theatre.clock)
    assert not theatre.sheets.exists()


def test_shares_encrypted_to_their_custodians_and_renewed(
    theatre: Stage, yinxin: Yinxin, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One custodian has an RSA key. Then another set: two of three, one of them on paper."""
    held = root_home.hold(
        theatre.folder / "roots", load_plan(theatre.plan(ONE_ROOT, delivery="encrypted")), clock=theatre.clock
    )
    held.home.storage.close()
    monkeypatch.setenv("YINXIN_PIN", PIN.decode())
    assert held.sheets is None and not theatre.sheets.exists()
    chosen = [(number, name) for number, name in enumerate(PEOPLE, 1) if number in (2, 3, 5)]
    files = [f"{held.folder}/shares/share-{number}.pem={theatre.key_of(name)}" for number, name in chosen]
    before = os.pathsep.join(files)
    monkeypatch.setenv("YINXIN_CA_SHARES", before)

    def custody(*words: str | Path) -> Any:
        return yinxin("--home", held.home.path, "ca", "custody", *words)

    people = [
        "--custodian",
        "新人",
        "--custodian",
        f"钱进={tmp_path}/people/钱进.pem",
        "--custodian",
        f"李娜={tmp_path}/people/李娜.pem",
    ]
    renewed = custody("renew", "--needed", "2", *people, "--sheets", theatre.sheets, "--out", tmp_path / "new")
    assert renewed.code == 0, renewed.err
    assert custody("combine").code == 0  # the old shares count still
    assert "was replaced on" in custody("confirm").refusal  # of the prepared set, none was entered
    fresh = tmp_path / "entered"
    fresh.write_text(theatre.scan(1))
    fresh.chmod(0o600)
    assert "新人" in custody("check", fresh).out
    monkeypatch.setenv("YINXIN_CA_SHARES", f"{fresh}:{tmp_path}/new/share-2.pem={theatre.key_of('钱进')}")
    assert custody("confirm").code == 0
    assert custody("combine").code == 0
    shown = json.loads(custody("show", "--json").out)
    assert (shown["needed"], [one["custodian"] for one in shown["shares"]]) == (2, ["新人", "钱进", "李娜"])
    monkeypatch.setenv("YINXIN_CA_SHARES", before)
    assert "was replaced on" in custody("combine").refusal
    assert "no new shares were prepared" in custody("confirm").refusal
    assert [path.name for path in (held.home.path / "keys").iterdir() if path.name.startswith(".")] == []


def test_a_key_store_with_a_passphrase_file_passes_into_custody(
    home_copy: Path, yinxin: Yinxin, enter: Any, held: HeldCeremony, tmp_path: Path
) -> None:
    sheets = held.stage.sheets.with_name(held.stage.sheets.name + "-seeded")
    try:
        people = [word for name in ("甲", "乙") for word in ("--custodian", name)]
        command = ("--home", home_copy, "ca", "custody")
        assert "not in the hands of custodians" in yinxin(*command, "show").refusal
        renewed = yinxin(*command, "renew", "--needed", "2", *people, "--sheets", sheets)
        assert renewed.code == 0, renewed.err
        assert (home_copy / "passphrases/ca").exists()
        stage = object.__new__(Stage)
        stage.sheets = sheets
        enter(stage.scan(1), stage.scan(2))
        assert yinxin(*command, "confirm").code == 0
        assert not (home_copy / "passphrases/ca").exists()
        home = Home(home_copy)
        assert yinxin("--home", home_copy, "ca", "crl", "publish", "sm2-issuing").code == 0
        assert crl.latest_published(home.context, "sm2-issuing").number >= 2
        home.storage.close()
    finally:
        shutil.rmtree(sheets, ignore_errors=True)
