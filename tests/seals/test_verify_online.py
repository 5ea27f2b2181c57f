"""Asking online, by choice: a real responder, real lists, a dead server, and nothing at all without the choice."""

import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from core import cms
from core.algorithms import KeyKind
from core.certificates import armour
from core.cli import run
from core.clock import FixedClock
from core.home import Home
from core.web import Reach
from ocsp.response import Reason
from seals.levels import Level
from seals.verification.beside import verify_path
from seals.verification.cli import verify
from seals.verification.online import Online, fetch_within, save_evidence
from seals.verification.report import Report, Verdict
from seals.verification.trust import ISSUERS, Trust, load_trust
from tests.seals.conftest import NOW
from tests.support.ocsp_world import Status, Why
from tests.support.online import Town, online_town
from tests.support.sealing import _serial

LOCAL = Reach.of(["127.0.0.1"])


@pytest.fixture(scope="module", params=[KeyKind.SM2, KeyKind.RSA_2048])
def town(request: pytest.FixtureRequest) -> Iterator[Town]:
    with online_town(request.param, FixedClock(NOW)) as one:
        yield one


@pytest.fixture(scope="module")
def town_without_lists() -> Iterator[Town]:
    with online_town(KeyKind.SM2, FixedClock(NOW), with_lists=False) as one:
        yield one


