"""A sealed document that was changed is invalid, whoever changed it however."""

from collections.abc import Callable
from hashlib import sha256

import pytest
from asn1crypto import cms
from hypothesis import given, settings
from hypothesis import strategies as st

from seals.contracts import SealingSupport
from seals.documents.pdf import seal_pdf
from seals.levels import Level
from seals.verification.report import Report, Verdict
from seals.verification.trust import Trust
from seals.verification.verification import verify_pdf
from tests.support import pdf
from tests.support.sealing import PLACE, Office, blank_pdf

SealedAt = Callable[[Level], bytes]


def codes(report: Report) -> set[str]:
    return {finding.code for finding in report.all_findings()}


@pytest.mark.parametrize(
    "change",
    [pdf.add_text, pdf.add_annotation, pdf.add_empty_signature_field, pdf.set_on_page(0, Rotate=pdf.number(90))],
)
@pytest.mark.parametrize("level", [Level.B_B, Level.B_LTA])
def test_a_change_by_incremental_update_is_invalid(
    sm2_office: Office, sealed_at: SealedAt, level: Level, change: Callable[..., None]
) -> None:
    sealed = sealed_at(level)
    report = sm2_office.report(pdf.updated(sealed, change), status=True)
    assert report.verdict is Verdict.INVALID
    assert "changed-after-sealing" in codes(report)
    # The signature itself is what it was; it is the document that changed.
    assert report.signatures[0].intact


def test_every_octet_under_the_seal_counts(sm2_office: Office, sealed_at: SealedAt) -> None:
    sealed = sealed_at(Level.B_B)
    _start, before, after, rest = pdf.byte_range(sealed)
    covered = [*range(9, before, 700), *range(after, after + rest, 120)]
    for position in covered:
        changed = sealed[:position] + bytes([sealed[position] ^ 0x01]) + sealed[position + 1 :]
        assert sm2_office.report(changed, status=True).verdict > Verdict.REMARKS, position


def test_text_changed_in_place_is_found(sealed_rsa: bytes, rsa_office: Office) -> None:
    changed = sealed_rsa.replace(b"/MediaBox [ 0 0 595.276", b"/MediaBox [ 0 0 595.275")
    if changed == sealed_rsa:
        changed = sealed_rsa.replace(b"595.276", b"595.275", 1)
    assert changed != sealed_rsa
    report = rsa_office.report(changed)
    assert report.verdict is Verdict.INVALID
    assert "content-changed" in codes(report)


@pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.99])
def test_a_truncated_document_is_never_valid(sealed_sm2: bytes, sm2_office: Office, keep: float) -> None:
    report = sm2_office.report(sealed_sm2[: int(len(sealed_sm2) * keep)])
    assert report.verdict > Verdict.REMARKS


def test_what_was_there_before_the_seal_is_not_sealed(sealed_sm2: bytes, sm2_office: Office, plain: bytes) -> None:
    report = sm2_office.report(plain)
    assert report.verdict is Verdict.INVALID
    assert codes(report) == {"no-signature"}


def test_a_picture_without_its_seal_is_not_a_seal(sealed_sm2: bytes, sm2_office: Office) -> None:
    report = sm2_office.report(pdf.updated(sealed_sm2, pdf.remove_signatures))
    assert report.verdict is Verdict.INVALID
    assert codes(report) == {"no-signature", "stray-signature"}


@pytest.mark.parametrize(
    "alter",
    [
        lambda start, before, after, rest: (start, before, after, rest - 1),
        lambda start, before, after, rest: (start, before - 1, after, rest),
        lambda start, before, after, rest: (start + 1, before - 1, after, rest),
        lambda start, before, after, rest: (start, before, after + 1, rest - 1),
        lambda start, before, after, rest: (start, before, before - 100, rest),
        lambda start, before, after, rest: (start, 0, 0, rest),
        lambda start, before, after, rest: (start, before, after, 10**9),
    ],
)
def test_an_altered_byte_range_is_invalid(
    sm2_office: Office, sealed_at: SealedAt, alter: Callable[..., tuple[int, int, int, int]]
) -> None:
    sealed = sealed_at(Level.B_B)
    old = pdf.BYTE_RANGE.search(sealed)
    assert old is not None
    new = b"/ByteRange [%d %d %d %d]" % alter(*pdf.byte_range(sealed))
    room = len(old[0]) + 20  # the reserved blanks behind it
    changed = sealed.replace(sealed[old.start() : old.start() + room], new.ljust(room))
    assert len(changed) == len(sealed)
    assert sm2_office.report(changed, status=True).verdict is Verdict.INVALID


