"""The demonstration's documents: sealed, changed, verified."""

from pathlib import Path

from core.certificates import read_certificates
from core.clock import Clock
from core.home import Home
from seals.levels import Level
from seals.placement import Placement
from seals.report import Report
from seals.verification import Trust, verify_pdf
from yinxin.sample import SEAL_PLACE
from yinxin.wiring import sealing_support

REASON = "公文用印"


def seal_notice(home: Home, label: str, notice: bytes) -> bytes:
    """The notice under the unit's seal of a hierarchy, over its signature and date, at level B-LTA."""
    from seals.picture import RoundSeal
    from seals.sealing import Seal, seal_pdf
    from yinxin.demo import cast

    signer = home.key_store("seals").signer(f"{label}-unit")
    certificate, *chain = read_certificates(home.certificates("seals") / f"{label}-unit.pem")
    seal = Seal(cast.OFFICE, signer, certificate, chain, RoundSeal(cast.OFFICE).png(), 42)
    return seal_pdf(
        notice,
        seal,
        Placement(SEAL_PLACE.page, SEAL_PLACE.x_mm, SEAL_PLACE.y_mm),
        level=Level.B_LTA,
        support=sealing_support(home).support(signer.algorithm),
        clock=home.clock,
        reason=REASON,
    )


def tamper(sealed: bytes) -> bytes:
    """A copy in which one octet of what was sealed is another: the kind of change that no viewer shows."""
    place = sealed.index(b"endstream")
    changed = bytearray(sealed)
    changed[place - 20] ^= 0x01
    return bytes(changed)


def verify(document: Path, trust: Path, clock: Clock) -> Report:
    """The report on a document, by what lies in a folder of trusted roots and by the document itself."""
    return verify_pdf(document, Trust(anchors=read_certificates(trust)), clock, name=document.name)
