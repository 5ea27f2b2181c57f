"""What was verified whole, and for how long nothing of it can have changed.

Two documents of one seal differ in their octets, digests, signatures and tokens. All else that a verdict rests on is
the same, and is verified once an hour: certificates, their paths and status, the electronic seal, the authorities.
"""

import hashlib
from collections.abc import Hashable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from asn1crypto import crl, ocsp, x509

from core.asn1.ses import parse_seal
from seals.contracts import Evidence
from seals.levels import Level
from seals.sealing import Seal
from seals.tokens import Token

HOLDS_FOR = timedelta(hours=1)
"""So long what stays the same is not verified again."""
SKEW = timedelta(minutes=2)
"""By how much the clock of an authority may differ from ours; of two, by less than `assessment.CLOCK_TOLERANCE`."""
_MOST_KEPT = 1024


class _Times(NamedTuple):
    """Between these nothing begins or ends to be valid."""

    begin: datetime
    end: datetime


_proven: dict[Hashable, _Times] = {}


def same_in_every_document(
    seal: Seal, manner: Hashable, tokens: Sequence[Token], level: Level, evidence: Evidence
) -> Hashable:
    """What a verdict rests on beside the document, its signature and its time stamps. `manner`: of sealing."""
    material = hashlib.sha256()
    for one in (*evidence.certificates, b"", *evidence.crls, b"", *evidence.ocsp_responses):
        material.update(len(one).to_bytes(8, "big") + one)
    whose = tuple((token.authority, token.certificates, token.algorithm) for token in tokens)
    of_the_seal = seal.certificate, tuple(seal.chain), seal.structure, seal.form, seal.picture
    return of_the_seal, manner, level, whose, material.digest()


def is_proven(same: Hashable, tokens: Sequence[Token], now: datetime) -> bool:
    """Whether another document with the same was verified whole, and the time makes no difference."""
    times = _proven.get(same)
    return times is not None and all(
        times.begin <= moment <= times.end and abs(moment - now) <= SKEW
        for moment in (now, *(token.at for token in tokens))
    )


def note(same: Hashable, seal: Seal, tokens: Sequence[Token], evidence: Evidence, now: datetime) -> None:
    """A document with this was verified whole."""
    certificates = [seal.certificate, *seal.chain, *evidence.certificates]
    for token in tokens:
        certificates += [token.authority, *token.certificates]
    bodies = [x509.Certificate.load(der) for der in dict.fromkeys(certificates)]
    begins = [now - SKEW, *(body.not_valid_before for body in bodies)]
    ends = [now + HOLDS_FOR, *(body.not_valid_after for body in bodies)]
    ends += [moment for moment in _next_updates(evidence) if moment is not None]
    if seal.structure is not None:
        about = parse_seal(seal.structure).structure["seal_info"]["property"]
        begins.append(about["valid_start"].native)
        ends.append(about["valid_end"].native)
    if len(_proven) >= _MOST_KEPT:
        _proven.clear()
    _proven[same] = _Times(max(begins), min(ends))


def _next_updates(evidence: Evidence) -> Iterator[datetime | None]:
    for der in evidence.crls:
        yield crl.CertificateList.load(der)["tbs_cert_list"]["next_update"].native
    for der in evidence.ocsp_responses:
        for single in ocsp.OCSPResponse.load(der).response_data["responses"]:
            yield single["next_update"].native
