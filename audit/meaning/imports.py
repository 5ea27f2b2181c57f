"""What was taken over with an authority was announced, is all there, and is the authority's: by its own signature.

No request and no intent stands behind such a certificate, so it must not serve to slip one in.
"""

from dataclasses import dataclass, field

from asn1crypto import x509

from audit.meaning.entry import Entry
from audit.meaning.evidence import Evidence
from audit.meaning.judge import Tell
from core.algorithms import algorithm_by_identifier
from core.certificates import public_key_info
from core.errors import YinxinError
from core.i18n import _
from core.keys.verification import InvalidSignature, verify


@dataclass
class _Import:
    """One authority that was taken over."""

    entry: Entry
    taken: list[Entry] = field(default_factory=list)


class Imports:
    """By the authority's name."""

    def __init__(self, tell: Tell, evidence: Evidence) -> None:
        self._tell, self._evidence = tell, evidence
        self._imports: dict[str, _Import] = {}

    def begin(self, entry: Entry) -> None:
        """An authority is taken over, by whom the entry names, with so many certificates."""
        if entry.subject not in self._imports:
            self._imports[entry.subject] = _Import(entry)

    def take(self, entry: Entry) -> None:
        """A certificate comes with it: announced under the same digest, by the same person."""
        of = self._imports.get(entry.text("import"))
        if of is None or _announced(entry) != _announced(of.entry):
            self._tell("import", entry, _("a certificate was imported, and no authority with it"))
            return
        of.taken.append(entry)

    def finish(self) -> None:
        """Numbers and signatures."""
        for one in self._imports.values():
            own = [taken for taken in one.taken if taken.text("certificate") == one.entry.text("certificate")]
            count = len(one.taken) - len(own)
            if count != one.entry.number("certificates"):
                what = _("{announced} certificates were to be imported, and there are {count}")
                self._tell("import", one.entry, what.format(announced=one.entry.number("certificates"), count=count))
            for taken in one.taken:
                if taken not in own:
                    self._judge(taken, one.entry)

    def _judge(self, taken: Entry, of: Entry) -> None:
        if taken.text("authority") != of.subject:
            self._tell("import", taken, _("another authority's certificate was imported with it"))
        digest = taken.text("certificate")
        octets, issuer = (self._evidence.imported.get(one) for one in (digest, of.text("certificate")))
        if not digest or issuer is None:
            return  # only its number is known, or the file has no certificates along
        if octets is None:
            self._tell("import", taken, _("the certificate is missing"))
            return
        try:
            complaint = _complaint(octets, issuer, taken)
        except (ValueError, TypeError, KeyError, YinxinError):
            complaint = _("the certificate cannot be read")
        if complaint:
            self._tell("import", taken, complaint)


def _announced(entry: Entry) -> tuple[str, str]:
    return entry.actor, entry.text("digest")


def _complaint(octets: bytes, issuer: bytes, taken: Entry) -> str:
    """Why it cannot have been among what the authority had issued; empty if it can."""
    read, above = x509.Certificate.load(octets, strict=True), x509.Certificate.load(issuer, strict=True)
    if format(read.serial_number, "x") != taken.subject.lstrip("0"):
        return _("the certificate has another serial number")
    if read.issuer.dump() != above.subject.dump():
        return _("the imported certificate is another authority's")
    if read.not_valid_before > taken.moment:
        return _("the imported certificate begins after its import")
    try:
        algorithm = algorithm_by_identifier(read["signature_algorithm"].dump())
    except YinxinError:
        return ""  # of a time that signed by algorithms that are not used here
    try:
        tbs = read["tbs_certificate"].dump()
        verify(public_key_info(issuer), algorithm, read["signature_value"].native, tbs)
    except InvalidSignature:
        return _("the imported certificate is not signed by the authority")
    return ""
