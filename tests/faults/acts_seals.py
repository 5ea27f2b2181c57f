"""What is done with seals and time stamps."""

import hashlib
import random
import threading
from hashlib import sha256

from ca.hierarchy import chain_of
from core.algorithms import SM3
from core.certificates import read_certificates
from seals.api import api_keys
from seals.batches import batches
from seals.batches.webhooks import Webhooks
from seals.batches.work import Worker
from seals.electronic.making import Maker
from seals.levels import Level
from seals.pictures.designs import Inscription, design_of
from seals.placement.placement import Placement
from seals.register import register
from seals.register.kinds import SealKind
from seals.register.orders import SealOrder
from seals.register.statements import Act
from seals.terms import SealingTerms
from seals.use import UseOrder, stamp
from tests.faults.kills import Tell
from tests.faults.world import CALLER, ISSUING, LABEL, SEAL, World
from yinxin.demo import cast

PLACE = Placement(1, 100, 100)
THREADS = 4


def give_time_stamps(world: World, tell: Tell) -> None:
    """Several ask at once, so that tokens are recorded in groups."""

    def ask() -> None:
        for _turn in range(3):
            value = hashlib.sha256(random.randbytes(16)).digest()
            token = world.timestamps.stamp(SM3, value, unit=LABEL)
            tell(token=sha256(token).hexdigest())

    threads = [threading.Thread(target=ask) for _number in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def make_seal(world: World, tell: Tell) -> None:
    """Applied for, approved by two, made, taken into custody."""
    context, keys = world.home.context, world.home.key_store("seals")
    drawing = design_of(SealKind.OFFICIAL, Inscription(cast.OFFICE)).drawing()
    name = f"s{random.getrandbits(48):012x}"
    order = SealOrder(
        name=name,
        owner=cast.OFFICE,
        kind=SealKind.OFFICIAL,
        key_name=f"{LABEL}-unit",
        certificate=world.unit_certificate,
        chain=chain_of(world.home.storage, ISSUING),
        picture=drawing.png(),
        width_mm=round(drawing.width_mm),
        custodians=[cast.SEAL_CUSTODIAN],
        drawing=drawing,
    )
    applicant, *approvers = (world.sessions[one] for one in cast.SEAL_ADMINISTRATORS)
    register.apply(context, world.people, applicant, keys, order)
    tell(seal=[name, 1])
    for count, approver in enumerate(approvers, 2):
        register.decide(context, world.people, approver, name, Act.APPROVE)
        tell(seal=[name, count])
    maker = f"{LABEL}-seal-maker"
    certificate, *_issuers = read_certificates(world.home.certificates("seals") / f"{maker}.pem")
    register.make(context, world.people, applicant, Maker(keys.signer(maker), certificate), name)
    tell(seal=[name, 4])
    register.decide(context, world.people, world.sessions[cast.SEAL_CUSTODIAN], name, Act.ACTIVATE)
    tell(seal=[name, 5])


def use_seal(world: World, tell: Tell) -> None:
    """One document, at a level between the lowest and the highest."""
    level = random.choice((Level.B_B, Level.B_T, Level.B_LTA))
    order = UseOrder(world.variant(), PLACE, level=level, purpose="campaign")
    keys = world.home.key_store("seals")
    sealed = stamp(world.home.context, keys, world.support, world.people, SEAL, order, actor=CALLER)
    tell(sealed=sha256(sealed.read()).hexdigest())


def worker(world: World) -> Worker:
    """Whoever works off batches."""
    keys = world.home.key_store("seals")
    context = world.home.context
    return Worker(context, keys, world.support, world.people, Webhooks(context, keys))


def seal_batch(world: World, tell: Tell) -> None:
    """A batch of two is opened, filled, started, and worked off."""
    context = world.home.context
    system = api_keys.named(context, CALLER)
    assert system is not None
    terms = SealingTerms(x_mm=100, y_mm=100, page=1, level=Level.B_T, purpose="campaign batch")
    number = batches.open_batch(context, system, SEAL, terms)
    for position in (1, 2):
        batches.add_document(context, system, number, f"{position}.pdf", world.variant())
    batches.start(context, system, number)
    tell(started=number)
    busy = worker(world)
    for _turn in range(2):
        busy.step()
    for one in batches.documents_of(context, system, number):
        if one.sha256_after:
            tell(in_batch=[number, one.position, one.sha256_after])
