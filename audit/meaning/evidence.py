"""What entries refer to, found again by its digest, whatever the file says that it is."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

from asn1crypto import parser

from audit.bundle import Bundle
from audit.meaning.many_statements import divided
from audit.meaning.statement import StatementFacts, read_statement
from core.algorithms import SM3
from core.errors import Kind, YinxinError
from core.i18n import _


@dataclass(frozen=True)
class CertificateFacts:
    """What is looked at of a certificate."""

    serial: int
    tbs: str
    """SHA-256 of what was signed, hexadecimal."""


@dataclass(frozen=True)
class BookedSeal:
    """What the books say of a seal."""

    statements: tuple[str, ...]
    """SM3 of each, in their order."""
    state: str
    uses: int


@dataclass
class Evidence:
    """By digest, hexadecimal; seals by name."""

    certificates: dict[str, CertificateFacts] = field(default_factory=dict)
    """By SHA-256."""
    messages: dict[str, bytes] = field(default_factory=dict)
    """Signed statements, by SM3: a few."""
    contents: dict[str, bytes] = field(default_factory=dict)
    """What was stated about, by SM3."""
    imported: dict[str, bytes] = field(default_factory=dict)
    """Certificates that were imported, whole, by SHA-256."""
    seals: dict[str, BookedSeal] = field(default_factory=dict)
    """As the books had them when the file was written: at least as much as the log."""
    read: dict[str, StatementFacts | None] = field(default_factory=dict)
    """Signed statements, by SM3: many, read before; None: the signature is not good."""

    @classmethod
    def of(cls, bundle: Bundle) -> "Evidence":
        """That of a file; `YinxinError` if it cannot be read."""
        certificates = {
            hashlib.sha256(octets).hexdigest(): facts
            for octets in bundle.objects("certificates")
            if (facts := _read_certificate(octets))
        }
        messages, read = divided(bundle.objects("statements"))
        contents = {SM3.of(octets).hex(): octets for octets in bundle.objects("contents")}
        imported = {hashlib.sha256(octets).hexdigest(): octets for octets in bundle.objects("imported")}
        seals = dict(filter(None, map(_booked, bundle.objects("seals"))))
        return cls(certificates, messages, contents, imported, seals, read)

    def statement(self, digest: str) -> StatementFacts | None:
        """The statement of this digest; None if it is not at hand. `YinxinError` if its signature is not good."""
        if digest in self.read:
            facts = self.read[digest]
            if facts is None:
                raise YinxinError(Kind.INVALID, _("the signature on the statement is not good"), subject=digest)
            return facts
        message = self.messages.get(digest)
        return None if message is None else read_statement(message)

    @property
    def has_statements(self) -> bool:
        """Whether the file was written with statements."""
        return bool(self.messages or self.read)

    def content(self, digest: str) -> dict[str, Any] | None:
        """The content of this digest; None if it is not at hand, or not what it should be."""
        try:
            content = json.loads(self.contents[digest])
        except (KeyError, ValueError, RecursionError):
            return None
        return content if isinstance(content, dict) else None


def _booked(octets: bytes) -> tuple[str, BookedSeal] | None:
    """The name of a seal, and what the books say of it; None if it is no such thing."""
    try:
        told = json.loads(octets)
        name, state, uses = told["name"], told["state"], told["uses"]
        statements = tuple(map(str, told["statements"]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    return (str(name), BookedSeal(statements, str(state), uses)) if isinstance(uses, int) else None


def _read_certificate(octets: bytes) -> CertificateFacts | None:
    """Serial number and TBS, of a certificate or an attribute certificate; None if it is neither."""
    try:
        *_outer, content, _trailer = parser.parse(octets, strict=True)
        _class, _method, _tag, header, body, trailer = parser.parse(content)
        tbs = content[: len(header) + len(body) + len(trailer)]
        for _field in range(5):  # version, holder, issuer and signature may stand before the number
            class_, _method, tag, header, value, trailer = parser.parse(body)
            if (class_, tag) == (0, 2) and len(value) > 1:
                return CertificateFacts(int.from_bytes(value, "big"), hashlib.sha256(tbs).hexdigest())
            body = body[len(header) + len(value) + len(trailer) :]
    except (ValueError, YinxinError):
        pass
    return None
