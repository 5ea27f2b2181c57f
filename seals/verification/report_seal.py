"""The seal of the house on a report: whoever verified the document says so with it."""

from core.config import FILE_NAME
from core.home import Home
from core.i18n import _
from seals import use
from seals.cli_options import people_of, support_of
from seals.contracts import People, SupportSource
from seals.placement.pages import Pages
from seals.placement.placement import AtKeyword, Which
from seals.verification.pdf_report import SEAL_KEYWORD
from seals.verification.report_files import Sealing

ACTOR = "verification"
"""Who uses the seal, in its books."""


def report_sealing(home: Home, name: str | None) -> Sealing | None:
    """What seals a report with the seal of this name, or else of the configuration; None where there is none."""
    if name is None and (home.path / FILE_NAME).exists():
        name = home.configuration.seals.report_seal or None
    return sealing_with(home, support_of(home), people_of(home), name) if name else None


def sealing_with(home: Home, support: SupportSource, people: People, name: str | None) -> Sealing | None:
    """The same, with what was handed in."""
    if name is None:
        return None
    seal_name = name

    def sealed(report: bytes) -> bytes:
        place = AtKeyword(SEAL_KEYWORD, Which.FIRST, 0, 0, Pages("1"))
        order = use.UseOrder(report, place, purpose=_("verification report"))
        keys = home.key_store("seals")
        made = use.stamp(home.context, keys, support, people, seal_name, order, actor=ACTOR)
        with made.file:
            return made.read()

    return sealed
