"""The report in XML as ETSI TS 119 102-2 V1.2.1 has it, for programs that read validation reports.

The standard names algorithms by URI (RFC 9231). SM2 and SM3 have none: such a signature is reported without
CryptoInformation, and the report says so. Objects are named by their SHA-256.
"""

from base64 import b64encode
from datetime import UTC, datetime

from lxml import etree

from seals.verification.facts import CertificateFacts
from seals.verification.report import Report, SignatureReport, Verdict

REPORT = "http://uri.etsi.org/19102/v1.2.1#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
DS = "http://www.w3.org/2000/09/xmldsig#"
_URN = "urn:etsi:019102"
_SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"

ALGORITHMS = {
    "rsa-sha256": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
    "rsa-sha384": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha384",
    "rsa-sha512": "http://www.w3.org/2001/04/xmldsig-more#rsa-sha512",
    "rsa-pss-sha256": "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
    "rsa-pss-sha384": "http://www.w3.org/2007/05/xmldsig-more#sha384-rsa-MGF1",
    "ecdsa-p256-sha256": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256",
    "ecdsa-p384-sha384": "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384",
}
"""By our names (RFC 9231 2.3)."""

UNNAMED = "urn:yinxin:algorithm-without-uri"
"""The type of the datum that names such an algorithm by our name."""

_INDICATIONS = {
    "content-changed": "HASH_FAILURE",
    "changed-after-sealing": "FORMAT_FAILURE",
    "signature-wrong": "SIG_CRYPTO_FAILURE",
    "malformed-signature": "FORMAT_FAILURE",
    "before-certificate": "NOT_YET_VALID",
    "timestamp-order": "TIMESTAMP_ORDER_FAILURE",
    "untrusted-issuer": "NO_CERTIFICATE_CHAIN_FOUND",
    "certificate-missing": "NO_SIGNING_CERTIFICATE_FOUND",
    "expired": "OUT_OF_BOUNDS_NO_POE",
    "status-old": "TRY_LATER",
    "chain-not-verified": "CERTIFICATE_CHAIN_GENERAL_FAILURE",
    "wrong-use": "CHAIN_CONSTRAINTS_FAILURE",
    "weak-algorithm": "CRYPTO_CONSTRAINTS_FAILURE",
    "revoked": "REVOKED_NO_POE",
    "sealed-after-revocation": "REVOKED",
}
"""Sub-indications (ETSI EN 319 102-1 table 6) by the codes of our findings."""


def etsi_report(report: Report) -> bytes:
    """The XML, UTF-8; a SignatureValidationReport for each signature, document timestamps included."""
    root = etree.Element(_q("ValidationReport"), nsmap={None: REPORT, "ds": DS, "XAdES": XADES})
    for signature in report.signatures:
        root.append(_signature(report, signature))
    if not report.signatures:
        status = _add(_add(root, "SignatureValidationReport"), "SignatureValidationStatus")
        _add(status, "MainIndication", f"{_URN}:mainindication:total-failed")
        _add(status, "SubIndication", f"{_URN}:subindication:FORMAT_FAILURE")
    known = {one.sha256: one for signature in report.signatures for one in _certificates(signature)}
    if known:
        objects = _add(root, "SignatureValidationObjects")
        for certificate in known.values():
            _certificate_object(objects, certificate)
    return bytes(etree.tostring(root, xml_declaration=True, encoding="UTF-8", pretty_print=True))


def unnamed_algorithms(report: Report) -> list[str]:
    """Algorithms of the report that the standard has no name for."""
    used = dict.fromkeys(one.algorithm for one in report.signatures if one.algorithm)
    return [name for name in used if name not in ALGORITHMS]


def _signature(report: Report, signature: SignatureReport) -> etree._Element:
    one = etree.Element(_q("SignatureValidationReport"))
    identifier = _add(one, "SignatureIdentifier", id=f"S-{report.sha256[:16]}-{report.signatures.index(signature) + 1}")
    _add(identifier, "HashOnly", "false")
    _add(identifier, "DocHashOnly", "false")
    _add(identifier, "DAIdentifier", signature.field)
    time = _add(one, "ValidationTimeInfo")
    _add(time, "ValidationTime", _moment(report.checked_at))
    best = _add(time, "BestSignatureTime")
    _add(best, "POETime", _moment(signature.proven_time or report.checked_at))
    _add(best, "TypeOfProof", f"{_URN}:poetype:validation")
    _digest(_add(one, "SignersDocument"), bytes.fromhex(report.sha256))
    if signature.claimed_time:
        attribute = _add(_add(one, "SignatureAttributes"), "SigningTime", Signed="true")
        _add(attribute, "Time", _moment(signature.claimed_time))
    if signature.signer:
        signer = _add(one, "SignerInformation")
        _add(signer, "SignerCertificate", VOReference=_name(signature.signer))
        _add(signer, "Signer", signature.signer.subject)
    process = _add(one, "SignatureValidationProcess")
    _add(process, "SignatureValidationProcessID", f"{_URN}:validationprocess:LTA")
    status = _add(one, "SignatureValidationStatus")
    for element, text in _indication(signature):
        _add(status, element, text)
    _report_data(status, signature)
    return one


