"""The checks of an electronic seal beside a signature made with it (GB/T 38540-2020, GM/T 0031-2014 and -2025)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from asn1crypto import x509

from core.algorithms import DIGESTS
from core.asn1.ses import Seal, parse_seal
from core.asn1.ses_structures import CertificateListKind, Version
from core.certificates import validity
from core.errors import YinxinError
from core.path import build_path
from seals.electronic.making import check_maker_signature


@dataclass(frozen=True)
class CheckedSeal:
    """What a seal says, and what is wrong with it."""

    identifier: str
    name: str
    version: int
    """4: GB/T 38540-2020; 5 and 1: GM/T 0031-2025 and -2014."""
    maker: bytes
    """The maker's certificate, DER."""
    maker_trusted: bool
    """Whether it leads to a trust anchor as of the moment when the seal was made."""
    maker_named: bool
    """Whether it is among those who may make seals, or nobody is named."""
    created: datetime
    valid_from: datetime
    valid_until: datetime
    problems: Sequence[str] = ()
    """`seal-forged`, `seal-not-the-signers`, `seal-not-valid`, `seal-maker-not-valid`, `seal-maker-revoked`."""
    is_visible: bool = True
    picture_on_page: bool | None = None
    """Whether the picture on the page is the one in the seal; None if that cannot be told."""


def check_seal(
    seal: Seal,
    signer: bytes,
    at: datetime | None,
    candidates: Sequence[bytes],
    anchors: Sequence[bytes],
    maker_revoked_at: datetime | None = None,
    *,
    makers: Sequence[bytes] = (),
    is_visible: bool = True,
) -> CheckedSeal:
    """Check a seal with which the holder of a certificate (DER) signed at that moment.

    The maker's certificate is judged as of the moment when it made the seal (GM/T 0031-2025): what became of it later
    does not matter.
    """
    info = seal.structure["seal_info"]
    about = info["property"]
    created, begin, end = (about[key].native for key in ("create_date", "valid_start", "valid_end"))
    problems = []
    if not _is_the_makers(seal.original):
        problems.append("seal-forged")
    if not names_certificate(seal, signer):
        problems.append("seal-not-the-signers")
    if at is None or not begin <= at <= end:
        problems.append("seal-not-valid")
    maker_begin, maker_end = validity(seal.maker_certificate)
    if not maker_begin <= created <= maker_end:
        problems.append("seal-maker-not-valid")
    if maker_revoked_at is not None and maker_revoked_at <= created:
        problems.append("seal-maker-revoked")
    return CheckedSeal(
        identifier=info["es_id"].native,
        name=about["name"].native,
        version=int(seal.version),
        maker=seal.maker_certificate,
        maker_trusted=_leads_to(seal.maker_certificate, candidates, anchors, created),
        maker_named=not makers or seal.maker_certificate in makers,
        created=created,
        valid_from=begin,
        valid_until=end,
        problems=problems,
        is_visible=is_visible,
    )


# A seal is found in document after document, and checking its signature takes as long as checking that of a document.
@lru_cache(maxsize=64)
def _is_the_makers(original: bytes) -> bool:
    try:
        check_maker_signature(parse_seal(original))
    except (YinxinError, ValueError):
        return False
    return True


def names_certificate(seal: Seal, signer: bytes) -> bool:
    """Whether the seal may be used with this certificate: it has the certificate itself, or its digest."""
    about = seal.structure["seal_info"]["property"]
    listed = about["cert_list"]
    if seal.version is Version.GMT_0031_2014:
        return signer in listed.native
    listed = listed.parsed if hasattr(listed, "parsed") else listed
    if about["cert_list_type"].native == CertificateListKind.CERTIFICATES:
        return signer in listed.native
    return any(_digest_fits(one["type"].native, one["value"].native, signer) for one in listed)


def _digest_fits(name: str, value: bytes, certificate: bytes) -> bool:
    digest = DIGESTS.get(name.lower().replace("-", "")) or next(
        (digest for digest in DIGESTS.values() if digest.oid == name), None
    )
    return digest is not None and digest.of(certificate) == value


def _leads_to(certificate: bytes, candidates: Sequence[bytes], anchors: Sequence[bytes], at: datetime) -> bool:
    try:
        is_for_signing = _is_for_signing(certificate)
        build_path(certificate, candidates, anchors, at)
    except (YinxinError, ValueError):
        return False
    return is_for_signing


@lru_cache(maxsize=64)
def _is_for_signing(certificate: bytes) -> bool:
    usage = x509.Certificate.load(certificate).key_usage_value
    return usage is None or bool(usage.native & {"digital_signature", "non_repudiation"})
