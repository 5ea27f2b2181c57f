"""`yinxin ca rollover` on a whole house: seals, time stamps and status under both keys, with either root trusted."""

import json
import shutil
from pathlib import Path

import pytest

from ca.authorities import certificate_of, chain_of
from ca.register import Filter, page
from core.certificates import armour, read_certificates
from core.home import Home
from ocsp.service import responder_of
from tests.support.openssl import openssl
from tests.yinxin.conftest import Yinxin
from yinxin.sample import typeset_notice


def seal(yinxin: Yinxin, home: Path, out: Path) -> None:
    notice = out.with_name("notice.pdf")
    notice.write_bytes(typeset_notice())
    place = ("--page", "3", "--at", "142.5,119", "--out", out, "--level", "B-LT")
    done = yinxin("--home", home, "seals", "stamp", "sm2-office", notice, *place)
    assert done.code == 0, done.err


def verdict(yinxin: Yinxin, file: Path, trust: Path) -> str:
    told = yinxin("--home", file.parent / "nothing", "seals", "verify", file, "--trust", trust, "--json")
    return str(json.loads(told.out)["verdict"])


def test_what_either_key_signed_is_good_to_whoever_trusts_either_root(
    yinxin: Yinxin, home_copy: Path, tmp_path: Path
) -> None:
    # The seal and its certificate are by the old key, from before there was another; its time stamps by the new one.
    sealed = tmp_path / "sealed.pdf"
    for name in ("sm2-root", "sm2-issuing"):
        shown = yinxin("--home", home_copy, "ca", "rollover", name)
        assert shown.code == 0 and f"{name}-g2" in shown.out and "Nothing was changed" in shown.err
        done = yinxin("--home", home_copy, "ca", "rollover", name, "--now")
        assert done.code == 0 and f"{name}-g2 issues from now on" in done.out, done.err
        assert "has followed this one already" in yinxin("--home", home_copy, "ca", "rollover", name, "--now").refusal
    listed = json.loads(yinxin("--home", home_copy, "ca", "list", "--json").out)
    assert {one["name"]: one["followed_by"] for one in listed}["sm2-root"] == "sm2-root-g2"
    # The time-stamping authority is certified anew, by the new key.
    assert yinxin("--home", home_copy, "renew", "tsa", "--early").code == 0
    assert yinxin("--home", home_copy, "ca", "maintain").code == 0
    assert yinxin("--home", home_copy, "renew", "tsa").code == 0
    _leaf, issuer, root = read_certificates(home_copy / "certificates" / "tsa" / "sm2.g2.pem")
    assert [issuer, root] == chain_of(Home(home_copy).storage, "sm2-issuing-g2")
    seal(yinxin, home_copy, sealed)
    for trusted in ("sm2-root", "sm2-root-g2"):
        folder = tmp_path / trusted
        folder.mkdir()
        shutil.copy(home_copy / "trust" / f"{trusted}.pem", folder)
        shutil.copytree(home_copy / "trust" / "issuers", folder / "issuers")
        shutil.copytree(home_copy / "trust" / "makers", folder / "makers")
        for name in ("sm2-root", "sm2-root-g2", "sm2-issuing", "sm2-issuing-g2"):
            yinxin("--home", home_copy, "ca", "crl", "show", name, "--out", folder / f"{name}.crl")
        assert verdict(yinxin, sealed, folder) == "valid", trusted
    assert yinxin("--home", home_copy, "ca", "lint").code == 0
    assert yinxin("--home", home_copy, "ca", "crl", "check").code == 0
    audit = tmp_path / "audit.zip"
    assert yinxin("--home", home_copy, "audit", "export", audit).code == 0
    verified = yinxin("--home", home_copy, "audit", "verify", audit, "--key", home_copy / "trust" / "audit-log.pub")
    assert verified.code == 0, verified.out


def test_ocsp_answers_for_both_keys(yinxin: Yinxin, home_copy: Path, tmp_path: Path) -> None:
    home = Home(home_copy)
    assert yinxin("--home", home_copy, "ca", "rollover", "rsa-issuing", "--now").code == 0
    for name in ("rsa-issuing", "rsa-issuing-g2"):
        files = {"issuer": certificate_of(home.storage, name)}
        files["subject"] = page(home.storage, Filter(authority=name), limit=1)[0].certificate or b""
        for kind, certificate in files.items():
            (tmp_path / kind).write_bytes(armour([certificate]))
        question, answer = tmp_path / "question", tmp_path / "answer"
        named = ("-issuer", tmp_path / "issuer", "-cert", tmp_path / "subject")
        openssl("ocsp", *named, "-no_nonce", "-reqout", question)
        answer.write_bytes(responder_of(Home(home_copy)).respond(question.read_bytes()))
        told = openssl("ocsp", *named, "-respin", answer, "-CAfile", home_copy / "trust" / "rsa-root.pem")
        assert b": good" in told


@pytest.mark.parametrize("seam", ["crl.publish", "delegate", "go_over"])
def test_killed_while_it_is_equipped(
    yinxin: Yinxin, home_copy: Path, seam: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ("--home", home_copy, "ca", "rollover", "sm2-root", "--now")
    with monkeypatch.context() as patch:
        patch.setattr(f"yinxin.rollover.{seam}", lambda *_a, **_k: (_ for _ in ()).throw(KeyboardInterrupt))
        assert yinxin(*command).code == 130
    listed = json.loads(yinxin("--home", home_copy, "ca", "list", "--json").out)
    assert {one["followed_by"] for one in listed} == {None}
    assert yinxin(*command).code == 0
    listed = json.loads(yinxin("--home", home_copy, "ca", "list", "--json").out)
    assert [one["name"] for one in listed if one["follows"]] == ["sm2-root-g2"]
    assert len(read_certificates(home_copy / "trust" / "issuers" / "sm2-root-g2-links.pem")) == 2
