"""Asking online, where somebody chose that: issuers, OCSP responses and revocation lists, from where certificates say.

A document is judged with what is at hand; about every certificate that was asked for then, what it points at is
fetched (AIA, CRL distribution points; RFC 5280 4.2.2.1, 4.2.1.13), and the document is judged again. What is fetched is
believed like anything else that a stranger hands in: only as far as signatures lead to an anchor.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from time import monotonic

from asn1crypto import cms, crl, ocsp, pem, x509

from core import files, web
from core.algorithms import SHA1
from core.asn1 import der
from core.errors import Kind, YinxinError
from core.i18n import _
from core.path import MAXIMUM_LENGTH
from seals.pades.assessment import Judge
from seals.pades.evidence import Knowledge
from seals.verification.facts import CertificateFacts, FetchedFacts
from seals.verification.report import Report
from seals.verification.trust import ISSUERS, Trust

MOST_OCTETS = {"issuer": 1 << 20, "ocsp": 1 << 18, "crl": 64 << 20}
"""Of one answer."""
MOST_REQUESTS, LONGEST_SECONDS = 60, 120
"""For all documents of one command."""
_ROUNDS = 4
"""An issuer that was fetched may have one that is to be fetched."""
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, OverflowError, AttributeError)

Fetch = Callable[[str, int, bytes | None], bytes]
"""An address, the most octets, what is posted; `YinxinError` if there is nothing to be had."""


def fetch_within(reach: web.Reach) -> Fetch:
    """Over HTTP, from whom we may ask."""

    def fetch(url: str, most_octets: int, body: bytes | None) -> bytes:
        kind = "application/ocsp-request" if body is not None else ""
        return web.fetch(url, reach, most_octets=most_octets, body=body, content_type=kind)

    return fetch


@dataclass(frozen=True)
class _Watched(Trust):
    """Notes every certificate that is judged, with what was known then."""

    asked: dict[bytes, Knowledge] = field(default_factory=dict, compare=False)

    def judge(self, now: datetime) -> Judge:
        """A judge that is listened to."""
        return replace(super().judge(now), asked=self.asked)


@dataclass
class Online:
    """What was fetched so far, and what is to be told about it."""

    fetch: Fetch
    knowledge: Knowledge = field(default_factory=Knowledge)
    told: list[FetchedFacts] = field(default_factory=list)
    _done: set[tuple[str, bytes]] = field(default_factory=set)
    _began: float = field(default_factory=monotonic)

    def report(self, verify: Callable[[Path, Trust], Report], path: Path, trust: Trust) -> Report:
        """The report on a file, by what is at hand and what can be fetched."""
        told = len(self.told)
        for _round in range(_ROUNDS):
            known = trust.knowing(self.knowledge)
            watched = _Watched(**{one.name: getattr(known, one.name) for one in fields(Trust)})
            report = verify(path, watched)
            before = self.knowledge
            for certificate, at_hand in watched.asked.items():
                self._ask_about(certificate, at_hand + self.knowledge, watched.anchors)
            if self.knowledge == before:
                break
        return replace(report, fetched=self.told[told:])

    def _ask_about(self, certificate: bytes, known: Knowledge, anchors: Sequence[bytes]) -> None:
        for _step in range(MAXIMUM_LENGTH):
            if certificate in anchors:
                return
            candidates = [*anchors, *known.certificates]
            issuer = _issuer_among(certificate, candidates) or self._fetched_issuer(certificate)
            if issuer is None or issuer == certificate:
                return
            self._ask_status(certificate, issuer)
            certificate = issuer

    def _fetched_issuer(self, certificate: bytes) -> bytes | None:
        for url in _access(certificate, "ca_issuers"):
            content = self._had("issuer", url, certificate, _certificates)
            if content is None:
                continue
            self.knowledge += Knowledge(tuple(_certificates(content)))
        return _issuer_among(certificate, self.knowledge.certificates)

    def _ask_status(self, certificate: bytes, issuer: bytes) -> None:
        """Both kinds: a responder's own certificate may need a revocation list."""
        question = ocsp_request(certificate, issuer)
        for url in _access(certificate, "ocsp"):
            content = self._had("ocsp", url, certificate, _good_response, question)
            if content is not None:
                self.knowledge += Knowledge(ocsp_responses=(content,))
                break
        for url in _lists(certificate):
            content = self._had("crl", url, certificate, lambda data: _list_of(data, issuer))
            if content is not None:
                self.knowledge += Knowledge(crls=(_list_of(content, issuer),))
                break

    def _had(
        self, what: str, url: str, about: bytes, read: Callable[[bytes], object], body: bytes | None = None
    ) -> bytes | None:
        """What was fetched, if it is what it should be; each question is asked once."""
        if (url, body or b"") in self._done:
            return None
        self._done.add((url, body or b""))
        subject = CertificateFacts.of(about).subject
        try:
            if len(self._done) > MOST_REQUESTS or monotonic() > self._began + LONGEST_SECONDS:
                raise _exhausted(url)
            content = self.fetch(url, MOST_OCTETS[what], body)
            read(content)
        except YinxinError as error:
            self.told.append(FetchedFacts(what, url, subject, problem=error.what))
            return None
        except _UNREADABLE:
            problem = _("what came is not what was asked for")
            self.told.append(FetchedFacts(what, url, subject, problem=problem))
            return None
        self.told.append(FetchedFacts(what, url, subject, sha256(content).hexdigest(), len(content)))
        return content


