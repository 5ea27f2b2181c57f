"""Seals over digests, over HTTP: prepared and finished where the document lies, signed here."""

import sqlalchemy as sa

from core.api.operation import Operations
from seals import digests
from seals.api.desk import Desk
from seals.api.models import DigestSignature, DigestToSign, DigestToStamp, EvidenceModel, Finished, Noted, Stamped
from seals.digests import DigestOrder, SignedDigest

operations = Operations()


@operations.post("/seals/{name}/digests", "Sign the digest of a document that was prepared where it lies.")
def sign_digest(desk: Desk, name: str, body: DigestToSign) -> DigestSignature:
    """Sign a digest."""
    order = DigestOrder(
        body.digest,
        body.sha256_before,
        body.page,
        body.level,
        purpose=body.purpose,
        person=body.person,
        document_type=body.type,
        place=body.place,
        byte_range=tuple(body.byte_range) if body.byte_range else None,
    )

    def keep(connection: sa.Connection, signed: SignedDigest) -> None:
        desk.keep(connection, _told(signed))

    parts = desk.context, desk.keys, desk.support, desk.people
    return _told(digests.sign_digest(*parts, desk.caller, name, order, beside=keep))


def _told(signed: SignedDigest) -> DigestSignature:
    evidence = EvidenceModel(
        certificates=list(signed.evidence.certificates),
        crls=list(signed.evidence.crls),
        ocsp_responses=list(signed.evidence.ocsp_responses),
    )
    return DigestSignature(number=signed.number, value=signed.value, evidence=evidence)


@operations.post("/digests/{number}/timestamp", "The document timestamp of a B-LTA seal over a digest.")
def stamp_digest(desk: Desk, number: str, body: DigestToStamp) -> Stamped:
    """Stamp a digest."""
    nonce = None if body.nonce is None else int(body.nonce, 16)
    parts = desk.context, desk.keys, desk.support, desk.people
    token = digests.archive_timestamp(*parts, desk.caller, number, body.digest, nonce)
    return Stamped(token=token)


@operations.post("/digests/{number}/finish", "Tell what document came of it, for the books.")
def finish_digest(desk: Desk, number: str, body: Finished) -> Noted:
    """Note the finished document."""
    digests.finish(desk.context, desk.caller, number, body.sha256)
    return Noted()
