"""The demonstration: the main job from nothing, by the verbs that the command and the services use."""

import json
import secrets
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from asn1crypto import pem, x509

from ca import crl
from ca.encryption_keys import tell_centre
from ca.hierarchy import certificate_of
from ca.state import Reason
from core import files
from core.algorithms import DIGESTS, SHA1, Digest
from core.certificates import armour, read_certificates
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.keys import passphrase
from ocsp.certificate import Certificate
from ocsp.judgement import Standing, judge
from ocsp.request import build_request, cert_id
from ocsp.service import responder_of
from ra import revocation
from ra.delivery import Form, files_of, keep_encryption_key, make_pkcs12
from ra.register import StoredCertificate
from tsa.installation import open_authority
from tsa.request import MessageImprint, TimeStampRequest
from yinxin import installation, sample
from yinxin.demo import cast, sealing
from yinxin.demo.seeding import Seeding
from yinxin.demo.steps import Step, Steps

SUMMARY = "summary.json"


def run(out: Path, tell: Callable[[Step], None]) -> list[Step]:
    """Do the main job in a throw-away home, leave the results in `out`, and tell each step.

    An earlier demonstration in `out` is replaced; `YinxinError` (conflict) if there is anything else.
    """
    if out.exists() and any(out.iterdir()) and not (out / SUMMARY).exists():
        raise YinxinError(
            Kind.CONFLICT,
            _("the folder holds something other than an earlier demonstration"),
            subject=str(out),
            remedy=_("choose another folder; nothing was changed"),
        )
    out.parent.mkdir(parents=True, exist_ok=True)
    staging = out.with_name(f".{out.name}.{secrets.token_hex(4)}")
    staging.mkdir()
    try:
        with tempfile.TemporaryDirectory(prefix="yinxin-demo-") as folder:
            demonstration = _Demonstration(Path(folder), staging, Steps(tell))
            demonstration.play()
        if out.exists():
            shutil.rmtree(out)
        staging.rename(out)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise
    return demonstration.steps.done


