"""Whether somebody has a role now: the check against the responders and the lists of a seeded home."""

from pathlib import Path

import pytest
from cryptography import x509

from ca import crl, revocation
from ca.attributes import register
from ca.attributes.cli import read_file
from ca.attributes.reading import read_attribute_certificate
from ca.attributes.verification import Answer, Judgement, Question, StatusSource, judge_attributes
from ca.state import Reason
from core.certificates import read_certificates
from core.home import Home
from yinxin.attribute_status import Responders, RevocationLists, of_this_installation
from yinxin.cli_attributes import _trust

ROLE = "urn:example:role:document-approver"
AUTHORITY = "sm2-attributes"


@pytest.fixture
def home(home_copy: Path) -> Home:
    return Home(home_copy)


def certificate(home: Home, name: str) -> bytes:
    return read_certificates(home.path / "people" / "staff" / f"{name}.crt")[0]


def judge(
    home: Home, source: StatusSource, *, role: str = ROLE, holder: bytes | None = None, authority: str = ""
) -> Judgement:
    staff = home.path / "people" / "staff"
    read = read_attribute_certificate(read_file(staff / "sm2-zhangsan-role.pem"))
    question = Question(read, holder or certificate(home, "sm2-zhangsan"), role)
    authorities = (home.certificates("ca") / authority,) if authority else ()
    return judge_attributes(question, _trust(home, authorities, None, (), []), source, home.clock.now())


def lists(home: Home, *names: str) -> RevocationLists:
    encoded = [crl.latest(home.context, name) for name in names]
    return RevocationLists(home.clock, [x509.load_der_x509_crl(one) for one in encoded])


def failed(judgement: Judgement) -> list[str]:
    return [step.about for step in judgement.steps if step.holds is not True]


def test_the_role_holds_until_it_is_revoked(home: Home) -> None:
    every = ("sm2-root", "sm2-issuing", AUTHORITY)
    assert judge(home, of_this_installation(home)).answer is Answer.HAS
    assert judge(home, lists(home, *every)).answer is Answer.HAS
    (record,) = register.page(home.storage, register.AttributeFilter())
    revocation.hold(home.context, AUTHORITY, record.serial, actor="test")
    held = judge(home, of_this_installation(home))
    assert (held.answer, failed(held)) == (Answer.HAS_NOT, ["attribute-status"])
    revocation.resume(home.context, AUTHORITY, record.serial, actor="test")
    assert judge(home, of_this_installation(home)).answer is Answer.HAS
    revocation.revoke(home.context, AUTHORITY, record.serial, Reason.PRIVILEGE_WITHDRAWN, actor="test")
    assert judge(home, of_this_installation(home)).answer is Answer.HAS_NOT
    assert judge(home, lists(home, *every)).answer is Answer.HAS, "the list in force does not know it yet"
    crl.publish(home.context, home.key_store("ca"), AUTHORITY, 24)
    told = judge(home, lists(home, *every))
    assert (told.answer, failed(told)) == (Answer.HAS_NOT, ["attribute-status"])


def test_what_is_missing_is_not_taken_for_good(home: Home) -> None:
    for names, missing in (
        (("sm2-root", "sm2-issuing"), ["attribute-status"]),
        (("sm2-root", AUTHORITY), ["holder-status", "authority-status"]),
    ):
        judgement = judge(home, lists(home, *names))
        assert (judgement.answer, failed(judgement)) == (Answer.CANNOT_TELL, missing)


def test_an_unknown_answer_and_one_of_a_stranger_are_not_taken_for_good(home: Home) -> None:
    good = of_this_installation(home)
    assert good.certificates is not None
    # The responder for certificates knows nothing of attribute certificates, and says so.
    judgement = judge(home, Responders(home.clock, good.certificates, good.certificates))
    assert (judgement.answer, failed(judgement)) == (Answer.CANNOT_TELL, ["attribute-status"])
    judgement = judge(home, Responders(home.clock, good.certificates, lambda _request: b"\x30\x03\x0a\x01\x06"))
    assert judgement.answer is Answer.CANNOT_TELL


def test_another_role_another_holder_another_authority(home: Home) -> None:
    source = of_this_installation(home)
    assert failed(judge(home, source, role="urn:example:role:other")) == ["role"]
    another = read_certificates(home.certificates("ocsp") / "sm2.pem")[0]
    assert "holder" in failed(judge(home, source, holder=another))
    # A holder's own certificate has a key that can sign, too: it is trusted as an authority by nobody.
    assert "signature" in failed(judge(home, source, authority="sm2-issuing.pem"))


def test_the_holders_certificate_must_hold_too(home: Home) -> None:
    serial = x509.load_der_x509_certificate(certificate(home, "sm2-zhangsan")).serial_number
    revocation.hold(home.context, "sm2-issuing", serial, actor="test")
    judgement = judge(home, of_this_installation(home))
    assert (judgement.answer, failed(judgement)) == (Answer.HAS_NOT, ["holder-status"])
