"""What verification trusts, read from a folder: certificates are anchors, CRLs beside them are used."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from asn1crypto import crl, pem

from core import files
from core.certificates import read_certificates
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.verification.verification import Trust

CRL_SUFFIX = ".crl"


def load_trust(folder: Path, crl_files: Sequence[Path] = ()) -> Trust:
    """Every certificate in the folder is an anchor; its `*.crl` files and those given tell of revocation.

    `YinxinError` if there are no certificates, or a file cannot be read.
    """
    if not folder.exists():
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no such folder of trusted certificates"),
            subject=str(folder),
            remedy=_("name one with --trust"),
        )
    beside = sorted(file for file in folder.iterdir() if file.suffix == CRL_SUFFIX) if folder.is_dir() else []
    crls = [_read_crl(file) for file in (*beside, *crl_files)]
    return Trust(anchors=read_certificates(folder), crls=crls)


def with_crls(trust: Trust, crl_files: Sequence[Path]) -> Trust:
    """The same with further revocation lists; `YinxinError` if one cannot be read."""
    return replace(trust, crls=[*trust.crls, *map(_read_crl, crl_files)])


def _read_crl(file: Path) -> bytes:
    data = files.read(file)
    try:
        content: bytes = pem.unarmor(data)[2] if pem.detect(data) else data
        crl.CertificateList.load(content, strict=True).issuer  # noqa: B018 - parsing is lazy
    except (ValueError, TypeError, KeyError) as error:
        raise YinxinError(Kind.INVALID, _("not a revocation list (DER or PEM)"), subject=str(file)) from error
    return content