@dataclass
class _Demonstration:
    folder: Path
    out: Path
    steps: Steps
    home: Home = field(init=False)
    seeding: Seeding = field(init=False)

    def play(self) -> None:
        """Every act, in order."""
        step = self.steps.step
        with step(_("Found the centre: roots, issuing CAs, service certificates")) as came_out:
            self.home = installation.create(self.folder / "home")
            self.seeding = Seeding(self.home, self.folder / "people")
            came_out(_("hierarchies: {names}").format(names=", ".join(self.labels)))
        with step(_("Appoint an administrator, and by the administrator three operators")) as came_out:
            self.seeding.appoint_operators()
            came_out(f"{cast.ENTERER}, {cast.REVIEWER}, {cast.SECOND_REVIEWER}")
        with step(_("Appoint people with seals: three who manage them, one who keeps them")) as came_out:
            self.seeding.appoint_people_with_seals()
            came_out(", ".join((*cast.SEAL_ADMINISTRATORS, cast.SEAL_CUSTODIAN)))
        with step(_("Enter the requests of the unit and its staff")) as came_out:
            self.seeding.apply()
            came_out(_("{count} requests").format(count=len(self.seeding.numbers)))
        with step(_("Approve them, by the other operators: staff by one, a unit by two")):
            self.seeding.approve()
        with step(_("Issue the certificates, for signing and for encryption")) as came_out:
            self.seeding.issue()
            made = len(self.seeding.certificates) + len(self.seeding.encryption)
            came_out(_("{count} certificates").format(count=made))
            self._write_certificates()
        with step(_("Deliver Zhang San's keys as PKCS#12")):
            self._write_keys()
        with step(_("Draw the seal of the unit; have it approved by two, made and taken into custody")) as came_out:
            came_out(", ".join(self.seeding.make_seals()))
        with step(_("Typeset a notice")) as came_out:
            notice = sample.typeset_notice()
            files.write(self.out / "documents" / "notice.pdf", notice)
            came_out(_("{size} KB").format(size=len(notice) // 1024))
        with step(_("Time-stamp the notice")):
            self._write_time_stamps(notice)
        sealed = {}
        for label in self.labels:
            with step(_("Seal the notice with {name}, PAdES B-LTA").format(name=label.upper())) as came_out:
                sealed[label] = sealing.seal_notice(self.home, label, notice)
                files.write(self.out / "sealed" / f"{label}.pdf", sealed[label])
                came_out(_("{size} KB").format(size=len(sealed[label]) // 1024))
        with step(_("Change a copy after sealing")):
            files.write(self.out / "sealed" / "tampered.pdf", sealing.tamper(sealed[self.labels[0]]))
        self._verify(_("Verify offline"))
        with step(_("Ask OCSP about Li Si")) as came_out:
            came_out(", ".join(self._ask_ocsp("good", "lisi", Standing.GOOD)))
        with step(_("Revoke Li Si's certificates")):
            self._revoke("lisi")
        with step(_("Publish the CRLs")):
            self._publish_crls()
        with step(_("Ask OCSP again, and about a number that was never issued")) as came_out:
            answers = self._ask_ocsp("revoked", "lisi", Standing.REVOKED)
            answers += self._ask_ocsp("unknown", None, Standing.UNKNOWN)
            came_out(", ".join(answers))
        self._verify(_("Verify again: the seals carry their proof of time"))
        summary = {"made_at": datetime.now(UTC).isoformat(timespec="seconds"), "steps": self.steps.summary()}
        files.write(self.out / SUMMARY, json.dumps(summary, ensure_ascii=False, indent=2).encode() + b"\n")

    @property
    def labels(self) -> list[str]:
        """The hierarchies."""
        return list(self.seeding.kinds)

    def _write_certificates(self) -> None:
        def write(path: Path, certificate: bytes) -> None:
            files.write(path, armour([certificate]))

        for label in self.labels:
            write(self.out / "trust" / f"{label}-root.pem", certificate_of(self.home.storage, f"{label}-root"))
            write(self.out / "ca" / f"{label}-issuing.pem", certificate_of(self.home.storage, f"{label}-issuing"))
            for service in ("ocsp", "tsa"):
                certificate, *_chain = read_certificates(self.home.certificates(service) / f"{label}.pem")
                write(self.out / "certs" / f"{label}-{service}.pem", certificate)
        for (label, holder), certificate in self.seeding.certificates.items():
            write(self.out / "certs" / f"{label}-{holder}.pem", certificate)
        for label in self.labels:
            csr = pem.armor("CERTIFICATE REQUEST", self.seeding.csrs[label, "zhangsan"])
            files.write(self.out / "requests" / f"{label}-zhangsan.csr", csr)
        for (label, holder), one in self.seeding.encryption.items():
            write(self.out / "certs" / f"{label}-{holder}-encryption.pem", one.certificate)

    def _write_keys(self) -> None:
        password = passphrase.create_file(self.out / "keys" / "password.txt")
        for label in self.labels:
            chain = [certificate_of(self.home.storage, f"{label}-{rank}") for rank in ("issuing", "root")]
            signing, second = self.seeding.certificates[label, "zhangsan"], self.seeding.encryption[label, "zhangsan"]
            signing_key = self.seeding.key_file(label, "zhangsan")
            pair = [
                StoredCertificate(second.authority, 0, signing),
                StoredCertificate(second.authority, second.serial, second.certificate, second.envelope),
            ]
            delivered = files_of(self.out / "delivered" / f"{label}-zhangsan.pem", pair, chain, Form.PEM)
            for path, content in delivered.items():
                files.write(path, content)
            (envelope,) = (path for path in delivered if path.suffix in (".env", ".p7m"))
            encryption_key = signing_key.with_name(f"{label}-zhangsan-encryption.pem")
            keep_encryption_key(envelope, signing_key, self.seeding.pin, encryption_key, certificate=signing)
            for name, key_file, certificate in (
                ("zhangsan", signing_key, signing),
                ("zhangsan-encryption", encryption_key, second.certificate),
            ):
                store = make_pkcs12(
                    key_file, self.seeding.pin, [certificate, *chain], name="张三", new_passphrase=password
                )
                files.write(self.out / "keys" / f"{label}-{name}.p12", store, mode=0o600)

    def _write_time_stamps(self, document: bytes) -> None:
        authority = open_authority(self.home)
        for label in self.labels:
            digest = _digest_of(label)
            imprint = MessageImprint.of(digest, digest.of(document))
            query = TimeStampRequest(imprint, None, secrets.randbits(63), True).encode()
            reply = authority.respond(query, unit=label)
            files.write(self.out / "tsa" / f"{label}.tsq", query)
            files.write(self.out / "tsa" / f"{label}.tsr", reply)

    def _verify(self, name: str) -> None:
        for document, verdict in (*((label, "valid") for label in self.labels), ("tampered", "invalid")):
            with self.steps.step(f"{name}: {document}.pdf") as came_out:
                report = sealing.verify(self.out / "sealed" / f"{document}.pdf", self.out / "trust", self.home.clock)
                content = json.dumps(report.as_json(), ensure_ascii=False, indent=2)
                files.write(self.out / "reports" / f"{document}.json", content.encode() + b"\n")
                if report.verdict.value != verdict:
                    raise YinxinError(
                        Kind.INVALID,
                        _("the verdict is {verdict}").format(verdict=report.verdict.words),
                        subject=document,
                    )
                came_out(report.verdict.words)

    def _ask_ocsp(self, name: str, holder: str | None, expected: Standing) -> list[str]:
        """Ask with both kinds of CertID in one request: clients that compute either find it in the answer."""
        responder = responder_of(self.home)
        words = []
        for label in self.labels:
            issuer = Certificate.load(certificate_of(self.home.storage, f"{label}-issuing"))
            serial = self._serial(label, holder) if holder else secrets.randbits(140) | 1
            questions = [cert_id(issuer, serial, digest) for digest in (SHA1, _digest_of(label))]
            answer = responder.respond(build_request(questions))
            verdict = judge(answer, serial, issuer, self.home.clock.now(), None)
            if verdict.standing is not expected:
                raise YinxinError(Kind.INVALID, _("OCSP answers {word}").format(word=verdict.standing), subject=label)
            files.write(self.out / "ocsp" / f"{label}-{name}.der", answer)
            words.append(f"{label} {verdict.standing}")
        return words

    def _revoke(self, holder: str) -> None:
        session = self.seeding.sessions[cast.REVIEWER]
        for label in self.labels:
            revocation.revoke(
                self.home.context,
                session,
                f"{label}-issuing",
                self._serial(label, holder),
                Reason.CESSATION_OF_OPERATION,
            )
        tell_centre(self.home)

    def _publish_crls(self) -> None:
        hours = self.home.configuration.ca.crl_hours
        for label in self.labels:
            crl.publish(self.home.context, self.home.key_store("ca"), f"{label}-issuing", hours)
            files.write(self.out / "crl" / f"{label}.crl", crl.latest(self.home.context, f"{label}-issuing"))

    def _serial(self, label: str, holder: str) -> int:
        serial: int = x509.Certificate.load(self.seeding.certificates[label, holder]).serial_number
        return serial


def _digest_of(label: str) -> Digest:
    """SM3 goes with SM2, SHA-256 with the others."""
    return DIGESTS["sm3" if label == "sm2" else "sha256"]
