"""Certificates for the services of the centre itself (OCSP, TSA, seal making). The key stays with the service."""

import hashlib

from ca.issuance import Approval, ApprovedRequest, CertificateAuthority, IssuedCertificate
from core.csr import build_csr
from core.keys.signer import Signer
from core.subject import Subject


def issue_service_certificate(
    ca: CertificateAuthority,
    *,
    authority: str,
    profile: str,
    subject: Subject,
    signer: Signer,
    actor: str,
    reference: str,
) -> IssuedCertificate:
    """A certificate for this signer's key. `reference` names the ceremony in which `actor` decided on it.

    `YinxinError` as for `CertificateAuthority.issue`.
    """
    csr = build_csr(signer, subject.name())
    approval = ceremony_approval(reference, actor, subject, authority, profile)
    (issued,) = ca.issue([ApprovedRequest(authority, profile, subject, csr, approval)], actor=actor)
    return issued


def ceremony_approval(reference: str, actor: str, subject: Subject, authority: str, profile: str) -> Approval:
    """The approval of what the centre certifies for itself: bound to who, under whom, and as what."""
    approved = "\n".join((authority, profile, subject.model_dump_json()))
    return Approval(reference, hashlib.sha256(approved.encode()).digest(), (actor,))
