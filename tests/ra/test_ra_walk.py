"""Random walks of random people through all moves, against a model that knows the rules in other words.

Whatever the real thing refuses, the model refuses, and the reverse; what was written before stays as it was.
"""

import shutil
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from ca.activation import activate
from ca.profiles import load_profile
from ca.records import events
from ca.state import Reason
from core.algorithms import KeyKind
from core.audit import entries
from core.clock import FixedClock
from core.csr import build_csr
from core.errors import YinxinError
from core.keys.private_key import PrivateKey, generate
from core.storage import Storage
from core.subject import Subject
from ra import branches, records, requests, revocation, revocation_orders, succession
from ra import revocation_batches as batches
from ra.delivery import deliver
from ra.issuance import issue
from ra.roles import OPERATORS, Role
from tests.support.certificate_model import Bundle, Card, Paper, Papers
from tests.support.office import NOW, PROFILES, STAFF, Office

DAYS, WINDOW = 200, 120
ROLES = {
    "lu.enter": {"enter"},
    "shen.review": {"review"},
    "he.review": {"review"},
    "zhi.make": {"make"},
    "quan.all": {"enter", "review", "make"},
    "chen.1": {"enter", "review", "make"},
    "chen.2": {"enter", "review", "make"},
}
PEOPLE = st.sampled_from(sorted(ROLES))
WHICH = st.integers(0, 5)
APPEND_ONLY = (events, entries, records.request_moves, records.certificate_orders, records.revocation_batch_moves)


def branch_of(who: str) -> str:
    return "chencang" if who.startswith("chen.") else ""


