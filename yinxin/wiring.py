"""Which part is handed to which, from the home of an installation. No authority finds another by itself."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from cryptography import x509

from ca import crl, hierarchy
from ca.authorities import authority_of
from ca.further import beside
from ca.generations import generations_of, is_retired
from core.algorithms import Algorithm, Digest, Family
from core.certificates import read_certificates
from core.errors import Kind, YinxinError
from core.home import Home
from core.i18n import _
from seals.contracts import Evidence, SealingSupport
from tsa.authority import TimeStampAuthority
from tsa.client import Timestamper
from tsa.installation import open_authority as open_time_stamp_authority

_LABELS = {Family.SM2: "sm2", Family.RSA: "rsa", Family.RSA_PSS: "rsa"}


def hierarchy_of(algorithm: Algorithm) -> str:
    """The hierarchy that goes with an algorithm: `sm2`, `rsa`, `p256`, `p384`."""
    return _LABELS.get(algorithm.family) or algorithm.name.split("-")[1]


@dataclass(frozen=True)
class UnitTimestamper:
    """One unit of a time-stamping authority in this process, as the seals use it."""

    authority: TimeStampAuthority
    unit: str

    def stamp(self, digest: Digest, value: bytes, nonce: int | None) -> bytes:
        """TimeStampToken DER; `YinxinError` if there can be none."""
        return self.authority.stamp(digest, value, unit=self.unit, nonce=nonce)


@dataclass(frozen=True)
class BookEvidence:
    """The CRLs and CA certificates in the books of this installation."""

    home: Home
    issuing: str

    def evidence(self, certificates: Sequence[bytes]) -> Evidence:
        """The chains of the issuing authority's keys, and of each in them the CRL; where it is divided, those named.

        `YinxinError` (unavailable) if one is out of date.
        """
        now = self.home.clock.now()
        with self.home.storage.reading() as connection:
            line = generations_of(connection, authority_of(connection, self.issuing))
            living = [one.name for one in line if not is_retired(connection, one, now)]
        chain = list(dict.fromkeys(one for name in living for one in hierarchy.chain_of(self.home.storage, name)))
        named = {address for certificate in certificates for address in _list_addresses(certificate)}
        crls = []
        for authority in hierarchy.list_authorities(self.home.storage):
            if authority.certificate not in chain:
                continue
            split = authority.distribution
            for shard in range(split.shards):
                if split.shards > 1 and split.location(authority.name, shard) not in named:
                    continue
                published = crl.latest_published(self.home.context, authority.name, shard=shard)
                if published.next_update <= now:
                    raise YinxinError(
                        Kind.UNAVAILABLE,
                        _("the CRL is out of date since {moment}").format(moment=published.next_update.isoformat()),
                        subject=authority.name,
                        remedy=_("run: yinxin ca crl publish {authority}").format(authority=authority.name),
                    )
                crls.append(crl.latest(self.home.context, authority.name, shard=shard))
        return Evidence(certificates=[*chain, *beside(self.home.storage, chain)], crls=crls)


def _list_addresses(certificate: bytes) -> Iterator[str]:
    """Where its issuer's CRLs are, as the certificate says (RFC 5280 4.2.1.13)."""
    extensions = x509.load_der_x509_certificate(certificate).extensions
    with suppress(x509.ExtensionNotFound):
        for point in extensions.get_extension_for_class(x509.CRLDistributionPoints).value:
            yield from (
                name.value for name in point.full_name or () if isinstance(name, x509.UniformResourceIdentifier)
            )


@dataclass(frozen=True)
class LocalSupport:
    """Time stamps and evidence from this installation, of the hierarchy that goes with the seal's algorithm."""

    home: Home
    authority: TimeStampAuthority

    def support(self, algorithm: Algorithm) -> SealingSupport:
        """What a seal of this algorithm is given."""
        label = hierarchy_of(algorithm)
        return SealingSupport(UnitTimestamper(self.authority, label), BookEvidence(self.home, f"{label}-issuing"))


@dataclass(frozen=True)
class RemoteSupport:
    """Time stamps over HTTP, so that the seal service never holds the TSA's keys; evidence from the books."""

    home: Home

    def support(self, algorithm: Algorithm) -> SealingSupport:
        """What a seal of this algorithm is given."""
        label = hierarchy_of(algorithm)
        tsa = self.home.configuration.tsa
        base = self.home.configuration.seals.timestamper or f"http://{tsa.host}:{tsa.port}"
        timestamper = Timestamper(f"{base.rstrip('/')}/tsa/{label}", anchors=read_certificates(self.home.trust))
        return SealingSupport(timestamper, BookEvidence(self.home, f"{label}-issuing"))


def sealing_support(home: Home) -> LocalSupport:
    """What the command seals with, in its own process; opens the TSA's keys."""
    return LocalSupport(home, open_time_stamp_authority(home))
