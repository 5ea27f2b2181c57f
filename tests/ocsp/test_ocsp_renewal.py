"""Responder certificates renew themselves: asked for in time, issued by the CA, taken up by a responder that runs."""

import json
import logging
import sqlite3
import threading
from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.x509.oid import ExtensionOID

from ca import activation, revocation, service_renewal
from ca.activation import active_profile
from ca.issuance import CertificateAuthority
from ca.profiles import Profile
from ca.reconciliation import reconcile
from ca.state import Reason
from core.algorithms import SHA256
from core.audit import entries
from core.keys.private_key import kind_of
from core.service.installed import newest
from core.service.renewal import Renewed, renew
from ocsp.certificate import Certificate
from ocsp.renewal import keeper_of
from ocsp.response import Refusal, refusal
from ocsp.service import load_delegations, responder_of
from tests.support import ocsp_judges as judges
from tests.support.ocsp_world import NOW
from tests.support.renewing import DAY, DUE, EXPIRED, KINDS, OVERDUE, Place

both = pytest.mark.parametrize("family", ["sm2", "rsa"])


@both
def test_half_a_year_without_a_hand(place: Place, family: str, tmp_path: Path) -> None:
    """With an authority that looks every other day: always an answer, by ever new keys of the same kind."""
    signers, kinds = [], set()
    for day in range(0, 180, 2):
        place.at(NOW + day * DAY)
        place.keeper.look()
        signers.append(place.signer())
        kinds.add(kind_of(place.home.key_store("ocsp").signer(newest(place.home, "ocsp")[0].key_name).public_key_info))
        place.maintain()
    place.check_answer(tmp_path)
    used = list(dict.fromkeys(signers))
    assert 8 <= len(used) <= 10
    assert len({Certificate.load(one).public_key_info for one in used}) == len(used)
    assert {(Certificate.load(one).subject, Certificate.load(one).issuer) for one in used} == {
        (Certificate.load(used[0]).subject, Certificate.load(used[0]).issuer)
    }
    assert kinds == {KINDS[family]}
    # What was replaced is gone, the key too; one may be in the making.
    assert len(place.names()) == 1
    assert 1 <= len(place.keys()) <= 2
    with place.home.storage.reading() as connection:
        acts = set(connection.scalars(sa.text("select act from audit_entries where actor = 'service:ocsp'")))
    assert acts == {f"service.certificate.{act}" for act in ("ask", "install", "remove")}


def test_nothing_is_asked_for_before_it_is_due(place: Place) -> None:
    place.at(DUE - 2 * DAY).keeper.look()
    assert service_renewal.pending(place.home.context) == []
    place.at(DUE).keeper.look()
    place.keeper.look()
    assert len(service_renewal.pending(place.home.context)) == 1


