"""Everybody present signs the transcript; anybody checks it, with nothing but the files."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from asn1crypto import x509 as asn1_x509
from cryptography import x509

from ca.ceremony.plan import RootTerms
from ca.ceremony.transcript import Attendant, MadeRoot, Transcript
from ca.lint.reading import UNREADABLE
from core import files
from core.algorithms import algorithm_by_identifier
from core.certificates import public_key_info
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import kind_of
from core.keys.signer import Signer
from core.keys.verification import InvalidSignature, verify
from core.path import build_path
from core.statements import Name, SignedStatement, SignedWords, sign_statement, verify_statement


class Act(StrEnum):
    """What is said."""

    ATTEST = "attest"


class Attestation(SignedWords):
    """I was there, and it was as the transcript has it."""

    act: Act = Act.ATTEST
    person: Name


class Standing(StrEnum):
    """How somebody stands to the transcript."""

    SIGNED = "signed"
    MISSING = "missing"
    BY_HAND = "by-hand"
    WRONG = "wrong"


@dataclass(frozen=True)
class Verdict:
    """What the files say."""

    transcript: Transcript
    people: tuple[tuple[Attendant, Standing], ...]
    findings: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether nothing is wrong, and everybody with a certificate has signed."""
        return not self.findings and all(
            standing in (Standing.SIGNED, Standing.BY_HAND) for _person, standing in self.people
        )


def signature_file(folder: Path, transcript: Transcript, name: str) -> Path:
    """Where somebody's statement lies beside the transcript. `YinxinError` (not found) if they were not present."""
    return folder / "signatures" / f"{_place(transcript, name):02d}.p7m"


def attest(transcript: Transcript, name: str, signer: Signer, at: datetime) -> SignedStatement[Attestation]:
    """Somebody's statement. `YinxinError` (forbidden) if the key is not that of the certificate in the transcript."""
    place = _place(transcript, name)
    certificate = transcript.present[place - 1].certificate
    if certificate is None:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("the plan names no certificate of this person"),
            subject=name,
            remedy=_("sign the printed transcript by hand"),
        )
    if public_key_info(certificate) != signer.public_key_info:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("the key is not that of the certificate in the transcript"),
            subject=name,
            remedy=_("sign with the key of the certificate that the plan names"),
        )
    return sign_statement(_words(transcript, name, at), signer, certificate)


def examine(transcript: Transcript, folder: Path, anchors: Sequence[bytes] = ()) -> Verdict:
    """Compare transcript, plan, roots and signatures. `anchors`: roots of the certificates of those present."""
    findings = list(_findings(transcript))
    people = []
    for person in transcript.present:
        standing, complaint = _standing(transcript, person, folder, anchors)
        people.append((person, standing))
        findings += [f"{person.name}: {complaint}"] if complaint else []
    return Verdict(transcript, tuple(people), tuple(findings))


def _words(transcript: Transcript, name: str, at: datetime) -> Attestation:
    return Attestation(
        subject=transcript.reference,
        sequence=_place(transcript, name),
        digest=transcript.digest,
        at=at,
        person=name,
    )


def _place(transcript: Transcript, name: str) -> int:
    names = [one.name for one in transcript.present]
    if name not in names:
        raise YinxinError(
            Kind.NOT_FOUND,
            _("nobody of this name was present"),
            subject=name,
            remedy=_("one of these: {names}").format(names=", ".join(names)),
        )
    return names.index(name) + 1


def _standing(
    transcript: Transcript, person: Attendant, folder: Path, anchors: Sequence[bytes]
) -> tuple[Standing, str]:
    if person.certificate is None:
        return Standing.BY_HAND, ""
    path = signature_file(folder, transcript, person.name)
    if not path.exists():
        return Standing.MISSING, ""
    try:
        signed = verify_statement(files.read(path), Attestation)
        if anchors:
            build_path(person.certificate, anchors, anchors, transcript.ended_at)
    except YinxinError as error:
        return Standing.WRONG, str(error)
    if signed.statement != _words(transcript, person.name, signed.statement.at):
        return Standing.WRONG, _("the signature is about another transcript")
    if signed.certificate != person.certificate:
        return Standing.WRONG, _("the signature is by another certificate than the transcript's")
    return Standing.SIGNED, ""


def _findings(transcript: Transcript) -> Iterator[str]:
    """In which the transcript is not as its plan."""
    plan = transcript.read_plan()
    present = [(one.name, one.roles, bool(one.certificate)) for one in plan.present]
    if present != [(one.name, one.roles, one.certificate is not None) for one in transcript.present]:
        yield _("other people were present than the plan has")
    custody = transcript.custody
    planned = (plan.custody.needed, [one.name for one in plan.custodians])
    if (custody.needed, [one.custodian for one in custody.shares]) != planned:
        yield _("the custody is not as the plan has it")
    if [one.name for one in plan.roots] != [one.name for one in transcript.roots]:
        yield _("other roots were made than the plan has")
        return
    for terms, made in zip(plan.roots, transcript.roots, strict=True):
        for what in _differences(terms, made):
            yield f"{made.name}: {what}"


def _differences(terms: RootTerms, made: MadeRoot) -> Iterator[str]:
    try:
        parsed = x509.load_der_x509_certificate(made.certificate)
        key = public_key_info(made.certificate)
        identifier = asn1_x509.Certificate.load(made.certificate)["signature_algorithm"].dump()
        verify(key, algorithm_by_identifier(identifier), parsed.signature, parsed.tbs_certificate_bytes)
        constraints = parsed.extensions.get_extension_for_class(x509.BasicConstraints).value
        listed = x509.load_der_x509_crl(made.revocation_list)
        verify(key, algorithm_by_identifier(identifier), listed.signature, listed.tbs_certlist_bytes)
    except (InvalidSignature, YinxinError, *UNREADABLE):
        yield _("its certificate or list is damaged, or not signed by its own key")
        return
    name = terms.subject.name()
    if (parsed.subject.public_bytes(), parsed.issuer.public_bytes()) != (name, name):
        yield _("its name is not the plan's")
    if kind_of(key) is not terms.key:
        yield _("its key is of another kind than the plan's")
    if not constraints.ca or constraints.path_length != terms.path_length:
        yield _("its path length is not the plan's")
    days = (parsed.not_valid_after_utc - parsed.not_valid_before_utc).total_seconds() / 86400
    if round(days) != terms.validity_days:
        yield _("its validity is not the plan's")
