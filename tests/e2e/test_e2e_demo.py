"""`yinxin demo`, the main job from nothing: what it leaves, what it says, and how it fails."""

import json
import shutil
import stat
import subprocess
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import pkcs12

from core.errors import Kind, YinxinError
from core.i18n import speaking
from core.keys.private_key import from_pkcs8
from seals.verification.report import Verdict
from tests.support import processes
from tests.support.demonstration import DOCUMENTS, LABELS, Demonstration
from tests.support.openssl import openssl
from tests.support.secrets_in_clear import found_in, secret_octets
from yinxin import demo
from yinxin.demo import sealing
from yinxin.demo.steps import Step

HOLDERS = ("unit", "zhangsan", "lisi")
FILES = {
    "documents/notice.pdf",
    "keys/password.txt",
    "sealed/tampered.pdf",
    "reports/tampered.json",
    "summary.json",
    *(f"trust/{label}-root.pem" for label in LABELS),
    *(f"ca/{label}-issuing.pem" for label in LABELS),
    *(f"certs/{label}-{name}.pem" for label in LABELS for name in (*HOLDERS, "ocsp", "tsa")),
    *(f"certs/{label}-{name}-encryption.pem" for label in LABELS for name in HOLDERS),
    *(f"keys/{label}-{name}.p12" for label in LABELS for name in ("zhangsan", "zhangsan-encryption")),
    *(f"delivered/{label}-{name}.pem" for label in LABELS for name in ("zhangsan", "zhangsan-encryption")),
    *(
        "delivered/sm2-zhangsan.response",
        "delivered/sm2-zhangsan-encryption.env",
        "delivered/rsa-zhangsan-encryption.p7m",
    ),
    *(f"requests/{label}-zhangsan.csr" for label in LABELS),
    *(f"crl/{label}.crl" for label in LABELS),
    *(f"ocsp/{label}-{answer}.der" for label in LABELS for answer in ("good", "revoked", "unknown")),
    *(f"tsa/{label}.{ending}" for label in LABELS for ending in ("tsq", "tsr")),
    *(f"sealed/{label}.pdf" for label in LABELS),
    *(f"reports/{label}.json" for label in LABELS),
}
EXIT_CODES = {"valid": 0, "invalid": 3}


