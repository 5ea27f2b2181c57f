"""The questions about a signature, each answered in words from the facts. What they mean together is `judgement`."""

from collections.abc import Iterator
from datetime import datetime

from asn1crypto import x509

from core.i18n import _
from seals.electronic.seal_check import CheckedSeal
from seals.pades.assessment import Assessment, JudgedTimestamp
from seals.pades.certificates import Outcome
from seals.pades.changes import Change
from seals.pades.examination import ExaminedSignature, ExaminedTimestamp
from seals.verification.facts import CertificateFacts, ChangeFacts
from seals.verification.questions import Answer, Check, Question


def of_signature(examined: ExaminedSignature, changes: ChangeFacts | None, now: datetime) -> list[Check]:
    """The questions about an ordinary signature."""
    assessment = examined.assessment
    whole = _yes_or_no(
        Question.WHOLE,
        assessment.intact,
        _("what was sealed is as it was sealed"),
        _("what was sealed was changed, or the signature was not made with the key in the certificate"),
    )
    return [
        whole,
        *([later_changes(changes)] if changes else ()),
        signer(assessment.signer, assessment.chain),
        _time(assessment, examined.claimed_time),
        _status(assessment, examined.claimed_time, now),
        *(of_seal(examined.seal) if examined.seal else ()),
    ]


def of_timestamp(examined: ExaminedTimestamp, changes: ChangeFacts) -> list[Check]:
    """The questions about a document timestamp."""
    stamp = examined.timestamp
    return [
        _yes_or_no(
            Question.WHOLE,
            stamp.intact,
            _("the document is as it was time-stamped"),
            _("the document timestamp is not over this document"),
        ),
        later_changes(changes),
        signer(stamp.authority, stamp.chain),
        time_of(stamp),
    ]


def time_of(stamp: JudgedTimestamp) -> Check:
    """Whether a time stamp proves anything."""
    if stamp.outcome is Outcome.PASSED:
        return Check(Question.TIME, Answer.YES, _by(stamp))
    answer = Answer.NO if stamp.outcome is Outcome.FAILED else Answer.UNKNOWN
    words = _("it says {time}, which cannot be relied on").format(time=moment_words(stamp.at))
    return Check(Question.TIME, answer, words)


def later_changes(changes: ChangeFacts) -> Check:
    """Whether what was added later is permitted."""
    answer = Answer.NO if changes.level == Change.SUSPICIOUS else Answer.YES
    return Check(Question.LATER_CHANGES, answer, changes.text)


def signer(certificate: bytes, chain: tuple[bytes, ...]) -> Check:
    """Whose certificate it is, and who vouches for it."""
    if not certificate:
        return Check(Question.SIGNER, Answer.UNKNOWN, _("the certificate that it names is not at hand"))
    name = CertificateFacts.of(certificate).subject
    if not chain:
        words = _("{name}, which leads to no trusted authority").format(name=name)
        return Check(Question.SIGNER, Answer.UNKNOWN, words)
    line = " ← ".join(CertificateFacts.of(one).subject for one in chain)
    return Check(Question.SIGNER, Answer.YES, _("{name}, vouched for by {chain}").format(name=name, chain=line))


def of_seal(seal: CheckedSeal) -> Iterator[Check]:
    """The questions about the electronic seal, in the order of GM/T 0031."""
    yield _yes_or_no(
        Question.SEAL_MADE,
        "seal-forged" not in seal.problems,
        _("the maker's signature on the seal is good"),
        _("the electronic seal was not made by the seal maker that it names"),
    )
    yield _maker(seal)
    yield _yes_or_no(
        Question.SEAL_SIGNER,
        "seal-not-the-signers" not in seal.problems,
        _("the signer's certificate is one of those in the seal"),
        _("the electronic seal may not be used with the signer's certificate"),
    )
    period = f"{seal.valid_from.astimezone():%Y-%m-%d} – {seal.valid_until.astimezone():%Y-%m-%d}"
    yield _yes_or_no(
        Question.SEAL_VALIDITY,
        "seal-not-valid" not in seal.problems,
        _("the seal was valid when it was used ({period})").format(period=period),
        _("the electronic seal was not valid when it was used ({period})").format(period=period),
    )
    if seal.is_visible:
        answer, words = {
            True: (Answer.YES, _("the picture on the page is the one in the seal")),
            False: (Answer.NO, _("the picture on the page is not the one in the electronic seal")),
            None: (Answer.UNKNOWN, _("whether the picture on the page is the one in the seal cannot be told")),
        }[seal.picture_on_page]
        yield Check(Question.SEAL_PICTURE, answer, words)


