"""A signed statement as the rules read it."""

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache

from core import cms

_WORDS = ("operator", "officer", "act", "subject", "digest")


@dataclass(frozen=True, slots=True)
class StatementFacts:
    """What was signed, the signature checked."""

    words: dict[str, str]
    """Those of its fields that rules look at, as far as they are texts."""
    certificate: str
    """SHA-256 of the signer's certificate, hexadecimal."""

    def word(self, name: str) -> str:
        """A field that is text; empty if there is none."""
        return self.words.get(name, "")


@lru_cache(maxsize=1024)
def read_statement(message: bytes) -> StatementFacts:
    """What was signed; `YinxinError` if the signature is not good."""
    signed = cms.check(message)
    try:
        words = json.loads(signed.content)
    except (ValueError, RecursionError):
        words = None
    given = words if isinstance(words, dict) else {}
    texts = {name: given[name] for name in _WORDS if isinstance(given.get(name), str)}
    return StatementFacts(texts, hashlib.sha256(signed.certificate).hexdigest())
