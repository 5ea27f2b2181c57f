"""What entries mean together: a house that kept its rules is not complained about, and every broken rule is found.

The forger here can write entries and sign checkpoints; what the entries say gives them away, and others' signatures.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import rfc8785

from audit import bundle as bundles
from audit.checkpoints import Notary
from audit.export import export
from audit.findings import Finding, Gravity
from audit.meaning.evidence import Evidence
from audit.meaning.judge import Judge
from core.algorithms import SM3, KeyKind
from core.home import Home
from core.keys.private_key import generate
from yinxin.audited import OBJECTS

Log = list[dict[str, Any]]


@pytest.fixture(scope="module")
def house(seeded_home: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Log, Evidence]:
    """The log of a home with people, certificates and seals, and what its entries refer to."""
    folder = tmp_path_factory.mktemp("judged")
    shutil.copytree(seeded_home, folder / "home")
    home = Home(folder / "home")
    notary = Notary(home.context, generate(KeyKind.P256))
    notary.checkpoint()
    export(home.context, folder / "audit.zip", notary.signer.public_key_info, OBJECTS)
    home.storage.close()
    with bundles.opened(folder / "audit.zip") as bundle:
        return [json.loads(one) for one in bundle.entries()], Evidence.of(bundle)


def judged(log: Sequence[dict[str, Any]], evidence: Evidence | None = None) -> list[Finding]:
    judge = Judge(evidence or Evidence())
    for position, entry in enumerate(log):
        judge.take(position, rfc8785.dumps(entry))
    return judge.finish()


def broken(log: Sequence[dict[str, Any]], evidence: Evidence | None = None) -> set[str]:
    return {one.rule for one in judged(log, evidence) if one.gravity is Gravity.BROKEN}


def test_a_house_that_kept_its_rules(house: tuple[Log, Evidence]) -> None:
    assert judged(*house) == []
    acts = {entry["act"] for entry in house[0]}
    assert {"ca.certificate.intend", "ca.crl.reserve", "ra.request.approve", "seals.seal.activate"} <= acts


def drop(act: str) -> Callable[[Log], None]:
    def alter(log: Log) -> None:
        log.remove(next(entry for entry in log if entry["act"] == act))

    return alter


def of_the_centre(entry: dict[str, Any]) -> bool:
    return str(entry["details"].get("approval", "")).startswith(("ceremony", "operator:", "link "))


def put(act: str, /, **values: Any) -> Callable[[Log], None]:
    """Other values in the last entry of this act about a holder, or in its details."""

    def alter(log: Log) -> None:
        place = max(at for at, entry in enumerate(log) if entry["act"] == act and not of_the_centre(entry))
        log[place] = entry = json.loads(json.dumps(log[place]))
        for name, value in values.items():
            (entry if name in entry else entry["details"])[name] = value

    return alter


def again(act: str) -> Callable[[Log], None]:
    def alter(log: Log) -> None:
        log.append(next(entry for entry in log if entry["act"] == act))

    return alter


def enterer_approves(log: Log) -> None:
    entered = next(entry for entry in log if entry["act"] == "ra.request.enter")
    for at, entry in enumerate(log):
        if entry["act"] == "ra.request.approve" and entry["subject"] == entered["subject"]:
            log[at] = entry | {"actor": entered["actor"]}


def appointed_by_nobody(log: Log) -> None:
    place = max(at for at, one in enumerate(log) if str(one["details"].get("approval")).startswith("operator:"))
    log[place] = log[place] | {"details": log[place]["details"] | {"approvers": ["nobody"]}}


def test_an_appointment_that_was_cut_short(house: tuple[Log, Evidence]) -> None:
    """Killed between intent and result: the certificate is presumed made, and nobody was appointed with it."""
    log = [json.loads(json.dumps(entry)) for entry in house[0]]
    made, place = next(
        (one, f"{one['details']['authority']}/{one['subject']}")
        for one in reversed(log)
        if str(one["details"].get("approval", "")).startswith("operator:")
    )
    label = made["details"]["authority"], made["subject"]
    log = [one for one in log if one["details"].get("certificate") != place or one["act"] == "ca.certificate.intend"]
    released = next(
        one
        for one in log
        if one["act"] == "ca.certificate.issue" and (one["details"]["authority"], one["subject"]) == label
    )
    assert "a certificate for a person who was not appointed with it" in {one.what for one in judged(log)}
    released["act"] = "ca.certificate.presume"
    about = [one for one in judged(log) if one.subject == made["subject"]]
    assert [(one.rule, one.gravity) for one in about] == [("approval", Gravity.REMARK)]
    assert "revoke it" in about[0].what
    log.append(released | {"act": "ca.certificate.revoke"})
    assert not [one for one in judged(log) if one.subject == made["subject"]]


@pytest.mark.parametrize(
    ("alter", "rule"),
    [
        (drop("ca.certificate.intend"), "intent"),
        (drop("ra.request.approve"), "approval"),
        (drop("ra.request.enter"), "approval"),
        (drop("ra.operator.appoint"), "role"),
        (drop("ca.crl.reserve"), "crl"),
        (drop("seals.seal.approve"), "seal"),
        (put("ca.certificate.intend", lint="failed"), "lint"),
        (put("ca.certificate.intend", tbs="00" * 32), "intent"),
        (put("ca.certificate.intend", approvers=[]), "approval"),
        (put("ca.certificate.intend", approvers=["nobody"]), "approval"),
        (put("ca.certificate.intend", approved="00" * 32), "approval"),
        (put("ca.certificate.intend", approval="20260101-00000000"), "approval"),
        (put("ca.certificate.intend", approval="ceremony of nobody"), "approval"),
        (put("ca.certificate.issue", certificate="00" * 32), "intent"),
        (put("ca.certificate.issue", subject="01"), "intent"),
        (again("ca.certificate.issue"), "intent"),
        (again("ca.certificate.intend"), "serial"),
        (put("ra.request.approve", actor="nobody"), "role"),
        (put("ra.request.approve", statement="00" * 32), "signature"),
        (put("ra.request.approve", digest="00" * 32), "signature"),
        (put("ra.request.approve", statement=""), "signature"),
        (put("seals.seal.approve", statement=None), "signature"),
        (put("ra.request.issue", act="ra.request.deliver"), "signature"),
        (put("ra.operator.appoint", roles=["query"]), "role"),
        (put("seals.seal.make", digest="00" * 32), "seal"),
        (put("ca.crl.reserve", number=7), "crl"),
        (put("ca.crl.publish", number=7), "crl"),
        (enterer_approves, "approval"),
        (appointed_by_nobody, "approval"),
    ],
)
def test_a_broken_rule_is_found(house: tuple[Log, Evidence], alter: Callable[[Log], None], rule: str) -> None:
    log = list(house[0])
    alter(log)
    assert rule in broken(log, house[1])


def test_a_statement_that_was_forged_or_left_out(house: tuple[Log, Evidence]) -> None:
    log, evidence = house
    message = bytearray(next(iter(evidence.messages.values())))
    message[-1] ^= 1
    messages = dict(evidence.messages)
    first = next(iter(messages))
    messages[first] = bytes(message)
    assert broken(log, Evidence(evidence.certificates, messages, evidence.contents)) == {"signature"}
    del messages[first]
    assert broken(log, Evidence(evidence.certificates, messages, evidence.contents)) == {"signature"}


def test_without_objects_it_says_what_it_did_not_check(house: tuple[Log, Evidence]) -> None:
    findings = judged(house[0])
    assert {one.gravity for one in findings} == {Gravity.REMARK}
    assert {one.rule for one in findings} == {"signature", "intent", "seal"}


def test_what_came_before_the_log_is_not_judged(house: tuple[Log, Evidence]) -> None:
    begin, *rest = [entry for entry in house[0] if entry["act"] != "ca.crl.reserve"]
    findings = judged([*rest, begin], house[1])
    assert [one.rule for one in findings] == ["begin"] and findings[0].gravity is Gravity.REMARK


def entry(act: str, subject: str, actor: str = "a", at: str = "2026-11-02T02:00:00+00:00", **details: Any) -> Any:
    """2026-11-02 is a Monday; it is ten o'clock in Beijing."""
    return {"act": act, "actor": actor, "at": at, "details": details, "subject": subject}


