"""Whether the entries of a file are those that were signed: all of them, in their order, none added or changed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise

from audit.bundle import Bundle, SignedNote
from audit.contracts import CheckToken
from audit.findings import Finding, Gravity
from audit.key import fingerprint
from audit.merkle import LEAF, Frontier
from audit.notes import Checkpoint, read_checkpoint
from audit.succession import Succession
from core.errors import YinxinError
from core.i18n import _

RULE, KEY = "chain", "key"
CLOCKS = timedelta(seconds=60)
"""How far two clocks may be apart."""

Each = Callable[[int, bytes], None]
"""Is handed every entry that a checkpoint covers, with its position. Whether it is the one that was signed turns out
afterwards."""


@dataclass
class Chain:
    """What verification has seen."""

    checkpoints: list[Checkpoint] = field(default_factory=list)
    """Those of the file that the key has signed."""
    entries: int = 0
    stamped: int = 0
    """Checkpoints with a time stamp that holds."""
    former: int = 0
    """Checkpoints of an earlier key, which nobody here knows. A later one, of a key that is known, covers them."""
    findings: list[Finding] = field(default_factory=list)

    @property
    def last(self) -> Checkpoint | None:
        """The newest checkpoint."""
        return self.checkpoints[-1] if self.checkpoints else None

    def broken(self, what: str, subject: str = "", position: int | None = None) -> None:
        """Note what must not be."""
        self.findings.append(Finding(Gravity.BROKEN, RULE, subject, what, position))


def verify_chain(
    bundle: Bundle,
    keys: Succession,
    known: Sequence[Checkpoint] = (),
    *,
    each: Each | None = None,
    check_token: CheckToken | None = None,
    anchors: Sequence[bytes] = (),
) -> Chain:
    """Compare the entries of a file with its checkpoints and with those that are `known` from outside.

    `anchors`: whose time stamps are trusted (DER); none: time stamps are only examined by themselves.
    """
    chain = Chain()
    _read_checkpoints(chain, bundle, keys, _Clerk(check_token, anchors) if check_token else None)
    if chain.stamped and not anchors:
        what = _("nobody said which time-stamping authorities are trusted: the time stamps were examined by themselves")
        chain.findings.append(Finding(Gravity.REMARK, "timestamp", "", what))
    _tell_succession(chain, keys)
    last = chain.last
    if last is None:
        chain.broken(_("the file has no checkpoint that the audit key has signed"))
        return chain
    for one in known:
        if (one.origin, one.digest) != (last.origin, last.digest):
            chain.broken(_("the checkpoint known outside is of another log: {origin}").format(origin=one.origin))
    known = [one for one in known if (one.origin, one.digest) == (last.origin, last.digest)]
    _compare(chain, bundle, last, known, each)
    return chain


def _tell_succession(chain: Chain, keys: Succession) -> None:
    if chain.former:
        what = _("{count} checkpoints are of an earlier key, which is not known here; later ones cover their entries")
        chain.findings.append(Finding(Gravity.REMARK, KEY, "", what.format(count=chain.former)))
    for before, reign in pairwise(keys.reigns):
        if not reign.vouched and before.key is not None and chain.last and reign.begins <= chain.last.size:
            what = _("from here on another audit key signs, for which the key before it did not vouch")
            subject = fingerprint(reign.key or b"")
            chain.findings.append(Finding(Gravity.REMARK, KEY, subject, what, reign.begins))


@dataclass(frozen=True)
class _Clerk:
    """Examines the time stamps of checkpoints."""

    check_token: CheckToken
    anchors: Sequence[bytes]

    def examine(self, chain: Chain, checkpoint: Checkpoint, signed: SignedNote, subject: str) -> None:
        """Count a time stamp that holds; say what is wrong with one that does not."""
        if signed.token is None:
            return
        try:
            stamped_at = self.check_token(signed.token, signed.note, self.anchors)
        except YinxinError as error:
            chain.broken(_("its time stamp does not hold: {reason}").format(reason=error.what), subject)
            return
        chain.stamped += 1
        if checkpoint.at - stamped_at > CLOCKS:
            what = _("it says a later time than its time stamp: {moment}").format(moment=stamped_at.isoformat())
            chain.findings.append(Finding(Gravity.REMARK, "clock", subject, what))


def _read_checkpoints(chain: Chain, bundle: Bundle, keys: Succession, clerk: "_Clerk | None") -> None:
    for place, signed in enumerate(bundle.checkpoints(), 1):
        subject = _("checkpoint {number}").format(number=place)
        try:
            if keys.is_before(read_checkpoint(signed.note)):
                chain.former += 1
                continue
            checkpoint = keys.open(signed.note)
        except YinxinError as error:
            chain.broken(error.what, subject)
            continue
        last = chain.last
        if last and (checkpoint.origin, checkpoint.digest) != (last.origin, last.digest):
            chain.broken(_("it is of another log: {origin}").format(origin=checkpoint.origin), subject)
            continue
        if last and checkpoint.size <= last.size:
            chain.broken(_("the checkpoints are not in their order"), subject)
            continue
        if last and checkpoint.at < last.at:
            what = _("its time is before that of the one before")
            chain.findings.append(Finding(Gravity.REMARK, "clock", subject, what))
        chain.checkpoints.append(checkpoint)
        if clerk:
            clerk.examine(chain, checkpoint, signed, subject)


def _compare(chain: Chain, bundle: Bundle, last: Checkpoint, known: Sequence[Checkpoint], each: Each | None) -> None:
    expected: dict[int, set[bytes]] = {}
    for one in (*chain.checkpoints, *known):
        expected.setdefault(one.size, set()).add(one.root)
    frontier, digest, agreed, differs = Frontier(last.digest), last.digest, 0, False
    for position, entry in enumerate(bundle.entries()):
        chain.entries = position + 1
        if position >= last.size:
            continue
        frontier.append(digest.of(LEAF + entry))
        if frontier.size in expected and not differs:
            if expected[frontier.size] == {frontier.root()}:
                agreed = frontier.size
            else:
                differs = True
                chain.broken(_differing(agreed, frontier.size), position=agreed)
        if each:
            each(position, entry)
    if chain.entries != last.size:
        chain.broken(
            _("the newest checkpoint is over {size} entries, and the file has {count}").format(
                size=last.size, count=chain.entries
            ),
            position=min(chain.entries, last.size),
        )
    beyond = max((one.size for one in known), default=0)
    if beyond > last.size:
        chain.broken(
            _(
                "the checkpoint known outside is over {size} entries, and the file ends after {count}:"
                " the rest was cut off, or the file was exported before"
            ).format(size=beyond, count=last.size),
            position=last.size,
        )


def _differing(begin: int, end: int) -> str:
    return _(
        "the entries from {begin} to {end} are not those that were signed: changed, removed, added or in another order"
    ).format(begin=begin, end=end - 1)
