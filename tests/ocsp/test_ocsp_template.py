"""The template: octet by octet what the builder writes, whatever the parts and their sizes."""

from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.algorithms import KeyKind
from core.asn1 import der
from ocsp import response
from ocsp.cache import Kept
from ocsp.response import Letterhead, Reason
from tests.support.ocsp_world import TOWNS

UNHURRIED = settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
PARTIES = [TOWNS[kind].responder for kind in (KeyKind.SM2, KeyKind.RSA_2048)]
LETTERHEADS = [
    Letterhead(party.key, certificate) for party in PARTIES for certificate in (None, party.certificate, bytes(70_000))
]
moments = st.integers(0, 4_000_000_000).map(lambda seconds: datetime.fromtimestamp(seconds, UTC))
statuses = st.sampled_from([response.GOOD, response.UNKNOWN]) | st.builds(
    response.revoked, moments, st.none() | st.sampled_from(list(Reason))
)
cert_ids = st.binary(min_size=1, max_size=400).map(der.sequence)


@pytest.mark.parametrize("letterhead", LETTERHEADS)
@UNHURRIED
@given(cert_ids, statuses, moments, moments, st.binary(max_size=600), st.binary(max_size=200))
def test_writes_what_the_builder_writes(
    letterhead: Letterhead,
    cert_id: bytes,
    status: bytes,
    this: datetime,
    until: datetime,
    signature: bytes,
    nonce: bytes,
) -> None:
    single = response.single_response(cert_id, status, this, until)
    data = letterhead.response_data(this, [single], nonce or None)
    kept = Kept(letterhead, cert_id, status, int(this.timestamp()), int(until.timestamp()), 0, signature)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(letterhead, "signature", lambda signed: signature if signed == data else b"")
        written = letterhead.enclose(data, signature)
        assert kept.sign(int(this.timestamp()), nonce) == (written, signature)
    assert nonce or kept.response() == written