def snapshot(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_it_leaves_exactly_the_files_that_are_promised(demonstration: Demonstration) -> None:
    assert snapshot(demonstration.folder).keys() == FILES


def test_every_step_is_told_and_kept_with_its_time_and_outcome(demonstration: Demonstration) -> None:
    steps = demonstration.json("summary.json")["steps"]
    assert len(steps) >= 15
    for step in steps:
        assert step.keys() == {"name", "seconds", "outcome"}
        assert step["name"] and step["outcome"]
        assert step["seconds"] >= 0
        assert f"{step['seconds']:.2f} s  {step['name']}" in demonstration.printed
        assert not step["outcome"].startswith("failed")
    assert str(demonstration.folder / "sealed") in demonstration.printed
    assert datetime.fromisoformat(demonstration.json("summary.json")["made_at"]).tzinfo


@pytest.mark.parametrize(("document", "verdict"), DOCUMENTS.items())
def test_the_reports_have_the_verdicts(demonstration: Demonstration, document: str, verdict: str) -> None:
    report = demonstration.json(f"reports/{document}.json")
    assert report["verdict"] == verdict
    kinds = [signature["kind"] for signature in report["signatures"]]
    assert kinds == ["seal", "document-timestamp"]
    if verdict == "valid":
        assert report["signatures"][0]["level"] == "B-LTA"
        assert report["signatures"][-1]["whole_document"]


def test_one_octet_is_another_and_the_report_says_that_the_document_was_changed(demonstration: Demonstration) -> None:
    sealed, tampered = demonstration.read("sealed/sm2.pdf"), demonstration.read("sealed/tampered.pdf")
    assert sum(one != other for one, other in zip(sealed, tampered, strict=True)) == 1
    seal, _timestamp = demonstration.json("reports/tampered.json")["signatures"]
    assert not seal["intact"]
    assert "content-changed" in [finding["code"] for finding in seal["findings"]]


def cut_off(before: tuple[str, ...]) -> tuple[str, ...]:
    """The words that run a program without a network; skips where this machine does not let us."""
    if shutil.which("unshare") is None or subprocess.run([*before, "true"], capture_output=True).returncode:
        pytest.skip("no network namespaces can be made here")
    return before


@pytest.mark.parametrize(("document", "verdict"), DOCUMENTS.items())
def test_an_auditor_without_home_or_network_gets_the_same_report(
    demonstration: Demonstration, document: str, verdict: str, tmp_path: Path
) -> None:
    done = processes.run(
        *("--home", tmp_path / "no-home", "seals", "verify", "--json", demonstration.folder / f"sealed/{document}.pdf"),
        *("--trust", demonstration.folder / "trust"),
        before=cut_off(("unshare", "-rn")),
    )
    assert done.returncode == EXIT_CODES[verdict], done.stderr
    assert done.stderr == ""
    assert _without_moment(json.loads(done.stdout)) == _without_moment(demonstration.json(f"reports/{document}.json"))
    assert not (tmp_path / "no-home").exists()


def _without_moment(report: dict[str, Any]) -> dict[str, Any]:
    assert datetime.fromisoformat(report.pop("checked_at"))
    return report


def test_the_reports_exist_in_chinese_too(demonstration: Demonstration) -> None:
    sealed, trust = demonstration.folder / "sealed", demonstration.folder / "trust"
    chinese = {"LANG": "zh_CN.UTF-8", "PYTHONUTF8": "1"}
    done = processes.run("seals", "verify", sealed / "tampered.pdf", "--trust", trust, settings=chinese)
    assert done.returncode == 3
    with speaking("zh_CN"):
        assert Verdict.INVALID.words in done.stdout


def test_several_documents_at_once_exit_with_the_worst(demonstration: Demonstration) -> None:
    sealed = demonstration.folder / "sealed"
    done = processes.run(
        *("seals", "verify", "--json", sealed / "sm2.pdf", sealed / "tampered.pdf"),
        *("--trust", demonstration.folder / "trust"),
    )
    assert done.returncode == 3, done.stderr


def test_another_hierarchys_root_does_not_make_a_seal_valid(demonstration: Demonstration) -> None:
    done = processes.run(
        *("seals", "verify", "--json", demonstration.folder / "sealed/sm2.pdf"),
        *("--trust", demonstration.folder / "trust/rsa-root.pem"),
    )
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["verdict"] == "indeterminate"


@pytest.mark.parametrize("label", LABELS)
def test_the_password_opens_the_delivered_key(demonstration: Demonstration, label: str, tmp_path: Path) -> None:
    file, password = demonstration.folder / f"keys/{label}-zhangsan.p12", demonstration.folder / "keys/password.txt"
    assert stat.S_IMODE(password.stat().st_mode) == stat.S_IMODE(file.stat().st_mode) == 0o600
    key = openssl("pkcs12", "-in", file, "-passin", f"file:{password}", "-nocerts", "-nodes")
    certificates = openssl("pkcs12", "-in", file, "-passin", f"file:{password}", "-nokeys")
    assert certificates.count(b"BEGIN CERTIFICATE") == 3
    holder = demonstration.folder / f"certs/{label}-zhangsan.pem"
    public_key = openssl("x509", "-in", holder, "-noout", "-pubkey")
    assert openssl("pkey", "-pubout", data=key) == public_key


def test_no_private_key_lies_there_in_clear(demonstration: Demonstration) -> None:
    password = demonstration.read("keys/password.txt").strip()
    secrets = []
    for label in LABELS:
        assert pkcs12.Pfx.load(demonstration.read(f"keys/{label}-zhangsan.p12"), strict=True)
        file = demonstration.folder / f"keys/{label}-zhangsan.p12"
        text = openssl("pkcs12", "-in", file, "-passin", f"pass:{password.decode()}", "-nocerts", "-nodes")
        secrets.append(secret_octets(from_pkcs8(openssl("pkcs8", "-topk8", "-nocrypt", "-outform", "DER", data=text))))
    assert found_in(demonstration.folder, secrets) == []


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """A demonstration that ends before it is expensive."""
    monkeypatch.setattr(demo._Demonstration, "play", lambda self: (self.out / demo.SUMMARY).write_text("{}"))


@pytest.mark.usefixtures("small")
def test_a_second_demonstration_replaces_the_first(tmp_path: Path) -> None:
    out = tmp_path / "deep" / "demo"
    demo.run(out, lambda _step: None)
    (out / "left-over.txt").write_text("of the first")
    demo.run(out, lambda _step: None)
    assert snapshot(out) == {demo.SUMMARY: b"{}"}
    assert [path.name for path in out.parent.iterdir()] == ["demo"]


@pytest.mark.usefixtures("small")
def test_an_empty_folder_is_taken(tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    demo.run(tmp_path / "demo", lambda _step: None)
    assert (tmp_path / "demo" / demo.SUMMARY).exists()


@pytest.mark.parametrize("name", ["letter.txt", "reports/summary.json"])
def test_a_folder_of_something_else_is_refused_and_stays(tmp_path: Path, name: str) -> None:
    out = tmp_path / "letters"
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text("Dear Sir")
    assert "something other than an earlier demonstration" in processes.refusal("demo", "--out", out)
    assert snapshot(out) == {name: b"Dear Sir"}
    assert list(tmp_path.iterdir()) == [out]


def test_a_file_in_the_place_is_refused_and_stays(tmp_path: Path) -> None:
    out = tmp_path / "demo"
    out.write_text("a letter")
    done = processes.run("demo", "--out", out)
    assert done.returncode == 2
    assert str(out) in done.stderr
    assert out.read_text() == "a letter"


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    blocker = tmp_path / "file"
    blocker.write_text("")
    assert str(blocker) in processes.refusal("demo", "--out", blocker / "demo")


def test_a_failure_in_the_middle_leaves_nothing_and_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: object) -> bytes:
        raise YinxinError(Kind.UNAVAILABLE, "the seal is in the safe")

    monkeypatch.setattr(sealing, "seal_notice", refuse)
    monkeypatch.setenv("YINXIN_CENTRE__KEY_KINDS", '["sm2"]')
    monkeypatch.setattr("yinxin.installation.activate", _activate_unseen)
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(work))
    steps: list[Step] = []
    with pytest.raises(YinxinError, match="in the safe"):
        demo.run(tmp_path / "demo", steps.append)
    assert steps[-1].outcome == "failed: the seal is in the safe"
    assert list(tmp_path.iterdir()) == [work]
    assert list(work.iterdir()) == []


def _activate_unseen(context: Any, profiles: Any, *, actor: str) -> None:
    """Without the specimens: activation has tests of its own."""
    from ca import activation

    with context.storage.transaction() as connection:
        for profile in profiles:
            activation._activate(connection, context, profile, actor)
