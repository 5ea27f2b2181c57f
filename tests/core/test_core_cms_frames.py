"""What a builder of messages keeps of them: whole messages are as if written anew, whatever their sizes."""

import pytest
from asn1crypto import cms as asn1_cms
from hypothesis import given, settings
from hypothesis import strategies as st

from core import cms
from core.algorithms import KeyKind
from core.keys.private_key import generate
from tests.support.pki import root
from tests.support.tsa import BEGIN

OPERATOR = root(KeyKind.P256, not_before=BEGIN)
BUILDER = cms.SignedDataBuilder(OPERATOR.key, OPERATOR.certificate, certificates=[OPERATOR.certificate])


@settings(deadline=None, max_examples=50)
@given(content=st.binary(max_size=400), certificates=st.booleans())
def test_every_size_is_der_and_verifies(content: bytes, certificates: bool) -> None:
    message = BUILDER.build(content, include_certificates=certificates)
    signed = cms.check(message, [OPERATOR.certificate])
    assert (signed.content, signed.content_type) == (content, cms.DATA)
    assert signed.certificates == ((OPERATOR.certificate,) if certificates else ())
    body = asn1_cms.ContentInfo.load(message, strict=True)["content"]
    for part in ("digest_algorithms", "encap_content_info", "certificates", "signer_infos"):
        # asn1crypto needs twice as long for each level around them: the whole is encoded again below.
        assert body[part].dump() == body[part].dump(force=True)
    (signer,) = body["signer_infos"]
    anew = BUILDER._enclose(
        content, b"\x31" + signer["signed_attrs"].dump()[1:], signer["signature"].native, certificates
    )
    assert anew == message


@pytest.mark.parametrize("size", [0, 1, 126, 127, 128, 129, 255, 256, 400])
def test_the_whole_is_der_on_both_sides_of_every_length_of_lengths(size: int) -> None:
    message = BUILDER.build(bytes(size), include_certificates=bool(size % 2))
    assert asn1_cms.ContentInfo.load(message, strict=True).dump(force=True) == message


@pytest.mark.parametrize("size", [65_400, 65_600, 1 << 20])
def test_long_contents(size: int) -> None:
    message = BUILDER.build(bytes(size))
    assert cms.check(message).content == bytes(size)


@pytest.mark.parametrize("kind", [KeyKind.SM2, KeyKind.RSA_2048, KeyKind.P384])
def test_content_that_looks_like_the_frame(kind: KeyKind) -> None:
    """Places are computed, not searched for."""
    party = root(kind, not_before=BEGIN)
    builder = cms.SignedDataBuilder(party.key, party.certificate, certificates=[party.certificate])
    for content in (b"", party.certificate, builder.build(b"x"), bytes(32)):
        assert cms.check(builder.build(content)).content == content


def test_few_frames_are_kept() -> None:
    """Whoever asks for messages of ever new sizes does not fill the memory."""
    key = generate(KeyKind.P256)
    builder = cms.SignedDataBuilder(key, OPERATOR.certificate)
    for size in range(2 * cms.FRAMES):
        builder.build(bytes(size))
    assert builder._frame.cache_info().currsize == cms.FRAMES
