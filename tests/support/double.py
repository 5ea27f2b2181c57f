"""A centre that issues double certificates, with a key-management centre in the same database or over a line."""

from dataclasses import dataclass
from pathlib import Path

from ca.escrow import AllottedKey, EncryptionKeys, KeyRequest
from ca.kmc.client import LocalCentre
from core.algorithms import KeyKind
from core.context import Context
from core.keys.private_key import PrivateKey
from tests.support.ca import TestCentre, pooled_key
from tests.support.kmc import Centre


@dataclass
class Watched:
    """Encryption keys from somewhere; counts what was asked, and may be made to fail."""

    source: EncryptionKeys
    asked: list[KeyRequest]
    fail_at: int = 0

    def allot(self, request: KeyRequest, certificate: bytes | None = None) -> AllottedKey:
        self.asked.append(request)
        if len(self.asked) == self.fail_at:
            raise RuntimeError("the line is gone")
        return self.source.allot(request, certificate)

    def revoke(self, reference: str) -> None:
        self.source.revoke(reference)


@dataclass
class Double:
    """Both centres."""

    centre: TestCentre
    kmc: Centre
    keys: Watched

    def holder(self, kind: KeyKind = KeyKind.SM2) -> PrivateKey:
        return pooled_key(f"holder of {kind.value}", kind)


def double_centre(context: Context, folder: Path, *kinds: KeyKind) -> Double:
    centre = TestCentre(context, double=True).activate().build(*kinds)
    kmc = Centre(context, folder)
    keys = Watched(LocalCentre(context, kmc.custodian, "ca"), [])
    centre.ca.encryption_keys = keys
    return Double(centre, kmc, keys)