class Walk(RuleBasedStateMachine):
    founded: Office

    @initialize()
    def begin(self) -> None:
        self.folder = TemporaryDirectory()
        home = Path(self.folder.name) / "office"
        shutil.copytree(self.founded.folder, home)
        storage = Storage(f"sqlite:///{home / 'yinxin.db'}")
        self.office = Office(home, storage, FixedClock(NOW), dict(self.founded.sessions))
        self.books = Papers()
        self.expiries = 0
        self.written: dict[str, list[object]] = {}

    def teardown(self) -> None:
        if hasattr(self, "office"):
            self.office.storage.close()
            self.folder.cleanup()

    # What the model says.

    @property
    def now(self) -> datetime:
        return self.office.clock.now()

    def open(self, paper: Paper) -> bool:
        return paper.word == "approved" or (paper.word == "entered" and self.now <= paper.until)

    def may(self, who: str, role: str, branch: str) -> bool:
        return role in ROLES[who] and branch_of(who) == branch

    def key_is_free(self, key: PrivateKey, but: Paper | None = None) -> bool:
        return not any(one.key is key and self.open(one) and one is not but for one in self.books.papers)

    def is_certified(self, key: PrivateKey) -> bool:
        return any(card.key is key for card in self.books.cards)

    def may_follow(self, card: Card, kind: str, key: PrivateKey, unit: str, but: Paper | None = None) -> bool:
        if card.word != "valid" or self.now > card.end:
            return False
        rivals = (one for one in self.books.papers if one.old is card and one is not but)
        if any(self.open(one) or one.word in ("issued", "delivered") for one in rivals):
            return False
        same = key is card.key
        match kind:
            case "renew":
                return same and unit == card.unit and self.now >= card.end - timedelta(days=WINDOW)
            case "rekey":
                return not same and unit == card.unit and not self.is_certified(key)
            case _:
                return unit != card.unit and (same or not self.is_certified(key))

    # What is tried.

    def attempt(self, allowed: bool, act: Callable[[], object]) -> object:
        try:
            result = act()
        except YinxinError as error:
            assert not allowed, f"refused although the model allows it: {error}"
            return None
        assert allowed, "done although the model refuses it"
        return result

    def paper(self, which: int) -> Paper | None:
        return self.books.papers[-1 - which % len(self.books.papers)] if self.books.papers else None

    def card(self, which: int) -> Card | None:
        return self.books.cards[-1 - which % len(self.books.cards)] if self.books.cards else None

    def deadline(self) -> datetime:
        return (self.now + timedelta(days=30)).replace(microsecond=0)

    def csr(self, key: PrivateKey) -> bytes:
        return build_csr(key, STAFF.name())

    @rule(who=PEOPLE, reuse=st.booleans(), which=WHICH)
    def enter(self, who: str, reuse: bool, which: int) -> None:
        earlier = self.paper(which) if reuse else None
        key = earlier.key if earlier else generate(KeyKind.SM2)
        allowed = "enter" in ROLES[who] and self.key_is_free(key) and not self.is_certified(key)
        number = self.attempt(allowed, lambda: self.office.enter(who, csr=self.csr(key)))
        if isinstance(number, str):
            unit = str(STAFF.organization)
            self.books.papers.append(Paper(number, branch_of(who), key, unit, self.deadline(), {who}))

    @rule(who=PEOPLE, which=WHICH, new_key=st.booleans())
    def amend(self, who: str, which: int, new_key: bool) -> None:
        paper = self.paper(which)
        if paper is None:
            return
        key = generate(KeyKind.SM2) if new_key else paper.key
        allowed = (
            self.may(who, "enter", paper.branch)
            and (self.open(paper) or paper.word == "rejected")
            and self.key_is_free(key, but=paper)
        )
        if paper.old is None:
            allowed = allowed and not self.is_certified(key)
        else:
            allowed = allowed and self.may_follow(paper.old, paper.kind, key, paper.unit, but=paper)
        session, number = self.office.sessions[who], paper.number
        csr = self.csr(key) if new_key else None
        if self.attempt(allowed, lambda: requests.amend(self.office.context, session, number, csr=csr)):
            paper.word, paper.key, paper.until = "entered", key, self.deadline()
            paper.touched.add(who)

    @rule(who=PEOPLE, which=WHICH, what=st.sampled_from(["approve", "approve", "reject", "withdraw"]))
    def decide(self, who: str, which: int, what: str) -> None:
        paper = self.paper(which)
        if paper is None:
            return
        role = "enter" if what == "withdraw" else "review"
        allowed = self.may(who, role, paper.branch) and self.open(paper)
        if what == "approve":
            allowed = allowed and paper.word == "entered" and who not in paper.touched
        given = (self.office.context, self.office.sessions[who], paper.number)
        verbs = {
            "approve": lambda: requests.approve(*given),
            "reject": lambda: requests.reject(*given, "材料不全"),
            "withdraw": lambda: requests.withdraw(*given),
        }
        if self.attempt(allowed, verbs[what]):
            paper.word = {"approve": "approved", "reject": "rejected", "withdraw": "withdrawn"}[what]

    @rule(who=st.sampled_from(["zhi.make", "quan.all", "chen.1", "lu.enter"]), which=WHICH)
    def make(self, who: str, which: int) -> None:
        paper = self.paper(which)
        if paper is None:
            return
        allowed = self.may(who, "make", paper.branch) and paper.word == "approved"
        if paper.old is not None:
            allowed = allowed and self.may_follow(paper.old, paper.kind, paper.key, paper.unit, but=paper)
        session, number = self.office.sessions[who], paper.number
        issued = self.attempt(allowed, lambda: issue(self.office.context, self.office.authority, session, [number]))
        if isinstance(issued, list):
            begin = (self.now - timedelta(minutes=5)).replace(microsecond=0)
            end = begin + timedelta(days=DAYS) - timedelta(seconds=1)
            paper.card = Card(issued[0].serial, paper.branch, paper.key, paper.unit, end)
            self.books.cards.append(paper.card)
            paper.word = "issued"
            if paper.old is not None and paper.revoke:
                paper.old.word = "revoked"

    @rule(which=st.integers(0, 2), reviewer=st.sampled_from(["shen.review", "quan.all"]))
    def carry_through(self, which: int, reviewer: str) -> None:
        """What offices do most: so that walks get far."""
        if not self.books.papers or len(self.books.cards) < 2:
            self.enter("lu.enter", False, 0)
        paper = self.paper(which)
        if paper is not None:
            place = self.books.papers[::-1].index(paper)
            self.decide("chen.2" if paper.branch else reviewer, place, "approve")
            self.make("chen.1" if paper.branch else "zhi.make", place)

    @rule(which=st.integers(0, 2), kind=st.sampled_from(["renew", "rekey", "change"]), again=st.booleans())
    def follow_well(self, which: int, kind: str, again: bool) -> None:
        """Succession as it should be, and once more where that is one too many."""
        card = self.card(which)
        if card is not None:
            for _time in range(1 + again):
                who = "chen.1" if card.branch else "lu.enter"
                self.follow(who, self.books.cards[::-1].index(card), kind, kind != "renew", revoke=not again)

    @rule(who=PEOPLE, which=WHICH)
    def hand_over(self, who: str, which: int) -> None:
        paper = self.paper(which)
        if paper is None:
            return
        allowed = self.may(who, "make", paper.branch) and paper.word == "issued"
        session, number = self.office.sessions[who], paper.number
        if self.attempt(allowed, lambda: deliver(self.office.context, session, number)):
            paper.word = "delivered"

    @rule(who=PEOPLE, which=WHICH, what=st.sampled_from(["hold", "resume", "revoke"]))
    def order(self, who: str, which: int, what: str) -> None:
        card = self.card(which)
        if card is None:
            return
        before = {"hold": ("valid",), "resume": ("held",), "revoke": ("valid", "held")}[what]
        allowed = self.may(who, "review", card.branch) and card.word in before
        given = (self.office.context, self.office.sessions[who], "sm2-issuing", card.serial)
        verbs = {
            "hold": lambda: revocation.hold(*given),
            "resume": lambda: revocation.resume(*given),
            "revoke": lambda: revocation.revoke(*given, Reason.PRIVILEGE_WITHDRAWN),
        }
        self.attempt(allowed, verbs[what])
        if allowed:
            card.word = {"hold": "held", "resume": "valid", "revoke": "revoked"}[what]

    @rule(
        who=st.sampled_from(["lu.enter", "lu.enter", "quan.all", "chen.1", "shen.review"]),
        which=WHICH,
        kind=st.sampled_from(["renew", "rekey", "change"]),
        new_key=st.booleans(),
        revoke=st.booleans(),
    )
    def follow(self, who: str, which: int, kind: str, new_key: bool, revoke: bool) -> None:
        card = self.card(which)
        if card is None:
            return
        key = generate(KeyKind.SM2) if new_key else card.key
        unit = f"单位{len(self.books.papers)}" if kind == "change" else card.unit
        allowed = (
            self.may(who, "enter", card.branch) and self.may_follow(card, kind, key, unit) and self.key_is_free(key)
        )
        given = (self.office.context, self.office.sessions[who], "sm2-issuing", card.serial)
        reason = Reason.SUPERSEDED if revoke else None

        def changed(subject: Subject) -> Subject:
            return subject.model_copy(update={"organization": unit})

        verbs = {
            "renew": lambda: succession.renew(*given, csr=self.csr(key)),
            "rekey": lambda: succession.rekey(*given, csr=self.csr(key), revoke=reason),
            "change": lambda: succession.change(*given, changed, csr=self.csr(key), revoke=reason),
        }
        number = self.attempt(allowed, verbs[kind])
        if isinstance(number, str):
            revoked = revoke and kind != "renew"
            paper = Paper(number, card.branch, key, unit, self.deadline(), {who}, kind, card, revoked)
            self.books.papers.append(paper)

    @rule(who=PEOPLE, first=WHICH, second=WHICH)
    def order_many(self, who: str, first: int, second: int) -> None:
        chosen = [card for card in {id(card): card for card in (self.card(first), self.card(second))}.values() if card]
        if not chosen:
            return
        left = [card for card in chosen if card.word != "revoked"]
        allowed = bool(left) and all(self.may(who, "enter", card.branch) for card in chosen)
        context, session = self.office.context, self.office.sessions[who]

        def enter() -> str:
            named = [("sm2-issuing", card.serial) for card in chosen]
            order, _lines = revocation_orders.draw_up(context, session, Reason.CESSATION_OF_OPERATION, named)
            return batches.enter(context, session, order)

        number = self.attempt(allowed, enter)
        if isinstance(number, str):
            self.books.bundles.append(Bundle(number, branch_of(who), left, who))

    @rule(who=PEOPLE, which=WHICH, what=st.sampled_from(["approve", "approve", "reject", "withdraw"]))
    def settle_bundle(self, who: str, which: int, what: str) -> None:
        if not self.books.bundles:
            return
        bundle = self.books.bundles[-1 - which % len(self.books.bundles)]
        role = "enter" if what == "withdraw" else "review"
        allowed = self.may(who, role, bundle.branch) and bundle.word == "entered"
        allowed = allowed and not (what == "approve" and who == bundle.by)
        given = (self.office.context, self.office.sessions[who], bundle.number)
        verbs = {
            "approve": lambda: batches.approve(*given),
            "reject": lambda: batches.reject(*given, "名单有误"),
            "withdraw": lambda: batches.withdraw(*given),
        }
        if self.attempt(allowed, verbs[what]):
            bundle.word = what
            for card in bundle.cards if what == "approve" else ():
                card.word = "revoked"

    @rule(days=st.sampled_from([1, 31, 90]))
    def wait(self, days: int) -> None:
        if self.expiries < 6:  # the operators' own certificates shall not end
            self.expiries += 1
            self.office.clock.advance(timedelta(days=days))

    # What always holds.

    @invariant()
    def agree(self) -> None:
        if not hasattr(self, "books"):
            return
        states = {row.number: row.state for row in self.office.rows(records.requests)}
        assert states == {paper.number: paper.word for paper in self.books.papers}
        latest = {row.serial: row.state for row in self.office.rows(events)}
        assert {card.serial: latest[card.serial] for card in self.books.cards} == {
            card.serial: card.word for card in self.books.cards
        }

    @invariant()
    def nothing_written_is_changed(self) -> None:
        if not hasattr(self, "books"):
            return
        for table in APPEND_ONLY:
            rows: list[object] = [tuple(row) for row in self.office.rows(table)]
            before = self.written.get(table.name, [])
            assert rows[: len(before)] == before
            self.written[table.name] = rows


