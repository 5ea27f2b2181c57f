"""The responder's specification: what is asked, what is answered. Every case holds for SM2 and for RSA."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.x509 import ocsp as pyca_ocsp

from core.algorithms import SHA1, SHA256, SHA384, SHA512, SM3
from core.asn1 import der
from ocsp.request import MAXIMUM_QUESTIONS, MAXIMUM_SIZE, NONCE, CertId, build_request, cert_id
from ocsp.responder import Responder
from ocsp.response import Reason, Refusal
from tests.support import ocsp_judges as judges
from tests.support import pki
from tests.support.ocsp_world import (
    EXPIRED,
    EXPIRED_REVOKED,
    HELD,
    LONG_AGO,
    LONG_SERIAL,
    NEVER_ISSUED,
    NOW,
    REVOKED,
    REVOKED_PLAIN,
    VALID,
    VALIDITY,
    YESTERDAY,
    Named,
    World,
    about,
    named,
)


@dataclass(frozen=True)
class Case:
    """A question and its answer, in the words that `cryptography` reads from it."""

    title: str
    ask: Callable[[World], bytes]
    answer: str | Refusal
    signed_by: Callable[[World], pki.Party] = lambda world: world.town.responder
    one_issuer: bool = True
    """OpenSSL believes a delegated responder for one issuer at a time."""
    responder: Callable[[World], Responder] = lambda world: world.responder
    extensions: tuple[str, ...] = ()
    """OIDs of the extensions that the answer has beside the nonce: of single answers, then of the whole."""


def questions(*serials: int, **options: bytes) -> Callable[[World], bytes]:
    """About certificates of the town's issuing authority, by SHA-1."""
    return lambda world: build_request([about(world.town.issuing, serial) for serial in serials], **options)


def one(make: Callable[[World], CertId]) -> Callable[[World], bytes]:
    return lambda world: build_request([make(world)])


def raw(make: Callable[[bytes], bytes]) -> Callable[[World], bytes]:
    """Made by hand around the encoded Request of a good certificate."""
    return lambda world: make(der.sequence(about(world.town.issuing, VALID).encoded))


def extension(dotted: str, value: bytes, critical: bool = False) -> bytes:
    return der.sequence(der.oid(dotted), der.TRUE if critical else b"", der.octet_string(value))


def request_of(*parts: bytes) -> bytes:
    """OCSPRequest of the parts of its TBSRequest."""
    return der.sequence(der.sequence(*parts))


def with_extensions(*extensions: bytes) -> Callable[[World], bytes]:
    return raw(lambda request: request_of(der.sequence(request), der.explicit(2, der.sequence(*extensions))))


def re_encoded(cert_id_parameters: bytes) -> Callable[[World], bytes]:
    """A CertID whose algorithm has these parameters, which are not those that we would write."""

    def make(world: World) -> bytes:
        ours = about(world.town.issuing, VALID)
        algorithm = der.sequence(der.oid(ours.digest_oid), cert_id_parameters)
        hashes = der.octet_string(ours.issuer_name_hash), der.octet_string(ours.issuer_key_hash)
        theirs = der.sequence(algorithm, *hashes, der.integer(VALID))
        return request_of(der.sequence(der.sequence(theirs)))

    return make


def signed(world: World) -> bytes:
    """A signed request, which names its requestor and encloses the certificate."""
    requestor = der.explicit(1, der.explicit(4, world.town.responder.name))
    tbs = der.sequence(requestor, der.sequence(der.sequence(about(world.town.issuing, VALID).encoded)))
    key = world.town.responder.key
    certificates = der.explicit(0, der.sequence(world.town.responder.certificate))
    signature = der.sequence(key.algorithm.identifier, der.bit_string(key.sign(tbs)), certificates)
    return der.sequence(tbs, der.explicit(0, signature))


def wrongly_keyed(world: World) -> CertId:
    """The name of our authority, the key of another: as after a change of key, or by a namesake."""
    return cert_id(Named(world.town.issuing.name, world.town.stranger.key.public_key_info), VALID, SHA256)


def wrongly_named(world: World) -> CertId:
    return cert_id(Named(world.town.stranger.name, world.town.issuing.key.public_key_info), VALID, SHA256)


def crossed_hashes(world: World) -> CertId:
    """Hashes of the root's name and the issuing authority's key: each is ours, together they are nobody's."""
    return cert_id(Named(world.town.root.name, world.town.issuing.key.public_key_info), VALID, SHA256)


def unknown_digest(world: World) -> bytes:
    ours = about(world.town.issuing, VALID, SHA256)
    hashes = der.octet_string(ours.issuer_name_hash), der.octet_string(ours.issuer_key_hash)
    theirs = der.sequence(der.sequence(der.oid("2.16.840.1.101.3.4.2.8")), *hashes, der.integer(VALID))
    return request_of(der.sequence(der.sequence(theirs)))


