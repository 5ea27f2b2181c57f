"""The centre in a home, opened to work: its keys are `keys/kmc/{wrapping,signing,link}.pem`.

`certificates/kmc` has its end of the line (`link.pem`), the officers (`officers/NAME.pem`), and the authorities that
may ask (`authorities/NAME.pem`).
"""

from datetime import timedelta
from pathlib import Path

from ca.kmc.custody import Custodian
from ca.kmc.handler import Handler
from ca.kmc.messages import Correspondent
from ca.kmc.recovery import RecoveryDesk
from ca.kmc.statements import Officers
from core.certificates import read_certificates
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from core.tally import Tally

END = "link"
"""The centre's end of the line: the name of its key."""


def link_certificate(home: Home) -> Path:
    """The file of the centre's end of the line."""
    return home.certificates("kmc") / f"{END}.pem"


def handler_of(home: Home) -> Handler:
    """The centre of this home, ready to answer; `YinxinError` if it was not founded or is on no line."""
    certificate = link_certificate(home)
    if not certificate.exists():
        raise YinxinError(
            Kind.NOT_FOUND,
            _("the key-management centre is on no line"),
            subject=str(certificate),
            remedy=_("run: yinxin ca kmc found, then yinxin ca kmc link"),
        )
    folder = home.certificates("kmc") / "authorities"
    authorities = {file.stem: _correspondent(file) for file in sorted(folder.glob("*.pem"))}
    retention = timedelta(days=home.configuration.kmc.retention_days)
    signer = home.key_store("kmc").signer(END)
    tally = Tally(home.context)
    return Handler(desk_of(home), signer, _correspondent(certificate), authorities, retention, tally)


def desk_of(home: Home) -> RecoveryDesk:
    """Where recoveries are decided."""
    officers = Officers.read(officers_folder(home))
    return RecoveryDesk(home.context, Custodian(home.key_store("kmc")), officers, tuple(read_certificates(home.trust)))


def officers_folder(home: Home) -> Path:
    """Where the officers' certificates lie."""
    return home.certificates("kmc") / "officers"


def _correspondent(file: Path) -> Correspondent:
    return Correspondent(read_certificates(file)[0])
