"""Units: a time-stamping authority has one key and one certificate for each kind of signature, told apart by policy.

Below the policy of the installation (setting `tsa.policy`) each kind of signature has an arc of its own: `.1` SM2 with
SM3, `.2` RSA, `.3` ECDSA; `.4` is SM2 again, in the shape of GM/T 0010 that GM/T 0033 prescribes. A client names the
one that it wants in reqPolicy, or uses the unit's own address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from asn1crypto import x509

from core.algorithms import Family
from core.cms import Shape
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from tsa.certificate import parse_time_stamping_certificate
from tsa.token import TokenBuilder

_POLICY_ARCS = {Family.SM2: 1, Family.RSA: 2, Family.RSA_PSS: 2, Family.ECDSA: 3}
_GM_ARC = 4


def unit_policy(base: str, signer: Signer, shape: Shape = Shape.RFC_5652) -> str:
    """The policy of a unit with this signer and this shape of tokens, below the policy of the installation."""
    return f"{base}.{_GM_ARC if shape is Shape.GM_T_0010 else _POLICY_ARCS[signer.algorithm.family]}"


@dataclass(frozen=True)
class Unit:
    """One key in service. `YinxinError` if certificate and key do not fit, or it is none for time stamping."""

    name: str
    """As in its address: `sm2`, `rsa`."""
    policy: str
    """OID, dotted."""
    signer: Signer
    certificate: bytes
    """DER."""
    chain: Sequence[bytes] = ()
    """The issuers' certificates, DER, that go into tokens beside it."""
    accuracy_seconds: int = 1
    ordering: bool = False
    """Whether any two tokens can be told apart by their times: their fractions of a second are written."""
    shape: Shape = Shape.RFC_5652
    margin: timedelta = timedelta()
    """So long before its certificate's end the unit gives no more tokens."""

    def __post_init__(self) -> None:
        if self._parsed.public_key.dump() != self.signer.public_key_info:
            raise YinxinError(
                Kind.INVALID, _("the certificate is not for the key of this time-stamping unit"), subject=self.name
            )

    @cached_property
    def tokens(self) -> TokenBuilder:
        """The builder of this unit's tokens."""
        return TokenBuilder(
            self.signer,
            self.certificate,
            self.chain,
            policy=self.policy,
            accuracy_seconds=self.accuracy_seconds,
            ordering=self.ordering,
            shape=self.shape,
        )

    @cached_property
    def _parsed(self) -> x509.Certificate:
        return parse_time_stamping_certificate(self.certificate)

    @cached_property
    def service_period(self) -> tuple[datetime, datetime]:
        """From when to when the unit gives tokens: its certificate's validity without the margin."""
        return self._parsed.not_valid_before, self._parsed.not_valid_after - self.margin

    def is_in_service(self, at: datetime) -> bool:
        """Whether the unit gives tokens at that moment."""
        begin, end = self.service_period
        return begin <= at <= end

    def require_in_service(self, at: datetime) -> None:
        """Return if the unit gives tokens at that moment; else `YinxinError` (unavailable)."""
        if not self.is_in_service(at):
            begin, end = self.service_period
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("by its certificate, this time-stamping unit gives tokens from {begin} to {end} only").format(
                    begin=begin.isoformat(), end=end.isoformat()
                ),
                subject=self.name,
                remedy=_("check the clock")
                if at < begin
                else _("issue a new certificate for the unit: yinxin renew tsa --early"),
            )
