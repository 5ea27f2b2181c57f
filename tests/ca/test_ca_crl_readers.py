"""Lists as those who rely on them meet them: other programs' readers, HTTP, two databases at once, and old books."""

import gzip
import itertools
import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from werkzeug.test import Client

from ca import crl, hierarchy
from ca.authorities import authority_of, certificate_of
from ca.crl.issue import Terms, reserve
from ca.http import create_app
from ca.issuance import Approval
from ca.revocation import Reason, hold, resume, revoke
from core import schema
from core.algorithms import KeyKind
from core.clock import FixedClock
from core.context import Context
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from core.subject import Subject
from tests.support.ca import NOW, TestCentre, pooled_key

TERMS = Terms(hours=24, delta_hours=2)
KINDS = (KeyKind.SM2, KeyKind.RSA_3072)


def name_of(kind: KeyKind) -> str:
    return f"{kind.value}-divided"


@pytest.fixture(scope="module")
def centre(migrated_sqlite: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestCentre]:
    """Two authorities of two shards each; a certificate of each was held, listed, and resumed."""
    file = tmp_path_factory.mktemp("readers") / "yinxin.db"
    shutil.copy(migrated_sqlite, file)
    storage = Storage(f"sqlite:///{file}")
    made = TestCentre(Context(storage, FixedClock(NOW))).activate().build(*KINDS)
    for kind in KINDS:
        hierarchy.create_issuing(
            made.ca,
            name_of(kind),
            kind,
            Subject.of_service("测试中心", f"{kind.value} Divided"),
            issuer=f"{kind.value.split('-')[0]}-root",
            approval=Approval("ceremony", b"\x00" * 32, ("keeper",)),
            actor="keeper",
            shards=2,
            deltas=True,
        )
        key = pooled_key("listed", KeyKind.SM2 if kind is KeyKind.SM2 else KeyKind.RSA_2048)
        serial = made.issue(authority=name_of(kind), key=key).serial
        hold(made.context, name_of(kind), serial, actor="operator")
        crl.publish(made.context, made.keys, name_of(kind), TERMS)
        resume(made.context, name_of(kind), serial, actor="operator")
        crl.publish(made.context, made.keys, name_of(kind), TERMS, full=False)
    yield made
    storage.close()


@pytest.mark.parametrize("delta", [False, True])
def test_openssl_and_gnutls_verify_shards_and_deltas(centre: TestCentre, tmp_path: Path, delta: bool) -> None:
    name = name_of(KeyKind.RSA_3072)
    certificate = x509.load_der_x509_certificate(certificate_of(centre.context.storage, name))
    (tmp_path / "ca.pem").write_bytes(certificate.public_bytes(Encoding.PEM))
    told = ""
    for shard in range(2):
        (tmp_path / "list.crl").write_bytes(crl.latest(centre.context, name, shard=shard, delta=delta))
        options = ["-inform", "DER", "-in", "list.crl", "-CAfile", "ca.pem", "-noout", "-text"]
        openssl = subprocess.run(["openssl", "crl", *options], capture_output=True, text=True, cwd=tmp_path)
        assert "verify OK" in openssl.stderr, openssl.stderr
        assert f"/crl/{name}/{shard}.crl" in openssl.stdout
        assert ("Delta CRL Indicator: critical" in openssl.stdout) == delta
        told += openssl.stdout
        options = ["--crl-info", "--inder", "--infile", "list.crl"]
        gnutls = subprocess.run(["certtool", *options], capture_output=True, text=True, cwd=tmp_path)
        assert gnutls.returncode == 0, gnutls.stderr
        assert "CRL Number" in gnutls.stdout
    assert told.count("Remove From CRL" if delta else "Certificate Hold") == 1


@pytest.mark.parametrize("delta", [False, True])
def test_gmssl_verifies_shards_and_deltas(centre: TestCentre, delta: bool) -> None:
    name = name_of(KeyKind.SM2)
    point = curve.point_of(centre.keys.signer(name).public_key_info)
    assert point
    for shard in range(2):
        parsed = x509.load_der_x509_crl(crl.latest(centre.context, name, shard=shard, delta=delta))
        assert GmsslEngine().verify(point, parsed.signature, parsed.tbs_certlist_bytes)
        assert not GmsslEngine().verify(point, parsed.signature, parsed.tbs_certlist_bytes + b"\x00")