def root_responder(world: World) -> pki.Party:
    return world.town.root_responder


first_responder = root_responder
"""That of the first issuer in the books, who signs when the issuer is none of ours."""


def other_responder(world: World) -> pki.Party:
    return world.other.responder


def archiving(world: World) -> Responder:
    """As configured by default."""
    return world.open(archive_cutoff=True)


def extending(world: World) -> Responder:
    """With the extended definition of revoked."""
    return world.open(extended_revoked=True)


MALFORMED = Refusal.MALFORMED_REQUEST
ARCHIVE_CUTOFF, EXTENDED_REVOKE = "1.3.6.1.5.5.7.48.1.6", "1.3.6.1.5.5.7.48.1.9"
NEVER = datetime(1970, 1, 1, tzinfo=UTC)
"""When the extended definition has a certificate revoked that was never issued (RFC 6960 2.2)."""
CRITICAL = True

STATUS = [
    Case("issued and in force", questions(VALID), "good"),
    Case("the longest serial number", questions(LONG_SERIAL), "good"),
    Case("never issued", questions(NEVER_ISSUED), "unknown"),
    Case("serial number zero", questions(0), "unknown"),
    Case("a negative serial number", questions(-VALID), "unknown"),
    Case("a serial number of a thousand bits", questions(1 << 1000), "unknown"),
    Case("on hold", questions(HELD), "revoked certificateHold"),
    Case("revoked, no reason recorded", questions(REVOKED_PLAIN), "revoked"),
    Case("revoked, reason unspecified: left out", questions(REVOKED[Reason.UNSPECIFIED]), "revoked"),
    Case("key compromised", questions(REVOKED[Reason.KEY_COMPROMISE]), "revoked keyCompromise"),
    Case("authority compromised", questions(REVOKED[Reason.CA_COMPROMISE]), "revoked cACompromise"),
    Case("affiliation changed", questions(REVOKED[Reason.AFFILIATION_CHANGED]), "revoked affiliationChanged"),
    Case("superseded", questions(REVOKED[Reason.SUPERSEDED]), "revoked superseded"),
    Case("out of use", questions(REVOKED[Reason.CESSATION_OF_OPERATION]), "revoked cessationOfOperation"),
    Case("privilege withdrawn", questions(REVOKED[Reason.PRIVILEGE_WITHDRAWN]), "revoked privilegeWithdrawn"),
]
IDENTITY = [
    Case("CertID by SHA-256", one(lambda world: about(world.town.issuing, HELD, SHA256)), "revoked certificateHold"),
    Case("CertID by SM3", one(lambda world: about(world.town.issuing, HELD, SM3)), "revoked certificateHold"),
    Case("CertID by SHA-384", one(lambda world: about(world.town.issuing, VALID, SHA384)), "good"),
    Case("CertID by SHA-512", one(lambda world: about(world.town.issuing, VALID, SHA512)), "good"),
    Case("CertID by a digest that we lack", unknown_digest, "unknown", first_responder, False),
    Case("digest parameters absent: repeated as sent", re_encoded(b""), "good"),
    Case("digest parameters NULL: repeated as sent", re_encoded(der.NULL), "good"),
    Case("the right name, another key", one(wrongly_keyed), "unknown", first_responder, False),
    Case("the right key, another name", one(wrongly_named), "unknown", first_responder, False),
    Case("name of one of ours, key of another", one(crossed_hashes), "unknown", first_responder, False),
    Case("an authority below the root", one(lambda world: about(world.town.root, VALID)), "good", root_responder),
    Case(
        "revoked by the root",
        one(lambda world: about(world.town.root, HELD)),
        "revoked certificateHold",
        root_responder,
    ),
    Case(
        "an issuer of the other algorithm",
        one(lambda world: about(world.other.issuing, VALID)),
        "good",
        other_responder,
    ),
    Case("a foreign issuer", one(lambda world: about(world.town.stranger, VALID)), "unknown", first_responder, False),
]
SEVERAL = [
    Case("two in one", questions(VALID, HELD), "good, revoked certificateHold"),
    Case("the same twice", questions(VALID, VALID), "good, good"),
    Case(
        "by three digests",
        lambda world: build_request([about(world.town.issuing, HELD, digest) for digest in (SM3, SHA256)]),
        "revoked certificateHold, revoked certificateHold",
    ),
    Case("as many as allowed", questions(*[VALID] * MAXIMUM_QUESTIONS), ", ".join(["good"] * MAXIMUM_QUESTIONS)),
    Case("one too many", questions(*[VALID] * (MAXIMUM_QUESTIONS + 1)), MALFORMED),
    Case("none", questions(), MALFORMED),
    Case(
        "issuers with different responders: the first one's signs, each is told truly",
        lambda world: build_request([about(world.town.issuing, VALID), about(world.other.issuing, HELD)]),
        "good, revoked certificateHold",
        one_issuer=False,
    ),
    Case(
        "a foreign issuer first: the first of ours signs",
        lambda world: build_request([about(world.town.stranger, VALID), about(world.town.root, HELD)]),
        "unknown, revoked certificateHold",
        root_responder,
        one_issuer=False,
    ),
]
NONCES = [
    Case("no nonce", questions(VALID), "good"),
    Case("a nonce of 1 octet", questions(VALID, nonce=b"1"), "good"),
    Case("a nonce of 32 octets", questions(VALID, nonce=bytes(range(32))), "good"),
    Case("a nonce of 128 octets", questions(VALID, nonce=bytes(128)), "good"),
    Case("a nonce of 129 octets", questions(VALID, nonce=bytes(129)), MALFORMED),
    Case("an empty nonce", questions(VALID, nonce=b""), MALFORMED),
    Case("a nonce that is no OCTET STRING", with_extensions(extension(NONCE, b"12345678")), MALFORMED),
    Case("two nonces", with_extensions(*[extension(NONCE, der.octet_string(b"12345678"))] * 2), MALFORMED),
    Case("a critical nonce", with_extensions(extension(NONCE, der.octet_string(b"12345678"), CRITICAL)), "good"),
]
FORM = [
    Case("a signed request: its signature does not matter", signed, "good"),
    Case("an extension that we do not know", with_extensions(extension("1.2.3.4", der.NULL)), "good"),
    Case("a critical one", with_extensions(extension("1.2.3.4", der.NULL, CRITICAL)), MALFORMED),
    Case(
        "acceptable response types",
        with_extensions(extension("1.3.6.1.5.5.7.48.1.4", der.sequence(der.oid("1.3.6.1.5.5.7.48.1.1")))),
        "good",
    ),
    Case(
        "a critical extension of one question",
        raw(
            lambda request: request_of(
                der.sequence(
                    der.sequence(request[2:], der.explicit(0, der.sequence(extension("1.2.3.4", der.NULL, CRITICAL))))
                )
            )
        ),
        MALFORMED,
    ),
    Case("nothing", lambda _world: b"", MALFORMED),
    Case("text", lambda _world: b"Is this certificate good?", MALFORMED),
    Case("an empty SEQUENCE", lambda _world: b"\x30\x00", MALFORMED),
    Case("cut short", lambda world: questions(VALID)(world)[:-1], MALFORMED),
    Case("an octet more", lambda world: questions(VALID)(world) + b"\0", MALFORMED),
    Case("an octet more inside", raw(lambda request: request_of(der.sequence(request), b"\0")), MALFORMED),
    Case("too large", questions(VALID, nonce=bytes(MAXIMUM_SIZE)), MALFORMED),
    Case(
        "version 2",
        raw(lambda request: request_of(der.explicit(0, der.integer(1)), der.sequence(request))),
        MALFORMED,
    ),
    Case(
        "version 1 written out, which DER forbids",
        raw(lambda request: request_of(der.explicit(0, der.integer(0)), der.sequence(request))),
        MALFORMED,
    ),
    Case(
        "BER: a length longer than needed",
        raw(lambda request: request_of(b"\x30\x82" + len(request).to_bytes(2, "big") + request)),
        MALFORMED,
    ),
    Case(
        "BER: an indefinite length",
        raw(lambda request: b"\x30\x80" + request_of(der.sequence(request))[2:] + b"\0\0"),
        MALFORMED,
    ),
    Case("a response", lambda world: world.responder.respond(questions(VALID)(world)), MALFORMED),
]
EXPIRED_CERTIFICATES = [
    Case("expired: its last status, for ever", questions(EXPIRED), "good"),
    Case(
        "expired: and since when such status is kept",
        questions(EXPIRED),
        "good",
        responder=archiving,
        extensions=(ARCHIVE_CUTOFF,),
    ),
    Case(
        "revoked, then expired: it stays revoked",
        questions(EXPIRED_REVOKED),
        "revoked keyCompromise",
        responder=archiving,
        extensions=(ARCHIVE_CUTOFF,),
    ),
    Case("in force: nothing is said of archives", questions(VALID), "good", responder=archiving),
    Case(
        "one in force, one expired",
        questions(VALID, EXPIRED),
        "good, good",
        responder=archiving,
        extensions=(ARCHIVE_CUTOFF,),
    ),
]
EXTENDED_DEFINITION = [
    Case(
        "never issued: revoked since 1970, by configuration only",
        questions(NEVER_ISSUED),
        "revoked certificateHold",
        responder=extending,
        extensions=(EXTENDED_REVOKE,),
    ),
    Case(
        "never issued, with a nonce",
        questions(NEVER_ISSUED, nonce=bytes(32)),
        "revoked certificateHold",
        responder=extending,
        extensions=(EXTENDED_REVOKE,),
    ),
    Case("issued: the definition changes nothing", questions(VALID), "good", responder=extending),
    Case(
        "a foreign issuer: unknown all the same",
        one(lambda world: about(world.town.stranger, VALID)),
        "unknown",
        first_responder,
        False,
        responder=extending,
    ),
]
PREFERENCES = [
    Case(
        "preferred signature algorithms (RFC 6960 4.4.7): the issuer's own is used, which its clients must know anyway",
        with_extensions(
            extension(
                "1.3.6.1.5.5.7.48.1.8",
                der.sequence(der.sequence(der.sequence(der.oid("1.2.840.10045.4.3.3")))),
            )
        ),
        "good",
    ),
    Case(
        "service locator of one question (4.4.6): answered by us",
        raw(
            lambda request: request_of(
                der.sequence(
                    der.sequence(
                        request[2:],
                        der.explicit(0, der.sequence(extension("1.3.6.1.5.5.7.48.1.7", der.sequence(der.sequence())))),
                    )
                )
            )
        ),
        "good",
    ),
]
CASES = [
    *STATUS,
    *IDENTITY,
    *SEVERAL,
    *NONCES,
    *FORM,
    *EXPIRED_CERTIFICATES,
    *EXTENDED_DEFINITION,
    *PREFERENCES,
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_answer(world: World, case: Case, tmp_path: Path) -> None:
    request = case.ask(world)
    response = case.responder(world).respond(request)
    assert judges.findings(response) == []
    if isinstance(case.answer, Refusal):
        assert response == bytes((0x30, 3, 0x0A, 1, case.answer))
        return
    assert ", ".join(judges.statuses(response)) == case.answer
    signer = case.signed_by(world)
    assert judges.enclosed_certificates(response) == [signer.certificate]
    judges.check_signature(response, request if case.one_issuer else None, signer, NOW, tmp_path)
    _check_repetition(request, response, case.extensions)
    _check_times(response)


def _check_repetition(request: bytes, response: bytes, expected: tuple[str, ...]) -> None:
    """CertIDs octet by octet and in their order; the nonce, and nothing else; nothing critical."""
    asked, answered = judges.request_body(request), judges.basic(response)["tbs_response_data"]
    assert [single["cert_id"].dump() for single in answered["responses"]] == [
        question["req_cert"].dump() for question in asked["request_list"]
    ]
    nonces = [
        item["extn_value"].dump() for item in asked["request_extensions"] or () if item["extn_id"].dotted == NONCE
    ]
    returned = list(answered["response_extensions"] or ())
    assert [item["extn_value"].dump() for item in returned if item["extn_id"].dotted == NONCE] == nonces
    others = [item for single in answered["responses"] for item in single["single_extensions"] or ()]
    others += [item for item in returned if item["extn_id"].dotted != NONCE]
    assert tuple(item["extn_id"].dotted for item in others) == expected
    assert not any(item["critical"].native for item in (*returned, *others))


def _check_times(response: bytes) -> None:
    loaded = pyca_ocsp.load_der_ocsp_response(response)
    assert loaded.produced_at_utc == NOW
    for single in loaded.responses:
        assert (single.this_update_utc, single.next_update_utc) == (NOW, NOW + VALIDITY)
        assert single.revocation_time_utc in (None, YESTERDAY, NEVER)


def test_enough_cases() -> None:
    assert len({case.title for case in CASES}) == len(CASES) >= 30


def test_by_key_with_sha1(world: World) -> None:
    """RFC 6960 4.2.1: KeyHash is SHA-1 of the responder's key, also where everything else is SM3."""
    response = world.responder.respond(questions(VALID)(world))
    loaded = pyca_ocsp.load_der_ocsp_response(response)
    assert loaded.responder_name is None
    assert loaded.responder_key_hash == cert_id(named(world.town.responder), 1, SHA1).issuer_key_hash


def test_since_when_status_is_kept(world: World) -> None:
    """Since the issuer began: of what it issued, nothing is ever forgotten (ETSI EN 319 411-2)."""
    response = archiving(world).respond(questions(EXPIRED)(world))
    (single,) = judges.basic(response)["tbs_response_data"]["responses"]
    (kept,) = single["single_extensions"]
    assert kept["extn_value"].parsed.native == LONG_AGO


def test_the_second_after_the_last(world: World) -> None:
    """A certificate is valid at its notAfter, and expired a second later."""
    world.clock.advance(timedelta(seconds=1))
    (single,) = judges.basic(archiving(world).respond(questions(VALID)(world)))["tbs_response_data"]["responses"]
    assert len(single["single_extensions"]) == 1
