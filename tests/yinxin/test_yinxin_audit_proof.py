"""`yinxin audit checkpoint`, `export`, `prove`, `verify`: as an auditor elsewhere uses them, on a whole house."""

import json
import os
import subprocess
import threading
import time
import zipfile
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from core.audit import Event
from core.home import Home
from tests.support import processes
from tests.support.demonstration import Serving
from tests.support.openssl import openssl
from tests.yinxin.conftest import Yinxin


def test_an_auditor_elsewhere(yinxin: Yinxin, home_copy: Path, tmp_path: Path) -> None:
    first, audit, proof = (tmp_path / name for name in ("first.txt", "audit.zip", "proof.json"))
    made = yinxin("--home", home_copy, "audit", "checkpoint", "--out", first, "--json")
    assert made.code == 0 and json.loads(made.out)["note"] == first.read_text()
    assert "no time stamp yet" in made.err  # nobody gives any here, and that is said
    with Home(home_copy).storage.transaction() as connection:
        Home(home_copy).context.audit.append(connection, Event("later", "a", "s"))
    exported = yinxin("--home", home_copy, "audit", "export", audit, "--json")
    assert exported.code == 0, exported.err
    key = json.loads(exported.out)["key"]
    der = openssl("pkey", "-pubin", "-in", home_copy / "trust" / "audit-log.pub", "-outform", "DER")
    (tmp_path / "key.der").write_bytes(der)
    assert key in openssl("dgst", "-sha256", tmp_path / "key.der").decode()
    public = tmp_path / "audit-log.pub"
    public.write_bytes((home_copy / "trust" / "audit-log.pub").read_bytes())

    elsewhere = ("--home", tmp_path / "nothing", "audit", "verify")
    for trusted in (("--key", public), ("--fingerprint", key)):
        verified = yinxin(*elsewhere, audit, *trusted, "--checkpoint", first)
        assert verified.code == 0 and verified.out.startswith("The log is whole: "), verified
    assert "no audit key to verify with" in yinxin(*elsewhere, audit).refusal
    assert "another fingerprint" in yinxin(*elsewhere, audit, "--fingerprint", "00" * 32).refusal

    assert yinxin("--home", home_copy, "audit", "prove", "5", "--out", proof).code == 0
    shown = yinxin(*elsewhere, proof, "--key", public)
    assert shown.code == 0 and '"act":' in shown.out
    content = json.loads(proof.read_bytes())
    content["entry"] = content["entry"].replace("ceremony", "somebody")
    proof.write_text(json.dumps(content))
    assert yinxin(*elsewhere, proof, "--key", public).code == 3
    assert yinxin("--home", home_copy, "audit", "prove", "--since", first, "--out", proof).code == 0
    shown = yinxin(*elsewhere, proof, "--key", public)
    assert shown.code == 0 and "begins with the" in shown.out
    assert yinxin("--home", home_copy, "audit", "prove", "5", "--since", first, "--out", proof).code == 2


def test_a_changed_export_is_told(yinxin: Yinxin, home_copy: Path, tmp_path: Path) -> None:
    audit, altered = tmp_path / "audit.zip", tmp_path / "altered.zip"
    assert yinxin("--home", home_copy, "audit", "export", audit, "--without-objects").code == 0
    with zipfile.ZipFile(audit) as archive, zipfile.ZipFile(altered, "w") as other:
        for name in archive.namelist():
            other.writestr(name, archive.read(name).replace(b'"actor":"ceremony"', b'"actor":"nobody"', 1))
    told = yinxin("--home", home_copy, "audit", "verify", altered, "--json")
    assert told.code == 3
    facts = json.loads(told.out)
    assert facts["verdict"] == "broken" and facts["findings"][0]["rule"] == "chain"
    assert "was altered" in yinxin("--home", home_copy, "audit", "verify", altered).out