@both
def test_the_authority_is_away(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    """The responder goes on with what it has, says so, and in the end answers tryLater."""
    first = place.signer()
    place.at(DUE).keeper.look()
    assert caplog.records == []
    assert place.signer() == first
    place.at(OVERDUE).keeper.look()
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert "no new one was issued" in caplog.text
    assert place.signer() == first
    caplog.clear()
    place.at(EXPIRED).keeper.look()
    assert logging.ERROR in {record.levelno for record in caplog.records}
    assert "expired" in caplog.text
    assert place.ask() == refusal(Refusal.TRY_LATER)


@both
def test_expired_takes_a_person(place: Place, capfd: pytest.CaptureFixture[str]) -> None:
    """An expired key proves nothing; whoever approves must have been told the fingerprint of the new one."""
    place.at(EXPIRED).keeper.look()
    assert place.run("maintain") == 1
    assert "no longer in force" in capfd.readouterr().out
    assert place.run("service-certificates", "list", "--json") == 1
    listed = json.loads(capfd.readouterr().out)
    assert [one["standing"] for one in listed["certificates"]] == ["expired"]
    (waiting,) = listed["requests"]
    assert "no longer in force" in waiting["complaint"]
    number = str(waiting["number"])
    assert place.run("service-certificates", "approve", number, "--fingerprint", "00" * 32) == 2
    assert "another key" in capfd.readouterr().err
    assert place.run("service-certificates", "approve", "99", "--fingerprint", "00") == 2
    assert "no such request" in capfd.readouterr().err
    new = place.home.key_store("ocsp").signer(waiting["name"])
    fingerprint = SHA256.of(new.public_key_info).hex()
    assert place.run("service-certificates", "approve", number, "--fingerprint", fingerprint.upper()) == 0
    place.keeper.look()
    assert Certificate.load(place.signer()).public_key_info == new.public_key_info
    assert place.run("service-certificates", "list") == 0


def test_a_revoked_one_is_not_renewed(place: Place) -> None:
    own = Certificate.load(newest(place.home, "ocsp")[0].certificate)
    revocation.revoke(place.home.context, place.authority, own.serial, Reason.KEY_COMPROMISE, actor="operator")
    renew(place.home, "ocsp", early=True)
    granted, waiting = service_renewal.grant_all(place.centre.ca)
    assert granted == []
    assert "no longer in force" in (waiting[0].complaint or "")
    # Looking again neither grants it nor fills the log.
    assert service_renewal.grant_all(place.centre.ca)[1] == waiting
    with place.home.storage.reading() as connection:
        refusals = connection.scalar(sa.text("select count(*) from audit_entries where act = 'ca.service.refuse'"))
    assert refusals == 1


@pytest.mark.parametrize("nocheck", [False, True])
def test_nocheck_by_configuration(place: Place, nocheck: bool) -> None:
    """A new version of the profile holds from the next renewal on (RFC 6960 4.2.2.2.1)."""
    with place.home.storage.transaction() as connection:
        given = active_profile(connection, "ocsp").profile.model_dump()
        changed = Profile.model_validate({**given, "ocsp_nocheck": nocheck})
        activation._activate(connection, place.home.context, changed, "keeper")
    renew(place.home, "ocsp", early=True)
    place.maintain()
    place.keeper.look()
    extensions = x509.load_der_x509_certificate(place.signer()).extensions
    assert [one.oid for one in extensions].count(ExtensionOID.OCSP_NO_CHECK) == nocheck
    assert judges.statuses(place.ask()) == ["good"]


def test_crash_between_key_and_request(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """The key that was made is used; there is one request, and one next key."""
    with monkeypatch.context() as patched:
        patched.setattr("core.service.renewal.build_csr", _power_cut)
        with pytest.raises(RuntimeError):
            renew(place.home, "ocsp", early=True)
    made = set(place.keys()) - set(place.names())
    renew(place.home, "ocsp", early=True)
    assert set(place.keys()) - set(place.names()) == made
    assert [one.name for one in service_renewal.pending(place.home.context)] == list(made)


@pytest.mark.parametrize("moment", ["signed", "recorded"])
def test_crash_of_the_authority(place: Place, moment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signed but not recorded: presumed issued; the next round issues anew for the same key."""
    renew(place.home, "ocsp", early=True)
    name = service_renewal.pending(place.home.context)[0].name
    with monkeypatch.context() as patched:
        target = {"signed": "_commit_results", "recorded": "_commit_intents"}[moment]
        patched.setattr(CertificateAuthority, target, _power_cut)
        with pytest.raises(RuntimeError):
            place.maintain()
    presumed = reconcile(place.home.context)
    assert len(presumed) == (1 if moment == "signed" else 0)
    assert renew(place.home, "ocsp") == Renewed()
    assert place.maintain() == 1
    assert renew(place.home, "ocsp").installed == (name,)


@pytest.mark.parametrize("act", ["files.write", "_record"])
def test_crash_between_issue_and_install(place: Place, act: str, monkeypatch: pytest.MonkeyPatch) -> None:
    renew(place.home, "ocsp", early=True)
    place.maintain()
    first = place.signer()
    with monkeypatch.context() as patched:
        patched.setattr(f"core.service.renewal.{act}", _power_cut)
        place.keeper.look()  # it is logged, and the responder goes on
    assert judges.statuses(place.ask()) == ["good"]
    place.keeper.look()
    assert place.signer() != first
    assert len(place.names()) == 1
    assert set(place.names()) <= recorded(place, "install")


def recorded(place: Place, act: str) -> set[str]:
    """Which of its certificates the log says this of."""
    about = sa.select(entries.c.subject).where(entries.c.act == f"service.certificate.{act}")
    with place.home.storage.reading() as connection:
        return set(connection.scalars(about))


def test_crash_while_removing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """No certificate is left without its key: the responder could not start with it."""
    renew(place.home, "ocsp", early=True)
    place.maintain()
    with monkeypatch.context() as patched:
        patched.setattr("core.keys.store.KeyStore.remove", _power_cut)
        place.keeper.look()
    assert len(load_delegations(place.home)) == 1
    assert responder_of(place.home)
    assert len(place.keys()) == 2
    place.keeper.look()
    assert place.keys() == place.names()
    assert place.family in recorded(place, "remove")


def test_two_processes_at_once(place: Place) -> None:
    """Workers share the folder: one asks, all take up."""
    responders = [responder_of(place.home) for _ in range(3)]
    others = [keeper_of(replace(place.home), responder) for responder in responders]
    threads = [threading.Thread(target=keeper.look) for keeper in (place.keeper, *others)]
    place.at(DUE)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(service_renewal.pending(place.home.context)) == 1
    place.maintain()
    for keeper in (*others, place.keeper):
        keeper.look()
    for responder in responders:
        (certificate,) = {
            one.delegation.certificate.encoded for many in responder._signatories.values() for one in many
        }
        assert certificate == newest(place.home, "ocsp")[0].certificate


def _power_cut(*_arguments: object, **_named: object) -> None:
    raise RuntimeError("power cut")


def test_records_out_of_reach(place: Place, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    place.at(DUE)
    with monkeypatch.context() as patched:
        patched.setattr("core.service.renewal._ask", _database_gone)
        place.keeper.look()
    assert "cannot be renewed now" in caplog.text
    assert judges.statuses(place.ask()) == ["good"]


def _database_gone(*_arguments: object) -> None:
    raise sqlite3.OperationalError("disk I/O error")
