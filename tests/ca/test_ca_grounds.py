"""What issuance keeps of profiles and authorities is confirmed each time: nothing is issued by what was true once."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from ca import activation, revocation
from ca.authorities import Authority, authority_of
from ca.history import advance, steps_of
from ca.issuance import CertificateAuthority
from ca.profiles import Profile, load_profile
from ca.records import certificates, keys
from ca.register import find
from ca.state import Move, Reason, State
from core.context import Context
from core.errors import YinxinError
from core.keys.signer import Signer
from core.prepared import insert_absent
from core.storage import Storage
from tests.support.ca import PROFILES, URLS, MemoryKeyStore, TestCentre


def staff(**changes: object) -> Profile:
    return load_profile(PROFILES / "staff.toml").model_copy(update={"encryption": "", **changes})


def activate(context: Context, profile: Profile) -> None:
    """As somebody else does it, in another process; the specimens have tests of their own."""
    with Storage(context.storage.url).transaction() as connection:
        activation._activate(connection, context, profile, "elsewhere")


def of_issuing(connection: sa.Connection) -> Authority:
    return authority_of(connection, "sm2-issuing")


def rows(context: Context) -> int:
    with context.storage.reading() as connection:
        return connection.scalar(sa.select(sa.func.count()).select_from(certificates)) or 0


def when_the_key_is_opened(centre: TestCentre, act: Callable[[], None]) -> CertificateAuthority:
    """An authority to which this happens once its requests are ready, before their intents are committed."""
    acts = [act]

    def wrap(signer: Signer) -> Signer:
        if acts:
            acts.pop()()
        return signer

    store = MemoryKeyStore(wrap)
    store.made = centre.keys.made
    return CertificateAuthority(centre.context, store, URLS)


def when_it_signs(centre: TestCentre, act: Callable[[int], object]) -> None:
    """This happens at each signature, told how many there were before."""
    signer, count = centre.keys.signer("sm2-issuing"), iter(range(100))

    class Watched:
        algorithm = signer.algorithm
        public_key_info = signer.public_key_info

        def sign(self, data: bytes) -> bytes:
            act(next(count))
            return signer.sign(data)

    centre.keys.wrap = lambda _signer: Watched()


def test_a_profile_activated_elsewhere_is_used_by_the_next_certificate(each_centre: TestCentre) -> None:
    context = each_centre.context
    before = find(context.storage, f"{each_centre.issue().serial:x}")
    activate(context, staff(validity_days=30))
    after = find(context.storage, f"{each_centre.issue().serial:x}")
    assert (before.version, after.version) == (1, 2)
    assert (after.not_after - after.not_before).days == 29
    assert rows(context) == 4  # the two authorities and these two: nothing of what the older version made ready


def test_a_profile_activated_while_the_request_is_made_ready(centre: TestCentre) -> None:
    ca = when_the_key_is_opened(centre, lambda: activate(centre.context, staff(validity_days=30)))
    (issued,) = ca.issue([centre.request()], actor="operator")
    assert find(centre.context.storage, f"{issued.serial:x}").version == 2
    assert rows(centre.context) == 3


def test_what_only_the_older_version_refuses_is_issued(centre: TestCentre) -> None:
    strict = staff(approvals=3)
    activate(centre.context, strict)
    for _twice in range(2):
        with pytest.raises(YinxinError, match="3 approvals"):
            centre.issue()
    activate(centre.context, staff(approvals=2))
    assert centre.issue()


def test_what_only_the_newer_version_refuses_is_not_issued(centre: TestCentre) -> None:
    centre.issue()
    activate(centre.context, staff(approvals=3))
    with pytest.raises(YinxinError, match="3 approvals"):
        centre.issue()
    ca = when_the_key_is_opened(centre, lambda: activate(centre.context, staff(approvals=4)))
    activate(centre.context, staff(approvals=1))
    with pytest.raises(YinxinError, match="4 approvals"):
        ca.issue([centre.request()], actor="operator")
    assert rows(centre.context) == 3


@pytest.mark.parametrize("act", ["revoke", "hold"])
def test_an_authority_revoked_after_it_has_issued(each_centre: TestCentre, act: str) -> None:
    context = each_centre.context
    each_centre.issue()
    with context.storage.reading() as connection:
        serial = of_issuing(connection).serial
    assert serial

    def end() -> None:
        if act == "hold":
            revocation.hold(context, "sm2-root", serial, actor="keeper")
        else:
            revocation.revoke(context, "sm2-root", serial, Reason.CA_COMPROMISE, actor="keeper")

    ca = when_the_key_is_opened(each_centre, end)
    for authority in (ca, each_centre.ca):
        with pytest.raises(YinxinError, match="own certificate is"):
            authority.issue([each_centre.request()], actor="operator")
    assert rows(context) == 3
    if act == "hold":
        revocation.resume(context, "sm2-root", serial, actor="keeper")
        assert each_centre.issue()


def presume_one(context: Context) -> tuple[int, int]:
    """Enter one unfinished certificate as `ca.reconciliation` does: its authority and serial number."""
    unfinished = sa.select(certificates.c.authority_id, certificates.c.serial).order_by(certificates.c.id.desc())
    with context.storage.transaction() as connection:
        of, serial = connection.execute(unfinished.where(certificates.c.certificate.is_(None)).limit(1)).one()
        advance(connection, of, [serial], Move.PRESUME, at=context.clock.now(), actor="system")
    return of, serial


def test_some_of_a_batch_presumed_meanwhile(each_centre: TestCentre) -> None:
    """Those begin their history with what was presumed, the others with their issue."""
    context = each_centre.context
    when_it_signs(each_centre, lambda count: None if count else presume_one(context))
    issued = each_centre.ca.issue([each_centre.request() for _ in range(3)], actor="operator")
    with context.storage.reading() as connection:
        histories = [steps_of(connection, of_issuing(connection).id, one.serial) for one in issued]
    once, twice = [Move.ISSUE], [Move.PRESUME, Move.ISSUE]
    assert sorted([step.move for step in history] for history in histories) == [once, once, twice]
    assert all(history[-1].state is State.VALID for history in histories)


@pytest.mark.parametrize("ends", ["held", "resumed"])
def test_one_of_a_batch_presumed_and_moved_meanwhile_refuses_it(each_centre: TestCentre, ends: str) -> None:
    """Even if it is valid again: that somebody decided so is not to be overwritten by its issue."""
    context = each_centre.context

    def act(count: int) -> None:
        if count:
            return
        _of, serial = presume_one(context)
        revocation.hold(context, "sm2-issuing", serial, actor="operator")
        if ends == "resumed":
            revocation.resume(context, "sm2-issuing", serial, actor="operator")

    when_it_signs(each_centre, act)
    requests = [each_centre.request() for _ in range(2)]
    with pytest.raises(YinxinError, match="cannot be moved"):
        each_centre.ca.issue(requests, actor="operator")
    with context.storage.reading() as connection:
        unfinished = sa.select(sa.func.count()).where(certificates.c.certificate.is_(None))
        assert connection.scalar(unfinished) == 2


def test_insert_absent_passes_over_what_is_there(each_centre: TestCentre) -> None:
    def row(number: int) -> dict[str, object]:
        return {"digest": bytes((number,)) * 32, "subject": bytes((number,)), "approval_reference": "R", "use": "x"}

    with each_centre.context.storage.transaction() as connection:
        assert insert_absent(connection, keys, [row(1)]) == 1
        assert insert_absent(connection, keys, [row(1)]) == 0
        assert insert_absent(connection, keys, [row(1), row(2), row(3), row(3)]) == 2
        assert insert_absent(connection, keys, [row(1), row(2)]) == 0
        query = sa.select(sa.func.count()).where(keys.c.use == "x")
        assert connection.scalar(query) == 3
        with pytest.raises(sa.exc.IntegrityError):  # of another kind: that is not passed over
            insert_absent(connection, keys, [{**row(4), "subject": None}])