BEGIN = entry("audit.log.begin", "log")


def test_time_stamps_without_gaps() -> None:
    groups = [entry("tsa.tokens.give", "x", first=first, last=last) for first, last in ((1, 3), (4, 4), (5, 300))]
    assert broken([BEGIN, *groups]) == set()
    assert broken([BEGIN, groups[0], groups[2]]) == {"timestamp"}
    assert broken([BEGIN, groups[0], groups[0]]) == {"timestamp"}
    assert broken([BEGIN, groups[1], groups[0]]) == {"timestamp"}


def sealed(bounds: dict[str, Any], *uses: dict[str, Any], before: Sequence[Any] = ()) -> set[str]:
    """What is found of a seal with these bounds and uses."""
    content = rfc8785.dumps({"bounds": bounds})
    digest = SM3.of(content).hex()
    life = [("apply", "a", "applied"), ("approve", "b", "applied"), ("approve", "c", "approved"), ("make", "a", "made")]
    log = [
        entry(f"seals.seal.{act}", "s", actor, digest=digest, state=state)
        for act, actor, state in [*life, ("activate", "d", "active")]
    ]
    log += before
    for ordinal, use in enumerate(uses, 1):
        given: dict[str, Any] = {"ordinal": ordinal, "sha256_before": "d0"} | use
        at = given.pop("at", "2026-11-02T02:00:00+00:00")
        log.append(entry("seals.document.seal", "s", given.pop("actor", "oa"), at, **given))
    # Nobody has signed these moves.
    return broken([BEGIN, *log], Evidence(contents={digest: content})) - {"signature"}


