"""A cross certificate is applied for, approved by two others, issued and revoked like any holder's."""

import pytest

from ca.profiles import load_profile
from ca.register import find
from ca.revocation import revoke_own
from ca.state import Reason, State
from core.algorithms import KeyKind
from core.certificates import serial_text
from core.csr import build_csr
from core.errors import YinxinError
from core.keys.private_key import generate
from core.subject import Subject
from ra import requests
from ra.issuance import issue
from ra.revocation import revoke
from tests.support.ca import PROFILES, activate_untried
from tests.support.office import Office

PARTNER = Subject(province="示例省", organization="伙伴局", common_name="伙伴根")


def test_two_others_approve_and_an_operator_revokes(office: Office) -> None:
    activate_untried(office.context, [load_profile(PROFILES.parent / "cross.toml")], actor="keeper")
    csr = build_csr(generate(KeyKind.SM2), PARTNER.name())
    number = office.enter(profile="cross", subject=PARTNER, csr=csr, authority="sm2-root")
    maker = office.sessions["zhi.make"]
    requests.approve(office.context, office.sessions["shen.review"], number)
    with pytest.raises(YinxinError):
        issue(office.context, office.authority, maker, [number])  # one approval is not enough
    requests.approve(office.context, office.sessions["he.review"], number)
    (issued,) = issue(office.context, office.authority, maker, [number])
    assert issued.authority == "sm2-root"
    record = find(office.storage, serial_text(issued.serial), "sm2-root")
    with pytest.raises(YinxinError, match="an operator revokes it"):
        revoke_own(office.context, record, Reason.SUPERSEDED, actor="keeper")
    revoke(office.context, office.sessions["shen.review"], "sm2-root", issued.serial, Reason.SUPERSEDED)
    assert find(office.storage, serial_text(issued.serial), "sm2-root").state is State.REVOKED


def test_whoever_entered_it_does_not_approve_it(office: Office) -> None:
    activate_untried(office.context, [load_profile(PROFILES.parent / "cross.toml")], actor="keeper")
    csr = build_csr(generate(KeyKind.SM2), PARTNER.name())
    number = office.enter("quan.all", profile="cross", subject=PARTNER, csr=csr, authority="sm2-root")
    with pytest.raises(YinxinError):
        requests.approve(office.context, office.sessions["quan.all"], number)