@pytest.mark.parametrize("path", ["0.crl", "1.crl", "0-delta.crl", "1-delta.crl"])
def test_lists_are_served_plain_and_compressed(centre: TestCentre, path: str) -> None:
    client, name = Client(create_app(centre.context)), name_of(KeyKind.SM2)
    published = crl.latest(centre.context, name, shard=int(path[0]), delta="delta" in path)
    plain = client.get(f"/crl/{name}/{path}")
    assert (plain.status_code, plain.data) == (200, published)
    assert plain.content_encoding is None
    packed = client.get(f"/crl/{name}/{path}", headers={"Accept-Encoding": "gzip"})
    assert (packed.content_encoding, gzip.decompress(packed.data)) == ("gzip", published)
    assert packed.headers["Content-Length"] == str(len(packed.data))
    assert "accept-encoding" in packed.headers["Vary"].lower()
    assert packed.headers["ETag"] != plain.headers["ETag"]  # a strong tag is of one form (RFC 9110 8.8.3.3)
    refused = client.get(f"/crl/{name}/{path}", headers={"Accept-Encoding": "gzip;q=0"})
    assert refused.content_encoding is None
    for headers in ({"If-None-Match": packed.headers["ETag"], "Accept-Encoding": "gzip"},
                    {"If-Modified-Since": plain.headers["Last-Modified"]}):  # fmt: skip
        assert client.get(f"/crl/{name}/{path}", headers=headers).status_code == 304


@pytest.mark.parametrize("path", [".crl", "/2.crl", "/00.crl", "/-1.crl", "/delta.crl", "/0-delta-delta.crl", "/"])
def test_no_other_address_has_a_list(centre: TestCentre, path: str) -> None:
    client = Client(create_app(centre.context))
    assert client.get(f"/crl/{name_of(KeyKind.SM2)}{path}").status_code == 404
    assert client.get("/crl/sm2-root/0.crl").status_code == 404  # an undivided one has no shards


def test_a_list_waits_for_no_event_and_misses_none(each_storage: Storage) -> None:
    """A revocation that commits while a number is reserved is on this list, or on the next: by its event's number."""
    centre = TestCentre(Context(each_storage, FixedClock(NOW))).activate().build()
    context = centre.context
    serials = [centre.issue().serial for _ in range(6)]
    with context.storage.reading() as connection:
        issuer = authority_of(connection, "sm2-issuing")
    done = threading.Event()

    def revoke_all() -> None:
        for serial in serials:
            revoke(context, "sm2-issuing", serial, Reason.SUPERSEDED, actor="operator")
        done.set()

    revoking = threading.Thread(target=revoke_all)
    revoking.start()
    lists = []
    while True:
        last = done.is_set()
        with context.storage.transaction() as connection:
            (reserved,) = reserve(connection, issuer, 0, TERMS, context.clock.now(), full=True)
        with context.storage.reading() as connection:
            lists.append((reserved, {entry.serial for entry in reserved.selection.entries(connection)}))
        if last:
            break
    revoking.join()
    assert lists[-1][1] == set(serials)
    assert [one.facts.number for one, _listed in lists] == list(range(1, len(lists) + 1))
    for (one, listed), (following, later) in itertools.pairwise(lists):
        assert one.selection.last_event <= following.selection.last_event
        assert listed <= later
    for one, listed in lists:  # read again after everything has happened, a list is what it was
        with context.storage.reading() as connection:
            assert {entry.serial for entry in one.selection.entries(connection)} == listed


def test_lists_of_old_books_stay_in_force(tmp_path: Path) -> None:
    storage = Storage(f"sqlite:///{tmp_path / 'old.db'}")
    schema.upgrade(storage.engine, "0011")
    values = {"subject": b"n", "key": b"k", "at": "2026-11-01 00:00:00", "until": "2026-11-02 00:00:00"}
    with storage.transaction() as connection:
        connection.execute(
            sa.text(
                "INSERT INTO ca_authorities (id, name, subject, public_key_info, algorithm, certificate, created_at)"
                " VALUES (1, 'old', :subject, :key, 'sm2-sm3', :key, :at)"
            ),
            values,
        )
        for number, octets, entries in ((1, b"first list", 3), (2, b"second list", 4), (3, None, 0)):
            connection.execute(
                sa.text(
                    "INSERT INTO ca_crls (authority_id, number, this_update, next_update, entries, crl)"
                    " VALUES (1, :number, :at, :until, :entries, :octets)"
                ),
                values | {"number": number, "octets": octets, "entries": entries},
            )
    storage.migrate()
    context = Context(storage, FixedClock(NOW))
    published = crl.latest_published(context, "old")
    assert (published.number, published.entries, published.base, published.shard) == (2, 4, None, 0)
    assert published.next_update - published.this_update == timedelta(days=1)
    assert crl.latest(context, "old") == b"second list"
    assert gzip.decompress(b"".join(crl.pieces_of(storage, published.id, "packed"))) == b"second list"
    storage.close()
