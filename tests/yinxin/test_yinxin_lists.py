"""Revocation lists are published without anybody running a command."""

import time
import urllib.request
from pathlib import Path

from cryptography import x509

from ca import crl, register, revocation
from ca.register import Filter
from ca.state import Reason
from core.home import Home
from tests.support.demonstration import Serving

PATIENCE_SECONDS = 60


def test_a_compromise_is_on_the_served_list_without_a_command(home_copy: Path) -> None:
    home = Home(home_copy)
    held = next(register.every(home.storage, Filter(authority="rsa-issuing", subject="李四")))
    # By a process that has none of the authority's keys.
    revocation.revoke(home.context, "rsa-issuing", held.serial, Reason.KEY_COMPROMISE, actor="operator")
    assert held.serial not in listed(crl.latest(home.context, "rsa-issuing"))
    with Serving(home_copy, "ca", "ocsp") as serving:
        end = time.monotonic() + PATIENCE_SECONDS
        while held.serial not in (served := listed(fetched(f"{serving.url('ca')}/crl/rsa-issuing.crl"))):
            assert time.monotonic() < end, served
            time.sleep(0.3)


def fetched(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=20) as response:
        content: bytes = response.read()
    return content


def listed(octets: bytes) -> set[int]:
    return {entry.serial_number for entry in x509.load_der_x509_crl(octets)}
