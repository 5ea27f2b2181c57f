"""Document exchange: an office drafts, a custodian permits, the seal is applied over HTTP, 70 units return receipts."""

import hashlib
import json
from pathlib import Path

import click
import pytest

from core import files
from core.algorithms import KeyKind
from core.certificates import armour
from core.cli import run
from core.clock import FixedClock
from core.errors import YinxinError
from core.home import Home
from core.keys.private_key import generate
from core.storage import Storage
from seals.cli import group
from seals.levels import Level
from seals.receipts import sign_receipt
from seals.register.bounds import Bounds
from seals.register.permissions import permit
from seals.terms import SealingTerms
from seals.verification.report import Verdict
from tests.support.seal_people import CUSTODIAN
from tests.support.seal_service import service_of
from tests.support.sealing import Office
from yinxin.sample import SEAL_PLACE, typeset_notice

UNITS = [f"宝鸡市第{number}单位" for number in range(1, 71)]
SILENT, FORGETFUL = UNITS[12], UNITS[40]


def test_a_document_goes_to_seventy_units(
    storage: Storage, tmp_path: Path, capsys: pytest.CaptureFixture[str], clock: FixedClock
) -> None:
    office = Office(KeyKind.SM2, clock)
    # The office drafts; its seal needs a custodian's permission for each document.
    service = service_of(storage, tmp_path / "home", office)
    service.bureau.seal("strict", bounds=Bounds(approval=True, document_types=("notice",), per_day=1))
    server = service.server(service.key("exchange", ("strict",)))
    draft = typeset_notice()
    terms = SealingTerms(
        page=SEAL_PLACE.page,
        x_mm=SEAL_PLACE.x_mm,
        y_mm=SEAL_PLACE.y_mm,
        level=Level.B_LTA,
        person="张三",
        type="notice",
    )
    with pytest.raises(YinxinError, match="permi"):
        server.stamp_by_digest("strict", draft, terms)
    context, crew = service.context, service.bureau.crew
    permit(context, crew, crew[CUSTODIAN], "strict", hashlib.sha256(draft).hexdigest(), purpose="公文用印")
    sealed = server.stamp_by_digest("strict", draft, terms).read()
    assert office.report(sealed).verdict is Verdict.VALID
    with pytest.raises(YinxinError):  # the permission is used up, and the seal's day too
        server.stamp("strict", draft, terms)
    assert [use.person for use in server.uses("strict")] == ["张三"]

    # Every unit but one looks at the seal, and returns a receipt; one signs for another document.
    notice = tmp_path / "notice.pdf"
    files.write(notice, sealed)
    receipts = tmp_path / "receipts"
    for number, unit in enumerate(UNITS):
        if unit == SILENT:
            continue
        key = generate(KeyKind.P256)
        party = office.issuing.issue(unit, key=key, not_before=office.start)
        read = sealed if unit != FORGETFUL else sealed + b" "
        chain = [party.certificate, *party.chain]
        made = sign_receipt(read, key, chain, office.timestamper, office.clock, name=notice.name)
        files.write(receipts / f"{number}.receipt", made)
    (tmp_path / "units.txt").write_text("\n".join(UNITS), encoding="utf-8")

    # The sender, without asking anybody, sees who has read it.
    trust = tmp_path / "trust"
    files.write(trust / "root.pem", armour([office.root.certificate]))
    for number, revoked in enumerate(office.crls()):
        files.write(trust / f"{number}.crl", revoked)

    @click.group()
    @click.pass_context
    def front_door(context: click.Context) -> None:
        context.obj = Home(tmp_path / "nowhere", office.clock)

    front_door.add_command(group, "seals")
    capsys.readouterr()
    arguments = ["seals", "receipt", "summary", notice, *sorted(receipts.iterdir())]
    options = ["--units", tmp_path / "units.txt", "--trust", trust]
    assert run(front_door, [str(one) for one in (*arguments, *options, "--json")]) == 1
    rows = json.loads(capsys.readouterr().out)
    verdicts = {row["receiver"]: row["verdict"] for row in rows if row["file"]}
    assert sorted(verdicts) == sorted(set(UNITS) - {SILENT})
    assert [name for name, verdict in verdicts.items() if verdict != "valid"] == [FORGETFUL]
    assert {row["receiver"] for row in rows if row["file"] is None} == {SILENT, FORGETFUL}
    assert all(row["proven_at"] for row in rows if row["file"])
    assert run(front_door, [str(one) for one in (*arguments, *options)]) == 1
    assert "68 of 70" in capsys.readouterr().err
