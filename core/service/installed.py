"""What a service has installed: `certificates/AUTHORITY/NAME.pem`, renewed as `NAME.g2.pem`, `NAME.g3.pem` …

The key of each lies under the same name in the authority's key store. The highest generation is the newest.
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Self

from asn1crypto import x509

from core.certificates import read_certificates
from core.errors import Kind, YinxinError
from core.home import Authority, Home
from core.i18n import _

_GENERATION = re.compile(r"(?P<name>.+)\.g(?P<generation>[1-9][0-9]*)")


def generation_of(key_name: str) -> tuple[str, int]:
    """The name that lasts, and which renewal it is; what was first installed is generation 1."""
    match = _GENERATION.fullmatch(key_name)
    return (match["name"], int(match["generation"])) if match else (key_name, 1)


@dataclass(frozen=True)
class Installed:
    """One certificate of a service."""

    name: str
    """What stays the same when it is renewed: `sm2`."""
    generation: int
    path: Path
    certificate: bytes
    """DER."""
    chain: tuple[bytes, ...]
    """Its issuers, nearest first, DER."""
    not_before: datetime
    not_after: datetime

    @classmethod
    def read(cls, path: Path) -> Self:
        """From the file; `YinxinError` if there is no certificate in it."""
        certificate, *chain = read_certificates(path)
        validity = x509.Certificate.load(certificate)["tbs_certificate"]["validity"]
        name, generation = generation_of(path.stem)
        times = validity["not_before"].native, validity["not_after"].native
        return cls(name, generation, path, certificate, tuple(chain), *times)

    @property
    def key_name(self) -> str:
        """Of its key in the authority's key store."""
        return self.path.stem

    @property
    def next_key_name(self) -> str:
        """Under which the next generation is kept."""
        return f"{self.name}.g{self.generation + 1}"

    @property
    def due_at(self) -> datetime:
        """From when on the next one is asked for: a third of the life is left."""
        return self.not_after - self._third

    @property
    def overdue_at(self) -> datetime:
        """From when on somebody should be told: half of that time is gone, and there is no next one."""
        return self.not_after - self._third / 2

    @property
    def _third(self) -> timedelta:
        return (self.not_after - self.not_before) / 3

    def valid_at(self, moment: datetime) -> bool:
        """Whether the moment lies in its validity."""
        return self.not_before <= moment <= self.not_after


def installed(home: Home, keeper: Authority) -> list[Installed]:
    """Every certificate of a service, of each name the oldest first."""
    found = [Installed.read(path) for path in home.certificates(keeper).glob("*.pem")]
    return sorted(found, key=lambda one: (one.name, one.generation))


def newest(home: Home, keeper: Authority) -> list[Installed]:
    """Of each name, the newest certificate."""
    return list({one.name: one for one in installed(home, keeper)}.values())


def newest_of(home: Home, keeper: Authority, name: str) -> Installed:
    """The newest certificate of this name; `YinxinError` (not found) if there is none."""
    for one in newest(home, keeper):
        if one.name == name:
            return one
    raise YinxinError(
        Kind.NOT_FOUND,
        _("no such service certificate is installed"),
        subject=str(home.certificates(keeper) / f"{name}.pem"),
        remedy=_("check the name"),
    )
