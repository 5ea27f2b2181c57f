"""What is asked of every signature, question by question, and the answers in words."""

from dataclasses import dataclass
from enum import StrEnum

from core.i18n import _


class Answer(StrEnum):
    """What came of one question about a signature."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"
    """It cannot be told from what is at hand."""


class Question(StrEnum):
    """What is asked of a signature, each by itself. Which of them there are depends on the kind of signature."""

    WHOLE = "whole"
    """What it signs is as it was signed, and it was made with the key in its certificate."""
    LATER_CHANGES = "later-changes"
    """What was added to the document after it is permitted."""
    SIGNER = "signer"
    """The signer's certificate leads to a trust anchor."""
    TIME = "time"
    """A trusted time stamp proves when it existed."""
    STATUS = "status"
    """The signer's certificate was neither expired nor revoked then."""
    SEAL_MADE = "seal-made"
    """The maker's signature on the electronic seal is good."""
    SEAL_MAKER = "seal-maker"
    """The maker's certificate was one that could make seals when it made this one."""
    SEAL_SIGNER = "seal-signer"
    """The signer's certificate is among those of the seal."""
    SEAL_VALIDITY = "seal-validity"
    """The seal was valid when it was used."""
    SEAL_PICTURE = "seal-picture"
    """The picture on the page is the one in the seal."""

    @property
    def words(self) -> str:
        """In the reader's language."""
        return {
            Question.WHOLE: _("Whole and untouched"),
            Question.LATER_CHANGES: _("Later changes permitted"),
            Question.SIGNER: _("Signer known"),
            Question.TIME: _("Time proven"),
            Question.STATUS: _("Certificate in force"),
            Question.SEAL_MADE: _("Seal made by its maker"),
            Question.SEAL_MAKER: _("Maker of the seal known"),
            Question.SEAL_SIGNER: _("Signer may use the seal"),
            Question.SEAL_VALIDITY: _("Seal valid at that time"),
            Question.SEAL_PICTURE: _("Picture is that of the seal"),
        }[self]


@dataclass(frozen=True)
class Check:
    """One question about a signature, its answer, and the answer in words."""

    question: Question
    answer: Answer
    text: str
