"""A ceremony for tests: people with keys, a plan, and the shares as a scanner would read them from the sheets."""

import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import pypdfium2
import zxingcpp

from core import files
from core.algorithms import KeyKind
from core.certificates import armour
from core.clock import FixedClock
from core.keys.encryption import encrypt_private_key
from core.keys.private_key import generate
from tests.support import pki
from tests.support.keys import key_of

AT = datetime(2026, 11, 1, 2, 0, tzinfo=UTC)
PEOPLE = {"赵敏": "leader", "钱进": "operator", "孙立": "auditor", "李娜": "witness", "周强": "witness"}
"""All of them custodians."""
PIN = b"246810"

ROOTS = """
[[roots]]
name = "sm2-root"
key = "sm2"
path_length = 1
subject = { organization = "示范市数字证书认证中心", common_name = "示范市 SM2 根证书" }
[[roots]]
name = "rsa-root"
key = "rsa-3072"
validity_days = 3660
subject = { organization = "示范市数字证书认证中心", common_name = "示范市 RSA 根证书" }
"""


@dataclass
class Stage:
    """Where ceremonies are held."""

    folder: Path
    clock: FixedClock = field(default_factory=lambda: FixedClock(AT))
    sheets: Path = field(default_factory=lambda: Path(f"/dev/shm/yinxin-test-{uuid.uuid4().hex}"))

    def __post_init__(self) -> None:
        """People and their certificates."""
        office = pki.root(KeyKind.SM2, not_before=AT)
        pin = self.folder / "pin"
        files.write(pin, PIN, mode=0o600)
        for place, name in enumerate(PEOPLE):
            key = key_of(KeyKind.RSA_2048) if place == 1 else generate(KeyKind.SM2)
            files.write(self.key_of(name), encrypt_private_key(key, PIN), mode=0o600)
            files.write(
                self.folder / f"people/{name}.pem", armour([office.issue(name, key=key, not_before=AT).certificate])
            )

    def key_of(self, name: str) -> Path:
        return self.folder / f"people/{name}.key.pem"

    def plan(self, roots: str = ROOTS, *, delivery: str = "sheets", name: str = "ceremony.toml") -> Path:
        """The plan's file."""
        people = "".join(
            f'[[present]]\nname = "{one}"\nroles = ["{role}", "custodian"]\ncertificate = "people/{one}.pem"\n'
            for one, role in PEOPLE.items()
        )
        text = f"""title = "示范市根密钥仪式"
place = "一号屏蔽机房"
organization = "示范市数字证书认证中心"
address = "http://ca.test/"
{people}
[[present]]
name = "吴公证"
roles = ["witness"]
{roots}
[custody]
needed = 3
delivery = "{delivery}"
[outputs]
folder = "out"
sheets = "{self.sheets}"
"""
        path = self.folder / name
        path.write_text(text, encoding="utf-8")
        return path

    def scan(self, number: int) -> str:
        """The share on a sheet, by its QR code."""
        with pypdfium2.PdfDocument(self.sheets / f"share-{number}.pdf") as document:
            picture = document[0].render(scale=150 / 72).to_pil()
        (code,) = zxingcpp.read_barcodes(picture)
        return str(code.text)
