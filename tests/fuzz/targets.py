"""Every parser that faces outsiders: how it is handed octets, and samples that it takes.

A parser may refuse, by an error that is mapped at the edge; anything else that comes out is a finding.
"""

import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

import sqlalchemy as sa
from asn1crypto import x509
from werkzeug.exceptions import HTTPException

from audit.bundle import opened as opened_export
from audit.checkpoints import Notary
from audit.export import export
from audit.key import public_keys
from audit.notes import read_checkpoint
from audit.rotation import open_key
from audit.verification import verify_log
from ca.attributes.reading import read_attribute_certificate
from ca.attributes.records import attribute_certificates
from ca.kmc.messages import Correspondent, error_respond, parse_message, restore_request, revoke_message, sign_message
from core import cms
from core.algorithms import SHA256, SM3, KeyKind
from core.asn1 import der, key_management
from core.asn1.enveloped_key import parse_skf_blob
from core.asn1.ses import parse_seal, parse_signature
from core.clock import FixedClock
from core.csr import build_csr, parse_csr
from core.errors import YinxinError
from core.home import Home
from core.http_signatures import Message, claimed_key_id, sign_request, verify_request
from core.keys.custody import entrust
from core.keys.envelope import wrap_for
from core.keys.envelope_reading import open_envelope
from core.keys.hsm.uri import Pkcs11Uri
from core.keys.pkcs12 import pack, unpack
from core.keys.private_key import Sm2Key, generate
from core.keys.shares import parse_share
from core.path import build_path
from core.subject import Subject
from ocsp.certificate import Certificate
from ocsp.judgement import judge
from ocsp.plain import read_plain as read_plain_question
from ocsp.request import build_request, cert_id, read_request
from ra.applications import parse_application
from ra.http import OPERATIONS as REGISTRATION
from ra.records import request_moves, requests
from ra.spreadsheets import Limits, read_csv
from ra.statements import verify_statement
from ra.workbook_writing import write_template
from ra.workbooks import read_workbook
from seals.api.digests import operations as digesting
from seals.api.seals import operations as sealing
from seals.batches.http import operations as batching
from seals.codes.statement import read_code, sign_code
from seals.electronic.making import check_maker_signature
from seals.levels import Level
from seals.pictures.artwork import cleaned
from seals.verification.bundle import by_certificates, read_bundle
from seals.verification.files import verify_file
from tests.support.ca import NOW
from tests.support.sealing import Office, blank_pdf, ocsp_response, picture
from tsa.evidence.record import ArchiveTimeStamp, EvidenceRecord, parse_record
from tsa.plain import read_plain as read_plain_query
from tsa.request import parse_request
from tsa.response import Rejection, granted, token_of
from tsa.verification import read_token
from yinxin.audited import OBJECTS, check_token

REFUSALS = (YinxinError, HTTPException, Rejection)


