"""What operators and officers do: requests, certificates, revocations, lists, roles, recoveries; each act tells it."""

import random
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256

from ca import crl, reconciliation
from ca.attributes.issuance import AttributeAuthority
from ca.attributes.terms import Terms
from ca.encryption_keys import encryption_keys_of
from ca.escrow import KeyRequest
from ca.issuance import CertificateAuthority, IssuedCertificate
from ca.kmc import pools
from ca.kmc.allotment import allot
from ca.kmc.custody import Custodian
from ca.kmc.recovery import RecoveryDesk
from ca.kmc.recovery_rules import Path as RecoveryPath
from ca.kmc.statements import Officers, OfficerSession
from ca.register import find
from ca.service import open_authority
from ca.state import Reason, State
from core.algorithms import KeyKind
from core.certificates import serial_text
from core.home import Home
from ra import attribute_requests, issuance, personnel, requests, revocation
from ra.roles import Role
from ra.statements import Act as RequestAct
from tests.faults.kills import Tell
from tests.faults.world import ISSUING, LABEL, World
from tests.support.kmc import OFFICERS, hierarchy, party
from yinxin.demo import cast

Act = Callable[[World, Tell], None]


def _approved(world: World, tell: Tell) -> str:
    """A request that was entered and approved."""
    context, subject = world.home.context, world.subject()
    enterer, reviewer = world.sessions[cast.ENTERER], world.sessions[cast.REVIEWER]
    number = requests.enter(
        context, enterer, authority=ISSUING, profile="staff", subject=subject, csr=world.csr(subject)
    )
    tell(entered=number)
    requests.approve(context, reviewer, number)
    tell(approved=number)
    return number


def _told(tell: Tell, number: str, issued: IssuedCertificate) -> None:
    both = [issued, *([issued.encryption] if issued.encryption else [])]
    tell(issued=[number, [[serial_text(one.serial), sha256(one.certificate).hexdigest()] for one in both]])


def issue_pair(world: World, tell: Tell) -> None:
    """One request, from its entry to both certificates."""
    number = _approved(world, tell)
    (issued,) = issuance.issue(world.home.context, world.ca, world.sessions[cast.REVIEWER], [number])
    _told(tell, number, issued)


def issue_batch(world: World, tell: Tell) -> None:
    """Four requests in one batch."""
    numbers = [_approved(world, tell) for _number in range(4)]
    issued = issuance.issue(world.home.context, world.ca, world.sessions[cast.REVIEWER], numbers)
    for number, one in zip(numbers, issued, strict=True):
        _told(tell, number, one)


def issue_single(world: World, tell: Tell) -> None:
    """An operator is appointed: one certificate without another beside it."""
    subject = world.subject()
    name = f"op{random.getrandbits(48):012x}"
    personnel.appoint(
        world.home.context,
        world.ca,
        world.sessions[cast.ADMINISTRATOR],
        name,
        {Role.ENTER},
        world.csr(subject),
        authority=ISSUING,
        organization=cast.OFFICE,
    )
    tell(appointed=name)


def revoke(world: World, tell: Tell) -> None:
    """A certificate is held, released, and at last revoked."""
    context, reviewer = world.home.context, world.sessions[cast.REVIEWER]
    for serial in random.sample(world.valid, len(world.valid)):
        state = find(world.home.storage, serial_text(serial), ISSUING).state
        if state is State.REVOKED:
            continue  # somebody died before they could tell
        if state is State.VALID:
            revocation.hold(context, reviewer, ISSUING, serial)
            tell(moved=[serial_text(serial), "held"])
            revocation.resume(context, reviewer, ISSUING, serial)
            tell(moved=[serial_text(serial), "valid"])
        revocation.revoke(context, reviewer, ISSUING, serial, Reason.CESSATION_OF_OPERATION)
        tell(moved=[serial_text(serial), "revoked"])
        return
    issue_pair(world, tell)


def publish_list(world: World, tell: Tell) -> None:
    """A full list of the issuing authority."""
    for published in crl.publish(world.home.context, world.ca.keys, ISSUING, 24):
        octets = crl.latest(world.home.context, ISSUING, shard=published.shard)
        tell(listed=[ISSUING, published.number, sha256(octets).hexdigest()])


def certify_role(world: World, tell: Tell) -> None:
    """An attribute certificate, from application to issuance."""
    context, name = world.home.context, f"{LABEL}-attributes"
    enterer, reviewer = world.sessions[cast.ENTERER], world.sessions[cast.REVIEWER]
    number = attribute_requests.enter_attributes(
        context,
        enterer,
        authority=name,
        holder_authority=ISSUING,
        holder_serial=world.role_holder,
        attributes=cast.ATTRIBUTES,
        terms=Terms.REVOCABLE,
        hours=24,
    )
    tell(attributes_entered=number)
    attribute_requests.decide_attributes(context, reviewer, number, RequestAct.APPROVE)
    authority = AttributeAuthority(context, world.ca.keys, world.ca.urls)
    (issued,) = attribute_requests.issue_attributes(context, authority, reviewer, [number])
    tell(role=[number, sha256(issued.certificate).hexdigest()])


def recover(world: World, tell: Tell) -> None:
    """An escrowed key is asked for by one officer, approved by two others, delivered."""
    context = world.home.context
    custodian = Custodian(world.home.key_store("kmc"))
    officers = Officers({name: party(name).certificate for name in OFFICERS})
    desk = RecoveryDesk(context, custodian, officers, (hierarchy().certificate,))
    person, now = party("张三"), context.clock.now()
    tuple(pools.generate(context, custodian, KeyKind.SM2, 1, actor="keeper"))
    reference = f"R{random.getrandbits(64):x}"
    asked = KeyRequest(reference, person.name, person.key.public_key_info, now + timedelta(days=100))
    allotted = allot(context, custodian, asked, actor="ca")
    tell(allotted=[reference, allotted.number])
    asker, *others = (OfficerSession(name, party(name).certificate, party(name).key) for name in OFFICERS)
    recipient = [person.certificate, hierarchy().certificate]
    number = desk.request(asker, key=allotted.number, path=RecoveryPath.HOLDER, recipient=recipient, reason="卡片遗失")
    tell(recovery=[number, 1])
    for count, officer in enumerate(others, 2):
        desk.approve(officer, number)
        tell(recovery=[number, count])
    envelope = desk.deliver(asker, number)
    tell(recovered=[number, sha256(envelope).hexdigest()])


def open_authority_of(home: Home) -> CertificateAuthority:
    """With double certificates."""
    return open_authority(home, encryption_keys_of(home))


def reconcile(world: World) -> int:
    """What whoever opens the authority next does."""
    return len(reconciliation.reconcile(world.home.context))
