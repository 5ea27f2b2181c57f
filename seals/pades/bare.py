"""Signatures outside a PDF: CMS with its content or beside it, SES_Signature, and time stamps over a file."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from core.algorithms import SM3, Algorithm, Digest
from core.asn1.ses import SealSignature, parse_signature
from core.errors import Kind, YinxinError
from seals.electronic.making import seal_algorithm
from seals.electronic.seal_check import check_seal
from seals.pades.assessment import Judge, JudgedTimestamp
from seals.pades.boundary import translated_errors
from seals.pades.certificates import Use
from seals.pades.evidence import Knowledge
from seals.pades.examination import Examined, ExaminedSignature, FieldFacts, Unreadable
from seals.pades.gm_reading import moment_of, value_fits
from seals.pades.messages import Message, read_messages
from seals.pades.stored import (
    HASH_FAILURE,
    INTACT,
    NOTHING,
    SIG_CRYPTO_FAILURE,
    SIGNED_DATA_NOT_FOUND,
    Stored,
    Token,
    token_over,
)


@dataclass(frozen=True)
class Content:
    """The file that is signed, where it lies beside the signature."""

    digest: Callable[[Digest], bytes]
    octets: Callable[[], bytes]
    """In memory: only for signatures over the octets themselves."""


@dataclass(frozen=True)
class _BareSignature:
    """A signature, as the judge asks for it."""

    algorithm: Algorithm
    signer: bytes
    problem: str
    carried: Knowledge
    tokens: Sequence[Token]
    claimed_time: datetime | None
    weak: bool = False


def examine_cms(data: bytes, content: Content | None, judge: Judge) -> list[Examined]:
    """Every signer of a CMS message; `YinxinError` if it cannot be read."""
    with translated_errors():
        return [_cms(message, content, judge) for message in read_messages(data)]


def _cms(message: Message, content: Content | None, judge: Judge) -> Examined:
    facts = FieldFacts("", "CMS", None, None, None)
    try:
        signer = message.signer(judge.given.certificates)
        problem = _problem(message, content, signer)
    except YinxinError as error:
        if error.kind is not Kind.NOT_FOUND:
            return Unreadable(facts, error)
        signer, problem = b"", INTACT
    tokens = [token_over(token, lambda digest: digest.of(message.signature)) for token in message.tokens]
    stored = _BareSignature(message.algorithm, signer, problem, message.carried, tokens, message.claimed_time)
    return _examined(facts, stored, judge)


def _problem(message: Message, content: Content | None, signer: bytes) -> str:
    digest = message.digest
    if message.content is None:
        if content is None:
            return SIGNED_DATA_NOT_FOUND
        if not message.attributes:
            return INTACT if message.is_made_with(signer, content.octets()) else SIG_CRYPTO_FAILURE
        fits = message.message_digest == content.digest(digest)
    else:
        fits = message.message_digest in (None, digest.of(message.content))
        if content is not None:
            # Some enclose the digest of a file instead of the file (GM/T 0010 in the field).
            fits = fits and content.digest(digest) in (message.content, digest.of(message.content))
    if not fits:
        return HASH_FAILURE
    return INTACT if message.is_made_with(signer, message.content or b"") else SIG_CRYPTO_FAILURE


def examine_seal_signature(data: bytes, content: Content | None, judge: Judge) -> Examined:
    """A SES_Signature; `YinxinError` if it cannot be read."""
    with translated_errors():
        signature = parse_signature(data)
        algorithm = seal_algorithm(signature.algorithm)
        if not value_fits(signature, algorithm):
            problem = SIG_CRYPTO_FAILURE
        elif content is None:
            problem = SIGNED_DATA_NOT_FOUND
        else:
            problem = INTACT if content.digest(SM3) == signature.data_hash else HASH_FAILURE
        tokens = []
        if signature.timestamp is not None:
            tokens = [token_over(signature.timestamp, lambda digest: digest.of(signature.signature))]
        claimed = moment_of(signature)
        stored = _BareSignature(algorithm, signature.certificate, problem, NOTHING, tokens, claimed)
        return _examined(FieldFacts("", "SES_Signature", None, None, None), stored, judge, signature)


def examine_token(data: bytes, content: Content, judge: Judge) -> JudgedTimestamp:
    """A time stamp over a file; `YinxinError` if it cannot be read."""
    with translated_errors():
        return judge.timestamp(token_over(data, content.digest), judge.given, judge.now)


def _examined(facts: FieldFacts, stored: Stored, judge: Judge, sealed: SealSignature | None = None) -> Examined:
    assessment = judge.signature(stored, NOTHING, None)
    checked = None
    if sealed is not None:
        at = assessment.proven_time or stored.claimed_time
        made = sealed.seal.structure["seal_info"]["property"]["create_date"].native
        known = judge.given + stored.carried
        maker = judge.certificates.judge(sealed.seal.maker_certificate, known, made, Use.SIGNING)
        checked = check_seal(
            sealed.seal,
            stored.signer,
            at,
            known.certificates,
            judge.anchors,
            maker.revoked_at,
            makers=judge.makers,
            is_visible=False,
        )
    return ExaminedSignature(
        facts,
        stored.algorithm,
        True,
        None,
        assessment,
        stored.claimed_time,
        names_its_certificate=False,
        has_evidence=False,
        archived=False,
        seal=checked,
    )
