"""A real installation: roots made offline by a ceremony, requests and certificates carried on files, then completed."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import pem

from ca.authorities import certificate_of
from ca.ceremony.plan import load_plan
from core.algorithms import SHA1
from core.errors import Kind, YinxinError
from core.home import IDENTITIES, Home
from ocsp.certificate import Certificate
from ocsp.judgement import Standing, judge
from ocsp.request import build_request, cert_id
from ocsp.service import responder_of
from ra.operators import list_operators
from tests.support.ceremony import Stage
from tests.yinxin.conftest import Outcome, Yinxin, everything
from tests.yinxin.test_yinxin_ceremony import ONE_ROOT, hurry
from yinxin import root_home


@pytest.fixture
def roots(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, migrated_sqlite: Path) -> Iterator[root_home.Held]:
    """On the machine that has no network; three custodians have laid down their shares."""
    stage = Stage(tmp_path)
    stage.clock.moment = Home(tmp_path).clock.now()
    hurry(monkeypatch, migrated_sqlite)
    held = root_home.hold(tmp_path / "roots", load_plan(stage.plan(ONE_ROOT)), clock=stage.clock)
    held.home.storage.close()
    paths = []
    for number in (1, 3, 5):
        path = stage.sheets / f"{number}.txt"
        path.write_text(stage.scan(number))
        path.chmod(0o600)
        paths.append(str(path))
    monkeypatch.setenv("YINXIN_CA_SHARES", os.pathsep.join(paths))
    yield held
    shutil.rmtree(stage.sheets)


def carried(yinxin: Yinxin, roots: root_home.Held, csr: Path, out: Path) -> None:
    """Reviewed and signed where the root is."""
    at_the_root = ("--home", roots.home.path, "ca", "subordinate")
    options = ("--issuer", "sm2-root")
    digest = json.loads(yinxin(*at_the_root, "review", csr, *options, "--json").out)["digest"]
    done = yinxin(*at_the_root, "sign", csr, *options, "--digest", digest, "--out", out)
    assert done.code == 0, done.err


@pytest.mark.usefixtures("quick")
def test_from_the_ceremony_to_an_installation_that_works(
    yinxin: Yinxin, roots: root_home.Held, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home_path, answer = tmp_path / "house", tmp_path / "sm2-issuing.pem"
    here = ("--home", home_path)

    def init() -> Outcome:
        return yinxin(*here, "init", "--root", "offline")

    def install(*more: str) -> Outcome:
        return yinxin(*here, "ca", "subordinate", "install", "sm2-issuing", answer, *more)

    made = init()
    assert made.code == 0, made.err
    csr = home_path / "requests" / "sm2-issuing.csr"
    assert csr.exists() and not (home_path / "trust" / "sm2-root.pem").exists()
    assert "sm2-issuing: this authority waits for its certificate" in init().err
    carried(yinxin, roots, csr, answer)
    root = pem.unarmor((roots.folder / "sm2-root.pem").read_bytes())[2]

    before = everything(home_path)
    alone = tmp_path / "alone.pem"
    alone.write_bytes(answer.read_bytes().partition(b"-----END CERTIFICATE-----\n")[0] + b"-----END CERTIFICATE-----\n")
    without = yinxin(*here, "ca", "subordinate", "install", "sm2-issuing", alone, "--root", "0" * 64)
    assert "there is no root in the file" in without.refusal
    assert "its root is not trusted here" in install().refusal
    assert "no root in the file has this fingerprint" in install("--root", "0" * 64).refusal
    assert everything(home_path) == before
    assert install("--root", hashlib.sha256(root).hexdigest()).code == 0
    assert "the revocation list of this authority is not here" in init().err
    assert yinxin(*here, "ca", "crl", "import", roots.folder / "sm2-root.crl").code == 0

    # Interrupted at each place, it goes on.
    for place in ("found_administrator", "certify_services"):
        with monkeypatch.context() as patch:
            patch.setattr(f"yinxin.installation.Founding.{place}", _refuse)
            assert init().err.endswith("error: no more ink\n")
    done = init()
    assert done.code == 0, done.err
    assert done.out == "The installation is complete.\n"
    assert "there is something here already" in init().refusal

    home = Home(home_path)
    assert {one.name for one in list_operators(home.context)} == {"super.administrator", "audit.administrator"}
    assert IDENTITIES in home.key_store("ra")
    issuing = Certificate.load(certificate_of(home.storage, "sm2-issuing"))
    answered = responder_of(home).respond(build_request([cert_id(issuing, 1, SHA1)]))
    assert judge(answered, 1, issuing, home.clock.now(), None).standing is Standing.UNKNOWN
    for command in (("ca", "lint"), ("ca", "crl", "check"), ("ca", "maintain")):
        done = yinxin(*here, *command)
        assert done.code == 0, done
    listed = json.loads(yinxin(*here, "ca", "list", "--json").out)
    assert {one["name"] for one in listed} == {"sm2-issuing", "sm2-root"}
    home.storage.close()


def _refuse(*_arguments: Any, **_options: Any) -> None:
    raise YinxinError(Kind.UNAVAILABLE, "no more ink")


@pytest.mark.usefixtures("quick")
def test_the_list_that_will_be_too_old_is_asked_for(yinxin: Yinxin, roots: root_home.Held, tmp_path: Path) -> None:
    here, answer = ("--home", tmp_path / "house"), tmp_path / "answer.pem"
    assert yinxin(*here, "init", "--root", "offline").code == 0
    carried(yinxin, roots, tmp_path / "house/requests/sm2-issuing.csr", answer)
    root = pem.unarmor((roots.folder / "sm2-root.pem").read_bytes())[2]
    installed = yinxin(
        *here, "ca", "subordinate", "install", "sm2-issuing", answer, "--root", hashlib.sha256(root).hexdigest()
    )
    assert installed.code == 0, installed.err
    told = yinxin(*here, "ca", "crl", "publish")
    assert (told.code, "The list of sm2-root ends: -" in told.err) == (0, True)
    assert yinxin(*here, "ca", "crl", "import", roots.folder / "sm2-root.crl").code == 0
    assert "sm2-root" not in yinxin(*here, "ca", "crl", "publish").err
    refused = yinxin(*here, "ca", "crl", "import", answer).refusal
    assert "not a revocation list" in refused and str(answer) in refused


@pytest.mark.usefixtures("quick")
def test_a_failure_leaves_nothing(yinxin: Yinxin, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("yinxin.installation.request_certificate", _refuse)
    assert yinxin("--home", tmp_path / "house", "init", "--root", "offline").err.endswith("error: no more ink\n")
    assert list(tmp_path.iterdir()) == []
