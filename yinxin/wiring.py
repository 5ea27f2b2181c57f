"""Which part is handed to which, from the home of an installation. No authority finds another by itself."""

from dataclasses import dataclass

from ca import crl, hierarchy
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

    def evidence(self) -> Evidence:
        """The chain of the issuing authority and the CRL of each in it; `YinxinError` if one is out of date."""
        chain = hierarchy.chain_of(self.home.storage, self.issuing)
        now = self.home.clock.now()
        crls = []
        for authority in hierarchy.list_authorities(self.home.storage):
            if authority.certificate not in chain:
                continue
            for shard in range(authority.distribution.shards):
                published = crl.latest_published(self.home.context, authority.name, shard=shard)
                if published.next_update <= now:
                    raise YinxinError(
                        Kind.UNAVAILABLE,
                        _("the CRL is out of date since {moment}").format(moment=published.next_update.isoformat()),
                        subject=authority.name,
                        remedy=_("run: yinxin ca crl publish {authority}").format(authority=authority.name),
                    )
                crls.append(crl.latest(self.home.context, authority.name, shard=shard))
        return Evidence(certificates=chain, crls=crls)


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
