"""Three units for time stamping, whose certificates come from three small hierarchies; tokens read by asn1crypto."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from asn1crypto import cms, pem, tsp
from asn1crypto import core as asn1

from core.algorithms import KeyKind
from core.cms import Shape
from core.keys.encryption import encrypt_private_key
from tests.support.pki import TIME_STAMPING, Party, root
from tsa.unit import Unit, unit_policy

BASE_POLICY = "1.3.6.1.4.1.32473.1.3.1"
KINDS = {"sm2": KeyKind.SM2, "rsa": KeyKind.RSA_2048, "p256": KeyKind.P256}


@dataclass(frozen=True)
class Hierarchy:
    root: Party
    issuing: Party
    tsa: Party

    @property
    def unit_chain(self) -> list[bytes]:
        return [self.issuing.certificate]


@dataclass(frozen=True)
class Stamps:
    """The parties, and the units made of them."""

    hierarchies: Mapping[str, Hierarchy]
    units: list[Unit] = field(default_factory=list)

    @property
    def anchors(self) -> list[bytes]:
        return [hierarchy.root.certificate for hierarchy in self.hierarchies.values()]

    def policy(self, name: str) -> str:
        return next(unit.policy for unit in self.units if unit.name == name)


BEGIN = datetime(2026, 1, 1, tzinfo=UTC)


def make_hierarchy(kind: KeyKind, begin: datetime = BEGIN) -> Hierarchy:
    top = root(kind, not_before=begin, common_name=f"Root {kind}")
    issuing = top.issue(f"Issuing {kind}", authority=True, usages=(5, 6), kind=kind, not_before=begin)
    unit = issuing.issue(f"TSA {kind}", usages=(0,), extended=(TIME_STAMPING,), kind=kind, not_before=begin, days=1000)
    return Hierarchy(top, issuing, unit)


def make_stamps(begin: datetime = BEGIN) -> Stamps:
    hierarchies = {name: make_hierarchy(kind, begin) for name, kind in KINDS.items()}
    units = [
        Unit(name, unit_policy(BASE_POLICY, it.tsa.key), it.tsa.key, it.tsa.certificate, it.unit_chain)
        for name, it in hierarchies.items()
    ]
    return Stamps(hierarchies, units)


def in_gm_shape(stamps: Stamps) -> Unit:
    """The SM2 unit once more, its tokens in the shape of GM/T 0010."""
    sm2, shape = stamps.units[0], Shape.GM_T_0010
    return replace(sm2, name="sm2-gm", policy=unit_policy(BASE_POLICY, sm2.signer, shape), shape=shape)


def furnish(home: Path, stamps: Stamps) -> Path:
    """Make a home by hand whose only service is this; its database is still to be made."""
    write_home(home, stamps.hierarchies)
    return home


def write_pem(path: Path, *certificates: bytes) -> Path:
    path.write_bytes(b"".join(pem.armor("CERTIFICATE", certificate) for certificate in certificates))
    return path


def write_home(folder: Path, hierarchies: Mapping[str, Hierarchy], settings: str = "") -> None:
    """A home with these units, made by hand; without a database."""
    (folder / "yinxin.toml").write_text(settings)
    for below in ("passphrases", "keys/tsa", "certificates/tsa"):
        (folder / below).mkdir(parents=True)
    secret = folder / "passphrases" / "tsa"
    secret.write_bytes(b"secret\n")
    secret.chmod(0o600)
    for name, hierarchy in hierarchies.items():
        (folder / "keys" / "tsa" / f"{name}.pem").write_bytes(encrypt_private_key(hierarchy.tsa.key, b"secret"))
        write_pem(folder / "certificates" / "tsa" / f"{name}.pem", hierarchy.tsa.certificate, *hierarchy.unit_chain)


def read_response(response: bytes) -> tuple[int, set[str], bytes | None]:
    """Status, failInfo and token, by asn1crypto; it fails on what is no TimeStampResp."""
    children = [child.dump() for child in asn1.SequenceOf.load(response, strict=True, spec=asn1.Any)]
    status = tsp.PKIStatusInfo.load(children[0], strict=True)
    failures = status["fail_info"].native or set()
    assert len(children) == (2 if int(status["status"]) in (0, 1) else 1)
    return int(status["status"]), failures, children[1] if len(children) == 2 else None


def signed_data(token: bytes) -> cms.SignedData:
    """The SignedData of a token, by asn1crypto."""
    return cms.ContentInfo.load(token, strict=True)["content"]


def read_info(token: bytes) -> bytes:
    """The TSTInfo of a token."""
    content = signed_data(token)["encap_content_info"]
    assert content["content_type"].native == "tst_info"
    # In version 1 (GM/T 0010) asn1crypto takes it for a ContentInfo of PKCS#7.
    return bytes(cms.EncapsulatedContentInfo.load(content.dump())["content"])


def read_signature(token: bytes) -> tuple[bytes, bytes]:
    """The octets that were signed (signed attributes as a SET OF), and the signature."""
    (signer,) = signed_data(token)["signer_infos"]
    return b"\x31" + signer["signed_attrs"].dump()[1:], signer["signature"].native
