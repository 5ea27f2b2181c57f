"""Who may look at what was done with a seal: auditors and its custodians, of its branch or of the centre."""

import sqlalchemy as sa

from core.i18n import _
from core.refusals import RefusedError
from seals.contracts import Duty, People, Session
from seals.register.registered import RegisteredSeal, read_seal


def seal_for_reader(connection: sa.Connection, people: People, session: Session, name: str) -> RegisteredSeal:
    """The seal, for somebody who may look; else `RefusedError`."""
    official = people.admit_reader(connection, session)
    seal = read_seal(connection, people, name)
    custodian = Duty.USE in official.duties and session.name in seal.custodians
    if not custodian and Duty.AUDIT not in official.duties:
        raise RefusedError("duty", _("the uses of a seal are for auditors and its custodians to see"), subject=name)
    if official.branch not in ("", seal.branch):
        raise RefusedError("other-branch", _("this is another branch's"), subject=name)
    return seal
