"""Evidence bundles: trusted by their manifest only, and refused if a single octet is another."""

import io
import json
import subprocess
import warnings
import zipfile
from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest

from core.certificates import armour
from core.clock import FixedClock
from core.errors import YinxinError
from seals.verification import bundle as bundles
from seals.verification.bundle import (
    MANIFEST,
    SIGNATURE,
    Bundle,
    by_certificates,
    by_fingerprints,
    read_bundle,
    write_bundle,
)
from seals.verification.report import Verdict
from seals.verification.verification import verify_pdf
from tests.support import processes
from tests.support.sealing import Office

Change = Callable[[dict[str, bytes]], None]


def made(office: Office, **more: bytes) -> bytes:
    contents = {
        "anchors/0001.cer": office.root.certificate,
        "certificates/0001.cer": office.issuing.certificate,
        **{f"crls/{number}.crl": one for number, one in enumerate(office.crls())},
        "register/00001.json": b"{}",
        **more,
    }
    maker = office.maker
    chain = [maker.certificate, *office.tsa.chain]
    return write_bundle(contents, maker.signer, chain, office.timestamper, office.clock)


@pytest.fixture(scope="module")
def packed(sm2_office: Office) -> bytes:
    return made(sm2_office)


def read(office: Office, data: bytes) -> Bundle:
    return read_bundle(data, by_certificates([office.root.certificate]), office.clock)


def unpacked(data: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def repacked(files: dict[str, bytes]) -> bytes:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return target.getvalue()


def test_a_document_is_judged_by_what_the_bundle_brings(sm2_office: Office, packed: bytes, sealed_sm2: bytes) -> None:
    found = read(sm2_office, packed)
    assert found.proven_at == sm2_office.clock.now()
    assert verify_pdf(sealed_sm2, found.trust, sm2_office.clock).verdict is Verdict.VALID
    assert found.files["register/00001.json"] == b"{}"
    years_later = FixedClock(sm2_office.clock.now().replace(year=2031))
    assert read_bundle(packed, by_certificates([sm2_office.root.certificate]), years_later).files == found.files


def test_a_fingerprint_is_enough(sm2_office: Office, rsa_office: Office, packed: bytes) -> None:
    digest = sha256(sm2_office.root.certificate).hexdigest()
    with_colons = ":".join(digest[at : at + 2] for at in range(0, 64, 2)).upper()
    for fingerprint in (digest, with_colons):
        found = read_bundle(packed, by_fingerprints([fingerprint]), sm2_office.clock)
        assert found.trust.anchors == (sm2_office.root.certificate,)
    # Of an intermediate, of somebody else, and of nothing.
    for other in (sm2_office.issuing.certificate, rsa_office.root.certificate):
        with pytest.raises(YinxinError, match="fingerprint"):
            read_bundle(packed, by_fingerprints([sha256(other).hexdigest()]), sm2_office.clock)
        with pytest.raises(YinxinError, match="fingerprint"):
            read_bundle(packed, by_fingerprints([digest, sha256(other).hexdigest()]), sm2_office.clock)
    for wrong in ("", "12", "g" * 64):
        with pytest.raises(YinxinError, match="not a SHA-256"):
            by_fingerprints([wrong])


def test_another_authoritys_bundle_is_refused(sm2_office: Office, rsa_office: Office) -> None:
    foreign = made(rsa_office)
    assert read(rsa_office, foreign)
    with pytest.raises(YinxinError, match=r"trusted"):
        read(sm2_office, foreign)
    with pytest.raises(YinxinError):
        # Their signature, our anchors inside.
        read(sm2_office, made(rsa_office, **{"anchors/0002.cer": sm2_office.root.certificate}))


def test_no_anchor_is_trusted_for_being_in_a_bundle(sm2_office: Office, rsa_office: Office) -> None:
    # Whoever has a certificate for signing can sign a bundle, and put a root of their own into it.
    wider = made(sm2_office, **{"anchors/0002.cer": rsa_office.root.certificate})
    own = sha256(sm2_office.root.certificate).hexdigest()
    for anchored in (by_certificates([sm2_office.root.certificate]), by_fingerprints([own])):
        assert read_bundle(wider, anchored, sm2_office.clock).trust.anchors == (sm2_office.root.certificate,)


def test_openssl_reads_the_manifest(rsa_office: Office, tmp_path: Path) -> None:
    files = unpacked(made(rsa_office))
    (tmp_path / "m.p7s").write_bytes(files[SIGNATURE])
    (tmp_path / "root.pem").write_bytes(armour([rsa_office.root.certificate]))
    command = ["openssl", "cms", "-verify", "-inform", "DER", "-in", "m.p7s", "-CAfile", "root.pem", "-purpose", "any"]
    at = str(int(rsa_office.clock.now().timestamp()))
    done = subprocess.run([*command, "-attime", at], cwd=tmp_path, capture_output=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert done.stdout == files[MANIFEST]


def _changed(path: str) -> Change:
    def change(files: dict[str, bytes]) -> None:
        files[path] = files[path][:-1] + bytes([files[path][-1] ^ 1])

    return change


def _without(path: str) -> Change:
    return lambda files: files.__delitem__(path)


def _named(path: str) -> Change:
    return lambda files: files.update({path: b"x"})


def _listed(path: str) -> Change:
    """As if the manifest could be rewritten."""

    def change(files: dict[str, bytes]) -> None:
        manifest = json.loads(files[MANIFEST])
        manifest["files"].append({"path": path, "size": 1, "sha256": sha256(b"x").hexdigest()})
        files |= {MANIFEST: json.dumps(manifest).encode(), path: b"x"}

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_changed("crls/0.crl"), "changed: crls/0.crl"),
        (_changed("register/00001.json"), "changed"),
        (_changed("anchors/0001.cer"), "changed"),
        (_changed(MANIFEST), "not over this manifest"),
        (_changed(SIGNATURE), "."),
        (_without("crls/0.crl"), "not those of the manifest"),
        (_without(MANIFEST), "no signed manifest"),
        (_without(SIGNATURE), "no signed manifest"),
        (_named("crls/9.crl"), "not those of the manifest"),
        (_named("../../etc/passwd"), "not those of the manifest"),
        (_named("/etc/passwd"), "not those of the manifest"),
        (_listed("../up"), "not over this manifest"),
    ],
)
def test_whatever_was_changed_is_refused(sm2_office: Office, packed: bytes, change: Change, words: str) -> None:
    files = unpacked(packed)
    change(files)
    with pytest.raises(YinxinError, match=words):
        read(sm2_office, repacked(files))


