"""Handing over: certificates in the forms that people ask for, and PKCS#12 for a holder whose key file is at hand."""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

from asn1crypto import pem, x509

from core import files
from core.algorithms import KeyKind
from core.asn1.enveloped_key import CsrResponse
from core.certificates import armour, serial_text
from core.cms import certificates_only
from core.context import Context
from core.csr import build_csr
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys import pkcs12
from core.keys.encryption import encrypt_private_key
from core.keys.envelope import open_cms
from core.keys.envelope_reading import envelope_in, open_envelope, require_sm2
from core.keys.key_file import create_key_file, open_key_file
from core.keys.private_key import PrivateKey, PycaKey
from core.sm2 import curve
from core.subject import Subject
from ra.operators import OperatorSession
from ra.register import Record, StoredCertificate, find_request
from ra.requests import decide, submit
from ra.statements import Act, verify_statement


class Form(StrEnum):
    """How certificates are written."""

    PEM = "pem"
    DER = "der"
    CHAIN = "chain"
    """The certificate and its issuers', PEM, the root last."""
    P7B = "p7b"
    """The same as PKCS#7 (certs-only SignedData, DER)."""


def deliver(context: Context, session: OperatorSession, number: str) -> list[StoredCertificate]:
    """State that the certificates of a request were handed over; the certificates. Once only."""
    decide(context, session, number, Act.DELIVER)
    return find_request(context, number).certificates


def delivered(context: Context, message: bytes) -> list[StoredCertificate]:
    """Carry out the signed statement that a request's certificates were handed over; the certificates."""
    submit(context, message)
    return find_request(context, verify_statement(message).statement.subject).certificates


def write_certificate(certificate: bytes, chain: Sequence[bytes], form: Form) -> bytes:
    """The certificate (DER), with its issuers' certificates (DER, nearest first) where the form has them."""
    match form:
        case Form.DER:
            return certificate
        case Form.PEM:
            return armour([certificate])
        case Form.CHAIN:
            return armour([certificate, *chain])
        case Form.P7B:
            return certificates_only([certificate, *chain])


def files_of(
    out: Path, certificates: Sequence[StoredCertificate], chain: Sequence[bytes], form: Form
) -> dict[Path, bytes]:
    """What the holder is given, by the path of each file; `out` is that of the (signing) certificate.

    With double certificates the encryption certificate lies beside it, its private key in an envelope, and for SM2
    holders all of it once more in one file, the CSRResponse of GM/T 0092.
    """
    signing, *others = certificates
    written = {out: write_certificate(signing.certificate, chain, form)}
    for one in others:
        beside = out.with_name(f"{out.stem}-encryption{out.suffix}")
        written[beside] = write_certificate(one.certificate, chain, form)
        if one.envelope is not None:
            written[beside.with_suffix(envelope_suffix(one.certificate))] = one.envelope
            if _is_sm2(one.certificate):
                response = CsrResponse((signing.certificate,), one.envelope, (one.certificate,))
                written[out.with_suffix(".response")] = response.encoded()
    return written


def envelope_suffix(certificate: bytes) -> str:
    """What the file of an envelope is called by: SM2EnvelopedKey or CMS EnvelopedData (RFC 8551 3.2.1)."""
    return ".env" if _is_sm2(certificate) else ".p7m"


def _is_sm2(certificate: bytes) -> bool:
    return curve.point_of(x509.Certificate.load(certificate).public_key.dump()) is not None


def open_encryption_key(data: bytes, key: PrivateKey, certificate: bytes | None = None) -> PrivateKey:
    """At the holder's place: the encryption key in what was delivered, a CSRResponse or an envelope.

    `key` is the signing key. `certificate` (DER): the signing certificate, which RSA holders need. `YinxinError` if the
    envelope is for somebody else, or the key is not that of the encryption certificate beside it.
    """
    if isinstance(key, PycaKey):
        if certificate is None:
            raise YinxinError(
                Kind.INVALID,
                _("a CMS envelope is opened with the signing certificate beside the key"),
                remedy="--certificate",
            )
        return open_cms(data, certificate, key)
    envelope, expected = envelope_in(data)
    return open_envelope(envelope, require_sm2(key), expected)


def keep_encryption_key(
    delivered: Path, key_file: Path, passphrase: bytes, out: Path, *, certificate: bytes | None = None
) -> None:
    """Open what was delivered with the signing key's file, and keep the encryption key in a file under the same PIN."""
    opened = open_encryption_key(files.read(delivered), open_key_file(key_file, passphrase), certificate)
    files.write(out, encrypt_private_key(opened, passphrase), mode=0o600, replace=False)


def armour_csr(csr: bytes) -> bytes:
    """PEM."""
    armoured: bytes = pem.armor("CERTIFICATE REQUEST", csr)
    return armoured


def export(record: Record, folder: Path) -> None:
    """Write what proves a request's history without us: content, signed statements in their order, certificates."""
    files.write(folder / "request.json", record.content, mode=0o600)
    for revision, content in enumerate(record.earlier, 1):
        files.write(folder / f"request-{revision}.json", content, mode=0o600)
    for signed in record.statements:
        name = f"{signed.statement.sequence}-{signed.statement.act.value}.p7s"
        files.write(folder / name, signed.message)
    for certificate in record.certificates:
        name = serial_text(certificate.serial)
        files.write(folder / f"{name}.pem", armour([certificate.certificate]))
        if certificate.envelope is not None:
            files.write(folder / f"{name}{envelope_suffix(certificate.certificate)}", certificate.envelope)


def make_key_and_csr(kind: KeyKind, key_file: Path, passphrase: bytes, subject: Subject) -> bytes:
    """At the holder's place: a new key in an encrypted file of its own, and its PKCS#10 request (DER)."""
    name = subject.name()
    return build_csr(create_key_file(key_file, kind, passphrase), name)


def make_pkcs12(
    key_file: Path, passphrase: bytes, certificates: Sequence[bytes], *, name: str, new_passphrase: bytes
) -> bytes:
    """At the holder's place: the key and its certificate, the issuers' after it (DER), in one encrypted file.

    `YinxinError` if the first certificate is not that of the key.
    """
    key = open_key_file(key_file, passphrase)
    certificate, *chain = certificates
    if x509.Certificate.load(certificate).public_key.dump() != key.public_key_info:
        raise YinxinError(
            Kind.INVALID,
            _("the certificate is not that of the key"),
            subject=str(key_file),
            remedy=_("give the certificate that was issued for this key, before its issuers'"),
        )
    return pkcs12.pack(key, certificate, chain, name=name, passphrase=new_passphrase)
