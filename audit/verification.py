"""Verifying an exported log: first that it is what was signed, at the same time what it means."""

from collections.abc import Sequence
from dataclasses import dataclass

from audit.bundle import Bundle
from audit.chain import Chain, Each, verify_chain
from audit.contracts import CheckToken
from audit.findings import Finding
from audit.meaning.evidence import Evidence
from audit.meaning.judge import Judge
from audit.succession import Succession


@dataclass(frozen=True)
class Verified:
    """What was seen, and everything that was found."""

    chain: Chain
    findings: list[Finding]
    keys: Succession


def verify_log(
    bundle: Bundle,
    trusted: Sequence[bytes],
    outside: Sequence[bytes] = (),
    *,
    check_token: CheckToken,
    anchors: Sequence[bytes] = (),
    also: Each | None = None,
) -> Verified:
    """Verify a file with the audit keys that are trusted (SPKI, DER), and checkpoints that were kept outside.

    `anchors`: under which time-stamping authorities are trusted (DER). `also`: is handed each entry too.
    `YinxinError` if the file, or a checkpoint from outside, cannot be read.
    """
    keys = Succession(trusted, [*(one.note for one in bundle.checkpoints()), *outside])
    known = [keys.open(one) for one in outside]
    judge = Judge(Evidence.of(bundle))

    def each(position: int, entry: bytes) -> None:
        judge.take(position, entry)
        if also:
            also(position, entry)

    chain = verify_chain(bundle, keys, known, each=each, check_token=check_token, anchors=anchors)
    return Verified(chain, [*chain.findings, *judge.finish()], keys)