@pytest.mark.parametrize("path", ["../x", "/x", "a/../x", "a/b/c", "A/x", "a\\x", "crls/..", "crls/.x", "crls/\n", ""])
def test_no_manifest_names_a_path_that_leads_elsewhere(sm2_office: Office, path: str) -> None:
    with pytest.raises(ValueError, match="path"):
        made(sm2_office, **{path: b"x"})


def test_a_file_twice_is_refused(sm2_office: Office, packed: bytes) -> None:
    target = io.BytesIO(packed)
    with warnings.catch_warnings(), zipfile.ZipFile(target, "a") as archive:
        warnings.simplefilter("ignore")
        archive.writestr("crls/0.crl", b"another")
    with pytest.raises(YinxinError, match="twice"):
        read(sm2_office, target.getvalue())


def test_a_bomb_is_not_unpacked(sm2_office: Office, packed: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    files = unpacked(packed)
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, bytes(50_000_000) if name == "crls/0.crl" else content)
    bomb = target.getvalue()
    read_octets = []
    whole = zipfile.ZipExtFile.read

    def counted(self: zipfile.ZipExtFile, n: int | None = -1) -> bytes:
        content = whole(self, n)
        read_octets.append(len(content))
        return content

    monkeypatch.setattr(zipfile.ZipExtFile, "read", counted)
    with pytest.raises(YinxinError, match="changed"):
        read(sm2_office, bomb)
    assert max(read_octets) < 1_000_000
    monkeypatch.setattr(bundles, "MOST_OCTETS", 1000)
    with pytest.raises(YinxinError, match="larger"):
        read(sm2_office, packed)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"not a zip", bytes(100_000)])
def test_other_files_are_no_bundles(sm2_office: Office, data: bytes) -> None:
    with pytest.raises(YinxinError, match="ZIP"):
        read(sm2_office, data)


def test_a_cut_bundle_is_refused_wherever_it_is_cut(sm2_office: Office, packed: bytes) -> None:
    for end in range(0, len(packed), len(packed) // 40):
        with pytest.raises(YinxinError):
            read(sm2_office, packed[:end])


def test_a_bundle_whose_compressed_octets_are_damaged_is_refused(sm2_office: Office, packed: bytes) -> None:
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in unpacked(packed).items():
            archive.writestr(name, content)
    begin = target.getvalue().index(bundles.MANIFEST.encode()) + len(bundles.MANIFEST)
    damaged = bytearray(target.getvalue())
    damaged[begin] = 0xFF  # a kind of block that there is not (RFC 1951 3.2.3)
    with pytest.raises(YinxinError, match="ZIP"):
        read(sm2_office, bytes(damaged))


def test_a_revoked_maker_signs_no_bundle(sm2_office: Office) -> None:
    from asn1crypto import x509

    office = Office(sm2_office.kind, FixedClock(sm2_office.clock.now()))
    serial = x509.Certificate.load(office.maker.certificate).serial_number
    office.revoked[serial] = office.start
    with pytest.raises(YinxinError, match="revoked"):
        read(office, made(office))


def test_without_a_time_stamp_there_is_no_bundle(sm2_office: Office) -> None:
    office = replace(sm2_office)
    office.timestamper.nonce = 1
    with pytest.raises(YinxinError, match="time-stamping"):
        made(office)


def test_an_installation_writes_what_its_auditor_reads(home_copy: Path, tmp_path: Path, sealed_sm2: bytes) -> None:
    file = tmp_path / "evidence.zip"
    processes.succeed("--home", home_copy, "seals", "bundle", "--key", "sm2-seal-maker", "--out", file)
    names = set(unpacked(file.read_bytes()))
    assert {"anchors/0001.cer", "crls/0001.crl", "register/00001-s001.p7s", "audit/digest.json"} <= names
    checkpoint = json.loads(unpacked(file.read_bytes())["audit/digest.json"])
    assert checkpoint["entries"] > 10
    (tmp_path / "other.pdf").write_bytes(sealed_sm2)
    document, trust = tmp_path / "other.pdf", home_copy / "trust"
    done = processes.run("--home", tmp_path, "seals", "verify", document, "--bundle", file, "--trust", trust)
    # Somebody else's document: the bundle is trusted, the document's authority is not in it.
    assert done.returncode == 2, done
    assert "signed by" in done.stderr
