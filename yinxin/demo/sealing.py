"""The demonstration's documents: sealed, changed, verified."""

from pathlib import Path

from core.clock import Clock
from core.home import Home
from seals.levels import Level
from seals.placement.placement import Placement
from seals.use import UseOrder, stamp
from seals.verification.report import Report
from seals.verification.trust import load_trust
from seals.verification.verification import verify_pdf
from yinxin.demo.seeding import seal_name
from yinxin.sample import SEAL_PLACE
from yinxin.seal_people import SealPeople
from yinxin.wiring import sealing_support

REASON = "公文用印"
DATE_MARK = b"/ModDate(D:"


def seal_notice(home: Home, label: str, notice: bytes) -> bytes:
    """The notice under the unit's seal of a hierarchy, over its signature and date, at level B-LTA."""
    place = Placement(SEAL_PLACE.page, SEAL_PLACE.x_mm, SEAL_PLACE.y_mm)
    order = UseOrder(notice, place, level=Level.B_LTA, purpose="宝政办发〔2026〕18号", reason=REASON)
    keys, people = home.key_store("seals"), SealPeople(home.context)
    return stamp(home.context, keys, sealing_support(home), people, seal_name(label), order, actor="demo").read()


def tamper(sealed: bytes) -> bytes:
    """A copy that says it was written in another year: one octet, in what no viewer shows unasked, but was sealed."""
    year = sealed.index(DATE_MARK) + len(DATE_MARK)
    changed = bytearray(sealed)
    changed[year + len("202")] ^= 0x01
    return bytes(changed)


def verify(document: Path, trust: Path, clock: Clock) -> Report:
    """The report on a document, by what lies in a folder of trusted roots and by the document itself."""
    return verify_pdf(document, load_trust(trust), clock, name=document.name)
