"""Software that we did not write, on what the responder says: cryptography, OpenSSL, gmssl, pkilint."""

import subprocess
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from asn1crypto import ocsp as asn1_ocsp
from asn1crypto import pem, x509
from cryptography.x509 import ocsp as pyca_ocsp
from pkilint import loader, pkix, validation
from pkilint.pkix import extension, name, ocsp

from core.algorithms import SM2_SM3
from core.sm2 import curve
from core.sm2.fallback import GmsslEngine
from tests.support import pki


def basic(response: bytes) -> asn1_ocsp.BasicOCSPResponse:
    """The BasicOCSPResponse inside."""
    return asn1_ocsp.OCSPResponse.load(response, strict=True)["response_bytes"]["response"].parsed


def statuses(response: bytes) -> list[str]:
    """What `cryptography` reads of each certificate: `good`, `revoked reason`, `unknown`."""
    loaded = pyca_ocsp.load_der_ocsp_response(response)
    read = []
    for single in loaded.responses:
        word = single.certificate_status.name.lower()
        reason = single.revocation_reason
        read.append(f"{word} {reason.value}" if reason else word)
    return read


def findings(response: bytes) -> list[str]:
    """What pkilint has to say at WARNING or above."""
    results = _validator().validate(loader.RFC6960OCSPResponseDocumentLoader().load_document(response, "").root)
    return [
        str(finding.finding.code)
        for result in results
        for finding in result.finding_descriptions
        if finding.finding.severity <= validation.ValidationFindingSeverity.WARNING
    ]


@cache
def _validator() -> Any:
    decoders = [
        ocsp.create_response_decoder(),
        pkix.create_attribute_decoder(name.ATTRIBUTE_TYPE_MAPPINGS),
        pkix.create_extension_decoder(extension.EXTENSION_MAPPINGS),
    ]
    return ocsp.create_pkix_ocsp_response_validator_container(decoders, [])


def check_signature(response: bytes, request: bytes | None, signer: pki.Party, at: datetime, folder: Path) -> None:
    """AssertionError unless the response is the signer's: SM2 by gmssl and `openssl pkeyutl`, RSA by `openssl ocsp`.

    Given the request, OpenSSL also judges whether the signer may answer it, and the nonce.
    """
    if signer.key.algorithm is SM2_SM3:
        _check_sm2(response, signer, folder)
    else:
        _check_rsa(response, request, signer, at, folder)


def _check_sm2(response: bytes, signer: pki.Party, folder: Path) -> None:
    body = basic(response)
    assert body["signature_algorithm"].dump() == SM2_SM3.identifier
    signed, signature = body["tbs_response_data"].dump(), body["signature"].native
    point = curve.point_of(signer.key.public_key_info)
    assert point is not None
    assert GmsslEngine().verify(point, signature, signed)
    files = {"tbs": signed, "sig": signature, "key.pem": pem.armor("PUBLIC KEY", signer.key.public_key_info)}
    for file, data in files.items():
        (folder / file).write_bytes(data)
    options = "-pkeyopt distid:1234567812345678 -rawin -digest sm3 -pubin -inkey key.pem -in tbs -sigfile sig"
    done = subprocess.run(["openssl", "pkeyutl", "-verify", *options.split()], cwd=folder, capture_output=True)
    assert b"Signature Verified Successfully" in done.stdout, done.stderr


def _check_rsa(response: bytes, request: bytes | None, signer: pki.Party, at: datetime, folder: Path) -> None:
    chain = b"".join(pem.armor("CERTIFICATE", certificate) for certificate in signer.chain)
    for file, data in {"chain.pem": chain, "request.der": request or b"", "response.der": response}.items():
        (folder / file).write_bytes(data)
    options = f"-respin response.der -CAfile chain.pem -attime {int(at.timestamp())}"
    if request is None:
        (folder / "signer.pem").write_bytes(pem.armor("CERTIFICATE", signer.certificate))
        options += " -VAfile signer.pem"
    else:
        options += " -reqin request.der"
    done = subprocess.run(["openssl", "ocsp", *options.split()], cwd=folder, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert b"Response verify OK" in done.stderr, done.stderr
    assert b"nonce" not in done.stderr.lower().replace(b"no nonce", b""), done.stderr


def request_body(request: bytes) -> asn1_ocsp.TBSRequest:
    """The TBSRequest inside."""
    return asn1_ocsp.OCSPRequest.load(request, strict=True)["tbs_request"]


def enclosed_certificates(response: bytes) -> list[bytes]:
    """The certificates inside."""
    certificates: list[x509.Certificate] = basic(response)["certs"] or []
    return [certificate.dump() for certificate in certificates]