@pytest.mark.parametrize("contents", [b"", b"\x05\x00", b"\x30\x00", b"\x30\x03\x02\x01\x00"])
def test_empty_or_null_contents_are_invalid(sm2_office: Office, sealed_at: SealedAt, contents: bytes) -> None:
    changed = pdf.with_contents(sealed_at(Level.B_B), contents)
    report = sm2_office.report(changed, status=True)
    assert report.verdict is Verdict.INVALID
    assert "malformed-signature" in codes(report)


@pytest.mark.parametrize("key", [b"/Contents", b"/ByteRange"])
def test_a_missing_entry_is_invalid(sm2_office: Office, sealed_at: SealedAt, key: bytes) -> None:
    changed = sealed_at(Level.B_B).replace(key, key[:-1] + b"X")
    assert sm2_office.report(changed, status=True).verdict is Verdict.INVALID


def test_a_signature_from_another_document_is_invalid(sm2_office: Office, sealed_at: SealedAt) -> None:
    other = pdf.contents(sm2_office.sealed(blank_pdf(3), Level.B_B))
    changed = pdf.with_contents(sealed_at(Level.B_B), other)
    report = sm2_office.report(changed, status=True)
    assert report.verdict is Verdict.INVALID
    assert codes(report) == {"content-changed"}


def test_swapped_signatures_are_invalid(sm2_office: Office, rsa_office: Office, sealed_at: SealedAt) -> None:
    twice = rsa_office.sealed(sealed_at(Level.B_B), Level.B_B)
    first, second = pdf.contents(twice, 0), pdf.contents(twice, 1)
    room = pdf.byte_range(twice, 0)
    assert room[2] - room[1] > 0
    swapped = pdf.with_contents(twice, first, 1)
    anchors = [sm2_office.root.certificate, rsa_office.root.certificate]
    crls = [*sm2_office.crls(), *rsa_office.crls()]
    assert verify_pdf(twice, Trust(anchors, crls=crls), sm2_office.clock).verdict is Verdict.REMARKS
    assert verify_pdf(swapped, Trust(anchors, crls=crls), sm2_office.clock).verdict is Verdict.INVALID
    assert first != second


def test_an_appended_copy_of_the_whole_document_is_not_valid(sealed_sm2: bytes, sm2_office: Office) -> None:
    assert sm2_office.report(sealed_sm2 + sealed_sm2).verdict > Verdict.REMARKS


def test_appended_octets_are_not_valid(sealed_sm2: bytes, sm2_office: Office) -> None:
    for appended in (b"x", b"\n%%EOF\n", b"%PDF-1.7\n" * 10):
        assert sm2_office.report(sealed_sm2 + appended).verdict > Verdict.VALID, appended


def with_other_timestamp(signature: bytes, token: bytes) -> bytes:
    message = cms.ContentInfo.load(signature)
    (info,) = message["content"]["signer_infos"]
    attribute = cms.CMSAttribute({"type": "signature_time_stamp_token", "values": [cms.ContentInfo.load(token)]})
    info["unsigned_attrs"] = cms.CMSAttributes([attribute])
    changed: bytes = message.dump(force=True)
    return changed


def test_a_swapped_time_stamp_is_invalid(sm2_office: Office, sealed_at: SealedAt) -> None:
    sealed = sealed_at(Level.B_T)
    digest = sm2_office.unit.key.algorithm.digest
    token = sm2_office.timestamper.stamp(digest, digest.of(b"something else"), None)
    report = sm2_office.report(
        pdf.with_contents(sealed, with_other_timestamp(pdf.contents(sealed), token)), status=True
    )
    assert report.verdict is Verdict.INVALID
    assert "timestamp-wrong" in codes(report)


def test_a_time_stamp_by_a_stranger_is_not_trusted(sm2_office: Office, plain: bytes) -> None:
    stranger = Office(sm2_office.kind, sm2_office.clock)
    support = SealingSupport(stranger.timestamper, sm2_office)
    sealed = seal_pdf(plain, sm2_office.seal, PLACE, level=Level.B_T, support=support, clock=sm2_office.clock).read()
    report = sm2_office.report(sealed, status=True)
    assert report.verdict is Verdict.INDETERMINATE
    assert codes(report) == {"timestamp-not-trusted"}
    assert report.signatures[0].proven_time is None