def _indication(signature: SignatureReport) -> list[tuple[str, str]]:
    main = {
        Verdict.VALID: "total-passed",
        Verdict.REMARKS: "total-passed",
        Verdict.INDETERMINATE: "indeterminate",
        Verdict.INVALID: "total-failed",
    }[signature.verdict]
    deciding = [one.code for one in signature.findings if one.verdict is signature.verdict > Verdict.REMARKS]
    general = "FORMAT_FAILURE" if signature.verdict is Verdict.INVALID else "SIG_CONSTRAINTS_FAILURE"
    named = dict.fromkeys(_INDICATIONS[code] for code in deciding if code in _INDICATIONS)
    names = named or ([general] if deciding else [])
    subs = [("SubIndication", f"{_URN}:subindication:{name}") for name in names]
    return [("MainIndication", f"{_URN}:mainindication:{main}"), *subs]


def _report_data(status: etree._Element, signature: SignatureReport) -> None:
    """AssociatedValidationReportData (clause 4.3.12): chain, algorithm, our findings in words."""
    if signature.signer is None:
        return
    data = _add(status, "AssociatedValidationReportData")
    if signature.issuers:
        *between, anchor = signature.issuers
        _add(data, "TrustAnchor", VOReference=_name(anchor))
        chain = _add(data, "CertificateChain")
        _add(chain, "SigningCertificate", VOReference=_name(signature.signer))
        for issuer in between:
            _add(chain, "IntermediateCertificate", VOReference=_name(issuer))
        _add(chain, "TrustAnchor", VOReference=_name(anchor))
    if signature.algorithm in ALGORITHMS:
        crypto = _add(data, "CryptoInformation")
        _add(crypto, "ValidationObjectId", VOReference=_name(signature.signer))
        _add(crypto, "Algorithm", ALGORITHMS[signature.algorithm])
        weak = any(finding.code == "weak-algorithm" for finding in signature.findings)
        _add(crypto, "SecureAlgorithm", "false" if weak else "true")
    words = [(f"urn:yinxin:finding:{finding.code}", finding.text) for finding in signature.findings]
    if signature.algorithm and signature.algorithm not in ALGORITHMS:
        words.append((UNNAMED, signature.algorithm))
    if words:
        additional = _add(data, "AdditionalValidationReportData")
        for kind, text in words:
            datum = _add(additional, "ReportData")
            _add(datum, "Type", kind)
            _add(datum, "Value", text)


def _certificates(signature: SignatureReport) -> list[CertificateFacts]:
    return [*([signature.signer] if signature.signer else []), *signature.issuers]


def _certificate_object(objects: etree._Element, certificate: CertificateFacts) -> None:
    one = _add(objects, "ValidationObject", id=_name(certificate))
    _add(one, "ObjectType", f"{_URN}:validationObject:certificate")
    _digest(_add(one, "ValidationObjectRepresentation"), bytes.fromhex(certificate.sha256))


def _digest(parent: etree._Element, digest: bytes) -> None:
    """DigestAlgAndValue (XAdES, ETSI EN 319 132-1 5.2.8)."""
    both = _add(parent, "DigestAlgAndValue")
    etree.SubElement(both, f"{{{DS}}}DigestMethod", Algorithm=_SHA256)
    etree.SubElement(both, f"{{{DS}}}DigestValue").text = b64encode(digest).decode()


def _name(certificate: CertificateFacts) -> str:
    """An xs:ID."""
    return f"C-{certificate.sha256}"


def _moment(at: datetime) -> str:
    """The standard wants UTC, to the second (clause 4.2.4)."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _add(parent: etree._Element, name: str, text: str | None = None, **attributes: str) -> etree._Element:
    element = etree.SubElement(parent, _q(name), attributes)
    # XML 1.0 cannot carry every character that strangers write into names.
    element.text = text and "".join(one if one.isprintable() else "\ufffd" for one in text)
    return element


def _q(name: str) -> str:
    return f"{{{REPORT}}}{name}"
