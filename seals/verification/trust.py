"""What verification trusts and knows beside the file, and how it is read from a folder."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from asn1crypto import crl, ocsp, pem, x509

from core import files
from core.certificates import SUFFIXES
from core.errors import Kind, YinxinError
from core.i18n import _
from seals.pades.assessment import Judge
from seals.pades.evidence import Knowledge

ISSUERS = "issuers"
"""The folder, within that of the trusted certificates, for certificates that are not trusted for being there."""
MAKERS = "makers"
"""The folder beside it for the certificates of those who may make electronic seals."""
_SUFFIXES = SUFFIXES | {".crl", ".ocsp", ".ors"}
_UNREADABLE = (ValueError, TypeError, KeyError, IndexError, OverflowError)


@dataclass(frozen=True)
class Trust:
    """What verification rests on beside the document, each item in DER."""

    anchors: Sequence[bytes]
    """The certificates that are trusted because they are: roots, as a rule."""
    certificates: Sequence[bytes] = ()
    """Issuers that documents may leave out. They are not trusted for being here."""
    crls: Sequence[bytes] = ()
    """Newer than those in the documents."""
    ocsp_responses: Sequence[bytes] = ()
    makers: Sequence[bytes] = ()
    """Who may make electronic seals; if none is named, whoever has a certificate for signing.

    The standards mark no certificate as a maker's, so that any subscriber could make a seal in the name of any office.
    """

    @property
    def knowledge(self) -> Knowledge:
        """What is known, without the anchors."""
        return Knowledge(tuple(self.certificates), tuple(self.crls), tuple(self.ocsp_responses))

    def judge(self, now: datetime) -> Judge:
        """A judge as of that moment, who rests on this."""
        return Judge(tuple(self.anchors), self.knowledge, now, tuple(self.makers))

    def knowing(self, more: Knowledge) -> "Trust":
        """The same anchors, and more known; nothing of that is trusted for being known."""
        known = self.knowledge + more
        return replace(self, certificates=known.certificates, crls=known.crls, ocsp_responses=known.ocsp_responses)


def load_trust(folder: Path, crl_files: Sequence[Path] = ()) -> Trust:
    """Every certificate in the folder is an anchor, those in `issuers` below it are known without being trusted.

    Those in `makers` below it, if there are any, are of the only ones who may make electronic seals.

    Revocation lists and OCSP responses in either, and the lists given, tell of revocation. What a file is, its octets
    say (PEM or DER). A single file of certificates may stand for the folder. `YinxinError` if there are no anchors, or
    a file cannot be read.
    """
    if not folder.exists():
        raise YinxinError(
            Kind.NOT_FOUND,
            _("no such folder of trusted certificates"),
            subject=str(folder),
            remedy=_("name one with --trust"),
        )
    anchors, beside = _read_all(_files(folder))
    issuers, further = _read_all(_files(folder / ISSUERS) if folder.is_dir() else [])
    makers, _status = _read_all(_files(folder / MAKERS) if folder.is_dir() else [])
    given = _read_all(crl_files)[1]
    if not anchors:
        raise YinxinError(
            Kind.NOT_FOUND, _("no certificates here"), subject=str(folder), remedy=_("put PEM or DER files there")
        )
    known = Knowledge(tuple(issuers)) + beside + further + given
    return Trust(anchors, known.certificates, known.crls, known.ocsp_responses, makers)


def with_crls(trust: Trust, crl_files: Sequence[Path]) -> Trust:
    """The same with further revocation lists; `YinxinError` if one cannot be read."""
    return trust.knowing(_read_all(crl_files)[1])


def _files(folder: Path) -> list[Path]:
    if folder.is_dir():
        return sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
    return [folder] if folder.exists() else []


def _read_all(found: Sequence[Path]) -> tuple[list[bytes], Knowledge]:
    """The certificates in the files, and the certificate status."""
    certificates: list[bytes] = []
    status = Knowledge()
    for file in found:
        for part in _parts(files.read(file), file):
            if _is(x509.Certificate, part):
                certificates.append(part)
            elif _is(crl.CertificateList, part):
                status += Knowledge(crls=(part,))
            elif _is(ocsp.OCSPResponse, part):
                status += Knowledge(ocsp_responses=(part,))
            else:
                raise YinxinError(
                    Kind.INVALID,
                    _("neither a certificate nor a revocation list nor an OCSP response (PEM or DER)"),
                    subject=str(file),
                )
    return certificates, status


def _parts(data: bytes, file: Path) -> Iterator[bytes]:
    if not pem.detect(data):
        yield data
        return
    try:
        yield from (content for _label, _headers, content in pem.unarmor(data, multiple=True))
    except ValueError as error:
        raise YinxinError(Kind.INVALID, _("damaged PEM"), subject=str(file)) from error


def _is(kind: type[x509.Certificate] | type[crl.CertificateList] | type[ocsp.OCSPResponse], data: bytes) -> bool:
    try:
        # Parsing is lazy: what makes it one is looked at.
        value = kind.load(data, strict=True)
        if isinstance(value, x509.Certificate):
            # A revocation list is so much alike that all but its dates could be read as a certificate.
            value.not_valid_before  # noqa: B018
            value.public_key.algorithm  # noqa: B018
        elif isinstance(value, crl.CertificateList):
            value["tbs_cert_list"]["this_update"].native  # noqa: B018
        else:
            value.response_data["responses"].native  # noqa: B018
    except _UNREADABLE:
        return False
    return True
