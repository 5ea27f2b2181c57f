"""Whether the maker of a seal could make it: its certificate's use, path and revocation, when the seal was made."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from asn1crypto import crl, x509

from core.algorithms import algorithm_by_identifier
from core.errors import YinxinError
from core.i18n import _
from core.keys.verification import InvalidSignature, verify
from core.path import build_path
from core.refusals import RefusedError
from seals.pades.certificates import CertificateJudge, Outcome, Use
from seals.verification.report import Finding, Verdict
from seals.verification.trust import Trust

Books = Callable[[bytes, datetime], bool]
"""Whether an authority's own books know a certificate (DER), in force at a moment; `RefusedError` if it was not."""
_SIGNING = {"digital_signature", "non_repudiation"}
_ISSUING = {"key_cert_sign", "crl_sign"}


def no_books(_certificate: bytes, _moment: datetime) -> bool:
    """Where there are none, nothing is known by them."""
    return False


def judge_maker(certificate: bytes, trust: Trust, made_at: datetime, books: Books = no_books) -> Iterator[Finding]:
    """What keeps the maker's certificate (DER) from being trusted, as of the moment when it made the seal."""
    body = x509.Certificate.load(certificate)
    usage = body.key_usage_value
    if usage is None or not usage.native & _SIGNING:
        words = _("the maker's certificate is not for signing: {usage}").format(
            usage=", ".join(sorted(usage.native)) if usage else _("it names no key usage")
        )
        yield Finding("maker-usage", words, Verdict.INDETERMINATE)
    elif usage.native & _ISSUING:
        words = _("the maker's certificate is an odd one: it may also sign certificates or revocation lists")
        yield Finding("maker-odd-usage", words, Verdict.REMARKS)
    if not body.not_valid_before <= made_at <= body.not_valid_after:
        words = _("the maker's certificate was not valid when the seal was made")
        yield Finding("maker-validity", words, Verdict.INVALID)
        return
    try:
        path = build_path(certificate, trust.certificates, trust.anchors, made_at)
    except YinxinError as error:
        words = _("the maker's certificate does not lead to a trusted authority: {reason}").format(reason=error.what)
        yield Finding("maker-untrusted", words, Verdict.INDETERMINATE)
        return
    if trust.makers and certificate not in trust.makers:
        words = _("whoever made the electronic seal is not among those who are trusted to make seals")
        yield Finding("maker-not-named", words, Verdict.INDETERMINATE)
    if len(path) > 1:
        yield from _revocation(certificate, path[1], trust, made_at, books)


def _revocation(certificate: bytes, issuer: bytes, trust: Trust, made_at: datetime, books: Books) -> Iterator[Finding]:
    """By lists, by responses, and by the books of the authority itself, where these are at hand."""
    by_lists, revoked_at = revocations(certificate, issuer, trust.crls)
    judge = CertificateJudge(tuple(trust.anchors))
    told = judge.judge(certificate, trust.knowledge, made_at, Use.SIGNING) if trust.ocsp_responses else None
    moments = [moment for moment in (revoked_at, told.revoked_at if told else None) if moment and moment <= made_at]
    if moments:
        words = _("the maker's certificate was revoked on {date:%Y-%m-%d}, before the seal was made")
        yield Finding("maker-revoked", words.format(date=min(moments)), Verdict.INVALID)
        return
    try:
        by_books = books(certificate, made_at)
    except RefusedError as error:
        yield Finding("maker-revoked", error.what, Verdict.INVALID)
        return
    if not by_lists and not by_books and (told is None or told.outcome is not Outcome.PASSED):
        words = _("whether the maker's certificate was revoked is not known; give the revocation list of its issuer")
        yield Finding("maker-status", words, Verdict.REMARKS)


def revocations(certificate: bytes, issuer: bytes, lists: Sequence[bytes]) -> tuple[bool, datetime | None]:
    """Whether there is a list of the issuer about a certificate (both DER), and when it was revoked by that."""
    serial = x509.Certificate.load(certificate).serial_number
    parent = x509.Certificate.load(issuer)
    about = [one for one in map(crl.CertificateList.load, lists) if _issued(parent, one)]
    moments = [
        entry["revocation_date"].native
        for one in about
        for entry in one["tbs_cert_list"]["revoked_certificates"] or ()
        if entry["user_certificate"].native == serial
    ]
    return bool(about), min(moments, default=None)


def _issued(issuer: x509.Certificate, revoked: crl.CertificateList) -> bool:
    body = revoked["tbs_cert_list"]
    if body["issuer"].dump() != issuer.subject.dump():
        return False
    try:
        algorithm = algorithm_by_identifier(revoked["signature_algorithm"].dump())
        verify(issuer.public_key.dump(), algorithm, revoked["signature"].native, body.dump())
    except (InvalidSignature, YinxinError):
        return False
    return True
