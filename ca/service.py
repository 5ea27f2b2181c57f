"""The authority of an installation, and the certificates that it gives the centre's own services."""

import hashlib

from ca import reconciliation
from ca.escrow import EncryptionKeys
from ca.issuance import Approval, ApprovedRequest, CertificateAuthority, IssuedCertificate
from core.csr import build_csr
from core.home import Home
from core.keys.signer import Signer
from core.subject import Subject


def open_authority(home: Home, encryption_keys: EncryptionKeys | None = None) -> CertificateAuthority:
    """Ready to issue. What a crash left half done is in the books as presumed issued before anything new is.

    `encryption_keys`: for double certificates (see `ca.kmc.installation`).
    """
    reconciliation.reconcile(home.context)
    urls = home.configuration.urls
    return CertificateAuthority(home.context, home.key_store("ca"), urls, encryption_keys=encryption_keys)


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
    """A certificate for this signer's key, which stays with the service.

    `reference` names the ceremony in which `actor` decided on it. `YinxinError` as for `CertificateAuthority.issue`.
    """
    csr = build_csr(signer, subject.name())
    approval = ceremony_approval(reference, actor, subject, authority, profile)
    (issued,) = ca.issue([ApprovedRequest(authority, profile, subject, csr, approval)], actor=actor)
    return issued


def ceremony_approval(reference: str, actor: str, subject: Subject, authority: str, profile: str) -> Approval:
    """The approval of what the centre certifies for itself: bound to who, under whom, and as what."""
    approved = "\n".join((authority, profile, subject.model_dump_json()))
    return Approval(reference, hashlib.sha256(approved.encode()).digest(), (actor,))
