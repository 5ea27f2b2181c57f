"""The words of states, acts, roles and reasons. The command takes them and JSON says them alike in every language.

People read them in tables beside their translation.
"""

from collections.abc import Iterable

from core.i18n import translated


def N_(word: str) -> str:  # noqa: N802 - babel's keyword for texts that are translated elsewhere
    """The word, marked for extraction."""
    return word


WORDS = frozenset(
    {
        # States of requests, certificates, people, keys, seals, archives.
        N_("entered"),
        N_("approved"),
        N_("rejected"),
        N_("withdrawn"),
        N_("expired"),
        N_("open"),
        N_("used"),
        N_("issued"),
        N_("delivered"),
        N_("valid"),
        N_("presumed"),
        N_("held"),
        N_("revoked"),
        N_("active"),
        N_("suspended"),
        N_("removed"),
        N_("requested"),
        N_("frozen"),
        N_("destroyed"),
        N_("good"),
        N_("unknown"),
        N_("due"),
        N_("stamped"),
        N_("renewed"),
        N_("unprotected"),
        N_("untrusted"),
        N_("weakened"),
        N_("invalid"),
        N_("changed"),
        N_("missing"),
        N_("applied"),
        N_("made"),
        N_("handed-in"),
        # States of batches and their documents.
        N_("started"),
        N_("finished"),
        N_("cancelled"),
        N_("waiting"),
        N_("sealed"),
        N_("failed"),
        # Acts.
        N_("enter"),
        N_("amend"),
        N_("approve"),
        N_("reject"),
        N_("withdraw"),
        N_("issue"),
        N_("deliver"),
        N_("revoke"),
        N_("hold"),
        N_("resume"),
        N_("presume"),
        N_("import"),
        N_("apply"),
        N_("change"),
        N_("activate"),
        N_("freeze"),
        N_("hand-in"),
        N_("destroy"),
        N_("discard"),
        N_("allow-use"),
        N_("withdraw-use"),
        N_("admit-system"),
        N_("rotate-key"),
        N_("withdraw-system"),
        # Roles that are not named as acts are.
        N_("super"),
        N_("audit"),
        N_("business"),
        N_("auditor"),
        N_("review"),
        N_("make"),
        N_("query"),
        N_("seal-administrator"),
        N_("seal-custodian"),
        # What a seal is for.
        N_("official"),
        N_("finance"),
        N_("contract"),
        N_("personnel"),
        N_("legal-representative"),
        N_("invoice"),
        N_("personal"),
        # CRLReason (RFC 5280 5.3.1).
        N_("unspecified"),
        N_("keyCompromise"),
        N_("cACompromise"),
        N_("affiliationChanged"),
        N_("superseded"),
        N_("cessationOfOperation"),
        N_("certificateHold"),
        N_("removeFromCRL"),
        N_("privilegeWithdrawn"),
        N_("aACompromise"),
        # Levels and checks of `yinxin health`.
        N_("ok"),
        N_("warning"),
        N_("critical"),
        N_("database"),
        N_("disk"),
        N_("authorities"),
        N_("crl"),
        N_("service-requests"),
        N_("intents"),
        N_("keys"),
        N_("certificates"),
        N_("seals"),
        N_("batches"),
        N_("recoveries"),
        N_("requests"),
        N_("notices"),
        N_("checkpoints"),
        N_("audit-key"),
        N_("clock"),
        N_("units"),
        N_("backup"),
    }
)


def in_words(word: str) -> str:
    """The word, with its translation before it where the reader's language has one: `已录入 entered`."""
    said = translated(word) if word in WORDS else word
    return word if said == word else f"{said} {word}"


def all_in_words(words: Iterable[str]) -> str:
    """Several of them, as `in_words` tells each."""
    return ", ".join(map(in_words, words))