@dataclass(frozen=True)
class Target:
    """A parser."""

    takes: Callable[[bytes], object]
    samples: Sequence[bytes]

    def __call__(self, octets: bytes) -> bool:
        """Whether it takes the octets; what is not a refusal goes through."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                self.takes(octets)
            except REFUSALS:
                return False
        return True


def targets(home: Home) -> dict[str, Target]:
    """All of them; samples are made with the keys of nobody, and taken from the records of a home with sample data."""
    office = Office(KeyKind.SM2, FixedClock(NOW))
    return {**_messages(office), **_records(home), **_files(office, home), **_texts(office)}


def _messages(office: Office) -> dict[str, Target]:
    """What comes over the wire, in DER."""
    unit, issuing, tsa = office.unit, office.issuing, office.tsa
    issuer = Certificate.load(issuing.certificate)
    key = unit.key
    assert isinstance(key, Sm2Key)
    token = office.timestamper.stamp(SM3, SM3.of(b"document"), 7)
    imprint = der.sequence(SM3.identifier, der.octet_string(SM3.of(b"document")))
    query = der.sequence(der.integer(1), imprint, der.integer(7), der.TRUE)
    answer = ocsp_response(issuing, unit.certificate, SHA256, NOW)
    question = build_request([cert_id(issuer, 7, SM3)])
    centre, authority = Correspondent(issuing.certificate), Correspondent(tsa.certificate)
    asked = [revoke_message(7), restore_request(certificate_number=7, signing_key=key.public_key_info)]
    message = sign_message(asked, tsa.key, authority, at=NOW, task_number=1)
    answered = sign_message([error_respond(3, "no")], issuing.key, centre, at=NOW, task_number=1)
    envelope = wrap_for(generate(KeyKind.SM2), unit.certificate)
    archive = pack(key, unit.certificate, [issuing.certificate], name="unit", passphrase=b"pin")
    anchors, candidates = [office.root.certificate], [issuing.certificate]

    def csr(octets: bytes) -> None:
        parse_csr(octets).check_possession()

    def both_questions(octets: bytes) -> None:
        read_plain_question(octets)
        read_request(octets)

    def both_queries(octets: bytes) -> None:
        read_plain_query(octets)
        parse_request(octets)

    def response(octets: bytes) -> None:
        read_token(token_of(octets))

    def envelopes(octets: bytes) -> None:
        parse_skf_blob(octets)
        open_envelope(octets, key)

    return {
        "certification request": Target(csr, [build_csr(generate(kind), _name()) for kind in SIGNING]),
        "OCSP request": Target(both_questions, [question, build_request([cert_id(issuer, 7, SHA256)], b"n" * 16)]),
        "OCSP response": Target(lambda octets: judge(octets, _serial(unit.certificate), issuer, NOW, None), [answer]),
        "time-stamp request": Target(both_queries, [query, der.sequence(der.integer(1), imprint)]),
        "time-stamp response": Target(response, [granted(token)]),
        "CMS": Target(cms.check, [cms.sign(b"words", key, unit.certificate, signed_at=NOW), token]),
        "certificate": Target(
            lambda octets: build_path(octets, candidates, anchors, NOW), [unit.certificate, tsa.certificate]
        ),
        "GM/T 0014 request": Target(partial(_message, structure=key_management.KsRequest), [message]),
        "GM/T 0014 respond": Target(partial(_message, structure=key_management.KsRespond), [answered]),
        "enveloped key": Target(envelopes, [envelope]),
        "PKCS#12": Target(lambda octets: unpack(octets, b"pin"), [archive]),
    }


def _name() -> bytes:
    return Subject(organization="宝鸡市人民政府办公室", common_name="张三").name()


SIGNING = (KeyKind.SM2, KeyKind.P256)


def _serial(certificate: bytes) -> int:
    return int(x509.Certificate.load(certificate).serial_number)


def _message(octets: bytes, structure: type[key_management.KsRequest]) -> None:
    parse_message(octets, structure)


def _records(home: Home) -> dict[str, Target]:
    """What people hand in: requests and statements, and the bodies of both interfaces."""
    with home.storage.reading() as connection:
        contents = list(connection.scalars(sa.select(requests.c.content).limit(2)))
        statements = list(connection.scalars(sa.select(request_moves.c.statement).limit(2)))
        roles = [one for one in connection.scalars(sa.select(attribute_certificates.c.certificate)) if one]
    bodies = [one for one in (*REGISTRATION, *sealing, *batching, *digesting) if one.body is not None]

    def body(octets: bytes) -> None:
        for one in bodies:
            try:
                one.read_body(octets)
            except REFUSALS:
                continue

    examples = [b'{"statement": "AAAA", "content": "AAAA"}', b'{"seal": "office", "terms": {"x_mm": 1, "y_mm": 2}}']
    examples += [b'{"digest": "' + b"A" * 43 + b'=", "sha256_before": "' + b"0" * 64 + b'", "page": 1}']
    return {
        "request": Target(parse_application, contents),
        "statement": Target(verify_statement, statements),
        "attribute certificate": Target(read_attribute_certificate, roles),
        "bodies (JSON)": Target(body, examples),
    }


def _files(office: Office, home: Home) -> dict[str, Target]:
    """What is verified or taken in as a file."""
    plain = blank_pdf()
    trust = office.trust(status=True)
    sealed, exported = office.sealed(plain, Level.B_T), _export(home)
    stamp = office.timestamper.stamp(SM3, SM3.of(b"document"), None)
    record = EvidenceRecord.begin(ArchiveTimeStamp.of(SM3, (), stamp))

    def any_file(octets: bytes) -> None:
        verify_file(octets, trust, office.clock)

    def bundle(octets: bytes) -> None:
        read_bundle(octets, by_certificates(trust.anchors), office.clock)

    def log(octets: bytes) -> None:
        with NamedTemporaryFile() as file:
            file.write(octets)
            file.flush()
            with opened_export(Path(file.name)) as exported:
                verify_log(exported, public_keys(home), check_token=check_token)

    return {
        "PDF": Target(any_file, [sealed]),
        "electronic seal": Target(_both_seals, [office.electronic_seal]),
        "evidence record": Target(parse_record, [record.encode()]),
        "workbook": Target(lambda octets: read_workbook(octets, LIMITS), [write_template(["staff"])]),
        "CSV": Target(
            lambda octets: read_csv(octets, LIMITS), ["姓名,单位\n张三,办公室\n".encode("gb18030"), b"a,b\n"]
        ),
        "artwork": Target(lambda octets: cleaned(octets, 40), [SVG, picture()]),
        "audit export": Target(log, [exported]),
        "evidence bundle": Target(bundle, [exported]),
        "checkpoint": Target(read_checkpoint, [_note(home)]),
    }


def _texts(office: Office) -> dict[str, Target]:
    """What is typed, scanned, or stands in headers."""
    unit = office.unit
    (code,) = [sign_code("R1", {"金额": "100"}, "office", unit.key, unit.certificate, NOW, ["金额"])]
    message = Message("POST", "https://ra.test/api/ra/v1/requests", {"Content-Type": "application/json"})
    headers = sign_request(message, BODY, unit.key, key_id="a", tag=TAG, created=NOW, nonce="n")
    uri = b"pkcs11:token=yinxin;object=sm2-issuing;type=private?pin-source=file:/run/pin"
    _custody, _secret, shares = entrust(["a", "b"], 2, NOW)

    def signed(octets: bytes) -> None:
        lines = [line.partition(": ") for line in octets.decode("latin-1").split("\n")]
        given = Message("POST", message.url, {name: value for name, _colon, value in lines if name})
        claimed_key_id(given, TAG)
        verify_request(given, BODY, unit.key.algorithm, unit.key.public_key_info, tag=TAG, now=NOW)

    def text(parser: Callable[[str], object]) -> Callable[[bytes], object]:
        return lambda octets: parser(octets.decode("utf-8", "replace"))

    return {
        "signed request (RFC 9421)": Target(signed, ["\n".join(map(": ".join, headers.items())).encode("latin-1")]),
        "code (QR)": Target(text(read_code), [code.encode()]),
        "share": Target(text(parse_share), [one.text.encode() for one in shares]),
        "PKCS#11 URI": Target(text(Pkcs11Uri.parse), [uri]),
    }


TAG, BODY, LIMITS = "yinxin-ra", b"{}", Limits()
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M1 1h7v7z" fill="#c00"/></svg>'


def _both_seals(octets: bytes) -> None:
    with suppress(YinxinError):
        parse_signature(octets)
    check_maker_signature(parse_seal(octets))


def _note(home: Home) -> bytes:
    notary = Notary.of(home.context, partial(open_key, home), home.configuration.audit, None)
    return notary.checkpoint().note


def _export(home: Home) -> bytes:
    _note(home)
    with TemporaryDirectory() as folder:
        file = Path(folder) / "audit.zip"
        export(home.context, file, public_keys(home)[0], OBJECTS)
        return file.read_bytes()
