"""A process that issues one pair of double certificates, and kills itself at a seam."""

import os
import signal
from enum import StrEnum
from pathlib import Path

import sqlalchemy as sa

from ca.escrow import AllottedKey, KeyRequest
from ca.kmc.client import LocalCentre
from ca.kmc.custody import Custodian
from core.algorithms import Algorithm, KeyKind
from core.clock import SystemClock
from core.context import Context
from core.keys.private_key import from_pkcs8, generate
from core.keys.signer import Signer
from core.keys.store import KeyStore
from core.storage import Storage
from tests.support.ca import MemoryKeyStore, TestCentre, make_subject
from tests.support.kmc import PASSPHRASE

# Loads libcrypto before the first fork.
generate(KeyKind.SM2)
Storage("sqlite://").close()


class Seam(StrEnum):
    """Where it dies."""

    ALLOTTED = "the key is allotted"
    INTENDED = "both are intended"
    FIRST_SIGNED = "one is signed"
    BOTH_SIGNED = "both are signed"
    RECORDING = "the results are written, not committed"
    RECORDED = "the results are committed"


def die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class MortalKeys(LocalCentre):
    """Dies with the key in its hands."""

    def allot(self, request: KeyRequest, certificate: bytes | None = None) -> AllottedKey:
        super().allot(request, certificate)
        die()
        raise AssertionError


class MortalSigner:
    """Dies before or after a certain signature."""

    def __init__(self, signer: Signer, seam: Seam) -> None:
        self.signer, self.seam, self.made = signer, seam, 0

    @property
    def algorithm(self) -> Algorithm:
        return self.signer.algorithm

    @property
    def public_key_info(self) -> bytes:
        return self.signer.public_key_info

    def sign(self, data: bytes) -> bytes:
        if self.seam is Seam.INTENDED:
            die()
        signature = self.signer.sign(data)
        self.made += 1
        if (self.seam, self.made) in ((Seam.FIRST_SIGNED, 1), (Seam.BOTH_SIGNED, 2)):
            die()
        return signature


def run(database: str, folder: Path, issuing: bytes, holder: bytes, seam: Seam) -> None:
    """Issue for a reference that the seam gives its name, and die."""
    keys = MemoryKeyStore()
    keys.made["sm2-issuing"] = MortalSigner(from_pkcs8(issuing), seam)
    context = Context(Storage(database), SystemClock())
    centre = TestCentre(context, keys, double=True)
    custodian = Custodian(KeyStore(folder / "keys" / "kmc", lambda: PASSPHRASE))
    centre.ca.encryption_keys = (MortalKeys if seam is Seam.ALLOTTED else LocalCentre)(context, custodian, "ca")

    def recording(_connection: sa.Connection, _issued: object) -> None:
        if seam is Seam.RECORDING:
            die()

    request = centre.request(reference=seam.name, key=from_pkcs8(holder), subject=make_subject("staff"))
    centre.ca.issue([request], actor="operator", recording=recording)
    die()
