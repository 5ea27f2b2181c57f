"""No sealed document is handed out before it was verified.

Everything is verified as anybody would who gets the document, which takes many times as long as making the signature.
What differs between two seals below B-LT is the document, its digest, the signature and the token; if these are good,
and all that stays the same was verified within the hour, nothing is left that could differ.
"""

import dataclasses
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BytesIO
from typing import BinaryIO

from pyhanko.pdf_utils import generic

from core.algorithms import Hash
from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.contracts import Evidence
from seals.documents import begins_with
from seals.levels import Level
from seals.pades import reading
from seals.pades.binding import kept_seal
from seals.pades.boundary import translated_errors
from seals.pades.values import PadesValue, SignatureValue
from seals.pades.writing import Made
from seals.sealing import Seal, self_issued
from seals.tokens import Token
from seals.verification.report import Report, SignatureReport, Verdict
from seals.verification.trust import Trust
from seals.verification.verification import verify_pdf

HOLDS_FOR = timedelta(hours=1)
"""So long what stays the same is not verified again."""
_MOST_KEPT = 1024
_verified: dict[tuple[object, ...], datetime] = {}
"""When a document of this seal and this time-stamping authority was verified whole."""


@dataclass(frozen=True)
class Proof:
    """A document that was just sealed, and what it is to be compared with."""

    copy: BinaryIO
    original: BinaryIO
    begun: Hash
    """Has taken in the original."""
    field: str
    made: Made
    value: SignatureValue
    password: str | None = dataclasses.field(default=None, repr=False)


def require_level(
    proof: Proof, seal: Seal, token: Token | None, level: Level, evidence: Evidence, clock: Clock
) -> None:
    """Return if the new seal has the level that was asked; else `YinxinError`."""
    now = clock.now()
    same = seal.certificate, tuple(seal.chain), seal.structure, seal.form, token.authority if token else None, level
    last = _verified.get(same)
    is_recent = last is not None and timedelta(0) <= now - last < HOLDS_FOR
    if is_recent and level < Level.B_LT and isinstance(proof.value, PadesValue) and _is_all_there_is(proof):
        proof.value.require_good(proof.made.digest)
        return
    _require_as_anybody(proof, seal, level, evidence, clock)
    if len(_verified) >= _MOST_KEPT:
        _verified.clear()
    _verified[same] = now


def _is_all_there_is(proof: Proof) -> bool:
    """Whether the document, read again, is the original and this one signature over all of it.

    The signature is about the digest that is compared here; the token was checked when it came.
    """
    made, copy = proof.made, proof.copy
    size, end = proof.original.seek(0, 2), copy.seek(0, 2)
    if not size < made.start < made.stop < end or not begins_with(copy, proof.original):
        return False
    hashing = proof.begun.copy()
    copy.seek(size)
    hashing.update(copy.read(made.start - size))
    gap = copy.read(made.stop - made.start)
    hashing.update(copy.read())
    if hashing.digest() != made.digest or gap[:1] + gap[-1:] != b"<>":
        return False
    if bytes.fromhex(gap[1:-1].decode("ascii")) != made.value.ljust((len(gap) - 2) // 2, b"\0"):
        return False
    with translated_errors():
        return _names_the_gap(proof, [0, made.start, made.stop, end - made.stop])


def _names_the_gap(proof: Proof, byte_range: list[int]) -> bool:
    """Whether the only signature field of the document, found as any reader finds it, is the one that was made."""
    reader = reading.open_pdf(proof.copy, proof.password)
    fields = reader.root["/AcroForm"]["/Fields"]
    if len(fields) != 1 or fields[0].get("/FT") != "/Sig" or reading.entry(fields[0], "/T", None) != proof.field:
        return False
    if kept_seal(fields[0]) != (proof.value.bound or b""):
        return False
    place = reader.xrefs[fields[0].raw_get("/V").reference]
    if not isinstance(place, int) or place >= proof.made.start:
        return False
    # Without its longest string, which pyHanko reads digit by digit.
    proof.copy.seek(place)
    before = proof.copy.read(proof.made.start - place)
    proof.copy.seek(proof.made.stop)
    numbers, _obj, dictionary = (before + b"<00>" + proof.copy.read()).partition(b"obj")
    if numbers.split() != [b"%d" % fields[0].raw_get("/V").idnum, b"0"]:
        return False
    value = generic.DictionaryObject.read_from_stream(BytesIO(dictionary.lstrip()), generic.Reference(0, 0, reader))
    found = value.get("/ByteRange"), value.get("/Contents")
    return found == (byte_range, b"\0") and value.get("/Type") == "/Sig"


def _require_as_anybody(proof: Proof, seal: Seal, level: Level, evidence: Evidence, clock: Clock) -> None:
    known = [*seal.chain, *evidence.certificates]
    trust = Trust(anchors=[der for der in known if self_issued(der)], certificates=known)
    report = verify_pdf(proof.copy, trust, clock, password=proof.password)
    made = next((signature for signature in report.signatures if signature.field == proof.field), None)
    # In a document that holds evidence already, the level may be higher than was asked.
    reached = made is not None and made.level is not None and made.level >= level
    if made is not None and reached and made.intact and _without_maker(made) in _acceptable(level):
        return
    raise YinxinError(
        Kind.UNAVAILABLE,
        _("the seal did not reach level {level}: {reasons}").format(level=level, reasons=_reasons(report, proof.field)),
        remedy=_("check the certificates, their revocation lists and the time-stamping authority; nothing was sealed"),
    )


def _without_maker(made: SignatureReport) -> Verdict:
    """Its verdict, but for whether the maker of the electronic seal is trusted: the level does not promise that."""
    counted = [one.verdict for one in made.findings if one.code != "seal-maker-untrusted"]
    return max([Verdict.VALID, *counted])


def _acceptable(level: Level) -> set[Verdict]:
    # Below B-LT the document holds no certificate status, so that nobody can call it valid without help.
    return {Verdict.VALID} if level >= Level.B_LT else {Verdict.VALID, Verdict.REMARKS, Verdict.INDETERMINATE}


def _reasons(report: Report, field: str) -> str:
    texts = [
        finding.text
        for signature in report.signatures
        if signature.field == field or signature.verdict > Verdict.REMARKS
        for finding in signature.findings
    ]
    return "; ".join([*(finding.text for finding in report.findings), *texts]) or _("its level is lower")