def save_evidence(knowledge: Knowledge, folder: Path) -> list[Path]:
    """Write what was fetched so that the folder can be named with `--trust`, beside its anchors; the new files."""
    named = [
        *((folder / ISSUERS / f"{_short(one)}.cer", one) for one in knowledge.certificates),
        *((folder / f"{_short(one)}.crl", one) for one in knowledge.crls),
        *((folder / f"{_short(one)}.ors", one) for one in knowledge.ocsp_responses),
    ]
    for path, content in named:
        files.write(path, content)
    return [path for path, _content in named]


def ocsp_request(certificate: bytes, issuer: bytes) -> bytes:
    """OCSPRequest (RFC 6960 4.1.1) about one certificate, without a nonce; SHA-1 names it to every responder."""
    body, parent = x509.Certificate.load(certificate), x509.Certificate.load(issuer)
    cert_id = der.sequence(
        der.sequence(der.oid(SHA1.oid), der.NULL),
        der.octet_string(SHA1.of(body.issuer.dump())),
        der.octet_string(SHA1.of(bytes(parent.public_key["public_key"]))),
        der.integer(body.serial_number),
    )
    return der.sequence(der.sequence(der.sequence(der.sequence(cert_id))))


def _short(content: bytes) -> str:
    return sha256(content).hexdigest()[:16]


def _exhausted(url: str) -> YinxinError:
    return YinxinError(Kind.UNAVAILABLE, _("too much was asked for already"), subject=url)


def _issuer_among(certificate: bytes, candidates: Sequence[bytes]) -> bytes | None:
    body = x509.Certificate.load(certificate)
    for one in candidates:
        candidate = x509.Certificate.load(one)
        if candidate.subject.dump() != body.issuer.dump():
            continue
        named, own = body.authority_key_identifier, candidate.key_identifier
        if named is None or own is None or named == own:
            return one
    return None


def _access(certificate: bytes, method: str) -> Iterator[str]:
    """Addresses of the authority information access (RFC 5280 4.2.2.1)."""
    for one in x509.Certificate.load(certificate).authority_information_access_value or ():
        location = one["access_location"]
        if one["access_method"].native == method and location.name == "uniform_resource_identifier":
            yield str(location.native)


def _lists(certificate: bytes) -> Iterator[str]:
    """Addresses of whole revocation lists (RFC 5280 4.2.1.13)."""
    for point in x509.Certificate.load(certificate).crl_distribution_points_value or ():
        names = point["distribution_point"]
        for name in names.chosen if names.name == "full_name" else ():
            if name.name == "uniform_resource_identifier":
                yield str(name.native)


def _certificates(data: bytes) -> list[bytes]:
    """Certificate in DER or PEM, or a certs-only message (RFC 5280 4.2.2.1)."""
    if pem.detect(data):
        data = pem.unarmor(data)[2]
    try:
        listed = cms.ContentInfo.load(data, strict=True)["content"]["certificates"]
        found = [one.chosen.dump() for one in listed]
    except _UNREADABLE:
        found = [data]
    for one in found:
        x509.Certificate.load(one, strict=True).subject.dump()
    return found


def _good_response(data: bytes) -> None:
    response = ocsp.OCSPResponse.load(data, strict=True)
    if response["response_status"].native != "successful":
        raise ValueError("the responder does not know, or refuses")
    response.response_data["responses"].native  # noqa: B018 - parsing is lazy


def _list_of(data: bytes, issuer: bytes) -> bytes:
    """The list in DER, by this issuer."""
    content: bytes = pem.unarmor(data)[2] if pem.detect(data) else data
    found = crl.CertificateList.load(content, strict=True)
    if found.issuer.dump() != x509.Certificate.load(issuer).subject.dump():
        raise ValueError("the list of another issuer")
    return content
