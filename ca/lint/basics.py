"""Rules on the fields of TBSCertificate: version, serial number, algorithm, issuer, validity, key."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from ca.key_quality import examine_key
from ca.lint.reading import Examined, FixedPart, read_certificate
from ca.lint.rule import RuleBook
from ca.profiles import Audience, KeyType
from core.algorithms import Family
from core.asn1.elements import Element
from core.errors import YinxinError

fixed, each = RuleBook[FixedPart](), RuleBook[Examined]()

UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
MINIMUM_SERIAL_OCTETS, MAXIMUM_SERIAL_OCTETS = 18, 20


@each.rule("X.690; RFC 5280 4.1")
def is_a_certificate(examined: Examined) -> Iterator[str]:
    """A reader that is not ours can read it."""
    read_certificate(examined.tbs, examined.fixed.signature_algorithm)
    yield from ()


@fixed.rule("RFC 5280 4.1.2.1; GB/T 20518 5.2.3.1")
def version_is_3(part: FixedPart) -> Iterator[str]:
    """Extensions need version 3."""
    if part.version != b"\xa0\x03\x02\x01\x02":
        yield "the version is not v3 (2)"


@each.rule("RFC 5280 4.1.2.2; GB/T 20518 5.2.3.2")
def serial_number_is_positive_and_long(examined: Examined) -> Iterator[str]:
    """Our own rule asks for 136 random bits besides, which leaves 18 octets at least, the prefix included."""
    octets = examined.serial.content
    if not octets or octets[0] & 0x80:
        yield "the serial number is not positive"
    elif octets[0] == 0 and (len(octets) == 1 or not octets[1] & 0x80):
        yield "the serial number is zero or not minimal"
    elif not MINIMUM_SERIAL_OCTETS <= len(octets) <= MAXIMUM_SERIAL_OCTETS:
        yield f"the serial number has {len(octets)} octets"


@fixed.rule("RFC 5280 4.1.2.3; GM/T 0092")
def signature_algorithm_is_the_issuers(part: FixedPart) -> Iterator[str]:
    """To the octet: SM2 without parameters, RSA with NULL (RFC 4055 5)."""
    if part.signature_algorithm != part.issuer.algorithm.identifier:
        yield "the signature algorithm is not that of the issuer's key"


@fixed.rule("RFC 5280 4.1.2.4, 7.1")
def issuer_name_is_the_issuers_subject(part: FixedPart) -> Iterator[str]:
    """Octet for octet, so that every verifier's comparison agrees."""
    if part.issuer_name != part.issuer.subject:
        yield "the issuer name is not the issuer's subject"


@each.rule("RFC 5280 4.1.2.5; X.690 11.7, 11.8")
def times_are_written_as_prescribed(examined: Examined) -> Iterator[str]:
    """UTCTime through 2049, GeneralizedTime from 2050, seconds and Z."""
    for element in examined.validity.children():
        try:
            moment = read_time(element)
        except ValueError as error:
            yield str(error)
            continue
        if (element.tag == UTC_TIME) != (moment.year < 2050):
            yield f"{moment.year} is written in the wrong kind of time"


@each.rule("RFC 5280 4.1.2.5; GB/T 20518 5.2.3.5")
def validity_is_within_profile_and_issuer(examined: Examined) -> Iterator[str]:
    """Ends after it begins, no longer than the profile says, inside the issuer's."""
    elements = examined.validity.children()
    if len(elements) != 2:
        yield "validity does not hold two times"
        return
    try:
        begin, end = (read_time(element) for element in elements)
    except ValueError:
        return  # said by another rule
    if end <= begin:
        yield "the validity ends before it begins"
    if end - begin + timedelta(seconds=1) > timedelta(days=examined.profile.validity_days):
        yield f"the validity is longer than the profile's {examined.profile.validity_days} days"
    # RFC 4210 4.4.1: the old key was good before the new one that vouches for it.
    links = examined.profile.audience is Audience.LINK
    if examined.issuer.not_before and begin < examined.issuer.not_before and not links:
        yield "the validity begins before the issuer's"
    if examined.issuer.not_after and end > examined.issuer.not_after:
        yield "the validity ends after the issuer's"


@each.rule("GM/T 0092; FIPS 186-5; RFC 5480 2.1.1")
def key_is_sound_and_of_an_allowed_kind(examined: Examined) -> Iterator[str]:
    """On its curve, long enough, without known weaknesses, of a kind that the profile allows."""
    try:
        facts = examine_key(examined.public_key_info.raw)
    except YinxinError as error:
        yield error.what
        return
    if facts.type not in examined.profile.keys:
        yield f"the profile allows no {facts.type} keys"
    if facts.type is KeyType.RSA and facts.bits < examined.profile.minimum_rsa_bits:
        yield f"the RSA key has {facts.bits} bits, fewer than {examined.profile.minimum_rsa_bits}"
    if (facts.type is KeyType.SM2) != (examined.issuer.algorithm.family is Family.SM2):
        yield "SM2 keys belong under SM2 authorities, and no others do (GM/T 0034)"


def read_time(element: Element) -> datetime:
    """UTCTime or GeneralizedTime to the second, in Z; ValueError on any other form."""
    return _moment(element.tag, element.content)


@lru_cache(maxsize=256)  # a batch has the same times throughout
def _moment(tag: int, content: bytes) -> datetime:
    text = content.decode("ascii", "replace")
    if tag == UTC_TIME and re.fullmatch(r"[0-9]{12}Z", text):
        century = "20" if text[:2] < "50" else "19"
        text = century + text
    elif tag != GENERALIZED_TIME or not re.fullmatch(r"[0-9]{14}Z", text):
        raise ValueError("a time is not written to the second and in Z")
    # strptime takes five times as long.
    year, month, day, hour, minute, second = int(text[:4]), *(int(text[at : at + 2]) for at in range(4, 14, 2))
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC)