def moment_words(moment: datetime) -> str:
    """A moment as people read it, in the local time of whoever reads."""
    return moment.astimezone().isoformat(sep=" ", timespec="seconds")


def _maker(seal: CheckedSeal) -> Check:
    name = CertificateFacts.of(seal.maker).subject
    if {"seal-maker-not-valid", "seal-maker-revoked"} & set(seal.problems):
        words = _("{name}, whose certificate was not in force when the seal was made").format(name=name)
        return Check(Question.SEAL_MAKER, Answer.NO, words)
    if not seal.maker_trusted:
        words = _("{name}, which leads to no trusted authority").format(name=name)
        return Check(Question.SEAL_MAKER, Answer.UNKNOWN, words)
    if not seal.maker_named:
        words = _("{name}, who is not among those who are trusted to make seals").format(name=name)
        return Check(Question.SEAL_MAKER, Answer.UNKNOWN, words)
    words = _("{name}, whose certificate was valid when the seal was made").format(name=name)
    return Check(Question.SEAL_MAKER, Answer.YES, words)


def _time(assessment: Assessment, claimed: datetime | None) -> Check:
    if assessment.proof:
        return Check(Question.TIME, Answer.YES, _by(assessment.proof))
    if assessment.timestamp:
        return time_of(assessment.timestamp)
    if claimed:
        words = _("only the signer says when: {time}").format(time=moment_words(claimed))
        return Check(Question.TIME, Answer.UNKNOWN, words)
    return Check(Question.TIME, Answer.UNKNOWN, _("nothing says when it was sealed"))


def _by(stamp: JudgedTimestamp) -> str:
    authority = CertificateFacts.of(stamp.authority).subject
    if stamp.field is None:
        return _("it existed on {time}, by the time stamp of {authority}").format(
            time=moment_words(stamp.at), authority=authority
        )
    return _("it existed on {time}, by the document timestamp {field} of {authority}").format(
        time=moment_words(stamp.at), field=stamp.field, authority=authority
    )


def _status(assessment: Assessment, claimed: datetime | None, now: datetime) -> Check:
    revoked, sealed = assessment.revoked_at, assessment.proven_time
    if not assessment.signer:
        return Check(Question.STATUS, Answer.UNKNOWN, _("the certificate that it names is not at hand"))
    if revoked is not None:
        date = moment_words(revoked)
        if sealed is not None and sealed < revoked:
            words = _("revoked on {date}, after it was proven to be sealed").format(date=date)
            return Check(Question.STATUS, Answer.YES, words)
        said = sealed or claimed
        answer = Answer.NO if said is not None and said >= revoked else Answer.UNKNOWN
        words = _("revoked on {date}, and nothing proves that it was sealed before").format(date=date)
        if answer is Answer.NO:
            words = _("revoked on {date}, before it was sealed").format(date=date)
        return Check(Question.STATUS, answer, words)
    ends = x509.Certificate.load(assessment.signer).not_valid_after
    if assessment.in_force:
        if now > ends:
            words = _("in force then, and expired on {date}").format(date=moment_words(ends))
        else:
            words = _("neither revoked nor expired")
        return Check(Question.STATUS, Answer.YES, words)
    if now > ends and sealed is None:
        words = _("expired on {date}, and nothing proves that it was sealed before").format(date=moment_words(ends))
        return Check(Question.STATUS, Answer.UNKNOWN, words)
    return Check(Question.STATUS, Answer.UNKNOWN, _("nothing at hand says whether it was revoked"))


def _yes_or_no(question: Question, is_so: bool, yes: str, no: str) -> Check:
    return Check(question, Answer.YES if is_so else Answer.NO, yes if is_so else no)