@pytest.fixture(scope="module")
def walked(founded: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The office with a branch, and certificates for staff that can end within a walk."""
    folder = tmp_path_factory.mktemp("walk") / "office"
    shutil.copytree(founded.folder, folder)
    storage = Storage(f"sqlite:///{folder / 'yinxin.db'}")
    office = Office(folder, storage, FixedClock(NOW), dict(founded.sessions))
    text = (PROFILES / "staff.toml").read_text().replace('"rsa", "p256"', "").replace('"staff-encryption"', '""')
    brief = folder / "staff.toml"
    brief.write_text(text.replace("= 1096", f"= {DAYS}").replace("\ndays = 90", f"\ndays = {WINDOW}"))
    activate(office.context, [load_profile(brief)], actor="ceremony")
    branches.establish(office.context, office.sessions["zhao.super"], "chencang", "陈仓区")
    office.appoint("chen.business", frozenset({Role.BUSINESS}), by="zhao.super", branch="chencang")
    for name in ("chen.1", "chen.2"):
        office.appoint(name, OPERATORS, by="chen.business", branch="chencang")
    storage.close()
    yield office


def test_random_walks_agree_with_the_model(walked: Office) -> None:
    machine = type("TheWalk", (Walk,), {"founded": walked})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=10,
            stateful_step_count=40,
            deadline=None,
            database=None,
            phases=[Phase.generate],  # to shrink a walk takes many minutes
            suppress_health_check=list(HealthCheck),
        ),
    )
