"""What is granted and what is refused, as a table; and tokens in the shape of GM/T 0010, verified by others' means."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from asn1crypto import cms, tsp
from hypothesis import given
from hypothesis import strategies as st

from core.algorithms import DIGESTS, SHA1, SHA256, SHA384, SHA512, SM3, Digest, KeyKind
from core.asn1 import der
from core.certificates import armour
from core.clock import FixedClock
from core.cms import Shape, SignedDataBuilder
from core.context import Context
from core.errors import YinxinError
from core.home import Home
from core.keys.encryption import encrypt_private_key
from core.service.keeper import Keeper
from core.sm2.curve import point_of
from core.sm2.fallback import GmsslEngine
from core.storage import Storage
from tests.support.pki import TIME_STAMPING
from tests.support.tsa import Stamps, in_gm_shape, read_info, read_response, read_signature, write_home
from tsa.authority import TimeStampAuthority
from tsa.installation import load_units, open_authority
from tsa.request import ACCEPTED_DIGESTS, MAXIMUM_SIZE, parse_request
from tsa.response import Rejection
from tsa.unit import Unit
from tsa.verification import read_token, verify_token

BASE = "1.3.6.1.4.1.32473.1.3.1"


def imprint(digest: Digest = SM3, size: int | None = None, parameters: bytes = b"") -> bytes:
    octets = bytes(digest.size if size is None else size)
    return der.sequence(der.sequence(der.oid(digest.oid), parameters), der.octet_string(octets))


def request(*parts: bytes, version: int = 1) -> bytes:
    return der.sequence(der.integer(version), *parts)


EXTENSION = der.sequence(der.oid("1.2.3.4"), der.octet_string(der.NULL))
CRITICAL = der.sequence(der.oid("1.2.3.4"), der.TRUE, der.octet_string(der.NULL))
NO_DER = imprint()[:-32] + b"\x00" * 31

# What is asked, in words: the request, and its failInfo; empty: a token is given.
CASES = {
    "SM3": (request(imprint()), ""),
    "SHA-256": (request(imprint(SHA256)), ""),
    "SHA-384": (request(imprint(SHA384)), ""),
    "SHA-512": (request(imprint(SHA512)), ""),
    "parameters NULL": (request(imprint(SHA256, parameters=der.NULL)), ""),
    "a nonce": (request(imprint(), der.integer(2**160)), ""),
    "a negative nonce": (request(imprint(), der.integer(-5)), ""),
    "certReq": (request(imprint(), der.TRUE), ""),
    "the policy of SM2": (request(imprint(), der.oid(f"{BASE}.1")), ""),
    "the policy of RSA": (request(imprint(), der.oid(f"{BASE}.2")), ""),
    "the policy of P-256": (request(imprint(), der.oid(f"{BASE}.3")), ""),
    "the policy of GM/T 0033": (request(imprint(), der.oid(f"{BASE}.4")), ""),
    "SHA-1": (request(imprint(SHA1)), "bad_alg"),
    "MD5": (request(imprint(Digest("md5", "1.2.840.113549.2.5", 16, SHA1.new))), "bad_alg"),
    "SHA-1 and a wrong length": (request(imprint(SHA1, 7)), "bad_alg"),
    "an octet less": (request(imprint(SHA256, 31)), "bad_data_format"),
    "an octet more": (request(imprint(SHA256, 33)), "bad_data_format"),
    "SHA-512 with 32 octets": (request(imprint(SHA512, 32)), "bad_data_format"),
    "no digest at all": (request(imprint(SM3, 0)), "bad_data_format"),
    "the policy itself, without an arc": (request(imprint(), der.oid(BASE)), "unaccepted_policy"),
    "an arc that is not ours": (request(imprint(), der.oid(f"{BASE}.9")), "unaccepted_policy"),
    "another's policy": (request(imprint(), der.oid("1.2.3")), "unaccepted_policy"),
    "an extension": (request(imprint(), der.implicit(0, der.sequence(EXTENSION))), "unaccepted_extensions"),
    "a critical extension": (request(imprint(), der.implicit(0, der.sequence(CRITICAL))), "unaccepted_extensions"),
    "version 0": (request(imprint(), version=0), "bad_request"),
    "version 2": (request(imprint(), version=2), "bad_request"),
    "certReq FALSE, which DER leaves out": (request(imprint(), b"\x01\x01\x00"), "bad_data_format"),
    "an imprint cut short": (request(NO_DER), "bad_data_format"),
    "octets after the request": (request(imprint()) + b"\x00", "bad_data_format"),
    "parts in another order": (request(imprint(), der.TRUE, der.integer(1)), "bad_data_format"),
    "nothing": (b"", "bad_data_format"),
    "too much": (bytes(MAXIMUM_SIZE + 1), "bad_data_format"),
}


@pytest.fixture
def all_units(stamps: Stamps) -> list[Unit]:
    return [*stamps.units, in_gm_shape(stamps)]


@pytest.mark.parametrize("case", list(CASES))
def test_case(context: Context, all_units: list[Unit], case: str) -> None:
    asked, failure = CASES[case]
    status, failures, token = read_response(TimeStampAuthority(context, all_units).respond(asked))
    assert (status, failures) == ((2, {failure}) if failure else (0, set()))
    if token is not None:
        info = tsp.TSTInfo.load(read_info(token), strict=True)
        given_request = tsp.TimeStampReq.load(asked, strict=True)
        assert info["message_imprint"].dump() == given_request["message_imprint"].dump()
        assert info["nonce"].native == given_request["nonce"].native
        assert info["policy"].dotted == (given_request["req_policy"].dotted if "policy" in case else f"{BASE}.1")
        assert info["accuracy"]["seconds"].native == 1 and info["ordering"].native is False
        assert read_token(token, [unit.certificate for unit in all_units]).policy == info["policy"].dotted


@given(
    digest=st.sampled_from([*ACCEPTED_DIGESTS, SHA1]),
    off=st.sampled_from([0, 0, 0, 1, -1]),
    nonce=st.none() | st.integers(-(2**80), 2**170),
    policy=st.none() | st.sampled_from(["1.2.3", f"{BASE}.1"]),
    certificates=st.booleans(),
    damage=st.none() | st.tuples(st.integers(0, 200), st.integers(0, 255)),
)
def test_our_reader_and_another(
    digest: Digest, off: int, nonce: int | None, policy: str | None, certificates: bool, damage: tuple[int, int] | None
) -> None:
    """What is read as a request is read by asn1crypto too, and says the same; written again, it is the same."""
    parts = [b"" if policy is None else der.oid(policy), b"" if nonce is None else der.integer(nonce)]
    octets = bytearray(request(imprint(digest, digest.size + off), *parts, der.TRUE if certificates else b""))
    if damage:
        octets[damage[0] % len(octets)] = damage[1]
    try:
        ours = parse_request(bytes(octets))
    except Rejection:
        assert damage or off or digest is SHA1
        return
    theirs = tsp.TimeStampReq.load(bytes(octets), strict=True)
    assert theirs["message_imprint"]["hashed_message"].native == ours.imprint.value
    assert theirs["message_imprint"]["hash_algorithm"]["algorithm"].dotted == ours.imprint.digest.oid
    assert theirs["nonce"].native == ours.nonce
    assert (theirs["req_policy"].native and theirs["req_policy"].dotted) == ours.policy
    assert bool(theirs["cert_req"].native) is ours.wants_certificates
    assert ours.encode() == bytes(octets)
    assert ours.imprint.digest in DIGESTS.values()


def test_a_token_as_gm_t_0033_has_it(context: Context, stamps: Stamps) -> None:
    authority = TimeStampAuthority(context, [in_gm_shape(stamps)])
    token = authority.stamp(SM3, SM3.of(b"document"))
    assert token[4:].startswith(b"\x06\x0a\x2a\x81\x1c\xcf\x55\x06\x01\x04\x02\x02")  # 1.2.156.10197.6.1.4.2.2
    body = cms.ContentInfo.load(token, strict=True)["content"]
    assert body["version"].native == "v1"
    (signer,) = body["signer_infos"]
    assert signer["signature_algorithm"].dump() == der.sequence(der.oid("1.2.156.10197.1.301.1"))
    assert signer["digest_algorithm"]["algorithm"].dotted == SM3.oid
    signed, signature = read_signature(token)
    point = point_of(stamps.hierarchies["sm2"].tsa.key.public_key_info)
    assert point is not None and GmsslEngine().verify(point, signature, signed)
    stamped = verify_token(token, lambda digest: digest.of(b"document"), stamps.anchors)
    assert stamped.policy == f"{BASE}.4"
    with pytest.raises(YinxinError):
        read_token(token[:-1] + bytes((token[-1] ^ 1,)))


def test_that_shape_is_for_sm2_only(stamps: Stamps) -> None:
    with pytest.raises(YinxinError, match="SM2 keys only"):
        SignedDataBuilder(stamps.units[1].signer, stamps.units[1].certificate, shape=Shape.GM_T_0010)


def test_ordered_tokens_say_so(context: Context, stamps: Stamps, clock: FixedClock) -> None:
    """With as much of the second as there is (X.690 11.7)."""
    unit = replace(stamps.units[2], ordering=True)
    clock.moment = clock.moment.replace(microsecond=120_000)
    authority = TimeStampAuthority(context, [unit], ordering=True)
    info = read_info(authority.stamp(SHA256, bytes(32)))
    assert b"20261101020000.12Z" in info
    parsed = tsp.TSTInfo.load(info, strict=True)
    assert parsed["ordering"].native is True and parsed["gen_time"].native == clock.moment


@pytest.fixture
def home(tmp_path: Path, storage: Storage, clock: FixedClock, stamps: Stamps) -> Home:
    """Its only unit is certified until 2028-09-27."""
    write_home(tmp_path, {"p256": stamps.hierarchies["p256"]}, "[tsa]\nmargin_hours = 48\n")
    return Home(tmp_path, clock)


def install_successor(home: Home, stamps: Stamps, clock: FixedClock, begin: timedelta) -> bytes:
    next_one = stamps.hierarchies["p256"].issuing.issue(
        "TSA next", extended=(TIME_STAMPING,), kind=KeyKind.P256, not_before=clock.now() + begin
    )
    (home.path / "keys" / "tsa" / "p256.g2.pem").write_bytes(encrypt_private_key(next_one.key, b"secret"))
    (home.path / "certificates" / "tsa" / "p256.g2.pem").write_bytes(armour([next_one.certificate]))
    return next_one.certificate


def by_whom(authority: TimeStampAuthority) -> bytes:
    return read_token(authority.stamp(SHA256, bytes(32), unit="p256")).certificate


def test_the_successor_takes_over_without_a_gap(home: Home, stamps: Stamps, clock: FixedClock) -> None:
    """Second by second over the moment, while the service runs."""
    first = stamps.hierarchies["p256"].tsa.certificate
    (unit,) = load_units(home)
    end = unit.service_period[1]
    begin = end - clock.now() - timedelta(seconds=2)
    authority = open_authority(home)
    keeper = Keeper(home, "tsa", lambda: authority.use(load_units(home)), when_expired="no tokens")
    keeper._take_up()
    second = install_successor(home, stamps, clock, begin)
    keeper._take_up()
    assert authority.unit_names == ("p256",)
    clock.moment = end - timedelta(seconds=4)
    seen = []
    for _second in range(8):
        seen.append(by_whom(authority))
        clock.advance(timedelta(seconds=1))
    assert seen == [first] * 2 + [second] * 6


def test_without_a_successor_the_margin_holds(home: Home, clock: FixedClock) -> None:
    (unit,) = load_units(home)
    authority = open_authority(home)
    clock.moment = unit.service_period[1]
    by_whom(authority)
    clock.advance(timedelta(seconds=1))
    with pytest.raises(YinxinError, match="to 2028-09-25T00:00:00"):
        by_whom(authority)
    assert read_response(authority.respond(request(imprint())))[1] == {"system_failure"}


def test_units_that_cannot_be_used_change_nothing(home: Home, stamps: Stamps, clock: FixedClock) -> None:
    authority = open_authority(home)
    with pytest.raises(YinxinError, match="at least one"):
        authority.use([])
    with pytest.raises(YinxinError, match="same name"):
        authority.use([stamps.units[0], stamps.units[0]])
    assert by_whom(authority) == stamps.hierarchies["p256"].tsa.certificate
