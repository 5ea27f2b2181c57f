"""No sealed document is handed out before it was verified.

Everything is verified as anybody would who gets the document, which takes many times as long as making the signature.
What differs between two documents of one seal is their octets, the digests, the signatures and the tokens; if these
are good, and all that stays the same was verified within the hour (`proven`), nothing is left that could differ.
"""

from core.clock import Clock
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.contracts import Evidence
from seals.documents import proven
from seals.documents.pdf_made import Work, is_as_made
from seals.documents.pdf_repair import require_undamaged
from seals.levels import Level
from seals.pades.values import PadesValue
from seals.sealing import Seal, self_issued
from seals.verification.report import Report, SignatureReport, Verdict
from seals.verification.trust import Trust
from seals.verification.verification import verify_pdf


def require_level(work: Work, seal: Seal, level: Level, clock: Clock) -> None:
    """Return if the new seal has the level that was asked; else `YinxinError`."""
    now, tokens, evidence = clock.now(), work.tokens, work.evidence or Evidence()
    same = proven.same_in_every_document(seal, work.manner, tokens, level, evidence)
    if proven.is_proven(same, tokens, now) and isinstance(work.value, PadesValue) and is_as_made(work):
        work.value.require_good(work.made.digest)
        return
    _require_as_anybody(work, seal, level, evidence, clock)
    proven.note(same, seal, tokens, evidence, now)


def _require_as_anybody(work: Work, seal: Seal, level: Level, evidence: Evidence, clock: Clock) -> None:
    known = [*seal.chain, *evidence.certificates]
    trust = Trust(anchors=[der for der in known if self_issued(der)], certificates=known)
    report = verify_pdf(work.copy, trust, clock, password=work.password)
    made = next((signature for signature in report.signatures if signature.field == work.made.field), None)
    # In a document that holds evidence already, the level may be higher than was asked.
    reached = made is not None and made.level is not None and made.level >= level
    if made is not None and reached and made.intact and _without_maker(made) in _acceptable(level):
        return
    # What is damaged is read by each program as it can, so that nobody vouches for it.
    require_undamaged(work.original, work.password)
    raise YinxinError(
        Kind.UNAVAILABLE,
        _("the seal did not reach level {level}: {reasons}").format(
            level=level, reasons=_reasons(report, work.made.field)
        ),
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
