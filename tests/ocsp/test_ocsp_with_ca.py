"""The responder on the CA's own books: what was committed is what is answered, whoever asks, in whichever process."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from ca import revocation
from ca.issuance import IssuedCertificate
from ca.reconciliation import reconcile
from ca.service import issue_service_certificate
from ca.status import Reason, StatusReader
from core.algorithms import DIGESTS, SM3, KeyKind
from core.clock import FixedClock
from core.context import Context
from core.keys.private_key import generate
from core.keys.signer import Signer
from core.storage import Storage
from core.subject import Subject
from ocsp.certificate import Certificate
from ocsp.client import ask
from ocsp.delegation import Delegation
from ocsp.judgement import Verdict
from ocsp.request import CertId, build_request, cert_id
from ocsp.responder import Responder
from tests.support import ocsp_judges as judges
from tests.support.ca import TestCentre, pooled_key
from tests.support.ocsp_world import NOW, VALIDITY, new_storage

KINDS = (KeyKind.SM2, KeyKind.RSA_3072)
RESPONDER_KEYS = {
    "sm2-root": KeyKind.SM2,
    "sm2-issuing": KeyKind.SM2,
    "rsa-root": KeyKind.P256,
    "rsa-issuing": KeyKind.RSA_3072,
}


class Centre:
    """Two hierarchies and a responder for each of the four authorities."""

    def __init__(self, storage: Storage, clock: FixedClock) -> None:
        self.test_centre = TestCentre(Context(storage, clock)).activate().build(*KINDS)
        self.reader = StatusReader(storage)
        self.issuers = {issuer.name: issuer for issuer in self.reader.issuers()}
        self.responder = Responder(self.reader, [self.delegation(name) for name in self.issuers], clock, VALIDITY)

    def delegation(self, authority: str) -> Delegation:
        key: Signer = pooled_key(f"ocsp {authority}", RESPONDER_KEYS[authority])
        issued = issue_service_certificate(
            self.test_centre.ca,
            authority=authority,
            profile="ocsp",
            subject=Subject.of_service("测试中心", f"{authority} OCSP"),
            signer=key,
            actor="keeper",
            reference=f"ceremony ocsp {authority}",
        )
        return Delegation(key, Certificate.load(issued.certificate))

    def issue(self, family: str) -> IssuedCertificate:
        kind = {"sm2": KeyKind.SM2, "rsa": KeyKind.P256}[family]  # RSA keys take long to make
        return self.test_centre.issue(authority=f"{family}-issuing", key=generate(kind))

    def ask(self, issued: IssuedCertificate, responder: Responder | None = None) -> Verdict:
        return ask(
            Certificate.load(issued.certificate),
            Certificate.load(self.issuers[issued.authority].certificate),
            (responder or self.responder).respond,
            self.test_centre.context.clock,
            SM3,
            b"0123456789abcdef",
        )

    def answers(self, *questions: CertId) -> list[str]:
        return judges.statuses(self.responder.respond(build_request(questions)))


@pytest.fixture(scope="module")
def centre(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Centre]:
    """Made once: each test issues a certificate of its own."""
    storage = new_storage(f"sqlite:///{tmp_path_factory.mktemp('centre') / 'yinxin.db'}")
    yield Centre(storage, FixedClock(NOW))
    storage.close()


@pytest.fixture(params=["sm2", "rsa"])
def family(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


def said(verdict: Verdict) -> tuple[str, int | None]:
    return verdict.standing.value, verdict.reason


def test_a_certificates_life(centre: Centre, family: str) -> None:
    """Each move is answered at once: nothing is remembered between two requests."""
    issued = centre.issue(family)
    context, arguments = centre.test_centre.context, (issued.authority, issued.serial)
    assert said(centre.ask(issued)) == ("good", None)
    revocation.hold(context, *arguments, actor="operator")
    assert said(centre.ask(issued)) == ("revoked", Reason.CERTIFICATE_HOLD.code)
    revocation.resume(context, *arguments, actor="operator")
    assert said(centre.ask(issued)) == ("good", None)
    revocation.revoke(context, *arguments, Reason.KEY_COMPROMISE, actor="operator")
    verdict = centre.ask(issued)
    assert said(verdict) == ("revoked", Reason.KEY_COMPROMISE.code)
    assert verdict.revoked_at == context.clock.now()


def test_each_storage(each_storage: Storage, clock: FixedClock) -> None:
    centre = Centre(each_storage, clock)
    issued = centre.issue("sm2")
    assert said(centre.ask(issued)) == ("good", None)
    revocation.revoke(centre.test_centre.context, issued.authority, issued.serial, Reason.SUPERSEDED, actor="operator")
    assert said(centre.ask(issued)) == ("revoked", Reason.SUPERSEDED.code)


def test_another_process_revokes(centre: Centre) -> None:
    """The responder holds a connection; it must still see what others commit."""
    issued = centre.issue("sm2")
    assert said(centre.ask(issued)) == ("good", None)
    program = (
        "from ca import revocation; from core.context import Context; from core.storage import Storage\n"
        f"context = Context(Storage({centre.test_centre.context.storage.url!r}))\n"
        f"certificate = {issued.authority!r}, {issued.serial}\n"
        "revocation.revoke(context, *certificate, revocation.Reason.SUPERSEDED, actor='other')"
    )
    subprocess.run([sys.executable, "-c", program], check=True, cwd=Path(__file__).parents[2])
    assert centre.answers(cert_id(centre.issuers[issued.authority], issued.serial, SM3)) == ["revoked superseded"]


def test_signed_but_lost_is_good_and_can_be_revoked(centre: Centre) -> None:
    """The process died after the signature: the certificate may be out there, so it counts as issued."""
    test_centre = centre.test_centre

    def die(*_arguments: object) -> None:
        raise RuntimeError("power cut")

    with pytest.raises(RuntimeError):
        test_centre.ca.issue([test_centre.request()], actor="operator", recording=die)
    (presumed,) = reconcile(test_centre.context)
    serial = presumed.serial
    question = cert_id(centre.issuers["sm2-issuing"], serial, SM3)
    assert centre.answers(question) == ["good"]
    revocation.revoke(test_centre.context, "sm2-issuing", serial, Reason.SUPERSEDED, actor="operator")
    assert centre.answers(question) == ["revoked superseded"]


def test_serial_numbers_belong_to_their_issuer(centre: Centre) -> None:
    """A certificate is known under its own issuer only, by whichever digest."""
    issued = centre.issue("rsa")
    expected = ["good" if name == "rsa-issuing" else "unknown" for name in centre.issuers]
    for digest in DIGESTS.values():
        questions = [cert_id(issuer, issued.serial, digest) for issuer in centre.issuers.values()]
        assert centre.answers(*questions) == expected


def test_authorities_have_a_status(centre: Centre, family: str) -> None:
    """The root answers for the issuing authority, with a responder of its own."""
    issuing = Certificate.load(centre.issuers[f"{family}-issuing"].certificate)
    root = Certificate.load(centre.issuers[f"{family}-root"].certificate)
    clock = centre.test_centre.context.clock
    verdict = ask(issuing, root, centre.responder.respond, clock, SM3, None)
    assert said(verdict) == ("good", None)
    assert verdict.responder.endswith(f"{family}-root OCSP")