@pytest.fixture
def sealed(town: Town, plain: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "sealed.pdf"
    path.write_bytes(town.office.sealed(plain, Level.B_T))
    return path


def asked_online(town: Town, path: Path, reach: Reach = LOCAL) -> tuple[Report, Online]:
    online = Online(fetch_within(reach))

    def judged(file: Path, trust: Trust) -> Report:
        return verify_path(file, trust, town.office.clock)

    return online.report(judged, path, town.office.trust()), online


def test_status_is_fetched_and_told(town: Town, sealed: Path, tmp_path: Path) -> None:
    office = town.office
    offline = verify_path(sealed, office.trust(), office.clock)
    assert offline.verdict is Verdict.INDETERMINATE
    assert not offline.fetched
    report, online = asked_online(town, sealed)
    assert report.verdict is Verdict.VALID, [finding.text for finding in report.all_findings()]
    kinds = [one.what for one in report.fetched]
    assert kinds.count("ocsp") == 2, "the unit and the time-stamping authority"
    assert kinds.count("crl") == 2, "of both authorities, each once"
    assert all(one.sha256 and one.size and not one.problem for one in report.fetched)
    # What was fetched is enough for whoever has no network.
    folder = tmp_path / "trust"
    folder.mkdir()
    (folder / "root.pem").write_bytes(armour([office.root.certificate]))
    written = save_evidence(online.knowledge, folder)
    assert {path.suffix for path in written} == {".ors", ".crl"}
    assert verify_path(sealed, load_trust(folder), office.clock).verdict is Verdict.VALID


def test_an_issuer_that_is_not_at_hand_is_fetched(town: Town, tmp_path: Path) -> None:
    office = town.office
    builder = cms.SignedDataBuilder(office.unit.key, office.unit.certificate, certificates=[office.unit.certificate])
    path = tmp_path / "note.p7m"
    path.write_bytes(builder.build(b"Received: 100 yuan\n", signed_at=office.clock.now()))
    assert verify_path(path, office.trust(), office.clock).verdict is Verdict.INDETERMINATE
    report, online = asked_online(town, path)
    assert report.verdict is Verdict.REMARKS, [finding.text for finding in report.all_findings()]
    assert {finding.code for finding in report.all_findings()} == {"time-unproven"}
    assert report.fetched[0].what == "issuer"
    assert online.knowledge.certificates == (office.issuing.certificate,)
    written = save_evidence(online.knowledge, tmp_path / "evidence")
    assert [path.parent.name for path in written if path.suffix == ".cer"] == [ISSUERS]


def test_responses_of_a_responder_that_needs_no_check_suffice(
    town_without_lists: Town, plain: bytes, tmp_path: Path
) -> None:
    path = tmp_path / "sealed.pdf"
    path.write_bytes(town_without_lists.office.sealed(plain, Level.B_T))
    report, online = asked_online(town_without_lists, path)
    assert report.verdict is Verdict.VALID, [finding.text for finding in report.all_findings()]
    assert not online.knowledge.crls
    assert len(online.knowledge.ocsp_responses) == 3


def test_what_was_revoked_is_found(town: Town, sealed: Path) -> None:
    serial, office = _serial(town.office.unit), town.office
    before = town.books.statuses[1, serial]
    town.books.statuses[1, serial] = Status("revoked", office.start, Why(Reason.KEY_COMPROMISE), not_after=NOW)
    try:
        report, _online = asked_online(town, sealed)
    finally:
        town.books.statuses[1, serial] = before
    assert report.verdict is Verdict.INVALID
    assert "sealed-after-revocation" in {finding.code for finding in report.all_findings()}


def test_dead_servers_cost_a_word_and_no_verdict(town: Town, sealed: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    dead = fetch_within(LOCAL)
    online = Online(lambda _url, most, body: dead(f"http://127.0.0.1:{port}/", most, body))
    report = online.report(lambda file, trust: verify_path(file, trust, town.office.clock), sealed, town.office.trust())
    assert report.verdict is Verdict.INDETERMINATE
    assert report.fetched
    assert all(one.problem and not one.sha256 for one in report.fetched)


def test_nobody_inside_is_asked(town: Town, sealed: Path) -> None:
    before = len(town.files.asked)
    report, _online = asked_online(town, sealed, Reach())
    assert report.verdict is Verdict.INDETERMINATE
    assert len(town.files.asked) == before
    assert all("127.0.0.1" in one.problem for one in report.fetched)


@pytest.mark.parametrize("forged", [b"", b"\x30\x00", b"<html></html>"])
def test_what_is_not_what_was_asked_for_is_told(town: Town, sealed: Path, forged: bytes) -> None:
    online = Online(lambda _url, _most, _body: forged)
    report = online.report(lambda file, trust: verify_path(file, trust, town.office.clock), sealed, town.office.trust())
    assert report.verdict is Verdict.INDETERMINATE
    assert {one.problem for one in report.fetched} == {"what came is not what was asked for"}


def test_what_a_stranger_says_is_not_believed(town: Town, sealed: Path) -> None:
    """Lists and responses by another authority with the same names."""
    stranger = type(town.office)(town.office.kind, town.office.clock, ocsp_url="http://x.test", base="http://x.test")
    issuing, root = stranger.crls()
    lists = {"/issuing.crl": issuing, "/root.crl": root}

    def lie(url: str, _most: int, body: bytes | None) -> bytes:
        return lists.get("/" + url.rpartition("/")[2], b"")

    online = Online(lie)
    report = online.report(lambda file, trust: verify_path(file, trust, town.office.clock), sealed, town.office.trust())
    assert len(online.knowledge.crls) == 2
    assert report.verdict is Verdict.INDETERMINATE


def test_requests_have_an_end(town: Town, sealed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("seals.verification.online.MOST_REQUESTS", 1)
    report, _online = asked_online(town, sealed)
    assert sum(1 for one in report.fetched if not one.problem) == 1


# The command


@pytest.fixture
def command(town: Town, tmp_path: Path) -> Callable[..., int]:
    trust = tmp_path / "anchors"
    trust.mkdir()
    (trust / "root.pem").write_bytes(armour([town.office.root.certificate]))

    def call(*arguments: str | Path) -> int:
        @click.group()
        @click.pass_context
        def front_door(context: click.Context) -> None:
            context.obj = Home(tmp_path / "nowhere", town.office.clock)

        front_door.add_command(verify)
        return run(front_door, ["verify", *map(str, arguments), "--trust", str(trust)])

    return call


def test_the_command(
    command: Callable[..., int], sealed: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        command(sealed, "--online", "--online-from", "127.0.0.1", "--save-evidence", tmp_path / "kept", "--json") == 0
    )
    report = json.loads(capsys.readouterr().out)
    assert {one["what"] for one in report["fetched"]} == {"ocsp", "crl"}
    assert len(list((tmp_path / "kept").iterdir())) == 4
    assert command(sealed, "--online", "--online-from", "127.0.0.1") == 0
    assert "OCSP" in capsys.readouterr().out
    assert command(sealed, "--online") == 2
    assert "not a public one" in capsys.readouterr().out


def test_without_the_option_nothing_is_fetched(
    command: Callable[..., int], sealed: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(*_arguments: object) -> None:
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert command(sealed) == 2
    assert "Fetched" not in capsys.readouterr().out
    assert command(sealed, "--save-evidence", sealed.parent / "x") == 2
    assert command(sealed.parent, "--online") == 2
