"""Tokens judged, ours and others': the signature, who gave it, what was stamped, and whether we trust whoever did."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from asn1crypto import tsp

from core import cms
from core.algorithms import Algorithm, Digest, digest_by_oid
from core.errors import Kind, YinxinError
from core.i18n import _
from core.path import build_path
from tsa.certificate import certificate_name, parse_time_stamping_certificate
from tsa.request import ACCEPTED_DIGESTS
from tsa.token import TST_INFO


class Verdict(StrEnum):
    """What verification says; the words beside it say why."""

    VALID = "valid"
    UNTRUSTED = "untrusted"
    """Sound, but no path leads to a certificate that is trusted here, or not at that time."""
    WEAKENED = "weakened"
    """Evidence that was sound, and was not renewed in time."""
    INVALID = "invalid"
    """The token or the evidence is damaged, forged or none."""
    CHANGED = "changed"
    """It is for something else than this file."""

    @property
    def exit_code(self) -> int:
        """0 valid, 1 not proven with what is at hand, 3 not so; as `yinxin seals verify`."""
        return {Verdict.VALID: 0, Verdict.UNTRUSTED: 1, Verdict.WEAKENED: 1}.get(self, 3)


class NotValid(YinxinError):  # noqa: N818 - a verdict, not a failure
    """The verdict on what does not verify, in words."""

    def __init__(self, verdict: Verdict, error: YinxinError) -> None:
        super().__init__(error.kind, error.what, subject=error.subject, remedy=error.remedy)
        self.verdict = verdict


@contextmanager
def verdict_on_failure(verdict: Verdict) -> Iterator[None]:
    """Any `YinxinError` of the block becomes this verdict, unless it is one already."""
    try:
        yield
    except NotValid:
        raise
    except YinxinError as error:
        raise NotValid(verdict, error) from error


@dataclass(frozen=True)
class TimeStamp:
    """What a token says, its signature checked. Whether its authority is trusted is another question."""

    gen_time: datetime
    serial: int
    policy: str
    digest: Digest
    imprint: bytes
    nonce: int | None
    accuracy: timedelta | None
    """None: the authority does not say."""
    algorithm: Algorithm
    certificate: bytes
    """That of the time-stamping unit, DER; picked by the digest that the signature covers."""
    certificates: tuple[bytes, ...]
    """Those in the token, DER, in no meaningful order."""

    @property
    def authority(self) -> str:
        """The name in the unit's certificate, in one line."""
        return certificate_name(self.certificate)

    def require_imprint(self, imprint_of: Callable[[Digest], bytes]) -> None:
        """Return if this is what was stamped; `imprint_of` gives its digest by the token's algorithm.

        `YinxinError` (invalid) if it is something else.
        """
        if imprint_of(self.digest) != self.imprint:
            raise YinxinError(
                Kind.INVALID,
                _("the time stamp is for something else: the digests by {digest} differ").format(
                    digest=self.digest.name
                ),
                remedy=_("the file was changed after it was stamped, or the token belongs to another file"),
            )

    def path(self, anchors: Sequence[bytes], intermediates: Sequence[bytes] = ()) -> tuple[bytes, ...]:
        """The unit's certificates up to an anchor, as they held at the time given (DER; revocation not asked).

        `YinxinError` says why there is no such path.
        """
        return build_path(self.certificate, [*self.certificates, *intermediates], anchors, self.gen_time)


def read_token(token: bytes, certificates: Sequence[bytes] = ()) -> TimeStamp:
    """Check a token by itself: form, signature, and a certificate that may give time stamps.

    `certificates`: candidates (DER) for the unit's certificate, for tokens that carry none. `YinxinError` if it fails.
    """
    signed = cms.check(token, certificates)
    if signed.content_type != TST_INFO:
        raise YinxinError(Kind.INVALID, _("a signed message, but not a time-stamp token"))
    if not signed.certificate_is_bound:
        # RFC 3161 2.4.2: without it, one certificate could be exchanged for another with the same issuer and serial.
        raise YinxinError(Kind.INVALID, _("the token does not name its signer's certificate (ESSCertID)"))
    parse_time_stamping_certificate(signed.certificate)
    try:
        return _read(signed)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise YinxinError(Kind.INVALID, _("the token's content is not a TSTInfo (RFC 3161)")) from error


def _read(signed: cms.Signed) -> TimeStamp:
    info = tsp.TSTInfo.load(signed.content, strict=True)
    if info["version"].native != "v1" or any(extension["critical"].native for extension in info["extensions"] or ()):
        raise ValueError("an unknown version, or a critical extension")
    gen_time: datetime = info["gen_time"].native
    imprint = info["message_imprint"]
    digest = digest_by_oid(imprint["hash_algorithm"]["algorithm"].dotted)
    value: bytes = imprint["hashed_message"].native
    if gen_time.tzinfo is None or len(value) != digest.size:
        raise ValueError("no time zone, or a digest of another length")
    if digest not in ACCEPTED_DIGESTS:
        raise YinxinError(
            Kind.UNSUPPORTED, _("a digest by {digest} proves nothing any more").format(digest=digest.name)
        )
    return TimeStamp(
        gen_time,
        info["serial_number"].native,
        info["policy"].dotted,
        digest,
        value,
        info["nonce"].native,
        _accuracy(info["accuracy"]),
        signed.algorithm,
        signed.certificate,
        signed.certificates,
    )


def _accuracy(accuracy: tsp.Accuracy) -> timedelta | None:
    given = accuracy.native
    if given is None:
        return None
    return timedelta(
        seconds=given["seconds"] or 0, milliseconds=given["millis"] or 0, microseconds=given["micros"] or 0
    )


def verify_token(
    token: bytes,
    imprint_of: Callable[[Digest], bytes],
    anchors: Sequence[bytes],
    certificates: Sequence[bytes] = (),
) -> TimeStamp:
    """Verify a token against what was stamped, up to a trusted certificate. Nothing is fetched.

    `imprint_of`: digest of what was stamped; `anchors`: trusted certificates; `certificates`: others that may help
    (DER). `NotValid` says what is wrong.
    """
    with verdict_on_failure(Verdict.INVALID):
        time_stamp = read_token(token, [*certificates, *anchors])
    with verdict_on_failure(Verdict.CHANGED):
        time_stamp.require_imprint(imprint_of)
    with verdict_on_failure(Verdict.UNTRUSTED):
        time_stamp.path(anchors, certificates)
    return time_stamp
