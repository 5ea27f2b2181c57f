"""A process that issues certificates without end, and notes each serial number the moment that it was signed."""

import itertools
import os
from dataclasses import dataclass
from pathlib import Path

import ca.crl  # noqa: F401 - everything that issuing needs, loaded before the first fork
from ca.issuance import CertificateAuthority
from ca.records import serial_octets
from core.algorithms import Algorithm, KeyKind
from core.asn1.elements import read_elements
from core.clock import SystemClock
from core.context import Context
from core.keys.private_key import from_pkcs8, generate
from core.keys.signer import Signer
from core.storage import Storage
from tests.support.ca import URLS, MemoryKeyStore, TestCentre

BATCH = 6

# Loads libcrypto before the first fork: reading its declarations takes longer than a batch.
generate(KeyKind.SM2)
Storage("sqlite://").close()


@dataclass
class NotingSigner:
    """Signs, and then writes the serial number of what it signed to a file."""

    signer: Signer
    notes: int
    """A file descriptor."""

    @property
    def algorithm(self) -> Algorithm:
        return self.signer.algorithm

    @property
    def public_key_info(self) -> bytes:
        return self.signer.public_key_info

    def sign(self, data: bytes) -> bytes:
        signature = self.signer.sign(data)
        serial = read_elements(data)[0].children()[1]
        os.write(self.notes, serial_octets(int.from_bytes(serial.content, "big")))
        return signature


def run(database: str, notes: Path, pkcs8: bytes, generation: int) -> None:
    """Issue until killed."""
    descriptor = os.open(notes, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    keys = MemoryKeyStore(lambda signer: NotingSigner(signer, descriptor))
    keys.made["sm2-issuing"] = from_pkcs8(pkcs8)
    context = Context(Storage(database), SystemClock())
    authority = CertificateAuthority(context, keys, URLS)
    requests = TestCentre(context, keys, itertools.count(generation * 1_000_000))
    while True:
        authority.issue([requests.request() for _ in range(BATCH)], actor="bulk")