@pytest.mark.parametrize("look_alike", [False, True])
def test_another_certificate_in_the_bag_is_not_taken_for_the_signer(
    sm2_office: Office, sealed_at: SealedAt, look_alike: bool
) -> None:
    sealed = sealed_at(Level.B_B)
    stranger = Office(sm2_office.kind, sm2_office.clock)
    # The other unit's certificate has the same issuer name and number as the signer's; the authority's has not.
    unit, authority = stranger.unit.certificate, stranger.tsa.certificate
    message = cms.ContentInfo.load(pdf.contents(sealed))
    injected = cms.CertificateChoices.load(unit if look_alike else authority)
    message["content"]["certificates"] = cms.CertificateSet([injected, *message["content"]["certificates"]])
    (signature,) = sm2_office.report(pdf.with_contents(sealed, message.dump(force=True)), status=True).signatures
    if signature.signer is None:
        assert look_alike
        assert signature.verdict is Verdict.INDETERMINATE
    else:
        assert bytes.fromhex(signature.signer.sha256) == sha256(sm2_office.unit.certificate).digest()
        assert signature.verdict is Verdict.REMARKS


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"/SubFilter /ETSI.CAdES.detached", b"/SubFilter /GM.sm2seal.detached"),
        (b"/SubFilter /ETSI.CAdES.detached", b"/SubFilter /ETSI.CAdES.detachxx"),
        (b"/SubFilter /ETSI.CAdES.detached", b"/SubFoobar /ETSI.CAdES.detached"),
        (b"/Type /Sig\n", b"/Type /Big\n"),
    ],
)
def test_what_is_not_understood_is_never_valid(sm2_office: Office, sealed_at: SealedAt, old: bytes, new: bytes) -> None:
    sealed = sealed_at(Level.B_B)
    assert old in sealed
    report = sm2_office.report(sealed.replace(old, new), status=True)
    assert report.verdict is Verdict.INDETERMINATE
    assert len(report.signatures) == 1
    assert codes(report) == {"unsupported"}


@pytest.mark.parametrize("algorithm", ["1.2.3.4", "1.2.840.113549.1.1.5"])
def test_unknown_and_weak_algorithms_are_never_valid(sm2_office: Office, sealed_at: SealedAt, algorithm: str) -> None:
    sealed = sealed_at(Level.B_B)
    message = cms.ContentInfo.load(pdf.contents(sealed))
    (info,) = message["content"]["signer_infos"]
    info["signature_algorithm"] = cms.SignedDigestAlgorithm({"algorithm": algorithm})
    report = sm2_office.report(pdf.with_contents(sealed, message.dump(force=True)), status=True)
    assert report.verdict is Verdict.INDETERMINATE
    assert codes(report) == {"unsupported"}


MUTATION = st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=8), st.integers(0, 8))


@settings(max_examples=25, deadline=None)
@given(mutations=st.lists(MUTATION, min_size=1, max_size=3))
def test_no_mutation_is_valid_or_breaks_the_verifier(
    sealed_sm2: bytes, sm2_office: Office, mutations: list[tuple[float, bytes, int]]
) -> None:
    mutated = sealed_sm2
    for place, inserted, removed in mutations:
        position = int(place * len(mutated))
        mutated = mutated[:position] + inserted + mutated[position + removed :]
    report = sm2_office.report(mutated)
    if not only_the_last_signature(sealed_sm2, mutated):
        assert report.verdict > Verdict.REMARKS
    assert report.as_json()["verdict"] == report.verdict.value


def only_the_last_signature(original: bytes, mutated: bytes) -> bool:
    """Whether only octets were changed that no signature covers: those of the last signature itself."""
    _start, before, after, _rest = pdf.byte_range(original, 1)
    same_ends = mutated[:before] == original[:before] and mutated[after:] == original[after:]
    return same_ends and len(mutated) == len(original)


@settings(max_examples=25, deadline=None)
@given(data=st.binary(max_size=300), prefix=st.sampled_from([b"", b"%PDF-", b"%PDF-1.7\n"]))
def test_garbage_gets_a_report(sm2_office: Office, data: bytes, prefix: bytes) -> None:
    assert sm2_office.report(prefix + data).verdict > Verdict.REMARKS