def test_show_says_where_an_entry_is(yinxin: Yinxin, home_copy: Path) -> None:
    before = json.loads(yinxin("--home", home_copy, "audit", "show", "3", "--json").out)
    assert before["act"] == "ca.profile.activate" and before["details"]["version"] == 1
    assert yinxin("--home", home_copy, "audit", "checkpoint").code == 0
    after = json.loads(yinxin("--home", home_copy, "audit", "show", "3", "--json").out)
    assert after["position"] == 2 and after["checkpoint"] > 2
    assert "no such entry" in yinxin("--home", home_copy, "audit", "show", "1000000").refusal


class Outside(BaseHTTPRequestHandler):
    """Takes checkpoints."""

    taken: list[bytes] = []  # noqa: RUF012 - one server, one test

    def do_POST(self) -> None:
        self.taken.append(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing."""


def test_serving_signs_stamps_and_copies_outside(yinxin: Yinxin, home_copy: Path, tmp_path: Path) -> None:
    server = HTTPServer(("127.0.0.1", 0), Outside)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    copies = [str(tmp_path / "outside"), f"http://127.0.0.1:{server.server_port}/checkpoints"]
    settings = {"YINXIN_AUDIT__COPIES": json.dumps(copies), "YINXIN_AUDIT__EVERY_ENTRIES": "1"}
    with Serving(home_copy, "ca", "tsa", **settings):
        deadline = time.monotonic() + 60
        while not list((tmp_path / "outside").glob("*.tst")) and time.monotonic() < deadline:
            time.sleep(0.1)
    server.shutdown()
    server.server_close()
    notes = sorted((tmp_path / "outside").glob("*.txt"))
    assert list((tmp_path / "outside").glob("*.tst")) and {note.read_bytes() for note in notes} == set(Outside.taken)
    audit = tmp_path / "audit.zip"
    assert yinxin("--home", home_copy, "audit", "export", audit).code == 0
    shown = yinxin("--home", home_copy, "audit", "verify", audit, "--checkpoint", tmp_path / "outside", "--json")
    facts = json.loads(shown.out)
    assert (shown.code, facts["verdict"]) == (0, "whole") and facts["stamped"] >= 1
    assert facts["findings"] == []
    # Elsewhere, whoever verifies says whom to trust for the time.
    key = "--key", home_copy / "trust/audit-log.pub"
    elsewhere = ("--home", tmp_path / "nothing", "audit", "verify", audit, *key, "--json")
    told = yinxin(*elsewhere)
    assert told.code == 0 and [one["rule"] for one in json.loads(told.out)["findings"]] == ["timestamp"]
    assert json.loads(yinxin(*elsewhere, "--trust", home_copy / "trust").out)["findings"] == []
    other = "rsa-root.pem" if home_copy.joinpath("trust/rsa-root.pem").exists() else "missing"
    told = yinxin(*elsewhere, "--trust", home_copy / "trust" / other)
    assert told.code == 3 and "time stamp does not hold" in json.loads(told.out)["findings"][0]["what"]


def test_the_last_checkpoint_is_signed_when_the_command_ends(home_copy: Path) -> None:
    home = Home(home_copy)
    child = subprocess.Popen(
        processes.command("--home", home_copy, "audit", "run"),
        env=processes.environment(YINXIN_AUDIT__EVERY_SECONDS="86400", YINXIN_AUDIT__TIMESTAMPS="false"),
    )
    deadline = time.monotonic() + 60
    while not _sizes(home) and time.monotonic() < deadline:
        time.sleep(0.05)
    with home.storage.transaction() as connection:
        home.context.audit.append(connection, Event("later", "a", "s"))
    os.kill(child.pid, 15)
    assert child.wait(30) == 0
    sizes = _sizes(home)
    assert len(sizes) == 2 and sizes[1] == sizes[0] + 2  # and that the service ended


def _sizes(home: Home) -> list[int]:
    with home.storage.reading() as connection:
        return [row.size for row in connection.exec_driver_sql("SELECT size FROM audit_checkpoints ORDER BY size")]


@pytest.mark.parametrize("content", [b"", b"{}", b"PK\x03\x04 no zip", b"\xff" * 100])
def test_a_file_that_is_none(yinxin: Yinxin, seeded_home: Path, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "file").write_bytes(content)
    assert yinxin("--home", seeded_home, "audit", "verify", tmp_path / "file").code in (2, 3)