def test_a_seal_within_its_bounds() -> None:
    bounds = {"callers": ["oa"], "persons": ["li"], "document_types": ["notice"], "total": 3, "per_day": 2}
    bounds |= {"hours": "08:30-18:00", "weekdays": [1, 2]}
    use = {"person": "li", "document_type": "notice"}
    tuesday = use | {"at": "2026-11-03T00:30:00+00:00"}
    assert sealed(bounds, use, use, tuesday) == set()
    assert sealed(bounds, use, use, use) == {"seal"}
    assert sealed(bounds, use, use, tuesday, tuesday) == {"seal"}
    for other in (
        {"actor": "x"},
        {"person": "x"},
        {"document_type": "x"},
        {"at": "2026-11-02T00:29:59+00:00"},
        {"at": "2026-11-02T10:00:00+00:00"},
        {"at": "2026-11-04T02:00:00+00:00"},
    ):
        assert sealed(bounds, use | other) == {"seal"}, other
    assert sealed({"hours": "22:00-06:00"}, {"at": "2026-11-02T15:00:00+00:00"}) == set()
    assert sealed({"hours": "22:00-24:00"}, {"at": "2026-11-02T15:59:00+00:00"}) == set()
    assert sealed({"hours": "22:00-06:00"}, {}) == {"seal"}


def test_a_seal_that_is_not_active_or_lacks_a_use() -> None:
    assert sealed({}, {}, {}) == set()
    assert sealed({}, {}, {"ordinal": 3}) == {"seal"}
    assert sealed({}, {"ordinal": 2}) == {"seal"}
    frozen = [entry("seals.seal.freeze", "s", state="frozen")]
    assert sealed({}, {}, before=frozen) == {"seal"}
    assert sealed({}, {}, before=[*frozen, entry("seals.seal.resume", "s", state="active")]) == set()
    assert broken([BEGIN, entry("seals.document.seal", "ghost", ordinal=1)]) == {"seal"}


def test_a_seal_that_needs_permission() -> None:
    permit = entry("seals.use.permit", "s", "d", number="p1", document_sha256="d0")
    use = {"permission": "p1"}
    assert sealed({"approval": True}, use, before=[permit]) == set()
    assert sealed({"approval": True}, use) == {"seal"}
    assert sealed({"approval": True}, use, use, before=[permit]) == {"seal"}
    withdrawn = entry("seals.use.withdraw", "s", "d", number="p1")
    assert sealed({"approval": True}, use, before=[permit, withdrawn]) == {"seal"}
    assert sealed({"approval": True}, use | {"sha256_before": "d1"}, before=[permit]) == {"seal"}


def test_what_is_no_entry_is_said() -> None:
    judge = Judge(Evidence())
    for position, octets in enumerate((b"", b"{}", b"[1]", b'{"act":1}', b"\xff", b'{"act":"a","actor":"b"}')):
        judge.take(position, octets)
    assert [one.rule for one in judge.finish()] == ["entry"] * 6


def test_details_of_any_kind_are_survived(house: tuple[Log, Evidence]) -> None:
    """Whoever forges entries cannot stop the verification either."""
    values: Sequence[Any] = (None, 1, -1, "x", [], {}, [None], True, "zz" * 32)
    for value in values:
        log = [one | {"details": dict.fromkeys(one["details"], value)} for one in house[0]]
        assert broken(log, house[1])
