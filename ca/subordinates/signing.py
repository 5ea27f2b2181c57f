"""At the parent's home: a request that was brought on a file is examined, approved by its digest, and signed.

Of the request, the key and the proof of possession are used. The name is read attribute by attribute into our own
typed form, shown, approved with the digest and written anew: never copied.
"""

from dataclasses import dataclass

from ca.activation import active_profile
from ca.authorities import Authority, authority_of, chain_of, require_key_here
from ca.books import AuthorityKind
from ca.certificate import CertificateTemplate
from ca.hierarchy import require_profile
from ca.issuance import Approval, ApprovedRequest, CertificateAuthority, validity
from ca.lint import lint
from ca.profiles import Audience, Profile
from ca.register import Filter, page
from core.algorithms import SM3, KeyKind
from core.asn1.names import attributes_of, describe_name
from core.audit import Event
from core.certificates import serial_text
from core.csr import parse_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.private_key import kind_of
from core.subject import Subject

_FIELDS = {
    "C": "country",
    "ST": "province",
    "L": "locality",
    "O": "organization",
    "OU": "organizational_unit",
    "CN": "common_name",
}


@dataclass(frozen=True)
class Review:
    """What signing this request would certify."""

    csr: bytes
    """DER."""
    digest: str
    """SM3 of the request: what is approved."""
    subject: Subject
    key: KeyKind
    key_digest: str
    """SM3 of the SubjectPublicKeyInfo."""
    issuer: str
    profile: Profile


def review(ca: CertificateAuthority, data: bytes, *, issuer: str, profile: str) -> Review:
    """Examine a request (PEM or DER). `YinxinError` says why it cannot be signed: form, proof, key, name, profile."""
    require_profile(ca.context, profile, AuthorityKind.CERTIFICATES, Audience.CROSS)
    with ca.context.storage.reading() as connection:
        authority = authority_of(connection, issuer, AuthorityKind.CERTIFICATES)
        chosen = active_profile(connection, profile).profile
    require_key_here(authority)
    csr = parse_csr(data)
    csr.check_possession()
    subject = subject_of(csr.subject)
    _try(ca, authority, chosen, subject, csr.public_key_info)
    return Review(
        csr.encoded,
        SM3.of(csr.encoded).hex(),
        subject,
        kind_of(csr.public_key_info),
        SM3.of(csr.public_key_info).hex(),
        issuer,
        chosen,
    )


def sign(ca: CertificateAuthority, reviewed: Review, *, digest: str, actor: str) -> list[bytes]:
    """The certificate and its issuers' (DER), the root last; again, the same certificate.

    `digest`: what was approved, as the review showed it. `YinxinError` (forbidden) if it is another request's; else as
    `CertificateAuthority.issue`.
    """
    if digest.lower() != reviewed.digest:
        raise YinxinError(
            Kind.FORBIDDEN,
            _("another request was approved than this one"),
            subject=reviewed.digest,
            remedy=_("compare the request with the one that was made, and review it again"),
        )
    reference = f"ceremony subordinate {reviewed.digest[:32]}"
    chain = chain_of(ca.context.storage, reviewed.issuer)
    if made := _made_before(ca, reference):
        return [made, *chain]
    request = ApprovedRequest(
        authority=reviewed.issuer,
        profile=reviewed.profile.name,
        subject=reviewed.subject,
        csr=reviewed.csr,
        approval=Approval(reference, bytes.fromhex(reviewed.digest), (actor,)),
    )
    issued = ca.certify_authority(
        request,
        actor=actor,
        recording=lambda connection, results: ca.context.audit.append(
            connection,
            *(
                Event(
                    "ca.subordinate.sign",
                    actor,
                    describe_name(reviewed.subject.name())[:256],
                    {"request": reviewed.digest, "issuer": reviewed.issuer, "serial": serial_text(result.serial)},
                )
                for result in results
            ),
        ),
    )
    return [issued.certificate, *chain]


def _try(
    ca: CertificateAuthority, authority: Authority, profile: Profile, subject: Subject, public_key_info: bytes
) -> None:
    """Return if the linter would pass what would be signed; so a refusal comes before the custodians do."""
    not_before, not_after = validity(profile, authority, ca.context.clock.now())
    tbs = CertificateTemplate(profile, authority, ca.urls).tbs(
        serial=1 << 143,
        not_before=not_before,
        not_after=not_after,
        subject=subject.name(),
        public_key_info=public_key_info,
        identity=subject.identity.extensions(),
    )
    lint(tbs, profile, authority.limits)


def _made_before(ca: CertificateAuthority, reference: str) -> bytes | None:
    """What was signed for this request already, and may have been lost on its way out."""
    records = page(ca.context.storage, Filter(approval_reference=reference), after=0, limit=10)
    return next((one.certificate for one in records if one.certificate is not None), None)


def subject_of(name: bytes) -> Subject:
    """A Name (DER) in our own form; `YinxinError` (invalid) for one that holds anything else."""
    attributes = attributes_of(name)
    given = {_FIELDS[label]: value for label, value in attributes if label in _FIELDS}
    if len(given) != len(attributes) or "common_name" not in given or "country" not in given:
        raise YinxinError(
            Kind.INVALID,
            _("the name in the request is not made of C, ST, L, O, OU and CN, each once"),
            subject=describe_name(name),
            remedy=_("have the request made with: yinxin ca subordinate request"),
        )
    try:
        subject = Subject.model_validate(given)
        subject.name()
    except ValueError as error:
        raise YinxinError(
            Kind.INVALID, _("the name in the request cannot be certified"), subject=describe_name(name)
        ) from error
    return subject
