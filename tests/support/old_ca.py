"""An authority that somebody ran with `openssl ca`: its key, certificates, index and last list, written by hand."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property

from asn1crypto import x509

from ca.importing.examination import Sources
from core.algorithms import KeyKind
from core.asn1.names import encode_name
from core.keys.private_key import PrivateKey
from tests.support import pki
from tests.support.ca import NOW, pooled_key


def oneline(*pairs: tuple[str, str]) -> str:
    """As X509_NAME_oneline writes it."""
    return "".join(
        f"/{label}=" + "".join(chr(o) if 0x20 <= o <= 0x7E else f"\\x{o:02X}" for o in value.encode())
        for label, value in pairs
    )


@dataclass
class OldCa:
    """A root, or what a party above it certified."""

    kind: KeyKind = KeyKind.SM2
    above: pki.Party | None = None
    lines: list[str] = field(default_factory=list)
    files: list[tuple[str, bytes]] = field(default_factory=list)
    revoked: dict[int, datetime] = field(default_factory=dict)

    @cached_property
    def key(self) -> PrivateKey:
        return pooled_key("old authority", self.kind)

    @cached_property
    def party(self) -> pki.Party:
        name = encode_name((("C", "CN"), ("O", "旧中心"), ("CN", "旧签发机构")))
        me = pki.Party(name, self.key, b"")
        issuer = self.above or me
        begin = NOW - timedelta(days=400)
        me.certificate = pki.certify_key(issuer, name, self.key.public_key_info, not_before=begin)
        return me

    def issue(self, name: str, *, kind: KeyKind | None = None, ended: str = "", days: int = 700) -> x509.Certificate:
        """A certificate, its row and its file. `ended`: the third column, `DATE,REASON`."""
        key = pooled_key(f"old {name}", kind or self.kind)
        pairs = ("C", "CN"), ("O", "旧单位"), ("CN", name)
        encoded = pki.certify_key(
            self.party,
            encode_name(pairs),
            key.public_key_info,
            authority=False,
            usages=(pki.DIGITAL_SIGNATURE,),
            not_before=NOW - timedelta(days=300),
            days=days,
        )
        read = x509.Certificate.load(encoded)
        self.lines.append(
            "\t".join(
                (
                    "R" if ended else "V",
                    read.not_valid_after.strftime("%y%m%d%H%M%SZ"),
                    ended,
                    f"{read.serial_number:04X}",
                    "unknown",
                    oneline(*pairs),
                )
            )
        )
        self.files.append((f"{read.serial_number:04X}.pem", encoded))
        return read

    def sources(self, *, crl: bool = True, next_number: int | None = 0x2A) -> Sources:
        last = self.party.crl(NOW - timedelta(days=1), self.revoked) if crl else None
        return Sources("".join(f"{one}\n" for one in self.lines).encode(), tuple(self.files), last, next_number)
