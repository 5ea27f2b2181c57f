"""Units: a time-stamping authority has one key and one certificate for each kind of signature, told apart by policy.

Below the policy of the installation (setting `tsa.policy`) each kind of signature has an arc of its own: `.1` SM2 with
SM3, `.2` RSA, `.3` ECDSA. A client names the one that it wants in reqPolicy, or uses the unit's own address.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property

from asn1crypto import x509

from core.algorithms import Family
from core.errors import Kind, YinxinError
from core.i18n import _
from core.keys.signer import Signer
from tsa.certificate import parse_time_stamping_certificate
from tsa.token import TokenBuilder

_POLICY_ARCS = {Family.SM2: 1, Family.RSA: 2, Family.RSA_PSS: 2, Family.ECDSA: 3}


def unit_policy(base: str, signer: Signer) -> str:
    """The policy of a unit with this signer, below the policy of the installation."""
    return f"{base}.{_POLICY_ARCS[signer.algorithm.family]}"


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

    def __post_init__(self) -> None:
        if self._parsed.public_key.dump() != self.signer.public_key_info:
            raise YinxinError(
                Kind.INVALID, _("the certificate is not for the key of this time-stamping unit"), subject=self.name
            )

    @cached_property
    def tokens(self) -> TokenBuilder:
        """The builder of this unit's tokens."""
        return TokenBuilder(
            self.signer, self.certificate, self.chain, policy=self.policy, accuracy_seconds=self.accuracy_seconds
        )

    @cached_property
    def _parsed(self) -> x509.Certificate:
        return parse_time_stamping_certificate(self.certificate)

    @cached_property
    def _validity(self) -> tuple[datetime, datetime]:
        return self._parsed.not_valid_before, self._parsed.not_valid_after

    def is_valid(self, at: datetime) -> bool:
        """Whether the certificate is valid at that moment."""
        begin, end = self._validity
        return begin <= at <= end

    def require_valid(self, at: datetime) -> None:
        """Return if the certificate is valid at that moment; else `YinxinError` (unavailable)."""
        if not self.is_valid(at):
            begin, end = self._validity
            raise YinxinError(
                Kind.UNAVAILABLE,
                _("the certificate of this time-stamping unit is valid from {begin} to {end} only").format(
                    begin=begin.isoformat(), end=end.isoformat()
                ),
                subject=self.name,
                remedy=_("issue a new certificate for the unit"),
            )
