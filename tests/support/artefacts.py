"""Whatever bears a signature, taken apart: who is said to have signed which octets. Nothing is verified here.

Written with asn1crypto alone, so that a mistake of our own readers cannot hide one of our writers.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from asn1crypto import cms, core, crl, csr, ocsp, pem, tsp, x509

from tests.support import pdf
from tests.support.demonstration import LABELS, Demonstration

SM2_WITH_SM3 = "1.2.156.10197.1.501"
SIGNATURE_TIMESTAMP = "1.2.840.113549.1.9.16.2.14"
DIGESTS = {"1.2.156.10197.1.401": "sm3", "2.16.840.1.101.3.4.2.1": "sha256"}


@dataclass(frozen=True)
class Signed:
    """A signature and what it is over."""

    what: str
    kind: str
    key: bytes
    """SubjectPublicKeyInfo of who is said to have signed, DER."""
    signature: bytes
    data: bytes
    digest: str
    """`sm3` with SM2, `sha256` with RSA."""


@dataclass(frozen=True)
class Digested:
    """A digest that a signature covers, and what it is of."""

    what: str
    digest: str
    value: bytes
    content: bytes


def _digest_with(key: bytes) -> str:
    is_elliptic = core.Sequence.load(key)[0][0].dotted == "1.2.840.10045.2.1"
    return "sm3" if is_elliptic else "sha256"


def _key_of(certificate: bytes) -> bytes:
    key: bytes = x509.Certificate.load(certificate)["tbs_certificate"]["subject_public_key_info"].dump()
    return key


def _simple(what: str, kind: str, structure: Any, fields: tuple[str, str, str], key: bytes) -> Signed:
    body, identifier, value = fields
    assert structure[identifier]["algorithm"].dotted == SM2_WITH_SM3 or _digest_with(key) == "sha256", what
    return Signed(what, kind, key, structure[value].native, structure[body].dump(), _digest_with(key))


def of_certificate(what: str, certificate: bytes, issuer: bytes) -> Signed:
    fields = ("tbs_certificate", "signature_algorithm", "signature_value")
    return _simple(what, "certificate", x509.Certificate.load(certificate), fields, _key_of(issuer))


def of_csr(what: str, request: bytes) -> Signed:
    structure = csr.CertificationRequest.load(request)
    fields = ("certification_request_info", "signature_algorithm", "signature")
    return _simple(what, "csr", structure, fields, structure[fields[0]]["subject_pk_info"].dump())


def of_crl(what: str, revocation_list: bytes, issuer: bytes) -> Signed:
    fields = ("tbs_cert_list", "signature_algorithm", "signature")
    return _simple(what, "crl", crl.CertificateList.load(revocation_list), fields, _key_of(issuer))


def of_ocsp(what: str, response: bytes) -> Iterator[Signed]:
    """By the enclosed responder; whether it may answer is for others to judge."""
    basic = ocsp.OCSPResponse.load(response)["response_bytes"]["response"].parsed
    (responder,) = basic["certs"]
    fields = ("tbs_response_data", "signature_algorithm", "signature")
    yield _simple(what, "ocsp", basic, fields, _key_of(responder.dump()))


def of_cms(what: str, kind: str, message: bytes, content: bytes | None = None) -> Iterator[Signed | Digested]:
    """A SignedData with one signer and whatever time stamps it bears; `content` if it is detached."""
    data = cms.ContentInfo.load(message)["content"]
    (signer,) = data["signer_infos"]
    wanted = signer["sid"].chosen
    (certificate,) = (
        choice.chosen.dump()
        for choice in data["certificates"]
        if choice.chosen.issuer == wanted["issuer"] and choice.chosen.serial_number == wanted["serial_number"].native
    )
    attributes = {each["type"].dotted: each["values"] for each in signer["signed_attrs"]}
    key, signature = _key_of(certificate), signer["signature"].native
    # RFC 5652 5.4: what is signed is the SET OF, not the [0] that stands in the message.
    yield Signed(what, kind, key, signature, b"\x31" + signer["signed_attrs"].dump()[1:], _digest_with(key))
    digest = DIGESTS[signer["digest_algorithm"]["algorithm"].dotted]
    inside = data["encap_content_info"]["content"]
    covered = content if content is not None else bytes(inside)
    yield Digested(what, digest, attributes["1.2.840.113549.1.9.4"][0].native, covered)
    for each in signer["unsigned_attrs"] or ():
        if each["type"].dotted == SIGNATURE_TIMESTAMP:
            yield from of_token(f"{what}, time stamp", f"{kind} time stamp", each["values"][0].dump(), signature)


def of_token(what: str, kind: str, token: bytes, stamped: bytes) -> Iterator[Signed | Digested]:
    """A TimeStampToken over these octets."""
    yield from of_cms(what, kind, token)
    data = cms.ContentInfo.load(token)["content"]
    imprint = tsp.TSTInfo.load(bytes(data["encap_content_info"]["content"]))["message_imprint"]
    yield Digested(
        what, DIGESTS[imprint["hash_algorithm"]["algorithm"].dotted], imprint["hashed_message"].native, stamped
    )


def of_pdf(what: str, document: bytes, issuers: Sequence[bytes]) -> Iterator[Signed | Digested]:
    """The seal, the time stamp over its signature, the document time stamp, and the lists in the DSS."""
    covered = [pdf.signed_octets(document, which) for which in (0, 1)]
    yield from of_cms(f"{what}, seal", "pdf seal", pdf.contents(document, 0), covered[0])
    yield from of_token(
        f"{what}, document time stamp", "pdf document time stamp", pdf.contents(document, 1), covered[1]
    )
    for revocation_list in _of_store(document, "/CRLs"):
        named = crl.CertificateList.load(revocation_list)["tbs_cert_list"]["issuer"]
        (issuer,) = (one for one in issuers if x509.Certificate.load(one).subject == named)
        yield of_crl(f"{what}, DSS", revocation_list, issuer)


def _of_store(document: bytes, kind: str) -> list[bytes]:
    from pyhanko.pdf_utils.reader import PdfFileReader

    store = PdfFileReader(BytesIO(document)).root["/DSS"]
    return [stream.get_object().data for stream in store[kind]]


def of_demonstration(made: Demonstration, label: str) -> Iterator[Signed | Digested]:
    """Everything of a hierarchy that the demonstration left."""
    root, issuing = made.der(f"trust/{label}-root.pem"), made.der(f"ca/{label}-issuing.pem")
    yield of_certificate("root", root, root)
    yield of_certificate("issuing", issuing, root)
    for file in sorted((made.folder / "certs").glob(f"{label}-*.pem")):
        yield of_certificate(file.name, pem.unarmor(file.read_bytes())[2], issuing)
    yield of_csr("request", made.der(f"requests/{label}-zhangsan.csr"))
    yield of_crl("crl", made.read(f"crl/{label}.crl"), issuing)
    for answer in ("good", "revoked", "unknown"):
        yield from of_ocsp(f"ocsp {answer}", made.read(f"ocsp/{label}-{answer}.der"))
    token = tsp.TimeStampResp.load(made.read(f"tsa/{label}.tsr"))["time_stamp_token"].dump()
    yield from of_token("tsr", "time stamp", token, made.read("documents/notice.pdf"))
    yield from of_pdf(f"{label}.pdf", made.read(f"sealed/{label}.pdf"), [root, issuing])


def of_home(path: Path) -> Iterator[Signed | Digested]:
    """Everything in the books of an installation: certificates, lists, operators' statements, seals."""
    import sqlalchemy as sa

    from ca.records import authorities, certificates, crl_parts, crls
    from core.home import Home
    from ra.records import operator_moves, request_moves, requests
    from seals.records import statements, versions

    with Home(path).storage.reading() as books:
        authority = {row.id: row.certificate for row in books.execute(sa.select(authorities))}
        for row in books.execute(sa.select(certificates)):
            yield of_certificate(f"{row.subject} {row.serial:x}", row.certificate, authority[row.authority_id])
        for row in books.execute(sa.select(crls, crl_parts).join(crl_parts)):  # short: each is one piece
            yield of_crl(f"crl {row.authority_id}", row.octets, authority[row.authority_id])
        for row in books.execute(sa.select(request_moves)):
            yield from of_cms(f"statement {row.act} {row.operator}", "statement", row.statement)
        for row in books.execute(sa.select(operator_moves)):
            yield from of_cms(f"statement {row.act} {row.administrator}", "statement", row.statement)
        assert books.execute(sa.select(sa.func.count()).select_from(requests)).scalar_one() == 3 * len(LABELS)
        for row in books.execute(sa.select(statements)):
            yield from of_cms(f"statement {row.act} {row.operator}", "statement", row.statement)
        for row in books.execute(sa.select(versions)):
            yield of_seal(f"{row.seal_id}/{row.revision}", row.structure)


def of_seal(what: str, structure: bytes) -> Signed:
    """SESeal ::= SEQUENCE { eSealInfo, cert OCTET STRING, signAlgID, signedValue BIT STRING } (GB/T 38540-2020 6.2)."""
    info, certificate, _algorithm, value = core.SequenceOf.load(structure, spec=core.Any)
    signature = core.BitString.load(value.dump()).contents[1:]
    key = _key_of(core.OctetString.load(certificate.dump()).native)
    return Signed(f"seal {what}", "seal", key, signature, info.dump(), _digest_with(key))
